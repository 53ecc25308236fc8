"""The whole export of a model in one folder, checked and reported on."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.export.atomic import replacing
from keras_seq.export.check import Tolerance, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.report import export_report
from keras_seq.export.runtime import TFLiteModel, measure_latency
from keras_seq.export.saved_model import (
    LABELS_FILE,
    TextTokenizer,
    check_labels,
    check_saved_model,
    ids_signature,
    lines,
    write_saved_model,
)
from keras_seq.export.signature import Signature
from keras_seq.export.tflite import refuse_half_precision, write_tflite

SAVED_MODEL, TFLITE, REPORT = "saved_model", "model.tflite", "report.json"
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
    on_stage: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Exports a model as SavedModel and TFLite, proves their values equal, and reports.

    The folder then holds `saved_model/`, `model.tflite`, `report.json`, the tokenizer's files
    and `labels.txt`. It is built beside its place and renamed at the end: an earlier export
    stays whole until the new one has passed every check.

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
        tflite: What the .tflite is to be like; any batch and length if None.
        measure: Called with what runs the .tflite; what it returns, such as an accuracy, is
            `measured` in the report.
        output_name: The name of the model's single output; by default its own.
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
    if check_texts is not None and (tokenizer is None or isinstance(check_texts, str)):
        raise ExportError("check_texts must be a list of texts, and needs `tokenizer` beside it.")
    if check_inputs is None and check_texts:
        assert tokenizer is not None
        check_inputs = [tokenizer.pad(tokenizer(tf.constant(list(check_texts))))[0].numpy()]
    signature = Signature.of(model, output_name, check_inputs)
    refuse_half_precision(model)
    if tokenizer is not None:
        signature = ids_signature(signature)
    options = options.for_model(signature)
    files: dict[str, str] = dict(tokenizer.files()) if tokenizer is not None else {}
    if labels is not None:
        check_labels(labels, signature)
        files[LABELS_FILE] = lines(labels)

    with replacing(Path(folder), {*_CONTENTS, *files}) as draft:
        draft.mkdir()
        begin("running the Keras model")
        cases = make_cases(signature, check_inputs)
        begin("writing the SavedModel")
        write_saved_model(signature, draft / SAVED_MODEL, tokenizer, files)
        begin("checking the SavedModel")
        saved = check_saved_model(
            signature, draft / SAVED_MODEL, cases, tokenizer, check_texts, Tolerance(tolerance)
        )
        begin("converting to TFLite and checking it")
        fixed = signature.fixed(options.batch_size, options.length)
        cases = make_cases(signature, check_inputs, fixed)
        written = write_tflite(signature, options, draft / TFLITE, cases, files)
        begin("measuring the latency")
        one_row = min(cases, key=lambda case: sum(a.shape[0] for a in case.inputs.values()))
        latency = measure_latency(draft / TFLITE, one_row.inputs)
        measured = {}
        if measure:
            begin("measuring what the .tflite is worth")
            measured = {"measured": measure(TFLiteModel(draft / TFLITE))}
        begin("writing the report")
        for name, content in files.items():
            (draft / name).write_text(content, encoding="utf-8", newline="")
        report = export_report(draft / SAVED_MODEL, written, saved, latency) | measured
        (draft / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report
