"""Translation of sentences: many to many."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras

from keras_seq.data import (
    DataError,
    TextCodec,
    load_pairs,
    word_by_word_accuracy,
)
from keras_seq.decoding import Beam, Greedy, Search
from keras_seq.export import export_seq2seq
from keras_seq.models import sequence_to_sequence
from tasks import report_translation
from tasks.config import ConfigError, TaskConfig, option
from tasks.run_directory import RunDirectory
from tasks.task import Task
from tasks.translation_data import FILES, SAMPLES, TranslationData
from tasks.translator import Translator, bleu_metric

PIECES = ("subwords", "words", "characters")


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the translation task."""

    data: str = option(
        "builtin", "builtin, a tab-separated file (.tsv, .gz, .zip), FOLDER:de-en, or tfds:NAME"
    )
    reverse: bool = option(False, "whether to translate from the second language to the first")
    drop_empty: bool = option(False, "whether pairs with an empty side are left out, not refused")
    source_pieces: str = option(
        "subwords", "what a source id stands for: subwords, words, characters"
    )
    target_pieces: str = option("subwords", "what a target id stands for")
    vocabulary_size: int = option(8_000, "pieces kept of each language, or of both if shared")
    shared_vocabulary: bool = option(True, "whether both languages share pieces and their vectors")
    lowercase: bool = option(False, "whether capital letters are made small")
    max_length: int = option(60, "most pieces of a sentence; longer ones are not trained on")
    architecture: str = option("bahdanau", "sutskever, cho, bahdanau, luong or transformer")
    cell: str = option("", "recurrent layer in place of the paper's: lstm, gru, …")
    units: int = option(512, "size of the decoder's states, or width of a Transformer")
    layers: int = option(1, "layers of the encoder and of the decoder")
    embedding_units: int = option(256, "width of the token vectors of a recurrent model")
    heads: int = option(4, "heads of a Transformer")
    hidden_units: int = option(0, "width of a Transformer's inner layers; 0: four times units")
    dropout: float = option(0.3, "rate, in encoder and decoder")
    label_smoothing: float = option(0.1, "share of the loss that goes to all pieces alike")
    scheduled_sampling: float = option(0.0, "rate at which the decoder reads its own predictions")
    batch_size: int = option(64, "sentences in a batch")
    epochs: int = option(12, "passes over the training sentences")
    learning_rate: float = option(1e-3, "of Adam after warming up; it falls to zero along a cosine")
    warmup_steps: int = option(400, "steps in which the learning rate rises from zero")
    averaging: float = option(0.0, "momentum of the average of the weights; 0: no average")
    beam_width: int = option(5, "hypotheses followed at a test; 1: greedy")
    length_penalty: float = option(1.0, "exponent by which the beam favours longer sentences")
    bleu_tokenize: str = option("13a", "how sacrebleu cuts words: 13a, for Chinese zh, char, …")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the model and the codec check themselves is left to them.
        rates = ("dropout", "label_smoothing", "averaging")
        self.check(
            source_pieces=(self.source_pieces in PIECES, " or ".join(PIECES)),
            target_pieces=(self.target_pieces in PIECES, " or ".join(PIECES)),
            batch_size=(self.batch_size >= 1, "at least 1"),
            beam_width=(self.beam_width >= 1, "at least 1"),
            length_penalty=(0 <= self.length_penalty < 10, "at least 0 and below 10"),
            learning_rate=(0 < self.learning_rate < 10, "a number above 0 and below 10"),
            warmup_steps=(self.warmup_steps >= 0, "at least 0"),
            max_length=(self.max_length >= 2, "at least 2"),
            units=(self.units >= 1, "at least 1"),
            **{rate: (0 <= getattr(self, rate) < 1, "in [0, 1)") for rate in rates},
        )
        if self.shared_vocabulary and self.source_pieces != self.target_pieces:
            raise ConfigError(
                f"Languages cut into {self.source_pieces} and {self.target_pieces} share no "
                "vocabulary: add --set shared_vocabulary=false."
            )


