"""Texts with their translations, and how a part of them is held out without a leak."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from keras_seq.data.dataset import DataError


@dataclass(frozen=True, eq=False)
class ParallelTexts:
    """Texts and the translation of each.

    Attributes:
        sources: The texts to translate, in a fixed order.
        targets: The translation of each.

    Raises:
        DataError: The two differ in length.

    Example:
        >>> from keras_seq.data import ParallelTexts
        >>> pairs = ParallelTexts(["yes", "no"], ["oui", "non"])
        >>> len(pairs), pairs.reversed().sources
        (2, ['oui', 'non'])
    """

    sources: list[str]
    targets: list[str]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise DataError(
                f"{len(self.sources)} sources came with {len(self.targets)} targets; give one "
                "target per source."
            )

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> "ParallelTexts":
        """Picks rows, in the order given.

        Args:
            rows: Row numbers, integers of shape (n,).

        Returns:
            The n texts with their translations.

        Example:
            >>> from keras_seq.data import ParallelTexts
            >>> ParallelTexts(["a", "b", "c"], ["x", "y", "z"]).take([2, 0]).targets
            ['z', 'x']
        """
        rows = list(rows)
        return ParallelTexts(
            [self.sources[row] for row in rows], [self.targets[row] for row in rows]
        )

    def reversed(self) -> "ParallelTexts":
        """The same pairs in the other direction."""
        return ParallelTexts(self.targets, self.sources)


@dataclass(frozen=True, eq=False)
class ParallelDataset:
    """A translation task.

    Attributes:
        name: Where the texts come from, for reports.
        train: What a model is fitted on.
        validation: What choices are made on.
        test: What the result is reported on.
        own_test_part: Whether the source came with its test part, or that was held out here.
        languages: The names of the source and the target language.

    Example:
        >>> from keras_seq.data import load_pairs
        >>> load_pairs("builtin").reversed().languages
        ('Sorvani', 'English')
    """

    name: str
    train: ParallelTexts
    validation: ParallelTexts
    test: ParallelTexts
    own_test_part: bool = False
    languages: tuple[str, str] = ("source", "target")

    def all_for_testing(self) -> "ParallelDataset":
        """The same with all pairs in the test part as well, for a model trained elsewhere."""
        parts = (self.train, self.validation, self.test)
        sources = [text for part in parts for text in part.sources]
        targets = [text for part in parts for text in part.targets]
        return replace(self, test=ParallelTexts(sources, targets))

    def reversed(self) -> "ParallelDataset":
        """The same parts in the other direction."""
        train, validation, test = (
            part.reversed() for part in (self.train, self.validation, self.test)
        )
        source, target = self.languages
        return replace(
            self, train=train, validation=validation, test=test, languages=(target, source)
        )


def split_pairs(
    pairs: ParallelTexts, fraction: float, seed: int
) -> tuple[ParallelTexts, ParallelTexts]:
    """Holds out a part of the pairs that shares no sentence with what stays.

    Pairs with the same source or the same target, but for case and white space, belong together,
    as do pairs that other pairs link so; what belongs together falls into one part. A group that
    is larger than what is left to hold out stays.

    Args:
        pairs: What to divide.
        fraction: The share held out, between 0 and 1.
        seed: Which of the possible draws is taken.

    Returns:
        The pairs that stay and those held out, both in the order of `pairs`.

    Raises:
        DataError: `fraction` is not between 0 and 1, or the pairs cannot be divided so.

    Example:
        >>> from keras_seq.data import ParallelTexts, split_pairs
        >>> pairs = ParallelTexts(["Hi", "hi", "Go", "Run"], ["salut", "coucou", "va", "cours"])
        >>> kept, held_out = split_pairs(pairs, fraction=0.25, seed=0)
        >>> kept.sources, held_out.sources
        (['Hi', 'hi', 'Run'], ['Go'])
    """
    if not 0 < fraction < 1:
        raise DataError(f"fraction is {fraction}; give a share between 0 and 1, such as 0.1.")
    groups = _linked_groups(pairs)
    sizes = np.bincount(groups, minlength=1)
    room = max(round(fraction * len(pairs)), 1)
    held_groups = np.zeros(len(sizes), dtype=bool)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if 0 < sizes[group] <= room:
            held_groups[group] = True
            room -= sizes[group]
    held_out = held_groups[groups]
    if not held_out.any() or held_out.all():
        raise DataError(
            f"{len(pairs)} pairs in {len(np.unique(groups))} groups that share a sentence cannot "
            f"be divided to hold out a share of {fraction}; give more pairs or another share."
        )
    return pairs.take(np.flatnonzero(~held_out)), pairs.take(np.flatnonzero(held_out))


def _linked_groups(pairs: ParallelTexts) -> np.ndarray:
    """Gives the group of each pair: a row number that all pairs of the group share."""
    parent = list(range(len(pairs)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]  # shortens the way for the next one
            row = parent[row]
        return row

    for texts in (pairs.sources, pairs.targets):
        first: dict[str, int] = {}
        for row, text in enumerate(texts):
            other = first.setdefault(" ".join(text.casefold().split()), row)
            parent[root(row)] = root(other)
    return np.array([root(row) for row in range(len(pairs))], dtype=np.int64)
