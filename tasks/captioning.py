"""Captions of images: one to many."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seq.data import (
    CaptionDataset,
    DataError,
    ImageFeatures,
    TextCodec,
    decode_pictures,
    load_captions,
    read_picture,
)
from keras_seq.decoding import Search
from keras_seq.export import export_seq2seq
from keras_seq.models import BackboneEncoder, FeatureEncoder, SmallImageEncoder, image_captioner
from tasks import report_captioning
from tasks.caption_baseline import nearest_neighbour_captions
from tasks.captioner import Captioner, caption_quality, search_of
from tasks.captioning_data import (
    CODEC,
    FILES,
    PICTURES,
    CaptioningData,
    picture_named,
    plain_captions,
    samples,
)
from tasks.config import ConfigError, TaskConfig, option, read
from tasks.task import Task

BUILTIN, CNN, FEATURES = "builtin", "cnn", "features"


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the captioning task."""

    data: str = option("builtin", "builtin, or a folder in the layout of Flickr8k")
    features: str = option("", "file of features (.npz) that is read in place of the pictures")
    bad_pictures: str = option("refuse", "what becomes of files that are no pictures: refuse, skip")
    unmatched: str = option(
        "skip", "what becomes of captions without image and the like: skip, refuse"
    )
    image_size: int = option(
        0, "side that pictures are brought to; 0: 32 if builtin, 64 for the cnn, else 224"
    )
    encoder: str = option("cnn", "cnn, features, or the name of a network of keras.applications")
    weights: str = option("imagenet", "of such a network: imagenet, a file (.h5, .keras), or none")
    fine_tune: bool = option(False, "whether such a network is trained too")
    filters: tuple[int, ...] = option((32, 64, 128), "of each convolution of the cnn")
    encoder_units: int = option(128, "width of what is seen at each place of an image")
    decoder: str = option("attention", "attention (Show, Attend and Tell) or initial_state")
    cell: str = option("lstm", "recurrent layer of the decoder: lstm, gru, …")
    units: int = option(128, "size of the decoder's states")
    layers: int = option(1, "recurrent layers of the decoder")
    embedding_units: int = option(64, "width of the word vectors")
    attention_penalty: float = option(0.0, "how much it costs to leave places unlooked at")
    vocabulary_size: int = option(10_000, "words kept, the most frequent of the training captions")
    min_count: int = option(1, "words seen less often in training are unknown")
    max_length: int = option(24, "most words of a caption, its end counted; longer: not trained on")
    dropout: float = option(0.1, "rate, in encoder and decoder")
    label_smoothing: float = option(0.0, "share of the loss that goes to all words alike")
    batch_size: int = option(64, "captions in a batch")
    epochs: int = option(9, "passes over the training captions")
    learning_rate: float = option(3e-3, "of Adam after warming up; it falls to zero along a cosine")
    warmup_steps: int = option(50, "steps in which the learning rate rises from zero")
    averaging: float = option(0.98, "momentum of the average of the weights; 0: no average")
    beam_width: int = option(3, "hypotheses followed at a test; 1: greedy")
    length_penalty: float = option(1.0, "exponent by which the beam favours longer captions")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the data, the model and the codec check themselves is left to them.
        rates = ("dropout", "label_smoothing", "averaging")
        sizes = ("encoder_units", "units", "embedding_units", "batch_size", "beam_width")
        self.check(
            image_size=(self.image_size >= 0, "at least 1, or 0 to leave it to the data"),
            length_penalty=(0 <= self.length_penalty < 10, "at least 0 and below 10"),
            learning_rate=(0 < self.learning_rate < 10, "a number above 0 and below 10"),
            warmup_steps=(self.warmup_steps >= 0, "at least 0"),
            max_length=(self.max_length >= 2, "at least 2"),
            **{size: (getattr(self, size) >= 1, "at least 1") for size in sizes},
            **{rate: (0 <= getattr(self, rate) < 1, "in [0, 1)") for rate in rates},
        )
        if bool(self.features) != (self.encoder == FEATURES):
            raise ConfigError(
                "Features are read by the encoder for them, and by no other: give both --set "
                f"encoder={FEATURES} and --set features=FILE.npz, or neither."
            )


