"""The baseline of translation: a dictionary."""

import numpy as np

from keras_seq.data.parallel import ParallelDataset, ParallelTexts

_NOTHING = ""  # what a source word without a counterpart is translated by
_ROUNDS = 5


def word_by_word_accuracy(dataset: ParallelDataset) -> float:
    """Gives the share of test texts that translating each word by itself gets exactly right.

    Each source word is replaced by the target word that it most often stands for in the training
    part, or left out, if that is most often; the order stays. It is what a model must beat to have
    learned more than words. Words are what stands between spaces.

    Args:
        dataset: The dictionary is made of its training part.

    Returns:
        A share between 0 and 1.

    Example:
        >>> from keras_seq.data import ParallelDataset, ParallelTexts, word_by_word_accuracy
        >>> train = ParallelTexts(["a b", "b", "c"], ["x y", "y", "z"])
        >>> test = ParallelTexts(["b a", "c a"], ["y x", "x z"])
        >>> word_by_word_accuracy(ParallelDataset("example", train, train, test))
        0.5
    """
    dictionary = _dictionary(dataset.train)
    right = 0
    for source, target in zip(dataset.test.sources, dataset.test.targets, strict=True):
        words = (dictionary.get(word, _NOTHING) for word in source.split())
        right += [word for word in words if word] == target.split()
    return right / len(dataset.test)


def _dictionary(pairs: ParallelTexts) -> dict[str, str]:
    """Finds the target word that each source word most often stands for.

    By Model 1 of Brown, Della Pietra, Della Pietra and Mercer (1993), The Mathematics of
    Statistical Machine Translation, with source words written by target words or by none.
    """
    source_ids, sources = _numbered(pairs.sources)
    target_ids, targets = _numbered(pairs.targets, first=_NOTHING)
    # Every pair of a source word and a target word of its sentence, or of none.
    rows = [
        (np.repeat(source, len(target) + 1), np.tile([0, *target], len(source)))
        for source, target in zip(source_ids, target_ids, strict=True)
    ]
    ends = np.cumsum([len(source) for source in source_ids])
    source_column, target_column = (np.concatenate(column) for column in zip(*rows, strict=True))
    # The source word that each pair belongs to, counted through all sentences.
    place = np.repeat(
        np.arange(ends[-1]),
        np.repeat([len(target) + 1 for target in target_ids], [len(s) for s in source_ids]),
    )
    kinds, kind = np.unique(source_column * len(targets) + target_column, return_inverse=True)
    target_of_kind = kinds % len(targets)
    probability = np.ones(len(kinds))
    for _ in range(_ROUNDS):
        weights = probability[kind]
        weights /= np.bincount(place, weights)[place]
        counts = np.bincount(kind, weights)
        probability = counts / np.bincount(target_of_kind, counts)[target_of_kind]
    best: dict[int, int] = {}
    for number in np.argsort(counts, kind="stable"):  # the last one written is the most frequent
        best[int(kinds[number] // len(targets))] = int(target_of_kind[number])
    return {sources[source]: targets[target] for source, target in best.items()}


def _numbered(texts: list[str], first: str | None = None) -> tuple[list[list[int]], list[str]]:
    """Gives the words of texts as numbers, and the word of each number."""
    numbers: dict[str, int] = {} if first is None else {first: 0}
    ids = [[numbers.setdefault(word, len(numbers)) for word in text.split()] for text in texts]
    return ids, list(numbers)
