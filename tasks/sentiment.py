"""Sentiment of a review: many to one."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
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
from keras_seq.export import TFLiteOptions, export_all
from keras_seq.models import sequence_classifier
from tasks import report_sentiment
from tasks.config import TaskConfig, option
from tasks.run_directory import RunDirectory
from tasks.task import DIGEST, Data, Task

LABELS, SAMPLES = "labels.json", "samples.json"
CALIBRATION, HELD_OUT = "calibration.json", "held_out.json"
SAMPLE_COUNT = 64  # test texts kept with a run, on which its exports are checked
CALIBRATION_COUNT = 128  # training texts, to which an int8 export fits its whole numbers
HELD_OUT_COUNT = 256  # validation texts, on which a rounded export is measured


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the sentiment task."""

    data: str = option("builtin", "builtin, tfds:NAME, or a path: CSV, TSV, JSONL, folder of texts")
    vocabulary_size: int = option(20_000, "words kept, the most frequent of the training texts")
    max_length: int = option(600, "tokens of a text that are read: words and punctuation marks")
    keep: str = option("end", "which part of a longer text is read: start or end")
    bucket_lengths: tuple[int, ...] = option(
        (50, 100, 150, 200, 300, 400, 600), "lengths that texts are padded to; max_length is added"
    )
    batch_size: int = option(64, "texts in a batch")
    epochs: int = option(5, "passes over the training texts")
    learning_rate: float = option(2e-3, "of Adam at the start; it falls to zero along a cosine")
    cell: str = option(
        "gru", "recurrent layer: gru, lstm, peephole_lstm, … (a wrong name lists them)"
    )
    units: int = option(64, "size of the state of each direction")
    layers: int = option(1, "recurrent layers on one another")
    bidirectional: bool = option(True, "whether to read in both directions")
    embedding_units: int = option(128, "size of the word vectors; 0: one-hot input")
    pooling: str = option("max", "what is kept of all steps: max, mean, max+mean or last")
    dropout: float = option(0.5, "rate before the last layer")
    embedding_dropout: float = option(0.3, "rate on the features of the word vectors")
    word_dropout: float = option(0.25, "rate at which words become unknown in training")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the model and the tokenizer check themselves is left to them.
        rates = ("dropout", "embedding_dropout", "word_dropout")
        self.check(
            batch_size=(self.batch_size >= 1, "at least 1"),
            bucket_lengths=(min(self.bucket_lengths, default=1) >= 1, "lengths of at least 1"),
            learning_rate=(0 < self.learning_rate < 10, "a number above 0 and below 10"),
            units=(self.units >= 1, "at least 1"),
            vocabulary_size=(self.vocabulary_size >= 1, "at least 1"),
            **{rate: (0 <= getattr(self, rate) < 1, "in [0, 1)") for rate in rates},
        )


