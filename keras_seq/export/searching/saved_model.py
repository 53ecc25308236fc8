"""A SavedModel that writes sequences: from ids or images, and from texts or files to texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.decoding import Search
from keras_seq.export.check import Comparison, Tolerance, compare, make_case
from keras_seq.export.errors import ExportError
from keras_seq.export.runtime import SavedModel
from keras_seq.export.saved_functions import save_functions
from keras_seq.export.searching.functions import (
    CAPTION,
    FILE,
    SOURCE,
    TRANSLATE,
    SearchFunction,
    TextCodec,
    TextFunction,
    is_codec,
    made_up_sources,
    search_functions,
    source_spec,
)
from keras_seq.export.searching.steps import ATTENTION, step_by_step
from keras_seq.export.tracing import tracing
from keras_seq.layers import lowering


@dataclass(frozen=True)
class SavedSearches:
    """The searches of a model as endpoints, to ids and, with codecs, to texts.

    Attributes:
        model: The Keras model.
        ids: By endpoint, from the source to ids.
        texts: By endpoint, from texts, files or the source to texts.
        files: What describes the codecs, by file name.
    """

    model: Any
    ids: dict[str, SearchFunction]
    texts: dict[str, TextFunction]
    files: dict[str, str]

    @classmethod
    def of(
        cls,
        model: Any,
        searches: Mapping[str, Search] | None = None,
        max_length: int | None = None,
        codec_source: Any = None,
        codec_target: TextCodec | None = None,
    ) -> "SavedSearches":
        """Gives the endpoints their names.

        Args:
            model: A model that `is_searched`.
            searches: By name; "greedy" and "beam" if None.
            max_length: The most tokens of a target; 64 if None.
            codec_source: From texts to ids; of a model that reads pictures, a function from the
                contents of files to them, or None.
            codec_target: From ids to texts.

        Raises:
            ExportError: One codec without the other, codecs of other ids than the model's, or what
                `search_functions` refuses.
        """
        spec = source_spec(model)
        reads_ids = spec.dtype.is_integer and spec.shape.rank == 2
        no_target = codec_source is not None and codec_target is None
        if no_target or (reads_ids and codec_source is None and codec_target is not None):
            raise ExportError(
                "From texts to texts takes both codecs, codec_source and codec_target; give the "
                "same one twice if it is one for both languages."
            )
        ids = search_functions(model, searches, max_length)
        first = next(iter(ids.values()))
        if ATTENTION in step_by_step(first, first)[1].function().structured_outputs:
            ids = search_functions(model, searches, max_length, with_attention=True)
        if codec_target is None:
            return cls(model, ids, {}, {})
        parts = {"source": (codec_source, model.encoder)} if reads_ids else {}
        parts["target"] = (codec_target, model.decoder)
        for side, (codec, part) in parts.items():
            if len(codec) != getattr(part, "vocabulary_size", len(codec)):
                raise ExportError(
                    f"codec_{side} has {len(codec):,} ids, and the model's {part.name} "
                    f"{part.vocabulary_size:,}: give the codec that the model was trained with."
                )
        named = {TRANSLATE: codec_source} if reads_ids else {CAPTION: None}
        if not reads_ids and codec_source is not None:
            _check_reader(codec_source, ids)
            named[f"{CAPTION}_{FILE}"] = codec_source
        *others, last = ids
        texts = {
            name: TextFunction.between(start, codec_target, ids[of])
            for first_name, start in named.items()
            for of, name in [*((of, f"{first_name}_{of}") for of in others), (last, first_name)]
        }
        if codec_source is codec_target:
            return cls(model, ids, texts, codec_target.files("codec"))
        files = codec_source.files("source") if reads_ids else {}
        return cls(model, ids, texts, files | codec_target.files("target"))

    @property
    def codecs(self) -> list[TextCodec]:
        """Those that there are."""
        text = next(iter(self.texts.values()), None)
        both = [text.codec_source, text.codec_target] if text else []
        return [codec for codec in both if is_codec(codec)]

    def sources(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of texts, as `check_inputs`."""
        codec = self.codecs[0]
        return [codec.pad(codec(tf.constant(list(texts))))[0].numpy()]

    def write(self, folder: Path) -> None:
        """Writes the SavedModel.

        Raises:
            ExportError: The model or a codec cannot be traced or saved.
        """
        with tracing(self.model.name), lowering("plain"):
            functions = {name: f.function() for name, f in (self.ids | self.texts).items()}
            save_functions(functions, folder, self.model.name, self.files, codecs=self.codecs)

    def checked(
        self,
        folder: Path,
        sources: Sequence[Any] | None,
        texts: Sequence[str] | None,
        tolerance: Tolerance,
    ) -> dict[str, Comparison]:
        """Loads the SavedModel afresh and runs every endpoint.

        Args:
            folder: Where it is.
            sources: Batches of what the encoder reads; made up if None.
            texts: Texts; those of the sources if None.
            tolerance: How far from the Keras model numbers may be; ids and texts must be equal.

        Returns:
            What was compared, by endpoint.

        Raises:
            ExportError: Its values are not those of the model.
        """
        first = next(iter(self.ids.values()))
        sources = made_up_sources(first) if sources is None else sources
        run = SavedModel(folder, next(iter(self.ids))).signature
        found = {}
        for name, function in self.ids.items():
            cases = function.cases(sources)
            found[name] = compare(run(name), cases, tolerance, f"The endpoint `{name}`")
        for name, text_function in self.texts.items():
            inputs = text_function.example(np.asarray(sources[0]), texts)
            cases = [make_case(inputs, text_function.traced())]
            found[name] = compare(run(name), cases, tolerance, f"The endpoint `{name}`")
        return found


def _check_reader(reader: Any, ids: Mapping[str, SearchFunction]) -> None:
    """Refuses what reads files for a model that does not read pictures."""
    spec = next(iter(ids.values())).inputs[SOURCE]
    if is_codec(reader) or not callable(reader) or spec.dtype != tf.uint8:
        raise ExportError(
            f"codec_source came as {type(reader).__name__}, and the model reads {spec.dtype.name} "
            f"of shape {spec.shape}. For pictures, uint8, give a function from the contents of "
            "files to them, such as keras_seq.data.decode_pictures with its size; for all else "
            "leave it out."
        )
