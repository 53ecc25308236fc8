"""The report of an export: what it holds, how it was checked, how fast it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import keras_seq
from keras_seq.export.check import Comparison
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.file.profiles import profile_of
from keras_seq.export.runtime import SIGNATURE, Latency

_FINDINGS = 6  # shown; with several signatures of open sizes there are dozens


@dataclass(frozen=True)
class TFLiteReport:
    """What was written and how it was checked. `print` shows it as a table.

    Attributes:
        file: What the file holds: ops, signatures, size.
        forms: By recurrent layer, what became of it: "loop", "fused" or "unroll".
        quantize: How its numbers are rounded: None, "float16", "dynamic" or "int8".
        comparisons: By signature, how far its values are from the Keras model's, and on what.
        portability: What keeps it from running on every TFLite runtime; empty if nothing does.
    """

    file: TFLiteFile
    forms: dict[str, str]
    quantize: str | None
    comparisons: dict[str, Comparison]
    portability: list[str]

    @property
    def comparison(self) -> Comparison:
        """That of `serving_default`; where there are other signatures alone, that of the first."""
        return self.comparisons.get(SIGNATURE) or next(iter(self.comparisons.values()))

    @property
    def profile(self) -> str:
        """The profile that the file meets: "portable" or "interpreter"."""
        return profile_of(self.file)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain dictionaries, lists, strings and numbers, for JSON."""
        file = self.file
        return {
            "bytes": file.size,
            "profile": self.profile,
            "portability_findings": self.portability,
            "forms": self.forms,
            "quantize": self.quantize,
            "ops": file.ops,
            "op_versions": file.op_versions,
            "signatures": {name: asdict(s) for name, s in file.signatures.items()},
            "attached_files": list(file.files),
            "compared_with_keras": {name: asdict(c) for name, c in self.comparisons.items()},
        }

    def rows(self) -> list[tuple[str, str]]:
        """What a person wants to know, as names and values."""
        file = self.file
        rows = [
            ("file", str(file.path)),
            ("size", f"{file.size / 1e6:.2f} MB, {sum(file.ops.values())} builtin ops"),
            ("numbers", self.quantize or "float32"),
            ("profile", self.profile),
        ]
        for name, signature in file.signatures.items():
            ends = [", ".join(map(str, e.values())) for e in (signature.inputs, signature.outputs)]
            rows.append((name, " -> ".join(ends)))
        rows += [(layer, form) for layer, form in self.forms.items()]
        for name, c in self.comparisons.items():
            equal = "" if c.equal is None else f"ids {c.equal:.2%} equal; "
            rows.append(
                (
                    f"{name} against Keras",
                    f"{equal}largest difference {c.difference:.1e}, mean {c.mean:.1e}, outputs "
                    f"range over {c.spread:.2g}; {c.rows} rows in {c.batches} batches; limit "
                    f"{c.tolerance.value:g} on the {c.tolerance.of}",
                )
            )
        shown, more = self.portability[:_FINDINGS], len(self.portability) - _FINDINGS
        rows += [("not portable", finding) for finding in shown]
        return rows + ([("", f"and {more} more such findings")] if more > 0 else [])

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def export_report(
    saved_model: Path,
    tflite: TFLiteReport,
    saved_model_comparisons: Mapping[str, Comparison],
    latency: Latency | Mapping[str, Latency],
) -> dict[str, Any]:
    """Puts the findings of an export into one dictionary that JSON can hold.

    Args:
        saved_model: The SavedModel folder.
        tflite: What `to_tflite` returned.
        saved_model_comparisons: The value checks of the SavedModel, by what it was fed.
        latency: How fast the .tflite runs, or how fast each of its signatures.

    Returns:
        The report, of plain dictionaries, lists, strings and numbers.
    """
    if isinstance(latency, Latency):
        times = asdict(latency)
    else:
        times = {name: asdict(of_signature) for name, of_signature in latency.items()}
    return {
        "saved_model": {
            "bytes": sum(f.stat().st_size for f in saved_model.rglob("*") if f.is_file()),
            "compared_with_keras": {
                name: asdict(comparison) for name, comparison in saved_model_comparisons.items()
            },
        },
        "tflite": tflite.as_dict() | {"latency": times},
        "versions": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "ai_edge_litert": metadata.version("ai-edge-litert"),
            "keras_seq": keras_seq.__version__,
        },
    }
