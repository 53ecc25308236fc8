"""Captions of images: one to many."""

import functools
import sys
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
from tasks.captioning_config import BUILTIN, CNN, FEATURES, Config
from tasks.captioning_data import (
    CODEC,
    FILES,
    PICTURES,
    CaptioningData,
    picture_named,
    plain_captions,
    samples,
)
from tasks.config import ConfigError, read
from tasks.task import Task


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
        if test_only and config.features:
            raise DataError(
                f"The run reads the features in {config.features}, which are of its own images: it "
                "is evaluated on these, without --data."
            )
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
        if shape:
            _refuse_other_features(config, images.test.inputs, shape)
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
            options: `width` of the beam, or `temperature` to draw words, by `seed` the same each
                time; `attention`, a picture to write.

        Raises:
            DataError: At the end, if inputs could not be described; the others are.
        """
        config = read(Config, run.config())
        place = options.pop("attention", None)
        if place:
            report_captioning.refuse_picture(place, config.decoder)
        search = _search(config, options)
        shape = samples(run)[1].shape[1:]
        made = ImageFeatures.read(config.features) if config.features else None
        if made:
            _refuse_other_features(config, made.values, shape)
        codec = TextCodec.load(run.path, CODEC)
        captioner = Captioner(
            run.model(), codec, max_length=config.max_length, with_attention=bool(place), **search
        )
        number = bad = 0
        for number, name in enumerate(inputs, start=1):
            try:
                if not name.strip():
                    raise DataError("it is empty: there is nothing to describe")
                given = made.of(name) if made else read_picture(name, shape[0])
                picture = picture_named(config, name) if made and place else given
            except DataError as error:
                # Not among the captions, which another program may read.
                print(f"input {number}: {error}", file=sys.stderr)
                bad += 1
                continue
            [found] = captioner(given[np.newaxis])
            yield found.text
            if place:
                path = report_captioning.draw_attention(found, picture, Path(place), number)
                yield f"attention: {path}"
        if bad:
            raise DataError(f"{bad} of {number} inputs could not be described.")

    def export(self, run, folder: Path, on_stage, options):
        """See `Task`."""
        config = read(Config, run.config())
        if options.length is not None:
            raise ConfigError(
                "--length is that of texts; images have one size, that of the run: leave it out."
            )
        model, inputs = run.model(), samples(run)[1]
        inputs = inputs.astype(model.encoder.source_dtype)  # features may be kept in halves
        reader = None  # features have no files that they could be read from
        if not config.features:
            reader = functools.partial(decode_pictures, size=len(inputs[0]))
        searches: dict[str, Search] = {"greedy": search_of()}
        if config.beam_width > 1:
            searches["beam"] = search_of(config.beam_width, config.length_penalty)
        return export_seq2seq(
            model,
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


def _refuse_other_features(config: Config, inputs: np.ndarray, shape: tuple[int, ...]) -> None:
    if inputs.shape[1:] != shape:
        raise DataError(
            f"{config.features} holds features of the shape {inputs.shape[1:]}; the run was "
            f"trained on {shape}. Give features of the same network."
        )


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
    names = ("width", "temperature", "seed")
    width, temperature, seed = (options.get(name) for name in names)
    if width is not None and width < 1:
        raise DataError(f"--width must be at least 1; got {width}.")
    if temperature is not None and not 0 < temperature < float("inf"):
        raise DataError(f"--temperature must be a number above 0; got {temperature}.")
    if width is not None and temperature is not None:
        raise DataError("--width is of a beam, and --temperature draws words: give one of them.")
    if seed is not None and (temperature is None or seed < 0):
        raise DataError(
            "--seed is a number of at least 0, beside --temperature, which draws words."
        )
    if temperature is not None:
        return {"temperature": temperature, "seed": seed}
    return {"width": width or config.beam_width, "length_penalty": config.length_penalty}