class SentimentData(Data):
    """Labelled texts as batches of ids."""

    def __init__(self, config: Config, texts: TextDataset, tokenizer: Tokenizer):
        self.config, self.texts, self.tokenizer = config, texts, tokenizer
        lengths = {b for b in config.bucket_lengths if b < config.max_length}
        self.bucket_lengths = sorted(lengths | {config.max_length})

    @functools.cached_property
    def _train_ids(self) -> tf.RaggedTensor:
        return self.tokenizer.encode(self.texts.train.texts)

    def train(self, epoch):
        """See `Data`."""
        return bucketed_batches(
            self._train_ids,
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

    def test_with_rows(self) -> tf.data.Dataset:
        """The test batches, with the numbers of their texts in third place."""
        return self._in_order(self.texts.test, with_index=True)

    def _in_order(self, part: LabelledTexts, *, with_index: bool = False) -> tf.data.Dataset:
        return bucketed_batches(
            self.tokenizer.encode(part.texts),
            part.labels,
            bucket_lengths=self.bucket_lengths,
            batch_size=256,
            with_index=with_index,
        )

    def save(self, run):
        """See `Data`."""
        self.tokenizer.save(run.path)
        run.write_json(LABELS, list(self.texts.label_names))
        run.write_json(SAMPLES, self.texts.test.texts[:SAMPLE_COUNT])
        run.write_json(CALIBRATION, self.texts.train.texts[:CALIBRATION_COUNT])
        held_out = self.texts.validation
        texts, labels = held_out.texts[:HELD_OUT_COUNT], held_out.labels[:HELD_OUT_COUNT]
        run.write_json(HELD_OUT, {"texts": texts, "labels": labels.tolist()})
        self.save_digest(run)

    def contents(self):
        """See `Data`."""
        parts = (self.texts.train, self.texts.validation, self.texts.test)
        return ([part.texts, part.labels.tolist()] for part in parts)

    @property
    def sizes(self):
        """See `Data`."""
        texts = self.texts
        return {p: len(getattr(texts, p)) for p in ("train", "validation", "test")}


class Sentiment(Task):
    """Labels texts: reviews as positive or negative, or any classes that the data has."""

    name = "sentiment"
    config_type = Config
    files = frozenset(
        {LABELS, SAMPLES, DIGEST, CALIBRATION, HELD_OUT, "vocabulary.txt", "tokenizer.json"}
    )
    axis_labels: ClassVar = {
        "loss": "loss (nats per text)",
        "accuracy": "accuracy (share of texts)",
    }
    demo_inputs = (
        "Critics called it dull and hollow. To me the film was wonderful and quite graceful.",
        "The advert made the radio look superb. But in the end it turned out to be flimsy.",
        "Nobody would have called the plot boring. No matter whom you ask, the ending was superb.",
    )

    def load(self, config, run=None, *, test_only=False):
        """See `Task`."""
        texts = load_texts(config.data, seed=config.seed)
        if test_only and not texts.own_test_part:
            texts = texts.all_for_testing()
        if run is None:
            tokenizer = Tokenizer.fit(
                texts.train.texts,
                max_words=config.vocabulary_size,
                max_length=config.max_length,
                keep=config.keep,
            )
            return SentimentData(config, texts, tokenizer)
        labels = run.read_json(LABELS)
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
        self.compile(model, config, keras.optimizers.Adam(rate))
        return model

    def compile(self, model, config, optimizer=None):
        """See `Task`."""
        loss, metrics = "sparse_categorical_crossentropy", ["accuracy"]
        model.compile(optimizer or "adam", loss=loss, metrics=metrics)

    def predict(self, run: RunDirectory, inputs: Iterable[str], **options) -> Iterator[str]:
        """See `Task`."""
        model, tokenizer = run.model(), Tokenizer.load(run.path)
        labels = run.read_json(LABELS)

        # Traced once for every length; outside a graph each step would be run by Python.
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
        def judge(texts):
            ids, _ = tokenizer.pad(tokenizer(texts))
            return model(ids, training=False)

        for number, text in enumerate(inputs, start=1):
            if not text.strip():
                yield f"input {number} is empty: there is nothing to judge"
                continue
            probabilities = judge(tf.constant([text])).numpy()[0]
            best = int(probabilities.argmax())
            line = f"{labels[best]:<10} {probabilities[best]:.3f}  {_shortened(text)}"
            tokens = tokenizer.count([text])[0]
            if tokens > tokenizer.max_length:
                side = "last" if tokenizer.keep == "end" else "first"
                line += f"  [read the {side} {tokenizer.max_length:,} of {tokens:,} tokens]"
            yield line

    def export(self, run, folder: Path, on_stage, options: TFLiteOptions):
        """See `Task`."""
        tokenizer = Tokenizer.load(run.path)
        if options.profile == "portable" and options.length is None:
            options = dataclasses.replace(options, length=tokenizer.max_length)
        if options.quantize == "int8":
            ids, _ = tokenizer.pad(tokenizer(tf.constant(run.read_json(CALIBRATION))))
            options = dataclasses.replace(options, representative_data=[ids.numpy()])
        model, measure = run.model(), None
        if options.quantize:
            held_out = run.read_json(HELD_OUT)
            measure = functools.partial(_worth, model, tokenizer, held_out, options.length)
        return export_all(
            model,
            folder,
            tokenizer=tokenizer,
            labels=run.read_json(LABELS),
            check_texts=run.read_json(SAMPLES),
            tflite=options,
            measure=measure,
            on_stage=on_stage,
        )

    def report_parts(self, run, data, model):
        """See `Task`."""
        probabilities = report_sentiment.probabilities_of(model, data.test_with_rows())
        return report_sentiment.sections(data.texts, data.tokenizer, probabilities, model)

    def demo_config(self):
        """Small enough for two cores and three minutes."""
        return Config(
            embedding_units=64,
            units=32,
            batch_size=32,
            vocabulary_size=2_000,
            epochs=3,
            word_dropout=0.0,
        )

    def baselines(self, data):
        """See `Task`."""
        score = bag_of_words_accuracy(data.texts.train, data.texts.test, data.tokenizer)
        return {"bag_of_words_test_accuracy": score}


def _worth(model, tokenizer, held_out, length, run) -> dict[str, float]:
    """What rounding costs: the accuracy of the model and of its .tflite on the same texts."""
    ids = tokenizer.pad(tokenizer(tf.constant(held_out["texts"])))[0].numpy()[:, :length]
    if length:
        ids = np.pad(ids, [(0, 0), (0, length - ids.shape[1])])
    exact = model.predict(ids, verbose=0).argmax(-1)
    rounded = np.array([run({"ids": row[None]})["probabilities"].argmax() for row in ids])
    labels = np.array(held_out["labels"])
    return {
        "validation_texts": len(labels),
        "keras_accuracy": float((exact == labels).mean()),
        "tflite_accuracy": float((rounded == labels).mean()),
        "same_label": float((exact == rounded).mean()),
    }


def _shortened(text: str, limit: int = 100) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
