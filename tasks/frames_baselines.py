"""What a model of the frames task has to beat: single frames, one label for all, the last value."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seq.data import FrameSequence
from tasks.frames_data import About, FramesData


def single_frames(
    data: FramesData,
    build: Callable[[Any, FramesData], Any],
    figure: Callable[[Any, FramesData], float],
) -> tuple[Any, Any]:
    """Trains a model that sees one frame at a time, as long as the other, and keeps its best epoch.

    Args:
        data: The data of the model to be compared.
        build: From options and data to a compiled model.
        figure: Of a model the validation figure, the larger the better.

    Returns:
        The model, and the data as it takes them.
    """
    config = dataclasses.replace(data.config, cell="none", bidirectional=False)
    single = FramesData(config, data.frames, data.about)
    keras.utils.set_random_seed(config.seed)
    model = build(config, single)
    best, weights = -1.0, model.get_weights()
    for epoch in range(config.epochs):
        model.fit(single.train(epoch), shuffle=False, verbose=0)  # the batches come shuffled
        if (worth := figure(model, single)) > best:
            best, weights = worth, model.get_weights()
    model.set_weights(weights)
    return model, single


def commonest(videos: Sequence[FrameSequence]) -> int:
    """The label that most frames have."""
    return int(np.bincount(np.concatenate([v.targets[v.counted] for v in videos])).argmax())


def naive(video: FrameSequence, about: About, target: str) -> np.ndarray:
    """What one says of a video without a model: the last value, or the mean in training.

    Args:
        video: The video.
        about: What the run knows of its data.
        target: "next" or "values".

    Returns:
        (T, D).
    """
    if target == "next":
        return video.features[:, about.columns]
    return np.tile(np.array(about.target_mean, np.float32), (len(video), 1))


def naive_errors(data: FramesData, videos: Sequence[FrameSequence]) -> np.ndarray:
    """The errors of `naive` on the frames that count, (N, D)."""
    parts = [
        (naive(video, data.about, data.config.target) - video.targets)[video.counted]
        for video in videos
    ]
    return np.concatenate(parts).astype(np.float64)
