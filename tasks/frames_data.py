"""Videos with a target for every frame as batches, for the frames task."""

import dataclasses
import functools
import hashlib
import os
import zipfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.data import DataError, FrameDataset, FrameSequence, frame_batches, training_windows
from tasks.run_directory import RunDirectory, RunError
from tasks.task import DIGEST, Data

ABOUT = "frames.json"
# What later verbs need of the data. Samples: of the test part, on which exports are checked;
# calibration: of training, to which an int8 export fits its whole numbers; held out: of validation,
# on which a rounded export is measured.
SAMPLES, CALIBRATION, HELD_OUT = "samples.npz", "calibration.npz", "held_out.npz"
COUNTS = {SAMPLES: 16, CALIBRATION: 64, HELD_OUT: 64}  # videos, or windows of them
FILES = frozenset({ABOUT, DIGEST, *COUNTS})
_MOST_BYTES = 8 << 20  # of each
_BATCH = 50  # videos that are read at once where nothing is trained


@dataclasses.dataclass(frozen=True)
class About:
    """What a run knows of its data.

    Attributes:
        label_names: Of each class; () where numbers are predicted.
        feature_names: Of each feature; () for pictures.
        target_names: Of each number that is predicted; () for classes.
        feature_shape: Of a frame.
        length: Frames of the longest window that was trained on.
        target_mean: Of each number that is predicted, in training.
    """

    label_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    feature_shape: tuple[int, ...]
    length: int
    target_mean: tuple[float, ...] = ()

    @classmethod
    def of(cls, frames: FrameDataset, max_length: int) -> "About":
        """What is known of a dataset."""
        mean: list[float] = []
        if frames.target_names:
            mean, _ = spread([video.targets[video.counted] for video in frames.train])
        return cls(
            frames.label_names,
            frames.feature_names,
            frames.target_names,
            frames.feature_shape,
            min(max_length, max(map(len, frames.train))),
            tuple(mean),
        )

    @classmethod
    def read(cls, run: RunDirectory) -> "About":
        """What a run has written.

        Raises:
            RunError: The file is missing or damaged.
        """
        content = run.read_json(ABOUT)
        try:
            names = [field.name for field in dataclasses.fields(cls)]
            values: dict[str, Any] = {name: _tuple(content[name]) for name in names}
        except (KeyError, TypeError):
            raise RunError(f"{run / ABOUT} is damaged; train again.") from None
        return cls(**values)

    @property
    def known(self) -> dict[str, Any]:
        """What `load_frames` is to go by."""
        return {"label_names": self.label_names, "feature_names": self.feature_names}

    @property
    def columns(self) -> list[int]:
        """Of each number that is predicted, which feature it is; for those of the next frame."""
        return [self.feature_names.index(name) for name in self.target_names]

    def refuse_others(self, frames: FrameDataset) -> None:
        """Compares with data that a model is to be applied to.

        Raises:
            DataError: They have other features or classes, or other numbers to be predicted.
        """
        if frames.feature_shape != self.feature_shape:
            raise DataError(
                f"{frames.name} has frames of shape {frames.feature_shape}; the model of this run "
                f"reads {self.feature_shape}. Give data of the same features."
            )
        if frames.label_names != self.label_names:
            raise DataError(
                f"{frames.name} has the classes {', '.join(frames.label_names)}; the model of this "
                f"run knows {', '.join(self.label_names)}. Give data of the same classes."
            )
        labelled = any(video.counted.any() for video in frames.test)
        if labelled and len(frames.target_names) != len(self.target_names):
            raise DataError(
                f"{frames.name} has {len(frames.target_names)} numbers to predict; the model of "
                f"this run predicts {len(self.target_names)}: {', '.join(self.target_names)}."
            )


