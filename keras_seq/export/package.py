"""The whole export of a model in one folder, checked and reported on."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.decoding import Search
from keras_seq.export.atomic import replacing
from keras_seq.export.check import Case, Tolerance, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.report import export_report
from keras_seq.export.runtime import (
    SIGNATURE,
    Arrays,
    SavedModel,
    TFLiteModel,
    measure_latency,
)
from keras_seq.export.saved_model import (
    LABELS_FILE,
    TextTokenizer,
    check_labels,
    check_saved_model,
    ids_signature,
    lines,
    write_saved_model,
)
from keras_seq.export.searching.functions import TextCodec, is_codec, is_searched
from keras_seq.export.searching.saved_model import SavedSearches
from keras_seq.export.searching.searching import Searching
from keras_seq.export.signature import Signature
from keras_seq.export.streaming import Stream, compare_in_chunks
from keras_seq.export.tflite import refuse_half_precision, write_tflite
from keras_seq.export.whole import Whole

SAVED_MODEL, TFLITE, REPORT = "saved_model", "model.tflite", "report.json"
_CODECS = [
    f"{name}{end}" for name in ("codec", "source", "target") for end in (".json", ".vocabulary.txt")
]
_CONTENTS = (SAVED_MODEL, TFLITE, REPORT, LABELS_FILE, "tokenizer.json", "vocabulary.txt")


def export_all(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    tokenizer: TextTokenizer | None = None,
    labels: Sequence[str] | None = None,
    check_inputs: Sequence[Any] | None = None,
    check_texts: Sequence[str] | None = None,
    tolerance: float = 1e-5,
    tflite: TFLiteOptions | None = None,
    measure: Callable[[TFLiteModel], dict[str, Any]] | None = None,
    output_name: str | None = None,
    files: Mapping[str, str] | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Exports a model as SavedModel and TFLite, proves their values equal, and reports.

    The folder then holds `saved_model/`, `model.tflite`, `report.json`, the tokenizer's files,
    `labels.txt` and what is given as `files`. It is built beside its place and renamed at the end:
    an earlier export stays whole until the new one has passed every check.

    Args:
        model: A Keras model.
        folder: The folder to write; an earlier one is replaced.
        tokenizer: Turns texts into ids, such as `keras_seq.data.Tokenizer`.
        labels: The names of the classes, in the order of the output.
        check_inputs: Inputs for the value check, as in `to_tflite`. By default the ids of
            `check_texts`, or else random ones.
        check_texts: Texts for the value check of the SavedModel; needs a tokenizer.
        tolerance: The largest difference of the SavedModel from the Keras model to let through,
            times the largest output where that is above 1.
        tflite: What the .tflite is to be like; any batch and length if None. With `streaming` the
            SavedModel has the signatures for it too.
        measure: Called with what runs the .tflite; what it returns, such as an accuracy, is
            `measured` in the report.
        output_name: The name of the model's single output; by default its own.
        files: Contents by file name, to lie in the folder and to be attached to the .tflite.
        on_stage: Called with the name of each stage as it begins.

    Returns:
        The report, as in `report.json`.

    Raises:
        ExportError: As for `to_saved_model` and `to_tflite`, `check_texts` without tokenizer, or
            a folder that holds anything but an earlier export.

    Example:
        >>> import keras, pathlib, tempfile
        >>> from keras_seq.export import export_all
        >>> features = keras.Input((None, 3), name="features")
        >>> outputs = keras.layers.Dense(2, name="scores")(features)
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "export")
        >>> report = export_all(keras.Model(features, outputs), folder)
        >>> sorted(item.name for item in folder.iterdir())
        ['model.tflite', 'report.json', 'saved_model']
    """
    begin = on_stage or (lambda stage: None)
    options = tflite or TFLiteOptions()
    if is_searched(model):
        raise ExportError(
            f"{type(model).__name__} writes sequences: take export_seq2seq, which exports its "
            "searches."
        )
    if check_texts is not None and (tokenizer is None or isinstance(check_texts, str)):
        raise ExportError(
            "check_texts must be a list of texts, and needs `tokenizer` beside it; got "
            f"{type(check_texts).__name__}, {'no' if tokenizer is None else 'a'} tokenizer."
        )
    if check_inputs is None and check_texts:
        assert tokenizer is not None
        check_inputs = [tokenizer.pad(tokenizer(tf.constant(list(check_texts))))[0].numpy()]
    own = {SAVED_MODEL, TFLITE, REPORT, *(tokenizer.files() if tokenizer is not None else ())}
    own |= set() if labels is None else {LABELS_FILE}
    if clashing := sorted(own & set(files or {})):
        raise ExportError(f"files must have names of their own; got {', '.join(clashing)}.")
    signature = Signature.of(model, output_name, check_inputs)
    refuse_half_precision(model)
    if tokenizer is not None:
        signature = ids_signature(signature)
    options = options.for_model(signature)
    attached = {**(files or {}), **(tokenizer.files() if tokenizer is not None else {})}
    if labels is not None:
        check_labels(labels, signature)
        attached[LABELS_FILE] = lines(labels)

    with replacing(Path(folder), {*_CONTENTS, *attached}) as draft:
        draft.mkdir()
        begin("running the Keras model")
        cases = make_cases(signature, check_inputs)
        begin("writing the SavedModel")
        place, streaming = draft / SAVED_MODEL, options.streaming
        batch = 1 if streaming == "stateful" else None
        stream = Stream.of(signature, batch, None) if streaming else None
        write_saved_model(signature, place, tokenizer, attached, stream, streaming)
        begin("checking the SavedModel")
        limit = Tolerance(tolerance)
        saved = check_saved_model(signature, place, cases, tokenizer, check_texts, limit)
        if stream:
            loaded = SavedModel(place)
            saved |= compare_in_chunks(loaded.signature, stream, cases[0], limit, streaming)
        begin("converting to TFLite and checking it")
        fixed = signature.fixed(options.batch_size, options.length)
        cases = make_cases(signature, check_inputs, fixed)
        written = write_tflite(Whole.of(signature, options, cases), draft / TFLITE, attached)
        begin("measuring the latency")
        latency = measure_latency(draft / TFLITE, _one_row(cases))
        measured = _measured(measure, draft / TFLITE, SIGNATURE, begin)
        begin("writing the report")
        _write(draft, attached)
        report = export_report(draft / SAVED_MODEL, written, saved, latency) | measured
        _write(draft, {REPORT: json.dumps(report, indent=2) + "\n"})
    return report


