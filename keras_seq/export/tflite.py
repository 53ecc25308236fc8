"""Writing a float32 .tflite of builtin ops whose values are checked before it is kept."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_seq.export.atomic import replacing
from keras_seq.export.attachments import append_files
from keras_seq.export.check import Case, Comparison, compare, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.flatbuffer import TFLiteFile
from keras_seq.export.runtime import TFLiteModel
from keras_seq.export.saved_model import write_saved_model
from keras_seq.export.signature import Signature, all_layers
from keras_seq.layers import lowering

_CONVERTER = Path(__file__).with_name("convert.py")


@dataclass(frozen=True)
class TFLiteReport:
    """What was written and how it was checked.

    Attributes:
        file: What the file holds: ops, signatures, size.
        comparison: How far its values are from the Keras model's, and on what.
        portability: What keeps it from running on every TFLite runtime; empty if nothing does.
    """

    file: TFLiteFile
    comparison: Comparison
    portability: list[str]


def to_tflite(
    model: Any,
    path: str | os.PathLike[str],
    *,
    files: Mapping[str, str | bytes] | None = None,
    batch_size: int | None = None,
    length: int | None = None,
    check_inputs: Sequence[Any] | None = None,
    tolerance: float = 1e-5,
    output_name: str | None = None,
    timeout: float = 600.0,
) -> TFLiteReport:
    """Writes a float32 .tflite of builtin ops, with values equal to the Keras model's.

    The signature `serving_default` has the names of the model's inputs and outputs. Ids are
    int32. The file is run on real inputs before it is kept; a file that gives other values is
    refused, and what was at `path` stays.

    Args:
        model: A Keras model on inputs (B, T) or (B, T, F), one or several.
        path: The file to write.
        files: Contents by file name, to be attached: a vocabulary, labels. See `read_files`.
        batch_size: The batch that the file takes; None for any.
        length: The number of time steps that the file takes; None for any.
        check_inputs: Inputs for the value check, each as the model takes it. Other batch sizes
            and shorter lengths are cut from the first. Random ones are made up if None.
        tolerance: The largest difference from the Keras model to let through, times the largest
            output where that is above 1.
        output_name: The name of the model's single output; by default its own.
        timeout: Seconds after which the converter is stopped.

    Returns:
        What was written and how it was checked.

    Raises:
        ExportError: The model has no builtin-only form, the converter failed, the values differ,
            or the file could not be written.

    Example:
        >>> import keras, tempfile
        >>> from keras_seq.export import to_tflite
        >>> features = keras.Input((None, 3), name="features")
        >>> outputs = keras.layers.Dense(2, name="scores")(features)
        >>> path = tempfile.mkdtemp() + "/model.tflite"
        >>> report = to_tflite(keras.Model(features, outputs), path)
        >>> report.file.signatures["serving_default"].outputs["scores"].shape
        (-1, -1, 2)
    """
    path = Path(path)
    signature = Signature.of(model, output_name, check_inputs)
    refuse_half_precision(model)
    fixed = signature.fixed(batch_size, length)
    cases = make_cases(signature, check_inputs, fixed)
    with replacing(path) as draft:
        draft.touch()  # a place that cannot be written is better known before the conversion
        report = write_tflite(fixed, draft, cases, files or {}, tolerance, timeout)
    return replace(report, file=replace(report.file, path=path))


def write_tflite(
    signature: Signature,
    path: Path,
    cases: Sequence[Case],
    files: Mapping[str, str | bytes],
    tolerance: float,
    timeout: float = 600.0,
) -> TFLiteReport:
    """Converts, writes the file with `files` attached, and checks it on `cases`.

    Raises:
        ExportError: As for `to_tflite`.
    """
    path.write_bytes(append_files(convert(signature, timeout), files))
    held = TFLiteFile.read(path)
    if held.custom_ops:
        raise _refused_ops(list(held.custom_ops), [])
    comparison = compare(TFLiteModel(path), cases, tolerance, "The TFLite file")
    return TFLiteReport(held, comparison, held.portability())


def refuse_half_precision(model: Any) -> None:
    """TFLite has no builtins for most ops in half precision.

    Raises:
        ExportError: A layer computes in float16 or bfloat16.
    """
    halves = ("float16", "bfloat16")
    layers = [layer for layer in all_layers(model) if layer.compute_dtype in halves]
    if layers:
        raise ExportError(
            f"The TFLite file is refused: {len(layers)} layers compute in half precision, the "
            f"last is {layers[-1].name} in {layers[-1].compute_dtype}; TFLite needs float32. Build "
            "the model again under keras.config.set_dtype_policy('float32') and give it these "
            "weights: copy.set_weights(model.get_weights())."
        )


def convert(signature: Signature, timeout: float) -> bytes:
    """Converts a model in a process of its own, so that a crash there is an error here.

    Raises:
        ExportError: The converter refused the model, crashed, or took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model, output = Path(folder) / "saved_model", Path(folder) / "model.tflite"
        with lowering("export"):
            write_saved_model(signature, saved_model)
        # -P: the folder of the program holds modules whose names could hide others.
        command = [sys.executable, "-P", str(_CONVERTER), str(saved_model), str(output)]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            words = _last_words((error.output or b"").decode(errors="replace"))
            raise ExportError(
                f"The TFLite converter was stopped after {timeout:g} seconds. Give it a longer "
                f"`timeout`, or a smaller model. Its last words:\n{words}"
            ) from error
        said = done.stdout.decode(errors="replace")
        if done.returncode == 0 and output.is_file():
            return output.read_bytes()
    ops, layers = _ops_without_builtin(said, signature.model)
    if ops:
        raise _refused_ops(ops, layers)
    raise ExportError(
        f"The TFLite converter {_ending(done.returncode)}. Its last words:\n{_last_words(said)}"
    )


def _ops_without_builtin(said: str, model: Any) -> tuple[list[str], list[str]]:
    """The ops that the converter found no builtin for, and the layers that they stand in."""
    # Each failing op is told with its kind and its path: error: loc(… fused["Kind:", "layer/op@…
    failing = re.findall(r'error: loc\(.*?fused\["(\w+):", "([^"@]+)', said)
    scopes = {scope for _, path in failing for scope in path.split("/")}
    # Tracing a layer for the second time puts a number behind its name.
    scopes |= {re.sub(r"_\d+$", "", scope) for scope in scopes}
    layers = sorted({layer.name for layer in all_layers(model) if layer.name in scopes})
    return sorted({kind for kind, _ in failing}), layers


def _refused_ops(ops: Sequence[str], layers: Sequence[str]) -> ExportError:
    where = f" They come from these layers: {', '.join(layers)}." if layers else ""
    return ExportError(
        "The TFLite file is refused: it needs ops that are no builtins of TFLite and that its "
        f"interpreters cannot run: {', '.join(ops)}.{where} Use the recurrent layers of "
        "keras_seq.layers in place of Keras' own, and leave text to the SavedModel."
    )


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
