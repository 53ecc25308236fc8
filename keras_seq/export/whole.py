"""A model as the one function that it is, and as a step where it is read in chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_seq.export.check import Case, Comparison, compare
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.quantize import representative_rows
from keras_seq.export.runtime import SIGNATURE, TFLiteModel
from keras_seq.export.signature import Arrays, Signature
from keras_seq.export.streaming import Stream, compare_in_chunks


@dataclass(frozen=True)
class Whole:
    """What a .tflite of a model with declared inputs is made of; see `Exported`.

    Attributes:
        signature: The model.
        fixed: The model with the sizes of the file.
        stream: The model as a step, if it is to be streamed.
        options: What the file is to be like.
        cases: Inputs of the file's sizes, and what the model gives for them.
    """

    signature: Signature
    fixed: Signature
    stream: Stream | None
    options: TFLiteOptions
    cases: Sequence[Case]

    @classmethod
    def of(cls, signature: Signature, options: TFLiteOptions, cases: Sequence[Case]) -> "Whole":
        """Fixes the sizes, and finds the states if the model is to be streamed.

        Args:
            signature: The model.
            options: What the file is to be like, its sizes resolved.
            cases: Inputs of the file's sizes, and what the model gives for them.

        Raises:
            ExportError: The model cannot be streamed, and should be.
        """
        fixed = signature.fixed(options.batch_size, options.length)
        stream = None
        if options.streaming:
            stream = Stream.of(signature, options.batch_size, options.step_length)
        return cls(signature, fixed, stream, options, cases)

    @property
    def model(self) -> Any:
        """The Keras model."""
        return self.signature.model

    @property
    def inputs(self) -> Sequence[str]:
        """The names of its inputs."""
        return list(self.fixed.inputs)

    @property
    def outputs(self) -> Sequence[str]:
        """The names of its outputs."""
        return list(self.cases[0].outputs)

    @property
    def files(self) -> dict[str, str]:
        """None: its inputs and outputs say it all."""
        return {}

    def functions(self) -> dict[str, Any]:
        """See `Exported`."""
        functions = {SIGNATURE: self.fixed.function()}
        return functions | (self.stream.functions(self.options.streaming) if self.stream else {})

    def representative(self) -> dict[str, Sequence[Arrays]]:
        """See `Exported`."""
        data = self.options.representative_data
        batches = representative_rows(self.signature, self.fixed, data)
        found: dict[str, Sequence[Arrays]] = {SIGNATURE: batches}
        if self.stream and self.options.streaming:
            found |= self.stream.representative(batches, self.options.streaming)
        return found

    def compared(self, path: Path) -> dict[str, Comparison]:
        """See `Exported`."""
        run, options = TFLiteModel(path), self.options
        found = {SIGNATURE: compare(run, self.cases, options.limit, "The TFLite file")}
        if self.stream:
            found |= compare_in_chunks(
                run.signature, self.stream, self.cases[0], options.limit, options.streaming
            )
        return found
