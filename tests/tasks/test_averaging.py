"""Averaged weights: which are validated, which are kept, and from which training goes on."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tasks import training
from tasks.run_directory import RunDirectory
from tasks.training import fit

MOMENTUM, EPOCHS = 0.8, 3


@keras.saving.register_keras_serializable("tests")
class Recording(keras.Sequential):
    """Keeps its weights after every step."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.after_steps = []

    def train_step(self, data):
        figures = super().train_step(data)
        self.after_steps.append([weight.numpy().copy() for weight in self.trainable_weights])
        return figures


def recording(momentum):
    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(5, activation="tanh"),
        keras.layers.Dropout(0.3, seed=4),
        keras.layers.Dense(1),
    ]
    model = Recording(layers)
    average = {"use_ema": True, "ema_momentum": momentum} if momentum else {}
    optimizer = keras.optimizers.Adam(0.1, **average)
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


DATA = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")


def batches(epoch):
    rows = np.random.default_rng(epoch).permutation(32)
    return tf.data.Dataset.from_tensor_slices((DATA[rows, :4], DATA[rows, 4:])).batch(8)


VALIDATION = tf.data.Dataset.from_tensors((DATA[32:, :4], DATA[32:, 4:]))


def train(
    folder,
    momentum,
    model=None,
    more_figures=lambda model: {},
    data=batches,
    validation=VALIDATION,
    **options,
):
    run = RunDirectory(folder, "averaging")
    if not folder.exists():
        run.create({})
    model = model or recording(momentum)
    history = fit(
        model,
        data,
        validation,
        run,
        console=Console(quiet=True),
        **{"epochs": EPOCHS, "monitor": "score", **options},
        # The last epoch is the best, so that what is kept of it comes after an interruption.
        more_figures=lambda model: {
            "score": float(model.optimizer.iterations),
            **more_figures(model),
        },
    )
    return run, model, history


def averages(model, momentum):
    """Of the weights after each step, by the definition, in float64."""
    kept, found = None, []
    for weights in model.after_steps:
        now = [weight.astype("float64") for weight in weights]
        kept = (
            now
            if kept is None
            else [momentum * old + (1 - momentum) * new for old, new in zip(kept, now, strict=True)]
        )
        found.append(kept)
    return found


def loss_of(weights):
    first, first_bias, second, second_bias = weights
    found = np.tanh(DATA[32:, :4] @ first + first_bias) @ second + second_bias
    return np.mean((found - DATA[32:, 4:]) ** 2)


def test_the_average_is_validated_and_kept_and_training_goes_on_without_it(tmp_path):
    seen = []

    def more_figures(model):
        seen.append(model.get_weights()[:4])
        return {"score": float(len(seen))}  # the last epoch is the best

    run, model, history = train(tmp_path / "run", MOMENTUM, more_figures=more_figures)
    steps = len(model.after_steps) // EPOCHS
    of_epochs = averages(model, MOMENTUM)[steps - 1 :: steps]
    raw = model.after_steps[steps - 1 :: steps]
    assert len(of_epochs) == len(seen) == EPOCHS
    for epoch, average, given, last in zip(history, of_epochs, seen, raw, strict=True):
        assert epoch["val_loss"] == pytest.approx(loss_of(average), rel=1e-4)
        assert abs(loss_of(average) - loss_of(last)) > 1e-3
        for a, b in zip(average, given, strict=True):
            np.testing.assert_allclose(b, a, atol=1e-5)
    for a, b in zip(of_epochs[-1], run.model().get_weights(), strict=False):
        np.testing.assert_allclose(b, a, atol=1e-5)
    for a, b in zip(of_epochs[-1], model.get_weights(), strict=False):
        np.testing.assert_allclose(b, a, atol=1e-5)

    # The steps are those of a training without averages.
    _, plain, other = train(tmp_path / "plain", 0.0)
    for a, b in zip(plain.after_steps, model.after_steps, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(y, x)
    for epoch, weights in zip(other, plain.after_steps[steps - 1 :: steps], strict=True):
        assert epoch["val_loss"] == pytest.approx(loss_of(weights), rel=1e-4)


def test_the_best_epoch_is_kept_with_its_average(tmp_path):
    scores = iter((1.0, 3.0, 2.0))
    run, model, history = train(
        tmp_path / "run", MOMENTUM, more_figures=lambda model: {"score": next(scores)}
    )
    assert [epoch["score"] for epoch in history] == [1, 3, 2]
    steps = len(model.after_steps) // EPOCHS
    best = averages(model, MOMENTUM)[2 * steps - 1]
    for a, b, c in zip(best, run.model().get_weights(), model.get_weights(), strict=False):
        np.testing.assert_allclose(b, a, atol=1e-5)
        np.testing.assert_allclose(c, a, atol=1e-5)


def stop_after_first_epoch(monkeypatch):
    """As if by Ctrl-C, when the first epoch is written."""
    write = training._save

    def save(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_save", save)
    return lambda: monkeypatch.setattr(training, "_save", write)


def checkpoint(run):
    with np.load(run.path / "checkpoint.npz") as saved:
        return {name: saved[name] for name in saved.files if name != "history"}


def same(first, second):
    expected, found = checkpoint(first), checkpoint(second)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=f"variable {name}")


def test_a_stopped_training_resumes_to_the_same_weights(tmp_path, monkeypatch):
    whole, *_ = train(tmp_path / "whole", MOMENTUM)
    go_on = stop_after_first_epoch(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", MOMENTUM)
    go_on()
    stopped, model, history = train(tmp_path / "stopped", MOMENTUM)
    assert len(history) == EPOCHS
    assert len(model.after_steps) == (EPOCHS - 1) * 4  # the first epoch was not done again
    same(whole, stopped)
    for a, b in zip(whole.model().get_weights(), stopped.model().get_weights(), strict=True):
        np.testing.assert_array_equal(b, a)
