"""Writing a SavedModel that needs TensorFlow alone to be loaded and run."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from keras_seq.decoding import Search
from keras_seq.export.atomic import replacing
from keras_seq.export.borrowed import on_our_loop
from keras_seq.export.check import Case, Comparison, Tolerance, compare, make_case, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.runtime import SIGNATURE, SavedModel
from keras_seq.export.saved_functions import save_functions
from keras_seq.export.searching.functions import TextCodec, is_searched, refuse_searches
from keras_seq.export.searching.saved_model import SavedSearches
from keras_seq.export.signature import Signature
from keras_seq.export.streaming import Stream, check_streaming, compare_in_chunks
from keras_seq.export.tracing import tracing
from keras_seq.layers import lowering

LABELS_FILE = "labels.txt"
_CONTENTS = ("assets", "fingerprint.pb", "saved_model.pb", "variables")


class TextTokenizer(Protocol):
    """What a tokenizer must offer to go into an export; `keras_seq.data.Tokenizer` does."""

    def __call__(self, texts: Any) -> Any:
        """Turns strings (B,) into ragged int32 ids."""

    def pad(self, ragged: Any) -> tuple[Any, Any]:
        """Turns ragged ids into ids (B, T) and a mask."""

    def files(self) -> dict[str, str]:
        """Gives the contents of the files that describe the tokenizer, by name."""


def to_saved_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    tokenizer: TextTokenizer | None = None,
    labels: Sequence[str] | None = None,
    streaming: str | None = None,
    batch_size: int | None = None,
    output_name: str | None = None,
    check_inputs: Sequence[Any] | None = None,
    tolerance: float = 1e-5,
    searches: Mapping[str, Search] | None = None,
    max_length: int | None = None,
    codec_source: Any = None,
    codec_target: TextCodec | None = None,
) -> None:
    """Writes a SavedModel that plain TensorFlow loads, without Keras or this library.

    Without a tokenizer, its signature `serving_default` takes the model's inputs by name. With
    one, `serving_default` takes `text`, strings (B,), and a second signature `ids` takes `ids`,
    int32 (B, T). Both return the outputs by name. The tokenizer's files and `labels.txt` lie
    in the folder's `assets`. It is loaded and run before it is kept; one that gives other values
    than the model is refused, and what was at `path` stays.

    A `Seq2Seq` has an endpoint for each of its searches instead, from `source`, int32 (B, S), to
    `tokens` (B, N, L), `scores` and `lengths` (B, N) and, if it looks at the source, `attention`
    (B, N, L, S). With codecs there is one from texts to texts for each as well: `translate` for the
    last search, `translate_greedy` for the one named "greedy". It takes `text` (B,) and gives
    `texts` (B, N) and `source`, the ids that it read, beside the rest. Where the encoder reads no
    ids but images or features, `source` is these; with `codec_target` alone there are `caption` and
    its like, from `source` to `texts`.

    Args:
        model: A Keras model: functional, sequential, or wrapped in a functional one; or a
            `Seq2Seq`.
        path: The folder to write. An earlier one is replaced once the new one is whole.
        tokenizer: A `tf.Module` that turns texts into ids, such as `keras_seq.data.Tokenizer`.
        labels: The names of the classes, in the order of the output.
        streaming: "step" for a signature `step` as well, from a chunk and its states to outputs and
            states; "stateful" for `stream` and `reset` as well. See `to_tflite`.
        batch_size: The batch of the signatures for streaming; None for any, but for 1 of `stream`.
        output_name: The name of the model's single output; by default its own.
        check_inputs: Inputs for the value check, as in `to_tflite`; made up if None.
        tolerance: The largest difference from the Keras model to let through, times the largest
            output where that is above 1.
        searches: Of a `Seq2Seq`: searches by the name of their endpoint; by default "greedy" and
            "beam", of 4. A `Sampling` takes its random numbers as an input, `noise`.
        max_length: Of a `Seq2Seq`: the most tokens of a target; 64 if None.
        codec_source: Of a `Seq2Seq`: what turns texts into ids, a `keras_seq.data.TextCodec`. Of
            one that reads pictures: a function from the contents of files, (B,), to these, such as
            `keras_seq.data.decode_pictures` with its size; then there are `caption_file` and its
            like, which take `file`.
        codec_target: Of a `Seq2Seq`: what turns ids into texts.

    Raises:
        ExportError: The model or the tokenizer cannot be exported, the values differ, or the
            folder cannot be written.

    Example:
        >>> import keras, tempfile
        >>> import tensorflow as tf
        >>> from keras_seq.export import to_saved_model
        >>> ids = keras.Input((None,), dtype="int32", name="ids")
        >>> vectors = keras.layers.Embedding(10, 4)(ids)
        >>> pooled = keras.layers.GlobalAveragePooling1D()(vectors)
        >>> folder = tempfile.mkdtemp() + "/saved_model"
        >>> to_saved_model(keras.Model(ids, pooled), folder, output_name="mean")
        >>> loaded = tf.saved_model.load(folder)
        >>> serve = loaded.signatures["serving_default"]
        >>> tuple(serve(ids=tf.constant([[1, 2, 3]]))["mean"].shape)
        (1, 4)
    """
    if is_searched(model):
        others = {"tokenizer": tokenizer, "labels": labels, "streaming": streaming}
        if given := [n for n, v in {**others, "output_name": output_name}.items() if v is not None]:
            raise ExportError(
                f"{', '.join(given)}: not for models that write sequences, such "
                f"as {type(model).__name__}. Leave out what is not for it."
            )
        saved = SavedSearches.of(model, searches, max_length, codec_source, codec_target)
        with replacing(Path(path), _CONTENTS) as draft:
            saved.write(draft)
            saved.checked(draft, check_inputs, None, Tolerance(tolerance))
        return
    refuse_searches(
        model,
        searches=searches,
        max_length=max_length,
        codec_source=codec_source,
        codec_target=codec_target,
    )
    signature = Signature.of(model, output_name, check_inputs)
    # With a tokenizer, the signature that takes numbers calls its input by that name.
    checked = signature if tokenizer is None else ids_signature(signature)
    files = dict(tokenizer.files()) if tokenizer is not None else {}
    if labels is not None:
        check_labels(labels, signature)
        files[LABELS_FILE] = lines(labels)
    with replacing(Path(path), _CONTENTS) as draft:
        stream = None
        if check_streaming(streaming):
            batch = batch_size or (1 if streaming == "stateful" else None)
            stream = Stream.of(signature, batch, None)
        write_saved_model(signature, draft, tokenizer, files, stream, streaming)
        cases = make_cases(checked, check_inputs)
        check_saved_model(checked, draft, cases, tokenizer, None, Tolerance(tolerance))
        if stream:
            loaded = SavedModel(draft)
            compare_in_chunks(loaded.signature, stream, cases[0], Tolerance(tolerance), streaming)


def write_saved_model(
    signature: Signature,
    folder: Path,
    tokenizer: TextTokenizer | None = None,
    files: dict[str, str] | None = None,
    stream: Stream | None = None,
    streaming: str | None = None,
) -> None:
    """Writes the SavedModel into `folder`, as `to_saved_model` describes.

    Raises:
        ExportError: The model or the tokenizer cannot be traced or saved.
    """
    with (
        tracing(signature.model.name),
        on_our_loop(signature.model) if stream else contextlib.nullcontext(),
        # Programs compiled with XLA do not run wherever TensorFlow does.
        lowering("plain"),
    ):
        functions = {SIGNATURE: signature.function()}
        if tokenizer is not None:
            text = _text_function(signature, tokenizer)
            functions = {SIGNATURE: text, "ids": ids_signature(signature).function()}
        if stream:
            functions |= stream.functions(streaming)
        save_functions(functions, folder, signature.model.name, files, tokenizer=tokenizer)


def check_saved_model(
    signature: Signature,
    path: Path,
    cases: Sequence[Case],
    tokenizer: TextTokenizer | None,
    texts: Sequence[str] | None,
    tolerance: Tolerance,
) -> dict[str, Comparison]:
    """Runs the SavedModel, loaded afresh, on ids or features, and on texts if there are any.

    Raises:
        ExportError: Its values are not those of the model.
    """
    if tokenizer is None:
        run = SavedModel(path)
        return {"tensors": compare(run, cases, tolerance, "The SavedModel")}
    checked = {"ids": compare(SavedModel(path, "ids"), cases, tolerance, "The SavedModel")}
    if texts:
        case = make_case(
            {"text": np.array(texts, dtype=object)},
            lambda inputs: text_outputs(signature, tokenizer, tf.constant(inputs["text"])),
        )
        checked["text"] = compare(SavedModel(path), [case], tolerance, "The SavedModel")
    return checked


def ids_signature(signature: Signature) -> Signature:
    """The signature with its one input renamed to `ids`.

    Raises:
        ExportError: The model has not exactly one input of rank 2.
    """
    specs = list(signature.inputs.values())
    if len(specs) != 1 or specs[0].shape.rank != 2:
        shapes = {name: tuple(spec.shape) for name, spec in signature.inputs.items()}
        raise ExportError(
            f"A tokenizer needs a model with one input of token ids, (B, T); this one takes "
            f"{shapes}. Export it without the tokenizer."
        )
    spec = tf.TensorSpec(specs[0].shape, tf.int32, "ids")
    return replace(signature, inputs={"ids": spec})


def text_outputs(signature: Signature, tokenizer: TextTokenizer, texts: Any) -> dict[str, Any]:
    """Runs the model on texts: strings (B,)."""
    ids, _ = tokenizer.pad(tokenizer(texts))
    return ids_signature(signature)({"ids": tf.cast(ids, tf.int32)})


def check_labels(labels: Sequence[str], signature: Signature) -> None:
    """Compares the number of labels with the width of the model's output.

    Raises:
        ExportError: They differ, or a label is not one line of text.
    """
    bad = [label for label in labels if not isinstance(label, str) or "\n" in label or not label]
    if isinstance(labels, str) or bad:
        raise ExportError(f"labels must be a list of names, one line each; got {bad or labels!r}.")
    outputs = getattr(signature.model, "outputs", None) or []
    width = outputs[0].shape[-1] if len(outputs) == 1 else None
    # One number for two classes is the probability of the second.
    if width is not None and len(labels) != max(width, 2):
        raise ExportError(
            f"Got {len(labels)} labels for a model whose output has {width} columns; give one "
            "name for each class."
        )


def lines(names: Sequence[str]) -> str:
    """One name a line."""
    return "".join(f"{name}\n" for name in names)


def _text_function(signature: Signature, tokenizer: TextTokenizer) -> Any:
    def serve(text):
        outputs = text_outputs(signature, tokenizer, text)
        return {name: tf.identity(value, name) for name, value in outputs.items()}

    spec = tf.TensorSpec((None,), tf.string, "text")
    return tf.function(serve, input_signature=[spec], autograph=False).get_concrete_function()
