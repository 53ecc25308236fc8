"""Pairs of sentences as batches of ids, for the translation task."""

import functools
from typing import Any

import tensorflow as tf

from keras_seq.data import (
    ParallelDataset,
    ParallelTexts,
    TextCodec,
    cut_sequences,
    fitting,
    pair_batches,
)
from tasks.task import DIGEST, Data
from tasks.translator import Quality, Translator, quality

SAMPLES = "samples.json"
SAMPLE_COUNT = 200  # test sentences kept with a run, on which its exports are checked
FILES = frozenset(
    {SAMPLES, DIGEST}
    | {f"{side}.{end}" for side in ("source", "target") for end in ("vocabulary.txt", "json")}
)


class TranslationData(Data):
    """Pairs of sentences as batches of ids."""

    def __init__(self, config: Any, texts: ParallelDataset, source: TextCodec, target: TextCodec):
        self.config, self.texts, self.source, self.target = config, texts, source, target
        self._translators: dict[tuple, tuple[Any, Translator]] = {}

    def _ids(self, part: ParallelTexts) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        source = self.source(tf.constant(part.sources))
        return source, self.target(tf.constant(part.targets), start=True, end=True)

    @functools.cached_property
    def _train_ids(self):
        longest = self.config.max_length
        return fitting(*self._ids(self.texts.train), source_length=longest, target_length=longest)

    @property
    def too_long(self) -> int:
        """How many training pairs are left out."""
        return self._train_ids.dropped

    def train(self, epoch):
        """See `Data`."""
        return pair_batches(
            self._train_ids.source,
            self._train_ids.target,
            batch_size=self.config.batch_size,
            shuffle_seed=self.config.seed,
            epoch=epoch,
        )

    def validation(self):
        """See `Data`."""
        return self._in_order(self.texts.validation)

    def test(self):
        """See `Data`."""
        return self._in_order(self.texts.test)

    def _in_order(self, part: ParallelTexts) -> tf.data.Dataset:
        # Those that are too long are cut: every sentence counts in a test.
        longest = self.config.max_length
        source, target = self._ids(part)
        return pair_batches(source[:, :longest], cut_sequences(target, longest), batch_size=128)

    def save(self, run):
        """See `Data`."""
        self.source.save(run.path, "source")
        self.target.save(run.path, "target")
        test = self.texts.test
        samples = test.take(range(min(SAMPLE_COUNT, len(test))))
        run.write_json(SAMPLES, {"sources": samples.sources, "targets": samples.targets})
        self.save_digest(run)

    def contents(self):
        """See `Data`."""
        parts = (self.texts.train, self.texts.validation, self.texts.test)
        return ([part.sources, part.targets] for part in parts)

    @property
    def sizes(self):
        """See `Data`."""
        sizes = {p: len(getattr(self.texts, p)) for p in ("train", "validation", "test")}
        return {**sizes, "train": sizes["train"] - self.too_long}

    def translator(self, model, **options) -> Translator:
        """A translator with these codecs; the same one for the same model, traced once."""
        key = (id(model), *sorted(options.items()))
        if key not in self._translators:
            longest = self.config.max_length
            made = Translator(model, self.source, self.target, max_length=longest, **options)
            self._translators[key] = (model, made)  # which keeps the model, so no other has its id
        return self._translators[key][1]

    def quality(self, translator: Translator, part: ParallelTexts) -> Quality:
        """How well a part is translated."""
        found = [translation.text for translation in translator(part.sources)]
        return quality(
            found,
            part.targets,
            lowercase=self.config.lowercase,
            tokenize=self.config.bleu_tokenize,
        )