def export_seq2seq(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    searches: Mapping[str, Search] | None = None,
    max_length: int | None = None,
    codec_source: Any = None,
    codec_target: TextCodec | None = None,
    check_inputs: Sequence[Any] | None = None,
    check_texts: Sequence[str] | None = None,
    tolerance: float = 1e-5,
    tflite: TFLiteOptions | None = None,
    measure: Callable[[TFLiteModel], dict[str, Any]] | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Does for a `Seq2Seq` what `export_all` does for other models.

    The folder then holds `saved_model/`, `model.tflite`, `report.json` and the codecs' files. In
    the report each signature is compared, and "latency" has the times of each search by its name.

    Args:
        model: A `Seq2Seq`.
        folder: The folder to write; an earlier one is replaced.
        searches: By the name of their signature; by default "greedy" and "beam", of 4.
        max_length: The most tokens of a target; 64 if None.
        codec_source: Turns texts into ids, a `keras_seq.data.TextCodec`; of a model that reads
            pictures see `to_saved_model`.
        codec_target: Turns ids into texts.
        check_inputs: Batches of source ids, or of what else the encoder reads, for the value check.
            By default those of `check_texts`, or else random ones.
        check_texts: Texts for the value check of the SavedModel; needs codecs.
        tolerance: The largest difference of the SavedModel's scores from the Keras model's.
        tflite: What the .tflite is to be like; any batch and length if None.
        measure: Called with what runs the first search of the .tflite, and others by its
            `signature`; what it returns is `measured` in the report.
        on_stage: Called with the name of each stage as it begins.

    Returns:
        The report, as in `report.json`.

    Raises:
        ExportError: As for `to_saved_model` and `to_tflite`, or a folder that holds anything but an
            earlier export.

    Example:
        >>> from keras_seq.export import export_seq2seq
        >>> report = export_seq2seq(model, "export", max_length=40)  # doctest: +SKIP
        >>> report["tflite"]["latency"]["beam"]["median_ms"]  # doctest: +SKIP
        3.1
    """
    begin = on_stage or (lambda stage: None)
    if not is_searched(model):
        raise ExportError(
            f"{type(model).__name__} does not write sequences, as keras_seq.models.Seq2Seq does: "
            "take export_all."
        )
    refuse_half_precision(model)
    saved_model = SavedSearches.of(model, searches, max_length, codec_source, codec_target)
    files = saved_model.files
    if check_texts is not None and (not is_codec(codec_source) or isinstance(check_texts, str)):
        raise ExportError(
            "check_texts must be a list of texts, and needs both codecs beside it; got "
            f"{type(check_texts).__name__}, {'two' if is_codec(codec_source) else 'no'} codecs."
        )
    if check_inputs is None and check_texts:
        check_inputs = saved_model.sources(check_texts)

    with replacing(Path(folder), {*_CONTENTS, *_CODECS, *files}) as draft:
        draft.mkdir()
        begin("running the Keras model")
        options = tflite or TFLiteOptions()
        exported = Searching.of(model, options, searches, max_length, check_inputs)
        begin("writing the SavedModel")
        saved_model.write(draft / SAVED_MODEL)
        begin("checking the SavedModel")
        saved = saved_model.checked(
            draft / SAVED_MODEL, check_inputs, check_texts, Tolerance(tolerance)
        )
        begin("converting to TFLite and checking it")
        written = write_tflite(exported, draft / TFLITE, files)
        begin("measuring the latency")
        latency = {
            name: measure_latency(draft / TFLITE, _one_row(exported.cases[name]), signature=name)
            for name in exported.searches
        }
        measured = _measured(measure, draft / TFLITE, next(iter(latency)), begin)
        begin("writing the report")
        _write(draft, files)
        report = export_report(draft / SAVED_MODEL, written, saved, latency) | measured
        _write(draft, {REPORT: json.dumps(report, indent=2) + "\n"})
    return report


def _one_row(cases: Sequence[Case]) -> Arrays:
    """The smallest of the batches that were compared."""
    return min((c.inputs for c in cases), key=lambda arrays: sum(map(len, arrays.values())))


def _measured(measure: Any, path: Path, signature: str, begin: Any) -> dict[str, Any]:
    if not measure:
        return {}
    begin("measuring what the .tflite is worth")
    return {"measured": measure(TFLiteModel(path, signature))}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
