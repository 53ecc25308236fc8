"""Writing a .tflite of builtin ops whose values are checked before it is kept."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from keras_seq.decoding import Search
from keras_seq.export.atomic import replacing
from keras_seq.export.borrowed import on_our_loop
from keras_seq.export.check import Comparison, make_cases
from keras_seq.export.converter import convert, refused_ops
from keras_seq.export.errors import ExportError
from keras_seq.export.file.attachments import append_files
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.file.metadata import with_metadata
from keras_seq.export.file.rewriting import with_distinct_outputs
from keras_seq.export.fused import with_fused_ops
from keras_seq.export.modes import Modes
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.quantize import with_sound_scales
from keras_seq.export.report import TFLiteReport
from keras_seq.export.searching.functions import is_searched, refuse_searches
from keras_seq.export.searching.searching import Searching
from keras_seq.export.signature import Arrays, Signature, all_layers
from keras_seq.export.tracing import tracing
from keras_seq.export.whole import Whole
from keras_seq.layers import lowering


class Exported(Protocol):
    """What goes into a .tflite: a model as functions, and how the file is compared with it."""

    @property
    def model(self) -> Any:
        """The Keras model."""

    @property
    def options(self) -> TFLiteOptions:
        """What the file is to be like, its sizes resolved."""

    @property
    def inputs(self) -> Sequence[str]:
        """The names of what a vocabulary may belong to."""

    @property
    def outputs(self) -> Sequence[str]:
        """The names of what labels may belong to."""

    @property
    def files(self) -> Mapping[str, str]:
        """What is attached beside the caller's files."""

    def functions(self) -> dict[str, Any]:
        """Traces the concrete functions of the signatures; called where a lowering is set."""

    def representative(self) -> dict[str, Sequence[Arrays]]:
        """Gives batches of inputs by signature, that whole numbers are fitted to."""

    def compared(self, path: Path) -> dict[str, Comparison]:
        """Runs each signature of the file and compares it with the model."""