class FrameReader:
    """Says of every frame of videos of any length what a model says.

    Args:
        model: The model; if its weights change, so does what is said.
    """

    def __init__(self, model: keras.Model):
        self._with_lengths = isinstance(model.input, dict)
        specs = keras.tree.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), model.input)

        # Traced once for all lengths; outside a graph each step would be run by Python.
        @tf.function(input_signature=[specs], autograph=False)
        def read(inputs):
            return model(inputs, training=False)

        self._read = read

    def read(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """The outputs for `features` and `lengths` of one length, (B, T, …)."""
        inputs = {name: tf.constant(arrays[name]) for name in ("features", "lengths")}
        return self._read(inputs if self._with_lengths else inputs["features"]).numpy()

    def __call__(self, videos: Sequence[FrameSequence]) -> list[np.ndarray]:
        """Of each video the outputs (T, C) or (T, D)."""
        found: list[np.ndarray] = [np.empty(0)] * len(videos)
        batches = frame_batches(
            videos, batch_size=_BATCH, with_lengths=self._with_lengths, with_index=True
        )
        for inputs, _, _, rows in batches:
            for row, outputs in zip(rows.numpy(), self._read(inputs).numpy(), strict=True):
                found[row] = outputs[: len(videos[row])]
        return found


class FramesData(Data):
    """Videos with a target for every frame as batches."""

    def __init__(self, config: Any, frames: FrameDataset, about: About):
        self.config, self.frames, self.about = config, frames, about
        self._readers: dict[int, tuple[Any, FrameReader]] = {}

    @functools.cached_property
    def _windows(self) -> tuple[FrameSequence, ...]:
        return training_windows(self.frames.train, self.config.max_length)

    def _batches(self, videos: Sequence[FrameSequence], **options: Any) -> tf.data.Dataset:
        return frame_batches(
            videos,
            bucket_lengths=self.config.bucket_lengths,
            with_lengths=self.config.bidirectional,
            **options,
        )

    def train(self, epoch):
        """See `Data`."""
        size, seed = self.config.batch_size, self.config.seed
        return self._batches(self._windows, batch_size=size, shuffle_seed=seed, epoch=epoch)

    def validation(self):
        """See `Data`: whole videos, however long."""
        return self._batches(self.frames.validation, batch_size=_BATCH)

    def test(self):
        """See `Data`: whole videos, however long."""
        return self._batches(self.frames.test, batch_size=_BATCH)

    def reader(self, model: keras.Model) -> FrameReader:
        """What reads videos with a model; the same one for the same model, traced once."""
        if id(model) not in self._readers:
            # With the model, so that no other gets its id.
            self._readers[id(model)] = (model, FrameReader(model))
        return self._readers[id(model)][1]

    def labels(self, model: keras.Model, videos: Sequence[FrameSequence]) -> list[np.ndarray]:
        """The class numbers, (T,), that a model gives each video."""
        return [outputs.argmax(axis=1) for outputs in self.reader(model)(videos)]

    def features(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each feature in training, or of each channel of pictures."""
        mean, deviation = spread([video.features for video in self.frames.train])
        # What varies less is hardly more than rounding, and a model divides by no less.
        return mean, np.maximum(deviation, 1.01 * keras.config.epsilon()).tolist()

    def targets(self, *, changes: bool) -> tuple[list[float], list[float]]:
        """Mean and deviation in training of each number that is predicted.

        Args:
            changes: Whether of what it differs by from the feature that it is the next value of.
        """
        columns, found = self.about.columns if changes else [], []
        for video in self.frames.train:
            counts = video.counted
            last = video.features[counts][:, columns] if changes else 0.0
            found.append(video.targets[counts] - last)
        return spread(found)

    def save(self, run):
        """See `Data`."""
        run.write_json(ABOUT, dataclasses.asdict(self.about))
        frames = self.frames
        for name, part in (
            (SAMPLES, frames.test),
            (CALIBRATION, frames.train),
            (HELD_OUT, frames.validation),
        ):
            _write_arrays(run, name, self._stacked(part, COUNTS[name]))
        self.save_digest(run)

    def _stacked(self, videos: Sequence[FrameSequence], count: int) -> dict[str, np.ndarray]:
        """The first videos as arrays of one length, as an export takes them."""
        windows, length = training_windows(videos, self.about.length), self.about.length
        each = 4 * length * int(np.prod(self.about.feature_shape))
        windows = windows[: max(1, min(count, _MOST_BYTES // each))]

        def padded(array: np.ndarray, value: float) -> np.ndarray:
            missing = [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1)
            return np.pad(array, missing, constant_values=value)

        none = np.nan if self.about.target_names else -1
        return {
            "features": np.stack([padded(window.features, 0) for window in windows]),
            "targets": np.stack([padded(window.targets, none) for window in windows]),
            "lengths": np.array([len(window) for window in windows], np.int32),
        }

    def contents(self):
        """See `Data`: of each video a digest, for arrays are long as JSON."""
        for part in (self.frames.train, self.frames.validation, self.frames.test):
            yield [
                [video.name, *(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays)]
                for video in part
                for arrays in [(video.features, video.targets)]
            ]

    @property
    def sizes(self):
        """See `Data`: frames that count."""
        return {
            part: int(sum(video.counted.sum() for video in getattr(self.frames, part)))
            for part in ("train", "validation", "test")
        }


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def spread(arrays: Sequence[np.ndarray]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation over all axes but the last; 1 for what does not vary."""
    rows = np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])
    deviation = rows.std(axis=0, dtype=np.float64)
    constant = rows.min(axis=0) == rows.max(axis=0)
    mean = rows.mean(axis=0, dtype=np.float64)
    return mean.tolist(), np.where(constant, 1.0, deviation).tolist()


def with_length(
    arrays: dict[str, np.ndarray], length: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What `FramesData.save` wrote cut, or filled up, to a length: inputs, and targets."""

    def sized(array: np.ndarray, value: float) -> np.ndarray:
        missing = [(0, 0)] * array.ndim
        missing[1] = (0, max(0, length - array.shape[1]))
        return np.pad(array, missing, constant_values=value)[:, :length]

    lengths = np.minimum(arrays["lengths"], length)
    inputs = {"features": sized(arrays["features"], 0), "lengths": lengths}
    none = np.nan if arrays["targets"].dtype.kind == "f" else -1
    return inputs, sized(arrays["targets"], none)


def _write_arrays(run: RunDirectory, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Writes an .npz file aside, then renames it into place."""
    aside = run / f".{name}.writing"
    with open(aside, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    os.replace(aside, run / name)


def read_arrays(run: RunDirectory, name: str) -> dict[str, np.ndarray]:
    """The arrays that `FramesData.save` wrote under a name.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        with np.load(run / name, allow_pickle=False) as file:
            return {key: file[key] for key in ("features", "targets", "lengths")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{run / name} cannot be read ({error}); train again.") from None
