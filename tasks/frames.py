"""Something said of every frame of a video or of a sensor stream: many to many, aligned."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seq.data import DataError, FrameSequence, load_frames
from keras_seq.export import TFLiteOptions, export_all
from keras_seq.metrics import frame_accuracy, macro_f1
from keras_seq.models import FrameLoss, FrameMean, frame_tagger
from tasks import report_frames
from tasks.config import read
from tasks.frames_baselines import commonest, naive_errors, single_frames
from tasks.frames_config import Config
from tasks.frames_data import (
    CALIBRATION,
    FILES,
    HELD_OUT,
    SAMPLES,
    About,
    FrameReader,
    FramesData,
    read_arrays,
)
from tasks.frames_rounding import worth_of_classes, worth_of_numbers
from tasks.report_pictures import refuse_picture_place
from tasks.run_directory import RunDirectory
from tasks.task import Task

_TEST_VIDEO = re.compile(r"test:(\d+)")


class Frames(Task):
    """Labels every frame, or predicts numbers for it."""

    name = "frames"
    config_type = Config
    files = FILES
    demo_inputs = ("test:1", "test:2")
    own_input = "video.csv"
    axis_labels: ClassVar = {
        "loss": "loss (nats, or in deviations)",
        "accuracy": "accuracy (share of frames)",
        "macro_f1": "F1 (mean over the classes)",
        "mse": "mean squared error",
        "mae": "mean absolute error",
    }

    def load(self, config, run=None, *, test_only=False):
        """See `Task`."""
        leave_out = "" if test_only else config.leave_out
        options = config.sources(leave_out=leave_out, test_only=test_only)
        if run is None:
            frames = load_frames(config.data, **options)
            return FramesData(config, frames, About.of(frames, config.max_length))
        about = About.read(run)
        frames = load_frames(config.data, **options, **about.known)
        about.refuse_others(frames)
        return FramesData(config, frames, about)

    def build(self, config, data):
        """See `Task`."""
        about = data.about
        mean, deviation = data.features()
        numbers: dict[str, Any] = {}
        if about.target_names:
            changes = config.target == "next"
            target_mean, target_deviation = data.targets(changes=changes)
            numbers = {
                "task": "values",
                "target_mean": target_mean,
                "target_deviation": target_deviation,
                "added_columns": about.columns if changes else None,
            }
        encoder = config.encoder
        if encoder == "auto":
            encoder = "cnn" if len(about.feature_shape) > 1 else "none"
        model = frame_tagger(
            about.feature_shape,
            len(about.label_names or about.target_names),
            cell=config.cell,
            units=config.units,
            layers=config.layers,
            bidirectional=config.bidirectional,
            encoder=encoder,
            encoder_units=config.encoder_units,
            filters=config.filters,
            dropout=config.dropout,
            mean=mean,
            deviation=deviation,
            seed=config.seed,
            name=self.name,
            **numbers,
        )
        steps = int(data.train(0).cardinality()) * config.epochs
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
        self.compile(model, config, keras.optimizers.Adam(rate, global_clipnorm=1.0))
        return model

    def compile(self, model, config, optimizer=None):
        """See `Task`."""
        if model.output_names == ["probabilities"]:
            loss, deviation, figures = "cross_entropy", None, ["accuracy"]
        else:
            loss, deviation, figures = config.loss, _deviation(model), ["mse", "mae"]
        metrics = [FrameMean(loss, deviation, name="loss"), *map(FrameMean, figures)]
        model.compile(optimizer or "adam", FrameLoss(loss, deviation), weighted_metrics=metrics)

    def monitored(self, config):
        """See `Task`."""
        return f"val_{config.monitor}" if config.target == "classes" else "val_loss"

    def validation_figures(self, model, data):
        """See `Task`: the mean F1 of the classes, if that makes the best epoch."""
        if self.monitored(data.config) != "val_macro_f1":
            return {}
        part = data.frames.validation
        return {"val_macro_f1": _macro_f1(part, data.labels(model, part), data)}

    def _monitored(self, model: keras.Model, data: FramesData) -> float:
        """The figure of classes that makes the best epoch."""
        figures = model.evaluate(data.validation(), verbose=0, return_dict=True)
        named = {f"val_{name}": value for name, value in figures.items()}
        return (named | self.validation_figures(model, data))[self.monitored(data.config)]

    def test_figures(self, model, data):
        """F1 of classes and of segments; of numbers, the errors of saying what was last."""
        test = data.frames.test
        figures: dict[str, Any] = {"test_videos": len(test)}
        if data.about.label_names:
            found = data.labels(model, test)
            scores = report_frames.segment_scores(test, found)
            names = {f"test_segment_f1_{overlap:.0%}"[:-1]: f1 for overlap, f1 in scores.items()}
            return {**figures, "test_macro_f1": _macro_f1(test, found, data), **names}
        errors = naive_errors(data, test)
        return {
            **figures,
            "test_naive_mse": float(np.mean(errors**2)),
            "test_naive_mae": float(np.mean(np.abs(errors))),
        }

    def predict(self, run: RunDirectory, inputs: Iterable[str], **options) -> Iterator[str]:
        """See `Task`.

        Args:
            run: The run.
            inputs: Files; or "test:3" for the third test video of the run's data.
            options: `timeline`, a picture to write.
        """
        place = options.get("timeline")
        if place:
            refuse_picture_place(place, "--timeline")
        about, config = About.read(run), read(Config, run.config())
        own = functools.cache(lambda: self._own(config, run))
        reader, drawn = FrameReader(run.model()), 0
        for number, text in enumerate(inputs, start=1):
            if not text.strip():
                yield f"input {number} is empty: there is nothing to label"
                continue
            if found := _TEST_VIDEO.fullmatch(text.strip()):
                videos = _numbered(own(), int(found[1]), config.data)
            else:
                videos = _videos(text.strip(), config, about)
            for video, outputs in zip(videos, reader(videos), strict=True):
                yield from report_frames.lines(video, outputs, about)
                if place:
                    drawn += 1
                    figure = report_frames.picture(video, outputs, about)
                    yield f"timeline: {report_frames.draw(figure, Path(place), drawn)}"

    def _own(self, config: Config, run: RunDirectory) -> tuple[FrameSequence, ...]:
        """The run's test videos."""
        data = self.load(config, run)
        data.check_unchanged(run)
        return data.frames.test

    def export(self, run, folder: Path, on_stage, options: TFLiteOptions):
        """See `Task`: a causal model is streamed as well."""
        config, about = read(Config, run.config()), About.read(run)
        if options.profile == "portable" and options.length is None:
            options = dataclasses.replace(options, length=about.length)
        if config.cell != "none" and not config.bidirectional:
            options = dataclasses.replace(options, streaming="step")
        model, measure = run.model(), None

        def inputs(name: str) -> Any:
            arrays = read_arrays(run, name)
            if not config.bidirectional:
                return arrays["features"]
            return {key: arrays[key] for key in ("features", "lengths")}

        if options.quantize == "int8":
            options = dataclasses.replace(options, representative_data=[inputs(CALIBRATION)])
        if options.quantize:
            worth = worth_of_classes if about.label_names else worth_of_numbers
            measure = functools.partial(worth, model, read_arrays(run, HELD_OUT), options.length)
        return export_all(
            model,
            folder,
            labels=about.label_names or None,
            check_inputs=[inputs(SAMPLES)],
            tflite=options,
            measure=measure,
            on_stage=on_stage,
        )

    def report_parts(self, run, data, model):
        """See `Task`."""
        return report_frames.sections(data, model)

    def demo_config(self):
        """The defaults: small enough for two cores and a minute."""
        return Config()

    def baselines(self, data):
        """See `Task`: a model of single frames, trained as long, and the commonest label."""
        if not data.about.label_names:
            return {}
        model, single = single_frames(data, self.build, self._monitored)
        figures = model.evaluate(single.test(), verbose=0, return_dict=True)
        test = data.frames.test
        label = commonest(data.frames.train)
        same = [np.full(len(video), label) for video in test]
        true, everywhere = (np.concatenate(part) for part in ([v.targets for v in test], same))
        return {
            "frame_only_test_accuracy": float(figures["accuracy"]),
            "frame_only_test_macro_f1": _macro_f1(test, single.labels(model, test), data),
            "majority_test_accuracy": frame_accuracy(true, everywhere),
            "majority_test_macro_f1": _macro_f1(test, same, data),
        }


def _macro_f1(videos: Sequence[FrameSequence], found: Sequence[Any], data: FramesData) -> float:
    true = np.concatenate([video.targets for video in videos])
    return macro_f1(true, np.concatenate(found), len(data.about.label_names))


def _deviation(model: keras.Model) -> list[float]:
    """What a model of numbers counts errors in: the deviations that it was built with."""
    names = [layer.name for layer in model.layers]
    layer = model.get_layer("changes" if "changes" in names else "values")
    return np.sqrt(np.ravel(layer.get_config()["variance"])).tolist()


def _numbered(
    videos: tuple[FrameSequence, ...], number: int, source: str
) -> tuple[FrameSequence, ...]:
    if not 1 <= number <= len(videos):
        raise DataError(
            f"test:{number}: {source} has the test videos test:1 to test:{len(videos)}."
        )
    return videos[number - 1 : number]


def _videos(source: str, config: Config, about: About) -> tuple[FrameSequence, ...]:
    """The videos of a file, which may be without labels."""
    options = config.sources(gaps="ignore", test_only=True, unlabelled=True)
    frames = load_frames(source, **options, **about.known)
    about.refuse_others(frames)
    return frames.test
