"""What rounding the numbers of an export costs the frames task, on validation frames."""

from collections.abc import Callable, Mapping

import keras
import numpy as np

from tasks.frames_data import FrameReader, with_length

Arrays = dict[str, np.ndarray]
Run = Callable[[Arrays], Mapping[str, np.ndarray]]


def worth_of_classes(
    model: keras.Model, held_out: Arrays, length: int | None, run: Run
) -> dict[str, float]:
    """The accuracy of the model and of its .tflite, and how often they agree.

    Args:
        model: The model.
        held_out: What `FramesData.save` wrote of the validation part.
        length: That of the .tflite; None for any.
        run: Runs the .tflite on one row.
    """
    exact, rounded, targets = _outputs(model, held_out, length, run, "probabilities")
    counts = targets >= 0
    exact, rounded = exact.argmax(-1), rounded.argmax(-1)
    return {
        "validation_frames": int(counts.sum()),
        "keras_accuracy": float((exact == targets)[counts].mean()),
        "tflite_accuracy": float((rounded == targets)[counts].mean()),
        "same_label": float((exact == rounded)[counts].mean()),
    }


def worth_of_numbers(
    model: keras.Model, held_out: Arrays, length: int | None, run: Run
) -> dict[str, float]:
    """The mean absolute error of the model and of its .tflite; see `worth_of_classes`."""
    exact, rounded, targets = _outputs(model, held_out, length, run, "values")
    counts = np.isfinite(targets).all(axis=-1)
    return {
        "validation_frames": int(counts.sum()),
        "keras_mae": float(np.abs(exact - targets)[counts].mean()),
        "tflite_mae": float(np.abs(rounded - targets)[counts].mean()),
    }


def _outputs(
    model: keras.Model, held_out: Arrays, length: int | None, run: Run, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row what the model says, what the .tflite says, and what is true."""
    arrays, targets = with_length(held_out, length or held_out["features"].shape[1])
    rows = [{n: a[row : row + 1] for n, a in arrays.items()} for row in range(len(targets))]
    if not isinstance(model.input, dict):
        rows = [{"features": row["features"]} for row in rows]
    rounded = np.concatenate([run(row)[name] for row in rows])
    return FrameReader(model).read(arrays), rounded, targets