class Translation(Task):
    """Translates sentences."""

    name = "translation"
    config_type = Config
    files = FILES
    monitor = "val_bleu"
    demo_inputs = ("the happy woman sings", "three small dogs sleep", "the old man sees two birds")
    axis_labels: ClassVar = {
        "loss": "loss (nats per piece)",
        "accuracy": "accuracy (share of pieces)",
        "bleu": "BLEU (greedy)",
    }

    def load(self, config, run=None, *, test_only=False):
        """See `Task`."""
        # A tokenizer that is not there would be missed after an epoch only.
        bleu_metric(lowercase=config.lowercase, tokenize=config.bleu_tokenize)
        texts = load_pairs(
            config.data, reverse=config.reverse, drop_empty=config.drop_empty, seed=config.seed
        )
        if test_only and not texts.own_test_part:
            texts = texts.all_for_testing()
        if run is not None:
            return TranslationData(config, texts, *_codecs(run))
        fit = functools.partial(
            TextCodec.fit, size=config.vocabulary_size, lowercase=config.lowercase
        )
        train = texts.train
        if config.shared_vocabulary:
            both = fit(train.sources + train.targets, kind=config.source_pieces)
            return TranslationData(config, texts, both, both)
        source = fit(train.sources, kind=config.source_pieces)
        target = fit(train.targets, kind=config.target_pieces)
        return TranslationData(config, texts, source, target)

    def build(self, config, data):
        """See `Task`."""
        model = sequence_to_sequence(
            len(data.source),
            len(data.target),
            architecture=config.architecture,
            units=config.units,
            layers=config.layers,
            cell=config.cell or None,
            embedding_units=config.embedding_units,
            heads=config.heads,
            hidden_units=config.hidden_units or None,
            dropout=config.dropout,
            label_smoothing=config.label_smoothing,
            scheduled_sampling=config.scheduled_sampling,
            share_embeddings=config.shared_vocabulary,
            seed=config.seed,
        )
        model.build()
        steps = int(data.train(0).cardinality()) * config.epochs
        warmup = min(config.warmup_steps, steps // 2)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else config.learning_rate,
            steps - warmup,
            warmup_target=config.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
        average = {"use_ema": True, "ema_momentum": config.averaging} if config.averaging else {}
        self.compile(model, config, keras.optimizers.Adam(rate, global_clipnorm=1.0, **average))
        return model

    def compile(self, model, config, optimizer=None):
        """See `Task`: the model knows its loss."""
        model.compile(optimizer=optimizer or "adam")

    def validation_figures(self, model, data):
        """BLEU of the validation part, by greedy search."""
        found = data.quality(data.translator(model), data.texts.validation)
        return {"val_bleu": found.bleu}

    def test_figures(self, model, data):
        """BLEU, chrF and exact sentences, by greedy search and by the beam."""
        figures: dict[str, Any] = {}
        width, penalty = data.config.beam_width, data.config.length_penalty
        searches = {"greedy": {"width": 1}}
        if width > 1:
            searches[f"beam_{width}"] = {"width": width, "length_penalty": penalty}
        for name, search in searches.items():
            found = data.quality(data.translator(model, **search), data.texts.test)
            figures |= {
                f"test_bleu_{name}": found.bleu,
                f"test_chrf_{name}": found.chrf,
                f"test_exact_{name}": found.exact,
                "bleu_signature": found.signature,
            }
        return figures

    def _translator(self, run: RunDirectory, **options) -> Translator:
        config = dict(run.config())
        search = {"width": config["beam_width"], "length_penalty": config["length_penalty"]}
        search |= options
        codecs = _codecs(run)
        return Translator(run.model(), *codecs, max_length=config["max_length"], **search)

    def predict(self, run, inputs: Iterable[str], **options) -> Iterator[str]:
        """See `Task`.

        Args:
            run: The run.
            inputs: Sentences.
            options: `width` of the beam; `attention`, a picture to write.
        """
        picture = options.pop("attention", None)
        if picture:
            report_translation.refuse_picture(picture, run.config()["architecture"])
        if (width := options.get("width", 1)) < 1:
            raise DataError(f"--width must be at least 1; got {width}.")
        translator = self._translator(run, with_attention=bool(picture), **options)
        for number, text in enumerate(inputs, start=1):
            [found] = translator([text])
            if not found.source:  # of spaces, or of characters that mean nothing, too
                yield f"input {number} is empty: there is nothing to translate"
                continue
            line = found.text
            if found.cut:
                read = len(found.source)
                line += f"  [read {read:,} of {read + found.cut:,} pieces]"
            yield line
            if picture:
                path = report_translation.draw_attention(found, Path(picture), number)
                yield f"attention: {path}"

    def export(self, run, folder: Path, on_stage, options):
        """See `Task`."""
        config = run.config()
        source, target = _codecs(run)
        longest = config["max_length"]
        if options.profile == "portable" and options.length is None:
            options = dataclasses.replace(options, length=longest)
        width, penalty = config["beam_width"], config["length_penalty"]
        searches: dict[str, Search] = {"greedy": Greedy()}
        if width > 1:
            searches["beam"] = Beam(width, length_penalty=penalty)
        return export_seq2seq(
            run.model(),
            folder,
            searches=searches,
            max_length=longest,
            codec_source=source,
            codec_target=target,
            check_texts=run.read_json(SAMPLES)["sources"],
            tflite=options,
            on_stage=on_stage,
        )

    def report_parts(self, run, data, model):
        """See `Task`."""
        return report_translation.sections(data, model)

    def demo_config(self):
        """Small enough for two cores and a few minutes."""
        return Config(
            units=128,
            embedding_units=64,
            vocabulary_size=400,
            source_pieces="words",
            target_pieces="words",
            shared_vocabulary=False,
            dropout=0.1,
            label_smoothing=0.0,
            learning_rate=3e-3,
            warmup_steps=100,
            averaging=0.99,
            epochs=10,
            max_length=24,
        )

    def baselines(self, data):
        """See `Task`."""
        return {"word_by_word_test_exact": word_by_word_accuracy(data.texts)}


def _codecs(run: RunDirectory) -> list[TextCodec]:
    """Those of the source and of the target."""
    return [TextCodec.load(run.path, side) for side in ("source", "target")]
