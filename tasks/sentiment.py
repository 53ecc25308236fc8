"""Sentiment of a review: many to one."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import tensorflow as tf

from keras_seq.data import (
    DataError,
    LabelledTexts,
    TextDataset,
    Tokenizer,
    bag_of_words_accuracy,
    bucketed_batches,
    load_texts,
)
from keras_seq.export import export_all
from keras_seq.models import sequence_classifier
from tasks.config import option
from tasks.run_directory import RunDirectory
from tasks.task import Data, Task

SAMPLES = 64  # test texts kept with a run, on which its exports are checked


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the sentiment task."""

    data: str = option("builtin", "builtin, tfds:NAME, or a path: CSV, TSV, JSONL, folder of texts")
    seed: int = option(0, "seed of the weights, the dropouts, the order and the held-out part")
    vocabulary_size: int = option(30_000, "words kept, the most frequent of the training texts")
    max_length: int = option(600, "words of a text that are read")
    keep: str = option("end", "which part of a longer text is read: start or end")
    bucket_lengths: tuple[int, ...] = option(
        (50, 100, 150, 200, 300, 400, 600), "lengths that texts are padded to; max_length is added"
    )
    batch_size: int = option(64, "texts in a batch")
    epochs: int = option(3, "passes over the training texts")
    learning_rate: float = option(2e-3, "of Adam at the start; it falls to zero along a cosine")
    cell: str = option("gru", "simple_rnn, lstm or gru")
    units: int = option(64, "size of the state of each direction")
    layers: int = option(1, "recurrent layers on one another")
    bidirectional: bool = option(True, "whether to read in both directions")
    embedding_units: int = option(128, "size of the word vectors; 0: one-hot input")
    pooling: str = option("max", "what is kept of all steps: max, mean, max+mean or last")
    dropout: float = option(0.5, "rate before the last layer")
    embedding_dropout: float = option(0.3, "rate on the features of the word vectors")
    word_dropout: float = option(0.0, "rate at which words become unknown in training")


class SentimentData(Data):
    """Labelled texts as batches of ids."""

    def __init__(self, config: Config, texts: TextDataset, tokenizer: Tokenizer):
        self.config, self.texts, self.tokenizer = config, texts, tokenizer
        lengths = {b for b in config.bucket_lengths if b < config.max_length}
        self.bucket_lengths = sorted(lengths | {config.max_length})
        self._encoded = tokenizer.encode(texts.train.texts)

    def train(self, epoch):
        """See `Data`."""
        return bucketed_batches(
            self._encoded,
            self.texts.train.labels,
            bucket_lengths=self.bucket_lengths,
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

    def _in_order(self, part: LabelledTexts) -> tf.data.Dataset:
        return bucketed_batches(
            self.tokenizer.encode(part.texts),
            part.labels,
            bucket_lengths=self.bucket_lengths,
            batch_size=256,
        )

    def save(self, run):
        """See `Data`."""
        self.tokenizer.save(run.path)
        run.write_json("labels.json", list(self.texts.label_names))
        run.write_json("samples.json", self.texts.test.texts[:SAMPLES])

    @property
    def examples(self):
        """See `Data`."""
        return len(self.texts.train)


class Sentiment(Task):
    """Labels texts: reviews as positive or negative, or any classes that the data has."""

    name = "sentiment"
    config_type = Config
    demo_inputs = (
        "Critics called it dull and hollow. To me the film was wonderful and quite graceful.",
        "The advert made the radio look superb. But in the end it turned out to be flimsy.",
        "Not for a single minute did I think of the plot as boring. The ending was superb.",
    )

    def load(self, config, run=None):
        """See `Task`."""
        texts = load_texts(config.data, seed=config.seed)
        if run is None:
            tokenizer = Tokenizer.fit(
                texts.train.texts,
                max_words=config.vocabulary_size,
                max_length=config.max_length,
                keep=config.keep,
            )
            return SentimentData(config, texts, tokenizer)
        labels = run.read_json("labels.json")
        if list(texts.label_names) != labels:
            raise DataError(
                f"{config.data} has the classes {', '.join(texts.label_names)}; the run in "
                f"{run.path} knows {', '.join(labels)}. Rename the labels of the data."
            )
        return SentimentData(config, texts, Tokenizer.load(run.path))

    def build(self, config, data):
        """See `Task`."""
        model = sequence_classifier(
            len(data.tokenizer),
            len(data.texts.label_names),
            cell=config.cell,
            units=config.units,
            layers=config.layers,
            bidirectional=config.bidirectional,
            embedding_units=config.embedding_units,
            pooling=config.pooling,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            word_dropout=config.word_dropout,
            seed=config.seed,
            name=self.name,
        )
        steps = int(data.train(0).cardinality()) * config.epochs
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
        model.compile(
            keras.optimizers.Adam(rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    def predict(self, run: RunDirectory, inputs: Iterable[str]) -> Iterator[str]:
        """See `Task`."""
        model, tokenizer = run.model(), Tokenizer.load(run.path)
        labels = run.read_json("labels.json")
        for number, text in enumerate(inputs, start=1):
            if not text.strip():
                yield f"input {number} is empty: there is nothing to judge"
                continue
            ids, _ = tokenizer.pad(tokenizer(tf.constant([text])))
            probabilities = model(ids, training=False).numpy()[0]
            best = int(probabilities.argmax())
            line = f"{labels[best]:<10} {probabilities[best]:.3f}  {_shortened(text)}"
            # Words are fewer than tokens, so this never warns in vain.
            if len(text.split()) > tokenizer.max_length:
                line += f"  [only {tokenizer.max_length} words read, from the {tokenizer.keep}]"
            yield line

    def export(self, run, folder: Path, on_stage):
        """See `Task`."""
        return export_all(
            run.model(),
            folder,
            tokenizer=Tokenizer.load(run.path),
            labels=run.read_json("labels.json"),
            check_texts=run.read_json("samples.json"),
            on_stage=on_stage,
        )

    def demo_config(self):
        """Small enough for two cores and three minutes."""
        return Config(embedding_units=64, units=32, batch_size=32, vocabulary_size=2_000)

    def baselines(self, data):
        """See `Task`."""
        score = bag_of_words_accuracy(data.texts.train, data.texts.test, data.tokenizer)
        return {"bag_of_words_test_accuracy": score}


def _shortened(text: str, limit: int = 100) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
