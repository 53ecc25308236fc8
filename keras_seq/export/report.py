"""The report of an export: what it holds, how it was checked, how fast it runs."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import keras_seq
from keras_seq.export.check import Comparison
from keras_seq.export.runtime import Latency
from keras_seq.export.tflite import TFLiteReport


def export_report(
    saved_model: Path,
    tflite: TFLiteReport,
    saved_model_comparisons: Mapping[str, Comparison],
    latency: Latency,
) -> dict[str, Any]:
    """Puts the findings of an export into one dictionary that JSON can hold.

    Args:
        saved_model: The SavedModel folder.
        tflite: What `to_tflite` returned.
        saved_model_comparisons: The value checks of the SavedModel, by what it was fed.
        latency: How fast the .tflite runs.

    Returns:
        The report, of plain dictionaries, lists, strings and numbers.
    """
    file = tflite.file
    return {
        "saved_model": {
            "bytes": sum(f.stat().st_size for f in saved_model.rglob("*") if f.is_file()),
            "compared_with_keras": {
                name: asdict(comparison) for name, comparison in saved_model_comparisons.items()
            },
        },
        "tflite": {
            "bytes": file.size,
            "ops": file.ops,
            "op_versions": file.op_versions,
            "signatures": {name: asdict(s) for name, s in file.signatures.items()},
            "attached_files": list(file.files),
            "portable": not tflite.portability,
            "portability_findings": tflite.portability,
            "compared_with_keras": asdict(tflite.comparison),
            "latency": asdict(latency) | {"threads": 1},
        },
        "versions": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "ai_edge_litert": metadata.version("ai-edge-litert"),
            "keras_seq": keras_seq.__version__,
        },
    }
