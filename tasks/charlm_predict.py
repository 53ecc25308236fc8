"""What `predict` of the language model task is asked for."""

import math
from dataclasses import dataclass

from keras_seq.data import DataError
from tasks.report_pictures import refuse_picture_place

DRAWN = 3000  # symbols of a picture


@dataclass(frozen=True)
class Request:
    """The options of `predict`, checked before a model is loaded.

    Attributes:
        prompt: A text to go on with, before those of the inputs; None for these alone.
        length: How many symbols to write.
        temperature: Below 1 likely symbols get likelier; 0 takes the likeliest each time.
        top_k: Of how many of the likeliest symbols is drawn.
        top_p: Which sum of probabilities the likeliest symbols reach, of which is drawn.
        seed: Draws the symbols; None for others each time.
        surprise: A picture to write of how much the text surprises the model; nothing is then
            written to go on with it.

    Raises:
        DataError: One of them makes no sense.
    """

    prompt: str | None = None
    length: int = 200
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    surprise: str | None = None

    def __post_init__(self) -> None:
        top_k, top_p, seed = self.top_k, self.top_p, self.seed
        rules = {
            "length": (self.length >= 1, "at least 1"),
            "temperature": (0 <= self.temperature < math.inf, "a number of at least 0"),
            "top_k": (top_k is None or top_k >= 1, "at least 1"),
            "top_p": (top_p is None or 0 < top_p <= 1, "above 0 and at most 1"),
            "seed": (seed is None or seed >= 0, "at least 0"),
        }
        for name, (right, wanted) in rules.items():
            if not right:
                option = name.replace("_", "-")
                raise DataError(f"--{option} must be {wanted}; got {getattr(self, name)}.")
        try:
            (self.prompt or "").encode()
        except UnicodeEncodeError as error:  # bytes that are no UTF-8 come as lone surrogates
            raise DataError(
                f"--prompt: invalid UTF-8 at character {error.start + 1}. Convert the text to "
                "UTF-8 first."
            ) from None
        if self.surprise is not None:
            refuse_picture_place(self.surprise, "--surprise")
