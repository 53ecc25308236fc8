"""Running text as batches of chunks, for the language model task."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.data import DataError, LanguageTexts, Symbols, chunk_batches
from tasks.task import DIGEST, Data

SAMPLES, CALIBRATION = "samples.json", "calibration.json"
SAMPLE_COUNT, SAMPLE_SYMBOLS = 16, 64  # stretches kept with a run, and the length of each
FILES = frozenset({SAMPLES, CALIBRATION, DIGEST, "symbols.json"})
PARTS = ("train", "validation", "test")
_TEST_LENGTH = 128  # of a chunk: as states are carried, it changes no figure


class LanguageData(Data):
    """Text as ids, in chunks that go on where those before them ended."""

    def __init__(self, config: Any, texts: LanguageTexts, symbols: Symbols):
        self.config, self.texts, self.symbols = config, texts, symbols
        self._ids: dict[str, np.ndarray] = {}

    def ids(self, part: str) -> np.ndarray:
        """The ids of a part, (N,).

        Raises:
            DataError: It holds unknown symbols, or fewer than two.
        """
        if part not in self._ids:
            place = f"{self.texts.name}, {part} part"
            try:
                ids = self.symbols.encode(getattr(self.texts, part))
            except DataError as error:
                raise DataError(f"{place}: {error}") from error
            if len(ids) < 2:
                raise DataError(
                    f"{place}: too short to predict any of its {self.symbols.level}; give a longer "
                    "text."
                )
            self._ids[part] = ids
        return self._ids[part]

    def check(self) -> None:
        """Looks whether all parts can be cut into chunks.

        Raises:
            DataError: A part holds unknown symbols, or is too short.
        """
        for make in (lambda: self.train(0), self.validation, self.test):
            make()

    def train(self, epoch):
        """See `Data`: the order of a text is no other in another epoch."""
        return self._train_batches

    @functools.cached_property
    def _train_batches(self) -> tf.data.Dataset:
        config = self.config
        try:
            return chunk_batches(self.ids("train"), config.batch_size, config.length)
        except ValueError as error:
            raise DataError(
                f"{self.texts.name}, train part: {error} The options are batch_size and length."
            ) from error

    def validation(self):
        """See `Data`: in as many streams as in training, where it is long enough."""
        ids, config = self.ids("validation"), self.config
        return _in_streams(ids, config.batch_size, config.length)

    def test(self):
        """See `Data`."""
        return _in_streams(self.ids("test"), self.config.test_streams, _TEST_LENGTH)

    def save(self, run):
        """See `Data`."""
        self.symbols.save(run.path)
        run.write_json(SAMPLES, self._stretches("test"))
        run.write_json(CALIBRATION, self._stretches("train"))
        self.save_digest(run)

    def _stretches(self, part: str) -> list[list[int]]:
        """Ids of some places of a part, evenly spaced, of one length."""
        ids = self.ids(part)
        length = min(SAMPLE_SYMBOLS, len(ids))
        places = np.linspace(0, len(ids) - length, SAMPLE_COUNT).astype(int)
        return [ids[place : place + length].tolist() for place in np.unique(places)]

    def contents(self):
        """See `Data`."""
        return (getattr(self.texts, part) for part in PARTS)

    @property
    def sizes(self):
        """See `Data`: how many symbols are predicted."""
        return {p: len(self.ids(p)) - 1 if getattr(self.texts, p) else 0 for p in PARTS}


def _in_streams(ids: np.ndarray, streams: int, length: int) -> tf.data.Dataset:
    """Batches of so many streams; of one, if they would be shorter than a chunk."""
    targets = len(ids) - 1
    if targets < streams * length:
        streams, length = 1, min(length, targets)
    return chunk_batches(ids, streams, length)
