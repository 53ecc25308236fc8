"""Training that survives kill -9: it resumes to the weights of a run never interrupted.

After every epoch all that decides the next one is written aside and renamed into place: the
model's variables (the seed generators of its dropouts among them), the optimizer's, the history
and the epoch. The order of the data is a function of (seed, epoch), so an epoch that was cut off
is simply done again. `keras.callbacks.BackupAndRestore` keeps neither seeds nor order.
"""

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tasks.progress import ProgressBar
from tasks.run_directory import RunDirectory, RunError

CHECKPOINT = "checkpoint.npz"


def fit(
    model: keras.Model,
    epoch_batches: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset,
    run: RunDirectory,
    *,
    epochs: int,
    monitor: str,
    console: Console,
    more_figures: Callable[[keras.Model], Mapping[str, float]] = lambda model: {},
) -> list[dict[str, float]]:
    """Trains a compiled model, from where `run` stands to `epochs`.

    Where the optimizer averages the weights over the steps (`use_ema`), it is their averages that
    are validated and kept as the model; training goes on from the weights themselves.

    Args:
        model: Built and compiled. Afterwards it has the weights of its best epoch.
        epoch_batches: The batches of an epoch, a pure function of its number; the number of
            batches must not depend on it.
        validation: Batches for validation.
        run: Where checkpoint, best model and history go.
        epochs: Epochs in all, those done before included.
        monitor: Validation figure whose best value makes the best epoch: the largest, of a loss the
            smallest.
        console: Where progress is shown.
        more_figures: Further validation figures of an epoch, by name.

    Returns:
        The history: the figures of every epoch, and its seconds.
    """
    model.optimizer.build(model.trainable_variables)
    history = _restore(model, run) if (run / CHECKPOINT).exists() else []
    start = len(history)
    if start:
        console.print(f"resuming after epoch {start}")
    if start < epochs:
        batches = epoch_batches(start)
        steps = int(batches.cardinality())
        for epoch in range(start + 1, epochs):
            batches = batches.concatenate(epoch_batches(epoch))
        progress = ProgressBar(console)
        try:
            model.fit(
                batches,
                initial_epoch=start,
                epochs=epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                shuffle=False,  # the batches come shuffled
                verbose=0,
                callbacks=[
                    *_swaps(model),
                    _Checkpoint(run, history, monitor, more_figures),
                    progress,  # after what adds figures
                ],
            )
        finally:
            progress.bar.stop()  # Keras does not say when training ends by Ctrl-C
    run.write_json("history.json", history)
    model.set_weights(run.model().get_weights())
    return history


class _Checkpoint(keras.callbacks.Callback):
    """Saves the run after every epoch, the best model before the checkpoint that counts on it."""

    def __init__(self, run, history, monitor, more_figures):
        super().__init__()
        self.run, self.history, self.monitor = run, history, monitor
        self.more_figures = more_figures

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_test_begin(self, logs=None):
        # Seconds of an epoch are those of training; Keras validates before on_epoch_end.
        self.trained = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(self.trained - self.started, 3)
        with averaged(self.model):
            logs.update(self.more_figures(self.model))
            figures = {name: float(value) for name, value in logs.items()}
            self.history.append({"epoch": epoch + 1, **figures, "seconds": seconds})
            if best_epoch(self.history, self.monitor) == epoch + 1:
                self.run.save_model(self.model)
        _save(self.model, self.history, self.run)
        self.run.write_json("history.json", self.history)


class _Averages(keras.callbacks.SwapEMAWeights):
    """Puts averages in the place of weights for a validation; then all is as it was, to the bit.

    Keras exchanges the two by sums and differences, which round.
    """

    def on_test_begin(self, logs=None):
        variables = [*self.model.trainable_variables, *self.model.optimizer.variables]
        self.before = [(variable, variable.numpy()) for variable in variables]
        super().on_test_begin(logs)

    def on_test_end(self, logs=None):
        super().on_test_end(logs)
        for variable, value in self.before:
            variable.assign(value)


def _swaps(model: keras.Model) -> list[keras.callbacks.Callback]:
    """What exchanges weights and averages around a validation, if there are averages."""
    return [_Averages()] if model.optimizer.use_ema else []


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Inside the block the model has the averages of its weights, where its optimizer has them."""
    swaps = _swaps(model)
    for swap in swaps:
        swap.set_model(model)
        swap.on_test_begin()
    yield
    for swap in swaps:
        swap.on_test_end()


def best_epoch(history: list[dict[str, float]], monitor: str) -> int:
    """Number of the epoch with the best figure, the first of equals: of a loss the smallest."""
    sign = -1 if monitor.endswith("loss") else 1
    return int(max(history, key=lambda e: (sign * e[monitor], -e["epoch"]))["epoch"])


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _save(model, history, run):
    # By position: names of Keras variables need not be unique.
    arrays = {str(i): v.numpy() for i, v in enumerate(_variables(model))}
    content = io.BytesIO()
    np.savez(content, history=np.array(json.dumps(history)), **arrays)
    aside = run / ".checkpoint.writing"
    with open(aside, "wb") as file:
        file.write(content.getvalue())
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, run / CHECKPOINT)


def _restore(model, run):
    variables = _variables(model)
    try:
        with np.load(run / CHECKPOINT) as saved:
            arrays = [saved[str(i)] for i in range(len(saved.files) - 1)]
            history = json.loads(str(saved["history"]))
    except Exception as error:
        raise RunError(
            f"{run / CHECKPOINT} cannot be read ({error}). Start again with --overwrite."
        ) from error
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        raise RunError(
            f"{run / CHECKPOINT} is that of another model than config.json describes. "
            "Start again with --overwrite."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return history
