"""A SavedModel that writes sequences: from ids, and from texts to texts."""

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
    TEXT,
    TRANSLATE,
    SearchFunction,
    TextCodec,
    TextFunction,
    made_up_sources,
    search_functions,
)
from keras_seq.export.searching.steps import ATTENTION, step_by_step
from keras_seq.export.tracing import tracing
from keras_seq.layers import lowering


@dataclass(frozen=True)
class SavedSearches:
    """The searches of a model as endpoints, on ids and, between codecs, on texts.

    Attributes:
        model: The Keras model.
        ids: By endpoint, from ids to ids.
        texts: By endpoint, from texts to texts.
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
        codec_source: TextCodec | None = None,
        codec_target: TextCodec | None = None,
    ) -> "SavedSearches":
        """Gives the endpoints their names.

        Args:
            model: A model that `is_searched`.
            searches: By name; "greedy" and "beam" if None.
            max_length: The most tokens of a target; 64 if None.
            codec_source: From texts to ids.
            codec_target: From ids to texts.

        Raises:
            ExportError: One codec without the other, codecs of other ids than the model's, or what
                `search_functions` refuses.
        """
        if (codec_source is None) != (codec_target is None):
            raise ExportError(
                "From texts to texts takes both codecs, codec_source and codec_target; give the "
                "same one twice if it is one for both languages."
            )
        ids = search_functions(model, searches, max_length)
        first = next(iter(ids.values()))
        if ATTENTION in step_by_step(first, first)[1].function().structured_outputs:
            ids = search_functions(model, searches, max_length, with_attention=True)
        if codec_source is None or codec_target is None:
            return cls(model, ids, {}, {})
        for side, codec, part in (
            ("source", codec_source, model.encoder),
            ("target", codec_target, model.decoder),
        ):
            if len(codec) != part.vocabulary_size:
                raise ExportError(
                    f"codec_{side} has {len(codec):,} ids, and the model's {part.name} "
                    f"{part.vocabulary_size:,}: give the codec that the model was trained with."
                )
        *others, last = ids
        names = {name: f"{TRANSLATE}_{name}" for name in others} | {last: TRANSLATE}
        texts = {
            name: TextFunction.between(codec_source, codec_target, ids[of])
            for of, name in names.items()
        }
        if codec_source is codec_target:
            return cls(model, ids, texts, codec_source.files("codec"))
        files = codec_source.files("source") | codec_target.files("target")
        return cls(model, ids, texts, files)

    @property
    def codecs(self) -> list[TextCodec | None]:
        """Both."""
        text = next(iter(self.texts.values()), None)
        return [text.codec_source, text.codec_target] if text else []

    def sources(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of texts, as `check_inputs`."""
        codec = self.codecs[0]
        assert codec is not None
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
            sources: Batches of ids (B, S); made up if None.
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
        if not self.texts:
            return found
        for name, text_function in self.texts.items():
            if texts is None:
                decoded = text_function.codec_source.decode(tf.constant(sources[0]))
                texts = [text.decode() for text in decoded.numpy()]
            inputs = text_function.of_ids.with_noise({TEXT: np.array(texts, dtype=object)})
            cases = [make_case(inputs, text_function.traced())]
            found[name] = compare(run(name), cases, tolerance, f"The endpoint `{name}`")
        return found
