"""Synthetic tasks whose answer lies far back: adding, copy memory, temporal order.

Batches are drawn by NumPy from a seed, so data need no disk and every length is at hand. Used by
`python -m benchmarks.long_memory`.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import keras
import numpy as np

Batch = tuple[np.ndarray, np.ndarray]


class Task(ABC):
    """A task of any length.

    Attributes:
        title: Heading of its table.
        rules: What is shown and what is asked.
        measure: What the score is.
        higher_is_better: Whether a larger score is better.
        chance: Score of an answer that has seen nothing.
        bar: Score from which on the task counts as solved.
        symbols: How many symbols the input has; 0 where it is numbers.
        outputs: Numbers that the model puts out at each step that answers.
        answers: How many of the last steps answer.
        loss: The loss, as Keras knows it.
    """

    title: ClassVar[str]
    rules: ClassVar[str]
    measure: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True
    chance: ClassVar[float]
    bar: ClassVar[float] = 0.99
    symbols: ClassVar[int]
    outputs: ClassVar[int]
    answers: ClassVar[int] = 1

    @property
    def loss(self) -> str | keras.losses.Loss:
        """Cross-entropy of the classes, from logits."""
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @abstractmethod
    def steps(self, length: int) -> int:
        """Time steps of a sequence of this length."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, count: int, length: int) -> Batch:
        """Draws inputs and targets.

        Args:
            generator: Where chance comes from.
            count: How many sequences.
            length: The task's length, at least 10.

        Returns:
            Inputs, (count, steps) of symbols or (count, steps, features) of numbers, and targets.
        """

    def score(self, targets: np.ndarray, outputs: np.ndarray) -> float:
        """The score of a model's outputs: here the share of classes that are right."""
        return float(np.mean(outputs.argmax(-1) == targets))

    def solved(self, score: float) -> bool:
        """Whether a score passes the bar."""
        return score >= self.bar if self.higher_is_better else score < self.bar

    def normalised(self, score: float) -> float:
        """0 at chance or worse (numbers that overflowed among it), 1 where nothing is wrong."""
        best = 1.0 if self.higher_is_better else 0.0
        share = (score - self.chance) / (best - self.chance)
        return float(np.clip(share, 0.0, 1.0)) if np.isfinite(share) else 0.0


class Adding(Task):
    """The sum of the two values that are marked, one in each half (Hochreiter & Schmidhuber 1997).

    Inputs are a value in [0, 1) and a marker at each step, as Le, Jaitly & Hinton (2015) have them.
    """

    title = "Adding problem"
    rules = (
        "T values in [0, 1), one of each half marked; asked is the sum of the two (Hochreiter & "
        "Schmidhuber 1997, in the form of Le, Jaitly & Hinton 2015)"
    )
    measure, higher_is_better = "mean squared error", False
    chance, bar = 1 / 6, 0.01  # the variance of the sum of two such values; always saying 1
    symbols, outputs, loss = 0, 1, "mse"

    def steps(self, length):
        """See `Task`."""
        return length

    def draw(self, generator, count, length):
        """See `Task`."""
        values = generator.random((count, length), np.float32)
        first = generator.integers(0, length // 2, count)
        second = generator.integers(length // 2, length, count)
        marks, rows = np.zeros_like(values), np.arange(count)
        marks[rows, first] = marks[rows, second] = 1
        total = values[rows, first] + values[rows, second]
        return np.stack([values, marks], -1), total[:, None]

    def score(self, targets, outputs):
        """The mean squared error."""
        return float(np.mean((outputs - targets) ** 2))


class Copy(Task):
    """Ten symbols, then blanks, then at a sign the same ten (Hochreiter & Schmidhuber 1997).

    As Arjovsky, Shah & Bengio (2016) have it: eight symbols, a blank, a delimiter; T − 1 blanks
    between the symbols and the delimiter. The ten steps after it answer, and they alone count.
    """

    title = "Copy memory"
    rules = (
        "ten symbols of eight, T − 1 blanks, a delimiter; asked are the ten symbols, at the ten "
        "steps after it (Hochreiter & Schmidhuber 1997, in the form of Arjovsky, Shah & Bengio "
        "2016, whose loss counts the other steps too)"
    )
    shown, alphabet = 10, 8
    blank, delimiter = 8, 9
    chance = 1 / alphabet
    symbols, outputs, answers = alphabet + 2, alphabet, shown

    def steps(self, length):
        """See `Task`."""
        return length + 2 * self.shown

    def draw(self, generator, count, length):
        """See `Task`."""
        symbols = generator.integers(0, self.alphabet, (count, self.shown), np.int8)
        inputs = np.full((count, self.steps(length)), self.blank, np.int8)
        inputs[:, : self.shown] = symbols
        inputs[:, -self.shown - 1] = self.delimiter
        return inputs, symbols


class Order(Task):
    """In which order two symbols came, X or Y each, hidden among four that say nothing.

    Hochreiter & Schmidhuber (1997): one at T/10 to 2T/10, one at 5T/10 to 6T/10; the first step
    and the last, which answers, have signs of their own.
    """

    title = "Temporal order"
    rules = (
        "X or Y at T/10 to 2T/10 and again at 5T/10 to 6T/10, four other symbols elsewhere; asked "
        "at step T is which two came in which order (Hochreiter & Schmidhuber 1997)"
    )
    chance = 0.25
    x, y, distractors, start, end = 0, 1, (2, 6), 6, 7
    symbols, outputs = 8, 4

    def steps(self, length):
        """See `Task`."""
        return length

    def draw(self, generator, count, length):
        """See `Task`; the classes are XX, XY, YX, YY."""
        inputs = generator.integers(*self.distractors, (count, length), np.int8)
        inputs[:, 0], inputs[:, -1] = self.start, self.end
        first = generator.integers(length // 10, 2 * length // 10, count)
        second = generator.integers(5 * length // 10, 6 * length // 10, count)
        classes, rows = generator.integers(0, 4, count), np.arange(count)
        inputs[rows, first], inputs[rows, second] = classes // 2, classes % 2
        return inputs, classes


TASKS: dict[str, Task] = {"adding": Adding(), "copy": Copy(), "order": Order()}