class Captioning(Task):
    """Describes images."""

    name = "captioning"
    config_type = Config
    files = FILES
    monitor = "val_cider"
    own_input = "picture.jpg"
    axis_labels: ClassVar = {
        "loss": "loss (nats per word)",
        "accuracy": "accuracy (share of words)",
        "bleu_4": "BLEU-4 (greedy)",
        "cider": "CIDEr-D (greedy, 0 to 10)",
    }

    def load(self, config, run=None, *, test_only=False):
        """See `Task`."""
        # A run keeps the size of its pictures, whatever another source would have.
        shape = samples(run)[1].shape[1:] if run is not None else None
        size = shape[0] if shape and not config.features else _size(config)
        images = load_captions(
            config.data,
            size=size or None,
            features=config.features or None,
            bad_pictures=config.bad_pictures,
            unmatched=config.unmatched,
            seed=config.seed,
        )
        if test_only and not images.own_test_part:
            images = images.all_for_testing()
        if shape and images.test.inputs.shape[1:] != shape:
            raise DataError(
                f"{config.features} holds features of the shape {images.test.inputs.shape[1:]}; "
                f"the run in {run.path} was trained on {shape}. Give features of the same network."
            )
        for part in (images.validation, images.test):
            plain_captions(part)  # none without words
        if run is not None:
            return CaptioningData(config, images, TextCodec.load(run.path, CODEC))
        return CaptioningData(config, images, _fitted(config, images))

    def build(self, config, data):
        """See `Task`."""
        model = image_captioner(
            len(data.codec),
            _encoder(config, data.images.train.inputs.shape[1:]),
            decoder=config.decoder,
            units=config.units,
            layers=config.layers,
            cell=config.cell,
            embedding_units=config.embedding_units,
            attention_penalty=config.attention_penalty,
            dropout=config.dropout,
            label_smoothing=config.label_smoothing,
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
        """BLEU-4 and CIDEr-D of the validation part, by greedy search."""
        found = data.quality(data.captioner(model), data.images.validation)
        return {"val_bleu_4": found.bleu[-1], "val_cider": found.cider}

    def test_figures(self, model, data):
        """BLEU-1 to BLEU-4, CIDEr-D and exact captions, by greedy search and by the beam."""
        figures: dict[str, Any] = {}
        width, penalty = data.config.beam_width, data.config.length_penalty
        searches = {"greedy": {"width": 1}}
        if width > 1:
            searches[f"beam_{width}"] = {"width": width, "length_penalty": penalty}
        for name, search in searches.items():
            found = data.quality(data.captioner(model, **search), data.images.test)
            figures |= {**found.figures("test_", f"_{name}"), "bleu_signature": found.signature}
        return figures

    def predict(self, run, inputs: Iterable[str], **options) -> Iterator[str]:
        """See `Task`.

        Args:
            run: The run.
            inputs: Picture files; of a run on features, names of images that they are of.
            options: `width` of the beam, or `temperature` to draw words; `attention`, a picture to
                write.
        """
        config = read(Config, run.config())
        place = options.pop("attention", None)
        if place:
            report_captioning.refuse_picture(place, config.decoder)
        search = _search(config, options)
        shape = samples(run)[1].shape[1:]
        made = ImageFeatures.read(config.features) if config.features else None
        codec = TextCodec.load(run.path, CODEC)
        captioner = Captioner(
            run.model(), codec, max_length=config.max_length, with_attention=bool(place), **search
        )
        for number, name in enumerate(inputs, start=1):
            if not name.strip():
                yield f"input {number} is empty: there is nothing to describe"
                continue
            try:
                given = made.of(name) if made else read_picture(name, shape[0])
                picture = picture_named(config, name) if made and place else given
            except DataError as error:
                yield f"input {number}: {error}"
                continue
            [found] = captioner(given[np.newaxis])
            yield found.text
            if place:
                path = report_captioning.draw_attention(found, picture, Path(place), number)
                yield f"attention: {path}"

    def export(self, run, folder: Path, on_stage, options):
        """See `Task`."""
        config = read(Config, run.config())
        if options.length is not None:
            raise ConfigError(
                "--length is that of texts; images have one size, that of the run: leave it out."
            )
        _, inputs = samples(run)
        reader = None  # features have no files that they could be read from
        if not config.features:
            reader = functools.partial(decode_pictures, size=len(inputs[0]))
        searches: dict[str, Search] = {"greedy": search_of()}
        if config.beam_width > 1:
            searches["beam"] = search_of(config.beam_width, config.length_penalty)
        return export_seq2seq(
            run.model(),
            folder,
            searches=searches,
            max_length=config.max_length,
            codec_source=reader,
            codec_target=TextCodec.load(run.path, CODEC),
            check_inputs=[inputs],
            tflite=options,
            on_stage=on_stage,
        )

    def report_parts(self, run, data, model):
        """See `Task`."""
        return report_captioning.sections(data, model)

    def demo_config(self):
        """Small enough for two cores and two minutes."""
        return Config()

    def examples(self, run):
        """See `Task`: pictures of the test part that lie with the run."""
        return [str(run / name) for name in PICTURES if (run / name).exists()]

    def baselines(self, data):
        """See `Task`: what was said of the training image that looks most alike."""
        train, test = data.images.train, data.images.test
        found = nearest_neighbour_captions(train, test, plain_captions(train))
        quality = caption_quality(found, plain_captions(test))
        return quality.figures("nearest_neighbour_test_")


def _size(config: Config) -> int:
    """The side of a picture; 0 where the data have one of their own."""
    small = config.encoder == CNN and config.data != BUILTIN
    return config.image_size or (64 if small else 0)


def _fitted(config: Config, images: CaptionDataset) -> TextCodec:
    return TextCodec.fit(
        [text for texts in plain_captions(images.train) for text in texts],
        "words",
        size=config.vocabulary_size,
        min_count=config.min_count,
        lowercase=True,
    )


def _encoder(config: Config, shape: tuple[int, ...]) -> keras.layers.Layer:
    # A seed of its own: with that of the decoder their dropouts would be alike.
    shared = {"dropout": config.dropout, "seed": config.seed + 1}
    if config.encoder == FEATURES:
        return FeatureEncoder(shape, config.encoder_units, **shared)
    if config.encoder == CNN:
        return SmallImageEncoder(shape, config.encoder_units, filters=config.filters, **shared)
    weights = None if config.weights == "none" else config.weights
    own = {"backbone": config.encoder, "weights": weights, "fine_tune": config.fine_tune}
    return BackboneEncoder(shape, config.encoder_units, **own, **shared)


def _search(config: Config, options: dict[str, Any]) -> dict[str, Any]:
    """What `search_of` takes: the run's beam, or what was asked for in its place."""
    width, temperature = options.get("width"), options.get("temperature")
    if width is not None and width < 1:
        raise DataError(f"--width must be at least 1; got {width}.")
    if temperature is not None and not 0 < temperature < float("inf"):
        raise DataError(f"--temperature must be a number above 0; got {temperature}.")
    if width is not None and temperature is not None:
        raise DataError("--width is of a beam, and --temperature draws words: give one of them.")
    if temperature is not None:
        return {"temperature": temperature}
    return {"width": width or config.beam_width, "length_penalty": config.length_penalty}
