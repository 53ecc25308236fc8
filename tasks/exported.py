"""An export beside its run: what its report says, and whether it is of the run's model."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tasks.report import ReportError

REPORT = "report.json"


def read_report(folder: Path, *, needed: bool) -> dict[str, Any] | None:
    """The report of an export.

    Args:
        folder: Where the export should be.
        needed: Whether it has to be there.

    Returns:
        The report; None if there is no export.

    Raises:
        ReportError: There is none although it is needed, or it is damaged.
    """
    path = folder / REPORT
    other = "Export again, or name the folder of another export with --export."
    if not needed and not path.exists():
        return None
    try:
        report = json.loads(path.read_bytes())
        export_figures(report)
    except OSError as error:
        raise ReportError(
            f"{folder} holds no export ({REPORT}: {error.strerror}). {other}"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        raise ReportError(f"{path} is not the report of an export, or damaged. {other}") from None
    return report


def export_figures(report: dict[str, Any]) -> dict[str, str]:
    """The figures of an export report that a person wants to see."""
    saved, tflite = report["saved_model"], report["tflite"]
    difference = max(part["difference"] for part in saved["compared_with_keras"].values())
    return {
        "SavedModel": _megabytes(saved["bytes"]),
        "TFLite": (
            f"{_megabytes(tflite['bytes'])}, {sum(tflite['ops'].values())} builtin ops, "
            f"{tflite['quantize'] or 'float32'}, {tflite['profile']}"
        ),
        "largest difference Keras–SavedModel": f"{difference:.1e}",
        **_compared(tflite["compared_with_keras"]),
        **_measured(report.get("measured", {})),
        **_latencies(tflite["latency"]),
    }


def _compared(compared: dict[str, Any]) -> dict[str, str]:
    """Of a model that writes sequences: how many are the same, by each search."""
    if "serving_default" not in compared:
        return {
            f"sequences equal Keras–TFLite, {name}": (
                f"{part['equal']:.1%} of {part['rows']}, scores within {part['difference']:.1e}"
            )
            for name, part in compared.items()
            if part["equal"] is not None and name != "encode"
        }
    names = {"serving_default": "largest difference Keras–TFLite"}
    return {
        names.get(name, f"largest difference Keras–TFLite, {name}"): (
            f"{part['difference']:.1e} ({part['rows']} rows, {part['batches']} batches)"
        )
        for name, part in compared.items()
    }


def _latencies(latency: dict[str, Any]) -> dict[str, str]:
    """Of the file's one signature, or of each search."""
    parts = {"TFLite latency": latency}
    if "median_ms" not in latency:
        parts = {f"TFLite latency, {name}": part for name, part in latency.items()}
    return {
        name: (f"{part['median_ms']:.2f} ms median ({_shape(part['shapes'])}, one thread)")
        for name, part in parts.items()
    }


def _shape(shapes: dict[str, Any]) -> str:
    """That of the first input: 1 × 20 ids, or what else it is called."""
    name, sizes = next(iter(shapes.items()))
    what = "ids" if len(sizes) == 2 else {"source": "numbers"}.get(name, name)
    return f"{' × '.join(map(str, sizes))} {what}"


def _measured(measured: dict[str, Any]) -> dict[str, str]:
    """What its task has measured of the .tflite: what rounding costs, or anything else."""
    if "keras_accuracy" not in measured:
        return {
            name.replace("_", " "): f"{value:.4g}" if isinstance(value, float) else f"{value}"
            for name, value in measured.items()
        }
    examples = next(name for name in measured if name.startswith("validation_"))
    return {
        "accuracy of Keras and of TFLite": (
            f"{measured['keras_accuracy']:.4f}, {measured['tflite_accuracy']:.4f} "
            f"({measured[examples]} {examples.replace('_', ' ')})"
        )
    }


def is_of(folder: Path, model: keras.Model) -> bool | None:
    """Whether an export has the weights of a model, by its SavedModel; None if nobody can tell."""
    try:
        saved = tf.train.load_checkpoint(str(folder / "saved_model" / "variables" / "variables"))
        arrays = [
            saved.get_tensor(name)
            for name, kind in saved.get_variable_to_dtype_map().items()
            if kind != tf.string
        ]
    except (tf.errors.OpError, ValueError, RuntimeError):
        return None
    weights = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    return all(any(np.array_equal(weight, array) for array in arrays) for weight in weights)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
