"""What a .tflite is to be like: sizes, form of the loops, rounding, signatures."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from keras_seq.export.check import Tolerance
from keras_seq.export.errors import ExportError
from keras_seq.export.modes import MODES
from keras_seq.export.quantize import QUANTIZATIONS, tolerance_of
from keras_seq.export.signature import Signature
from keras_seq.export.streaming import STREAMING

PROFILES = (None, "portable", "interpreter")


@dataclasses.dataclass(frozen=True)
class TFLiteOptions:
    """The options of `to_tflite`, where each is explained.

    Raises:
        ExportError: An unknown word, a size that is none, or options that exclude each other.

    Example:
        >>> from keras_seq.export import TFLiteOptions
        >>> TFLiteOptions(profile="portable", length=200, quantize="dynamic").mode
        'auto'
    """

    mode: str = "auto"
    quantize: str | None = None
    representative_data: Iterable[Any] | None = None
    profile: str | None = None
    batch_size: int | None = None
    length: int | None = None
    streaming: str | None = None
    step_length: int | None = None
    tolerance: float | None = None
    timeout: float = 600.0

    def __post_init__(self) -> None:
        known = {
            "mode": MODES,
            "quantize": QUANTIZATIONS,
            "profile": PROFILES,
            "streaming": STREAMING,
        }
        for name, words in known.items():
            if (value := getattr(self, name)) not in words:
                raise ExportError(
                    f"{name} must be one of {', '.join(map(repr, words))}; got {value!r}."
                )
        for name in ("batch_size", "length", "step_length"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ExportError(f"{name} must be None (any) or at least 1, got {value!r}.")
        if self.tolerance is not None and not self.tolerance >= 0:
            raise ExportError(f"tolerance must be None or at least 0; got {self.tolerance!r}.")
        if self.step_length and not self.streaming:
            raise ExportError('step_length is that of `streaming`: give streaming="step" as well.')
        if self.profile == "portable" and self.mode == "fused":
            raise ExportError(
                'mode="fused" keeps states in variable tensors, which profile="portable" rules '
                'out. Leave the mode to "auto", or take profile="interpreter".'
            )

        if self.streaming == "stateful" and self.quantize == "int8":
            raise ExportError(
                'streaming="stateful" and quantize="int8" do not go together: calibration cannot '
                'run `reset`, which takes nothing. Take streaming="step", or quantize="dynamic".'
            )

    @property
    def limit(self) -> Tolerance:
        """How far from the model's values the file's may be."""
        return tolerance_of(self.quantize, self.tolerance)

    def for_model(self, signature: Signature) -> "TFLiteOptions":
        """The options with the sizes that profile, mode and streaming ask for.

        Raises:
            ExportError: The file is to be portable, and a length is open.
        """
        one_batch = (
            self.profile == "portable" or self.mode == "fused" or self.streaming == "stateful"
        )
        sized = dataclasses.replace(self, batch_size=self.batch_size or (1 if one_batch else None))
        if self.profile != "portable":
            return sized
        shapes = {name: tuple(spec.shape) for name, spec in signature.inputs.items()}
        if self.length is None and any(None in shape[1:] for shape in shapes.values()):
            raise ExportError(
                f"A portable file has a fixed length, and the model takes {shapes}: give `length`, "
                'the longest sequence that is to be read, or profile="interpreter".'
            )
        return dataclasses.replace(
            sized, step_length=self.step_length or 1 if self.streaming else None
        )
