"""What is shown of frames: lines of `predict`, pictures of videos, sections of a report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from keras_seq.data import FrameSequence
from keras_seq.inspect import plot_timeline, plot_values
from keras_seq.metrics import frame_accuracy, labelled_stretches, segment_f1, segments
from tasks.frames_baselines import naive
from tasks.frames_data import About, FramesData
from tasks.report import Picture, Pictures, Section, Table, Text
from tasks.report_classes import calibration_section, classes_section
from tasks.report_pictures import numbered, svg

OVERLAPS = (0.1, 0.25, 0.5)
_PICTURES = 3  # of videos that nobody chose, and of the worst


def lines(video: FrameSequence, outputs: np.ndarray, about: About) -> Iterator[str]:
    """What `predict` prints of a video: its segments, or the numbers of each frame.

    Args:
        video: The video.
        outputs: (T, C) or (T, D), what a model says of it.
        about: What the run knows of its data.
    """
    yield f"{video.name}: {len(video):,} frames, the first is 0"
    counts = video.counted
    if about.label_names:
        width = max(map(len, about.label_names))
        found = outputs.argmax(axis=1)
        for label, start, stop in segments(found):
            sure = outputs[start:stop, label].mean()
            yield (
                f"  {about.label_names[label]:<{width}}  {start:>6} to {stop - 1:>6}  "
                f"probability {sure:.3f}"
            )
        if counts.any():
            share = frame_accuracy(video.targets, found)
            yield f"  correct: {share:.1%} of {counts.sum():,} labelled frames"
        return
    yield "  frame  " + "  ".join(f"{name:>12}" for name in about.target_names)
    for frame, row in enumerate(outputs):
        yield f"  {frame:>5}  " + "  ".join(f"{value:>12.6g}" for value in row)
    if counts.any():
        error = np.abs(video.targets - outputs)[counts].mean()
        yield f"  mean absolute error {error:.6g} over {counts.sum():,} frames"


def picture(video: FrameSequence, outputs: np.ndarray, about: About) -> Figure:
    """Draws what a model says of a video, beside what is true if that is known."""
    true = video.targets if video.counted.any() else None
    if about.label_names:
        names = about.label_names
        return plot_timeline(outputs.argmax(axis=1), true, label_names=names, title=video.name)
    return plot_values(outputs, true, names=about.target_names, title=video.name)


def draw(figure: Figure, path: Path, number: int) -> Path:
    """Writes the picture of one video; of further ones beside it, with their number."""
    path = numbered(path, number)
    figure.savefig(path, dpi=150)
    return path


def segment_scores(
    videos: Sequence[FrameSequence], found: Sequence[np.ndarray]
) -> dict[float, float]:
    """Segment F1 by overlap; `found` are class numbers, (T,) of each video."""
    true = [video.targets for video in videos]
    return {overlap: segment_f1(true, found, overlap) for overlap in OVERLAPS}


def sections(data: FramesData, model) -> list[Section]:
    """What the report shows of the predictions on the test part.

    Args:
        data: The task's data.
        model: The model.
    """
    test, about = data.frames.test, data.about
    outputs = data.reader(model)(test)
    counts = np.concatenate([video.counted for video in test])
    truth = np.concatenate([video.targets for video in test])[counts]
    every = np.concatenate(outputs)[counts]
    if about.label_names:
        predicted, sure = every.argmax(axis=1), every.max(axis=1)
        return [
            classes_section(truth, predicted, about.label_names),
            _segments(data, outputs),
            calibration_section(sure, predicted == truth),
            _videos(data, outputs),
        ]
    plain = np.concatenate([naive(video, about, data.config.target) for video in test])[counts]
    return [_numbers(data, truth, every, plain), _videos(data, outputs)]


def _segments(data: FramesData, outputs: Sequence[np.ndarray]) -> Section:
    test, found = data.frames.test, [output.argmax(axis=1) for output in outputs]
    rows = [(f"{overlap:g}", f"{f1:.4f}") for overlap, f1 in segment_scores(test, found).items()]
    true, predicted = 0, 0
    for video, labels in zip(test, found, strict=True):
        for start, stop in labelled_stretches(video.targets):
            true += len(segments(video.targets[start:stop]))
            predicted += len(segments(labels[start:stop]))
    words = (
        "A predicted segment is right if it shares with a true one of its class, which no other "
        f"has taken, at least this part of what both cover. There are {true:,} true and "
        f"{predicted:,} predicted segments in {len(test):,} videos."
    )
    return Section("Segments", (Text(words), Table(("overlap", "F1 of segments"), rows)))


def _numbers(data: FramesData, truth: np.ndarray, found: np.ndarray, plain: np.ndarray) -> Section:
    next_values = data.config.target == "next"
    other = "the last value" if next_values else "the mean in training"
    columns = ("", "MSE", "MAE", f"MSE of {other}", f"MAE of {other}")
    rows = []
    for number, name in enumerate(data.about.target_names):
        errors = [(part - truth)[:, number] for part in (found, plain)]
        figures = [f(error) for error in errors for f in (_squared, _absolute)]
        rows.append((name, *(f"{figure:.6g}" for figure in figures)))
    words = f"Over {len(truth):,} frames of the test part, in the units of the data."
    return Section("Errors", (Text(words), Table(columns, rows)))


def _squared(error: np.ndarray) -> float:
    return float(np.mean(np.square(error, dtype=np.float64)))


def _absolute(error: np.ndarray) -> float:
    return float(np.mean(np.abs(error)))


def _videos(data: FramesData, outputs: Sequence[np.ndarray]) -> Section:
    """Videos that nobody chose, and the worst."""
    test, about = data.frames.test, data.about
    rows = [row for row, video in enumerate(test) if video.counted.any()]
    wrong = {row: _share_wrong(test[row], outputs[row], about) for row in rows}
    spread = [rows[n] for n in np.linspace(0, len(rows) - 1, min(_PICTURES, len(rows))).astype(int)]
    worst = sorted(rows, key=lambda row: -wrong[row])[:_PICTURES]
    unit = "of its frames wrong" if about.label_names else "mean absolute error"
    parts: list[Text | Pictures] = []
    for words, chosen in (
        ("Evenly spaced in the test part, chosen by nobody:", spread),
        ("Those with the most errors:", worst),
    ):
        parts.append(Text(words))
        for row in chosen:
            share = f"{wrong[row]:.1%}" if about.label_names else f"{wrong[row]:.4g}"
            figure = svg(picture(test[row], outputs[row], about))
            told = f"{test[row].name}: {share} {unit}"
            parts.append(Pictures([Picture(figure, told, f"{told}.", wide=True)]))
    return Section("Videos", parts)


def _share_wrong(video: FrameSequence, outputs: np.ndarray, about: About) -> float:
    counts = video.counted
    if about.label_names:
        return float(np.mean((outputs.argmax(axis=1) != video.targets)[counts]))
    return _absolute((outputs - video.targets)[counts])
