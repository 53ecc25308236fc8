"""What a .tflite of a sequence-to-sequence model is made of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_seq.decoding import Search
from keras_seq.export.check import Case, Comparison, Tolerance, compare, make_cases
from keras_seq.export.errors import ExportError
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.runtime import TFLiteModel
from keras_seq.export.searching.functions import SOURCE, SearchFunction, search_functions
from keras_seq.export.searching.steps import (
    DECODE_STEP,
    ENCODE,
    DecodeStep,
    Encode,
    along,
    along_cases,
    step_by_step,
)
from keras_seq.export.signature import Arrays

PADDING = 0


@dataclass(frozen=True)
class Searching:
    """The searches of a model, and its steps for other searches; see `Exported`.

    Attributes:
        options: What the file is to be like, its sizes resolved.
        searches: By name, for any size.
        fixed: The same with the sizes of the file.
        encode: From the source to what the steps read.
        decode_step: One step.
        cases: By signature, inputs of the file's sizes, and what the model gives for them; for
            `decode_step` those of several steps.
    """

    options: TFLiteOptions
    searches: dict[str, SearchFunction]
    fixed: dict[str, SearchFunction]
    encode: Encode
    decode_step: DecodeStep
    cases: dict[str, list[Case]]

    inputs = (SOURCE,)
    outputs = ()

    @classmethod
    def of(
        cls,
        model: Any,
        options: TFLiteOptions,
        searches: Mapping[str, Search] | None,
        max_length: int | None,
        sources: Sequence[Any] | None,
    ) -> "Searching":
        """Runs the model on sources, and finds what its steps read.

        Args:
            model: A model that `is_searched`.
            options: What the file is to be like.
            searches: By name; "greedy" and "beam" if None.
            max_length: The most tokens of a target; 64 if None.
            sources: Batches of ids (B, S) for the value check; made up if None.

        Raises:
            ExportError: Options that do not suit such a model.
        """
        if options.streaming:
            raise ExportError(
                f"streaming={options.streaming!r} is for models that read a sequence; one that "
                "writes a sequence has `encode` and `decode_step` anyway. Leave it out."
            )
        if options.quantize == "int8":
            raise ExportError(
                'quantize="int8" does not go with searches: the converter crashes over what a '
                "search carries through its loop unchanged, such as the encoded source. Take "
                '"dynamic", which has int8 weights too, or "float16".'
            )
        functions = search_functions(model, searches, max_length)
        first = next(iter(functions.values()))
        options = options.for_model(first)
        sizes = options.batch_size, options.length
        fixed = {name: function.fixed(*sizes) for name, function in functions.items()}
        cases = {name: f.cases(sources, fixed[name]) for name, f in functions.items()}
        any_size, _ = step_by_step(first, first)
        encode, decode_step = step_by_step(first, fixed[next(iter(fixed))])
        cases[ENCODE] = make_cases(any_size, sources, encode)
        cases[DECODE_STEP] = along_cases(first, cases[ENCODE])
        return cls(options, functions, fixed, encode, decode_step, cases)

    @property
    def model(self) -> Any:
        """The Keras model."""
        return self.encode.model

    @property
    def files(self) -> dict[str, str]:
        """`decoding.json`: what a search outside of the file must know of the ids."""
        start, end = self.model.start, self.model.end
        ids = {"start": start, "end": end, "padding": PADDING, "forbidden": [PADDING, start]}
        length = next(iter(self.searches.values())).max_length
        return {"decoding.json": json.dumps({**ids, "max_length": length}, indent=2) + "\n"}

    def functions(self) -> dict[str, Any]:
        """See `Exported`."""
        found = {name: function.function() for name, function in self.fixed.items()}
        return found | {ENCODE: self.encode.function(), DECODE_STEP: self.decode_step.function()}

    def representative(self) -> dict[str, Sequence[Arrays]]:
        """Not for such a model: its arithmetic stays in floats."""
        return {}

    def compared(self, path: Path) -> dict[str, Comparison]:
        """See `Exported`."""
        run = TFLiteModel(path, ENCODE).signature
        limit = self.options.limit
        # One rounded number turns a search to other tokens: of those it is told how many are equal.
        of_search = limit if limit.of == "largest" else Tolerance(limit.value, "nothing")
        found = {
            name: compare(run(name), self.cases[name], of_search, f"The signature `{name}`")
            for name in self.searches
        }
        encode, step = run(ENCODE), run(DECODE_STEP)
        found[ENCODE] = compare(encode, self.cases[ENCODE], limit, f"The signature `{ENCODE}`")
        found[DECODE_STEP] = compare(
            along(encode, step), self.cases[DECODE_STEP], limit, f"The signature `{DECODE_STEP}`"
        )
        return found