def to_tflite(
    model: Any,
    path: str | os.PathLike[str],
    *,
    mode: str = "auto",
    quantize: str | None = None,
    representative_data: Iterable[Any] | None = None,
    profile: str | None = None,
    batch_size: int | None = None,
    length: int | None = None,
    streaming: str | None = None,
    step_length: int | None = None,
    files: Mapping[str, str | bytes] | None = None,
    check_inputs: Sequence[Any] | None = None,
    tolerance: float | None = None,
    output_name: str | None = None,
    timeout: float = 600.0,
    searches: Mapping[str, Search] | None = None,
    max_length: int | None = None,
) -> TFLiteReport:
    """Writes a .tflite of builtin ops, with values equal to the Keras model's.

    The signature `serving_default` has the names of the model's inputs and outputs. Ids are
    int32. Recurrent layers of `keras.layers`, with any cell, run on this library's time loop. The
    file is run on real inputs before it is kept; one that gives other values is refused, and what
    was at `path` stays. docs/EXPORT.md says which options suit what.

    A `Seq2Seq` has a signature for each of its searches instead, from `source` to `tokens`,
    `scores` and `lengths`, and `encode` and `decode_step`, for searches outside of the file.

    Args:
        model: A Keras model on inputs (B, T) or (B, T, F), one or several; or a `Seq2Seq`.
        path: The file to write.
        mode: The form of the recurrent layers: "loop" takes any length, "unroll" a fixed one,
            "fused" makes one op of each layer of the LSTM family and of each simple RNN, with a
            batch of 1 if none is given; "auto" unrolls small layers over few steps.
        quantize: None for float32; "float16" or "dynamic" (int8) for the weights; "int8" for the
            arithmetic too.
        representative_data: For "int8": a `tf.data.Dataset` or another iterable of batches of
            inputs, or of tuples that begin with them.
        profile: "portable" for a file that phones' and browsers' runtimes take as well as the
            `Interpreter`: fixed sizes (a batch of 1 if none is given), no variables, old versions
            of ops. "interpreter" or None for any.
        batch_size: The batch that the file takes; None for any.
        length: The number of time steps that the file takes; None for any.
        streaming: "step" adds a signature `step` for reading a sequence in chunks: it takes the
            states as well and returns them by the same names; they begin as zeros. "stateful" adds
            `stream`, which keeps them, and `reset`.
        step_length: The length of a chunk; None for any, but for 1 in a portable file.
        files: Contents by file name, to be attached: a vocabulary, labels. See `read_files`.
        check_inputs: Inputs for the value check, each as the model takes it. Other batch sizes
            and shorter lengths are cut from the first. Random ones are made up if None.
        tolerance: How far from the Keras model the file may be. For float32 the largest
            difference, 1e-5 if None, times the largest output where that is above 1. For rounded
            numbers the mean difference, as a part of how far the outputs lie from their mean: 0.01
            if None for "float16", 0.1 for "dynamic", 0.5 for "int8".
        output_name: The name of the model's single output; by default its own.
        timeout: Seconds after which the converter is stopped.
        searches: Of a `Seq2Seq`: searches by the name of their signature; by default "greedy" and
            "beam", of 4. A `Sampling` takes its random numbers as an input, `noise`.
        max_length: Of a `Seq2Seq`: the most tokens of a target; 64 if None.

    Returns:
        What was written and how it was checked.

    Raises:
        ExportError: Options that make no sense together; the model has no builtin-only form, the
            converter failed, the values differ, or the file could not be written.

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
    options = TFLiteOptions(
        mode,
        quantize,
        representative_data,
        profile,
        batch_size,
        length,
        streaming,
        step_length,
        tolerance,
        timeout,
    )
    exported: Exported
    if is_searched(model):
        if output_name is not None:
            raise ExportError("A search names its outputs itself: leave output_name out.")
        refuse_half_precision(model)
        exported = Searching.of(model, options, searches, max_length, check_inputs)
    else:
        refuse_searches(model, searches=searches, max_length=max_length)
        signature = Signature.of(model, output_name, check_inputs)
        refuse_half_precision(model)
        options = options.for_model(signature)
        fixed = signature.fixed(options.batch_size, options.length)
        exported = Whole.of(signature, options, make_cases(signature, check_inputs, fixed))
    with replacing(path) as draft:
        draft.touch()  # a place that cannot be written is better known before the conversion
        report = write_tflite(exported, draft, files or {})
    return replace(report, file=replace(report.file, path=path))


def write_tflite(exported: Exported, path: Path, files: Mapping[str, str | bytes]) -> TFLiteReport:
    """Converts, writes the file with `files` attached, and checks it.

    Args:
        exported: What goes into the file.
        path: The file to write.
        files: Contents by file name, to be attached.

    Raises:
        ExportError: As for `to_tflite`.
    """
    options, files = exported.options, {**exported.files, **files}
    content, forms = _converted(exported, path)
    owners = _owners(files, exported.inputs, exported.outputs)
    content = with_metadata(content, name=exported.model.name, files=owners)
    path.write_bytes(append_files(content, files))
    held = TFLiteFile.read(path)
    if held.custom_ops:
        raise refused_ops(list(held.custom_ops), [])
    findings = held.portability()
    if options.profile == "portable" and findings:
        raise ExportError(f"The TFLite file is refused: it is not portable: {'; '.join(findings)}.")
    return TFLiteReport(
        file=held,
        forms=forms,
        quantize=options.quantize,
        comparisons=exported.compared(path),
        portability=findings,
    )


def _converted(exported: Exported, path: Path) -> tuple[bytes, dict[str, str]]:
    """The bytes of the .tflite, and the form of each recurrent layer in it."""
    model, options = exported.model, exported.options
    modes = Modes(options.mode, options.quantize)
    with tracing(model.name), on_our_loop(model) as others, lowering(modes):
        functions = exported.functions()
    modes.check()
    forms = modes.of_layers([*all_layers(model), *others])
    fused = "fused" in modes.forms
    # Calibration cannot run the placeholders: beside them, arithmetic stays in float32.
    quantize = "dynamic" if fused and options.quantize == "int8" else options.quantize
    content = convert(
        model,
        functions,
        quantize=quantize,
        representative=exported.representative() if quantize == "int8" else {},
        one_scale=options.profile == "portable",
        fused=fused,
        timeout=options.timeout,
    )
    path.write_bytes(content)
    TFLiteFile.read(path)  # what cannot be read cannot be rewritten either
    if fused:
        content = with_fused_ops(content, int8_weights=quantize == "dynamic")
    if quantize == "int8":
        content = with_sound_scales(content)
    return with_distinct_outputs(content), forms


def _owners(
    files: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str]
) -> dict[str, str | None]:
    """What each attached file belongs to: a vocabulary to the only input, labels to the output."""

    def owner(name: str) -> str | None:
        for word, ends in (("vocab", inputs), ("label", outputs)):
            if name.startswith(word) and len(ends) == 1:
                return ends[0]
        return None

    return {name: owner(name) for name in files}


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
