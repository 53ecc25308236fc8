"""Texts with labels, and how a part of them is held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


class DataError(ValueError):
    """Input data cannot be used.

    The message says what came, what was expected and how to fix it.
    """


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts and the class of each.

    Attributes:
        texts: The texts, in a fixed order.
        labels: The class index of each text, int32 of shape (len(texts),).

    Raises:
        DataError: The two differ in length, or a label is not a class index.

    Example:
        >>> from keras_seq.data import LabelledTexts
        >>> reviews = LabelledTexts(["fine", "dull"], [1, 0])
        >>> len(reviews), reviews.labels
        (2, array([1, 0], dtype=int32))
    """

    texts: list[str]
    labels: np.ndarray

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.shape != (len(self.texts),):
            raise DataError(
                f"{len(self.texts)} texts came with labels of shape {labels.shape}; "
                f"give one label per text, shape ({len(self.texts)},)."
            )
        if labels.size and (not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0):
            raise DataError(
                f"labels came as {labels.dtype} with smallest value {labels.min()}; "
                "give class indices 0, 1, 2, ..."
            )
        object.__setattr__(self, "labels", labels.astype(np.int32))

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "LabelledTexts":
        """Picks rows, in the order given.

        Args:
            rows: Row numbers, integers of shape (n,).

        Returns:
            The n texts with their labels.

        Example:
            >>> import numpy as np
            >>> from keras_seq.data import LabelledTexts
            >>> LabelledTexts(["a", "b", "c"], [0, 1, 1]).take(np.array([2, 0])).texts
            ['c', 'a']
        """
        return LabelledTexts([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class TextDataset:
    """A text classification task.

    Attributes:
        name: Where the texts come from, for reports.
        label_names: The name of each class; its position is the class index.
        train: What a model is fitted on.
        validation: What choices are made on.
        test: What the result is reported on.
        own_test_part: Whether the source came with its test part, or that was held out here.
    """

    name: str
    label_names: tuple[str, ...]
    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    own_test_part: bool = False

    def all_for_testing(self) -> "TextDataset":
        """The same with all examples in the test part as well, for a model trained elsewhere."""
        parts = (self.train, self.validation, self.test)
        texts = [text for part in parts for text in part.texts]
        labels = np.concatenate([part.labels for part in parts])
        return replace(self, test=LabelledTexts(texts, labels))


def split(
    examples: LabelledTexts,
    fraction: float,
    seed: int,
    *,
    label_names: Sequence[str] | None = None,
) -> tuple[LabelledTexts, LabelledTexts]:
    """Holds out a part of the examples, the same part of every class.

    The same arguments give the same parts, and both keep the order of `examples`.

    Args:
        examples: What to divide.
        fraction: The share held out, between 0 and 1. Each class holds out the nearest
            whole number of examples, at least one, and keeps at least one.
        seed: Which of the possible draws is taken.
        label_names: Names of the classes for the error message.

    Returns:
        The examples that stay and those held out.

    Raises:
        DataError: `fraction` is not between 0 and 1, there are no examples, or a class has
            only one.

    Example:
        >>> from keras_seq.data import LabelledTexts, split
        >>> examples = LabelledTexts([f"text {n}" for n in range(10)], [0, 1] * 5)
        >>> kept, held_out = split(examples, fraction=0.2, seed=0)
        >>> len(kept), sorted(held_out.labels.tolist())
        (8, [0, 1])
    """
    if not 0 < fraction < 1:
        raise DataError(f"fraction is {fraction}; give a share between 0 and 1, such as 0.1.")
    if not len(examples):
        raise DataError("there are no examples to divide; give at least two of each class.")
    generator = np.random.default_rng(seed)
    held_out = np.zeros(len(examples), dtype=bool)
    for label in np.unique(examples.labels):
        rows = np.flatnonzero(examples.labels == label)
        if len(rows) < 2:
            name = label_names[label] if label_names else label
            raise DataError(
                f"class {name!s} has only {len(rows)} example to divide into two parts; "
                "each part needs at least one: add examples of this class or leave it out."
            )
        count = int(np.clip(round(fraction * len(rows)), 1, len(rows) - 1))
        held_out[generator.permutation(rows)[:count]] = True
    return examples.take(np.flatnonzero(~held_out)), examples.take(np.flatnonzero(held_out))
