"""Images with captions, and the parts of a dataset of them."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from keras_seq.data.dataset import DataError

_INSIDE = "'\u2019-"  # of a word: single hyphens and apostrophes
# Each part of it begins with a letter or digit, which marks and joiners may follow.
_WORD = re.compile(rf"\w[^\s{_INSIDE}]*(?:[{_INSIDE}]\w[^\s{_INSIDE}]*)*")


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """Images and the captions of each.

    Attributes:
        names: The name of each image, in a fixed order.
        inputs: What a model reads of them: pictures, uint8 (N, H, W, 3), or features, floats (N,
            rows, columns, C).
        captions: One or more captions of each image.

    Raises:
        DataError: The three differ in length, an image has no caption, or the inputs are neither.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import CaptionedImages
        >>> pictures = np.zeros((2, 8, 8, 3), "uint8")
        >>> images = CaptionedImages(["a.jpg", "b.jpg"], pictures, [["a dog"], ["a cat", "a pet"]])
        >>> len(images), images.are_pictures, images.pairs()[0].tolist()
        (2, True, [0, 1, 1])
    """

    names: list[str]
    inputs: np.ndarray
    captions: list[list[str]]

    def __post_init__(self) -> None:
        counts = {len(self.names), len(self.inputs), len(self.captions)}
        if len(counts) > 1:
            raise DataError(
                f"{len(self.names)} names came with {len(self.inputs)} inputs and the captions of "
                f"{len(self.captions)} images; give one of each per image."
            )
        if not all(self.captions):
            name = self.names[[bool(texts) for texts in self.captions].index(False)]
            raise DataError(f"{name} has no caption; give one, or leave the image out.")
        if self.inputs.ndim != 4 or not (self.are_pictures or self.inputs.dtype.kind == "f"):
            raise DataError(
                f"inputs came as {self.inputs.dtype} of shape {self.inputs.shape}; give pictures, "
                "uint8 (N, H, W, 3), or features, floats (N, rows, columns, C)."
            )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def are_pictures(self) -> bool:
        """Whether the inputs are pictures, or else features."""
        return self.inputs.dtype == np.uint8

    def take(self, rows: Iterable[int]) -> "CaptionedImages":
        """Picks rows, in the order given.

        Args:
            rows: Row numbers, integers of shape (n,).

        Returns:
            The n images with their captions.
        """
        rows = [int(row) for row in rows]
        return CaptionedImages(
            [self.names[row] for row in rows],
            self.inputs[rows],
            [self.captions[row] for row in rows],
        )

    def pairs(self) -> tuple[np.ndarray, list[str]]:
        """Every caption with the row number of its image.

        Returns:
            Row numbers, int64 of shape (M,), and the M captions.
        """
        rows = np.repeat(np.arange(len(self)), [len(texts) for texts in self.captions])
        return rows, [text for texts in self.captions for text in texts]


@dataclass(frozen=True, eq=False)
class CaptionDataset:
    """A captioning task.

    Attributes:
        name: Where the images come from, for reports.
        train: What a model is fitted on.
        validation: What choices are made on.
        test: What the result is reported on.
        own_test_part: Whether the source came with its test part, or that was held out here.
        notes: What was left out of the source, a sentence each.

    Example:
        >>> from keras_seq.data import load_captions
        >>> shapes = load_captions("builtin")
        >>> len(shapes.all_for_testing().test)
        6800
    """

    name: str
    train: CaptionedImages
    validation: CaptionedImages
    test: CaptionedImages
    own_test_part: bool = False
    notes: tuple[str, ...] = ()

    def all_for_testing(self) -> "CaptionDataset":
        """The same with all images in the test part as well, for a model trained elsewhere."""
        parts = (self.train, self.validation, self.test)
        everything = CaptionedImages(
            [name for part in parts for name in part.names],
            np.concatenate([part.inputs for part in parts]),
            [texts for part in parts for texts in part.captions],
        )
        return replace(self, test=everything)


def plain_caption(text: str) -> str:
    r"""A caption as it is learned and scored: in lower case, words alone, single spaces.

    So do the figures that papers on captions report: they leave punctuation marks out, which half
    of the captions of one picture have at their end and half have not.

    Args:
        text: A caption.

    Returns:
        Its words.

    Example:
        >>> from keras_seq.data import plain_caption
        >>> plain_caption('A tri-colored dog,  "Rex", on the man\'s lap .')
        "a tri-colored dog rex on the man's lap"
    """
    text = unicodedata.normalize("NFC", text.lower())
    return " ".join(_WORD.findall("".join(c if _of_word(c) else " " for c in text)))


def _of_word(character: str) -> bool:
    # Letters, digits, and the marks and joiners that belong to the letter before them.
    kind = unicodedata.category(character)
    return kind[0] in "LMN" or character in f"{_INSIDE}_\u200c\u200d"
