"""The searches of a sequence-to-sequence model as functions from named tensors to named tensors."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from keras_seq.decoding import Beam, Greedy, Sampling, Search
from keras_seq.export.check import Case, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.signature import Arrays, Signature, Tensors, check_exportable
from keras_seq.export.sizes import made_up

SOURCE, NOISE, TEXT, FILE = "source", "noise", "text", "file"
TRANSLATE, CAPTION = "translate", "caption"
RESERVED = ("encode", "decode_step", "serve", "serving_default", FILE)
MAX_LENGTH = 64


class TextCodec(Protocol):
    """What turns texts into ids and back; `keras_seq.data.TextCodec` does."""

    def __len__(self) -> int:
        """How many ids there are."""

    def __call__(self, texts: Any) -> Any:
        """Turns strings (B,) into ragged int32 ids."""

    def pad(self, ragged: Any) -> tuple[Any, Any]:
        """Turns ragged ids into ids (B, S) and a mask."""

    def decode(self, ids: Any) -> Any:
        """Turns ids (..., T) into strings (...)."""

    def files(self, name: str) -> dict[str, str]:
        """Gives the contents of the files that describe the codec, by name."""


def is_searched(model: Any) -> bool:
    """Whether a model is one that writes sequences, as `keras_seq.models.Seq2Seq` does.

    It is known by what it has: `encoder`, `decoder`, `decode`, `start` and `end`.
    """
    return all(hasattr(model, name) for name in ("encoder", "decoder", "decode", "start", "end"))


def refuse_searches(model: Any, **options: Any) -> None:
    """Refuses options of searches for a model that does not write sequences.

    Raises:
        ExportError: One of them is given.
    """
    if given := [name for name, value in options.items() if value is not None]:
        raise ExportError(
            f"{', '.join(given)}: for models that write sequences, as keras_seq.models.Seq2Seq "
            f"does; {model.name!r} is a {type(model).__name__}. Leave out what is not for it."
        )


def source_spec(model: Any) -> tf.TensorSpec:
    """What the encoder of a model reads: what it tells as its `source_spec`, or ids (B, S)."""
    spec = getattr(model.encoder, "source_spec", None)
    if spec is None:
        return tf.TensorSpec((None, None), tf.int32, SOURCE)
    return tf.TensorSpec(spec.shape, spec.dtype, SOURCE)


@dataclass(frozen=True, kw_only=True)
class SearchFunction(Signature):
    """One search: from `source`, and `noise` where it draws, to what it found.

    Attributes:
        search: Of `keras_seq.decoding`.
        max_length: The most tokens of a target.
        with_attention: Whether the attention weights are an output.
    """

    search: Search
    max_length: int
    with_attention: bool = False

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """Runs the search."""
        search = self.search
        if isinstance(search, Sampling):
            search = dataclasses.replace(search, noise=tensors[NOISE], seed=None)
        found = self.model.decode(
            tensors[SOURCE],
            search,
            max_length=self.max_length,
            **({"with_attention": True} if self.with_attention else {}),
        )
        return {name: value for name, value in found._asdict().items() if value is not None}

    def cases(self, sources: Sequence[Any] | None, fixed: Signature | None = None) -> list[Case]:
        """What the Keras model finds for sources, and for other sizes cut from the first.

        Args:
            sources: Batches of what the encoder reads; made up if None.
            fixed: The function with the sizes of the file.
        """
        sources = made_up_sources(self) if sources is None else sources
        ids = dataclasses.replace(self, inputs={SOURCE: self.inputs[SOURCE]})
        return make_cases(self, [self.with_noise(ids.arrays(given)) for given in sources], fixed)

    def with_noise(self, arrays: Arrays) -> Arrays:
        """Inputs with the random numbers that are among them, if there are any."""
        if NOISE not in self.inputs:
            return arrays
        rows = len(next(iter(arrays.values())))
        drawn = np.random.default_rng(0).random((rows, self.max_length), "float32")
        return {**arrays, NOISE: drawn}


@dataclass(frozen=True, kw_only=True)
class TextFunction(Signature):
    """One search that ends in texts: from texts, from files of pictures, or from any source.

    Attributes:
        of_ids: The search from the source to ids.
        codec_source: From texts to ids; or a function from the contents of files, (B,), to the
            source; None for the source itself.
        codec_target: From ids to texts.
    """

    of_ids: SearchFunction
    codec_source: Any
    codec_target: TextCodec

    @classmethod
    def between(
        cls, codec_source: Any, codec_target: TextCodec, of_ids: SearchFunction
    ) -> "TextFunction":
        """The search between two codecs; see the class."""
        inputs = dict(of_ids.inputs)
        if codec_source is not None:
            del inputs[SOURCE]
            name = TEXT if is_codec(codec_source) else FILE
            inputs = {name: tf.TensorSpec((None,), tf.string, name), **inputs}
        return cls(
            of_ids.model,
            inputs,
            of_ids=of_ids,
            codec_source=codec_source,
            codec_target=codec_target,
        )

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """The texts found, best first, with what the search says of them and any ids it read."""
        read: Tensors = {}
        if TEXT in tensors:
            ids, _ = self.codec_source.pad(self.codec_source(tensors[TEXT]))
            read = {SOURCE: tf.cast(ids, tf.int32)}
            tensors = {**tensors, **read}
        elif FILE in tensors:
            tensors = {**tensors, SOURCE: self.codec_source(tensors[FILE])}
        found = self.of_ids(tensors)
        return {"texts": self.codec_target.decode(found["tokens"]), **read, **found}

    def example(self, source: np.ndarray, texts: Sequence[str] | None = None) -> Arrays:
        """Inputs for the value check.

        Args:
            source: What the encoder reads.
            texts: To be read in place of what the ids stand for.
        """
        if TEXT in self.inputs:
            if texts is None:
                texts = [t.decode() for t in self.codec_source.decode(tf.constant(source)).numpy()]
            arrays = {TEXT: np.array(texts, dtype=object)}
        elif FILE in self.inputs:
            files = [tf.io.encode_png(picture).numpy() for picture in source]
            arrays = {FILE: np.array(files, dtype=object)}
        else:
            arrays = {SOURCE: source}
        return self.of_ids.with_noise(arrays)


def is_codec(given: Any) -> bool:
    """Whether something turns texts into ids, and not files into what an encoder reads."""
    return hasattr(given, "pad")


def search_functions(
    model: Any,
    searches: Mapping[str, Search] | None,
    max_length: int | None,
    with_attention: bool = False,
) -> dict[str, SearchFunction]:
    """The searches of a model by name.

    Args:
        model: A model that `is_searched`.
        searches: By name; "greedy" and "beam" (of 4) if None.
        max_length: The most tokens of a target; 64 if None.
        with_attention: Whether their attention weights are outputs.

    Raises:
        ExportError: The model is not built or not on TensorFlow; names that no signature can have,
            no searches, or a length that is none.
    """
    check_exportable(model)
    if not model.built:
        raise ExportError(f"The model {model.name!r} has no weights yet: call model.build() first.")
    if not hasattr(model.decoder, "vocabulary_size"):
        raise ExportError(
            f"{type(model).__name__} writes no tokens of a vocabulary (its decoder has no "
            "vocabulary_size), and such searches cannot be exported: export its parts, or keep it "
            "in Keras."
        )
    if max_length is None:
        max_length = MAX_LENGTH
    if type(max_length) is not int or max_length < 1:
        raise ExportError(f"max_length must be at least 1, got {max_length!r}.")
    searches = {"greedy": Greedy(), "beam": Beam(4)} if searches is None else searches
    if not isinstance(searches, Mapping) or not searches:
        raise ExportError(
            'searches must be a dict of searches by name, such as {"beam": Beam(4)}; got '
            f"{searches!r}."
        )
    for name, search in searches.items():
        if not isinstance(search, Search):
            raise ExportError(
                f"searches[{name!r}] must be a search of keras_seq.decoding, such as Beam(4); got "
                f"{type(search).__name__}."
            )
        taken = name in RESERVED or str(name).startswith((TRANSLATE, CAPTION))
        if not str(name).isidentifier() or taken:
            raise ExportError(
                f"A search cannot be called {name!r}: its name is that of a signature. Take "
                f"letters, digits and _, and not {', '.join((*RESERVED, TRANSLATE, CAPTION))}."
            )
    functions = {}
    for name, search in searches.items():
        inputs = {SOURCE: source_spec(model)}
        if isinstance(search, Sampling):
            # Drawn by the caller: TFLite has no op for random numbers from a seed.
            inputs[NOISE] = tf.TensorSpec((None, max_length), tf.float32, NOISE)
        functions[name] = SearchFunction(
            model, inputs, search=search, max_length=max_length, with_attention=with_attention
        )
    return functions


def made_up_sources(function: SearchFunction) -> list[np.ndarray]:
    """Random ids, or what else the encoder reads."""
    dtype = function.inputs[SOURCE].dtype.as_numpy_dtype
    return [made_up(function)[SOURCE].astype(dtype)]
