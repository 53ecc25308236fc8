"""TFLite's converter: what it is given, what it gives, and what its errors mean."""

import json
import re
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.export.check import Arrays
from keras_seq.export.conversions import run_converter
from keras_seq.export.errors import ExportError
from keras_seq.export.saved_functions import save_functions
from keras_seq.export.signature import all_layers


def convert(
    model: Any,
    functions: Mapping[str, Any],
    *,
    quantize: str | None = None,
    representative: Mapping[str, Sequence[Arrays]] | None = None,
    one_scale: bool = True,
    fused: bool = False,
    timeout: float = 600.0,
) -> bytes:
    """Converts concrete functions to a .tflite with a signature for each.

    Args:
        model: The Keras model, for errors.
        functions: By the name of their signature.
        quantize: One of `keras_seq.export.quantize.QUANTIZATIONS`.
        representative: For "int8": batches of inputs, by signature.
        one_scale: Whether int8 weights have one scale a matrix, which older runtimes take too.
        fused: Whether there may be placeholders of fused ops.
        timeout: Seconds after which the converter is stopped.

    Raises:
        ExportError: The converter refused the model, crashed, or took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save_functions(functions, place / "saved_model", model.name)
        options = {
            "signatures": list(functions),
            "quantize": quantize,
            "one_scale": one_scale,
            "allow_custom_ops": fused,
            "representative": _saved(representative or {}, place),
        }
        (place / "options.json").write_text(json.dumps(options))
        try:
            code, said = run_converter(folder, timeout)
        except TimeoutError as error:
            raise ExportError(
                f"The TFLite converter was stopped after {timeout:g} seconds. Give it a longer "
                f"`timeout`, or a smaller model. Its last words:\n{_last_words(str(error))}"
            ) from error
        output = place / "model.tflite"
        if code == 0 and output.is_file():
            return output.read_bytes()
    ops, layers = _ops_without_builtin(said, model)
    if ops:
        raise refused_ops(ops, layers)
    raise ExportError(f"The TFLite converter {_ending(code)}. Its last words:\n{_last_words(said)}")


def refused_ops(ops: Sequence[str], layers: Sequence[str]) -> ExportError:
    """The error for ops that are no builtins, with the layers they come from."""
    where = f" They come from these layers: {', '.join(layers)}." if layers else ""
    return ExportError(
        "The TFLite file is refused: it needs ops that are no builtins of TFLite and that its "
        f"interpreters cannot run: {', '.join(ops)}.{where} Write them with ops that TFLite has, "
        "and leave text to the SavedModel."
    )


def _saved(representative: Mapping[str, Sequence[Arrays]], place: Path) -> list[Any]:
    saved = []
    for number, (signature, batches) in enumerate(representative.items()):
        names = [f"{number}-{n}.npz" for n in range(len(batches))]
        for name, batch in zip(names, batches, strict=True):
            np.savez(place / name, **batch)  # type: ignore[arg-type]
        saved.append((signature, names))
    return saved


def _ops_without_builtin(said: str, model: Any) -> tuple[list[str], list[str]]:
    """The ops that the converter found no builtin for, and the layers that they stand in."""
    # Each failing op is told with its kind and its path: error: loc(… fused["Kind:", "layer/op@…
    failing = re.findall(r'error: loc\(.*?fused\["(\w+):", "([^"@]+)', said)
    scopes = {scope for _, path in failing for scope in path.split("/")}
    # Tracing a layer for the second time puts a number behind its name.
    scopes |= {re.sub(r"_\d+$", "", scope) for scope in scopes}
    layers = sorted({layer.name for layer in all_layers(model) if layer.name in scopes})
    return sorted({kind for kind, _ in failing}), layers


def _ending(code: int) -> str:
    if code >= 0:
        return f"failed with exit code {code}"
    try:
        return f"crashed with {signal.Signals(-code).name}"
    except ValueError:
        return f"crashed with signal {-code}"


def _last_words(said: str, count: int = 12) -> str:
    lines = [line.strip()[:300] for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if ": note: " not in line]
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (none)"
