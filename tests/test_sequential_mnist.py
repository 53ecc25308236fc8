"""Sequential MNIST on a few random images; the digits themselves where TFDS_DATA_DIR has them."""

import json
import os
import sys
import types

import numpy as np
import pytest

from benchmarks import sequential_mnist
from benchmarks.sequential_mnist import Digits, Settings, as_sequences, network, units_for

TEST_DIGITS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
TRAINING_DIGITS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def few(count, seed):
    """Images with a band that is brighter where the digit says: learnt, but not at once."""
    generator = np.random.default_rng(seed)
    digits = generator.integers(0, 10, count)
    images = generator.random((count, 28, 28), np.float32)
    for image, digit in zip(images, digits, strict=True):
        image[:, 2 * digit : 2 * digit + 2] += 0.7
    return images.reshape(count, 784), digits


@pytest.fixture
def digits(monkeypatch):
    monkeypatch.setattr(sequential_mnist, "PARAMETERS", 2_000)
    monkeypatch.setattr(sequential_mnist, "BATCH", 16)
    monkeypatch.setattr(sequential_mnist, "RATE", 0.01)
    return Digits(few(16 * 12 + 5, 0), few(50, 1), few(50, 2))


def test_sequences_are_read_as_a_page_is():
    images = np.arange(2 * 784).reshape(2, 784)
    rows, pixels = as_sequences(images, "row"), as_sequences(images, "pixel")
    assert rows.shape == (2, 28, 28)
    assert pixels.shape == (2, 784, 1)
    assert rows[1, 3].tolist() == list(range(784 + 3 * 28, 784 + 4 * 28))
    assert pixels[1, 100].tolist() == [784 + 100]


def test_permuted_pixels_are_the_same_pixels_in_one_other_order():
    images = np.arange(2 * 784).reshape(2, 784)
    one, two = as_sequences(images, "permuted")[..., 0]
    assert sorted(one.tolist()) == list(range(784))
    assert one.tolist() != list(range(784))
    assert (two - 784).tolist() == one.tolist()


def lstm(features, units):
    return 4 * units * (features + units + 1)


def simple_rnn(features, units):
    return units * (features + units + 1)


def gru(features, units):  # reset after the product: two biases
    return 3 * units * (features + units + 2)


@pytest.mark.parametrize("kind", [lstm, simple_rnn, gru], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("by", "features"), [("row", 28), ("pixel", 1)])
def test_units_make_the_network_nearest_to_the_wanted_size(kind, by, features):
    def parameters(units):
        return kind(features, units) + 10 * (units + 1)

    nearest = min(range(1, 400), key=lambda units: abs(parameters(units) - 70_000))
    assert units_for(by, kind.__name__) == nearest
    assert network(by, kind.__name__, nearest).count_params() == parameters(nearest)


def test_units_have_a_ceiling():
    # Two kernels of one number a unit: thousands of units would be needed.
    assert units_for("pixel", "ind_rnn") == sequential_mnist.MOST_UNITS


def test_the_last_state_answers():
    model = network("row", "gru", 3)
    _, layer, dense = model.layers
    assert layer.output.shape == (None, 3)
    assert dense.output.shape == (None, 10)


def test_chrono_makes_each_unit_remember_for_up_to_all_steps():
    units = 40
    weights = network("pixel", "lstm+chrono", units).layers[1].get_weights()[2]
    # In the order of keras.layers.LSTM: input gate, forget gate, new value, output gate.
    i, f, g, o = np.split(weights, 4)
    assert (np.exp(f) >= 1).all()
    assert (np.exp(f) <= 783.1).all()
    assert np.exp(f).max() > 500 > 200 > np.exp(f).min()
    np.testing.assert_array_equal(i, -f)
    assert not g.any()
    assert not o.any()
    # keras.layers.GRU: update gate, reset gate, new value; the update gate keeps.
    biases = network("row", "gru+chrono", units).layers[1].get_weights()[2]
    assert (np.exp(biases[0, :units]) <= 27.1).all()
    assert np.exp(biases[0, :units]).max() > 18
    assert not biases[0, units:].any()
    assert not biases[1].any()


@pytest.mark.long
def test_a_killed_run_goes_on_to_the_same_end(digits, tmp_path):
    settings = Settings("row", "simple_rnn", epochs=3, seed=0)
    lines = []
    whole = sequential_mnist.train(
        settings, digits, tmp_path / "a", lambda *line, **_: lines.append(line[0])
    )
    assert [line.split(":")[0] for line in lines] == [
        f"simple_rnn, epoch {n} of 3" for n in (1, 2, 3)
    ]
    assert whole["test"] > 0.2  # ten classes
    assert 1 <= whole["best_epoch"] <= 3
    assert whole["parameters"] == pytest.approx(2_000, rel=0.1)

    told = []

    def killed(line, **_):
        told.append(line)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sequential_mnist.train(settings, digits, tmp_path / "b", killed)
    rest = []
    resumed = sequential_mnist.train(
        settings, digits, tmp_path / "b", lambda *line, **_: rest.append(line[0])
    )
    assert len(rest) == 1
    assert "epoch 3 of 3" in rest[0]
    assert _without_seconds(resumed) == pytest.approx(_without_seconds(whole), abs=1e-6)
    losses, others = (_losses(tmp_path / folder, settings) for folder in "ab")
    assert losses == pytest.approx(others, rel=1e-4)
    assert losses[0] > losses[1] + 0.01 > losses[2] + 0.02

    again = sequential_mnist.train(settings, digits, tmp_path / "b", pytest.fail)
    assert again == resumed


def _losses(cache, settings):
    return [e["loss"] for e in json.loads((cache / f"{settings.name}-epochs.json").read_text())]


def _without_seconds(result):
    return {key: value for key, value in result.items() if key != "seconds"}


@pytest.mark.slow
def test_the_epoch_that_is_best_on_the_validation_part_is_tested(digits, tmp_path, monkeypatch):
    scores, tested = iter([0.5, 0.7, 0.6]), []

    def accuracy(model, by, part):
        if part is digits.test:
            tested.append(model.get_weights())
            return 0.65
        seen.append(model.get_weights())
        return next(scores)

    seen = []
    monkeypatch.setattr(sequential_mnist, "_accuracy", accuracy)
    settings = Settings("row", "simple_rnn", epochs=3, seed=0)
    result = sequential_mnist.train(settings, digits, tmp_path, lambda *_, **__: None)
    assert len(tested) == 1
    assert (result["best_epoch"], result["validation"], result["test"]) == (2, 0.7, 0.65)
    for now, best, last in zip(tested[0], seen[1], seen[2], strict=True):
        np.testing.assert_array_equal(now, best)
        assert np.abs(now - last).max() > 1e-6


RUN = {
    "units": 151,
    "parameters": 69_914,
    "epochs": 5,
    "best_epoch": 4,
    "validation": 0.9612,
    "test": 0.9587,
    "seconds": 1_812.6,
    "diverged": False,
}


def test_the_section_holds_the_figures():
    found = {"min_gru": {**RUN, "test": 0.9112}, "gru": RUN}
    by_pixel = sequential_mnist.report("pixel", found, 10_000)
    first = "| `gru` | 0.9587 | 0.9612 | 151 | 69,914 | 5 (4) | 1,813 | 0.962 |"
    second = "| `min_gru` | 0.9112 | 0.9612 | 151 | 69,914 | 5 (4) | 1,813 | – |"
    assert 0 < by_pixel.index(first) < by_pixel.index(second)
    assert "784 steps of 1 number each" in by_pixel
    assert "10,000 test images" in by_pixel
    by_row = sequential_mnist.report("row", found, 10_000)
    assert "28 steps of 28 numbers each" in by_row
    assert "published" not in by_row.lower()


@pytest.mark.long
def test_what_is_finished_is_tabled_and_not_trained_again(tmp_path, monkeypatch, digits, capsys):
    for name, epochs in (("gru", 2), ("lstm", 3)):
        done = tmp_path / f"{Settings('row', name, epochs, 0).name}.json"
        done.write_text(json.dumps({**RUN, "epochs": epochs}))
    written = []
    monkeypatch.setattr(sequential_mnist, "load", lambda: digits)
    monkeypatch.setattr(sequential_mnist, "network", pytest.fail)
    monkeypatch.setattr(sequential_mnist, "write_section", lambda *a: written.append(a))
    options = ["--by", "row", "--layers", "gru,lstm", "--epochs", "2,3", "--cache", str(tmp_path)]
    sequential_mnist.main([*options, "--dry-run"])
    assert "| `lstm` | 0.9587 |" in capsys.readouterr().out
    assert written == []
    sequential_mnist.main(options)
    ((title, _, body),) = written
    assert title == "Sequential MNIST, row by row"
    assert "| 2 (4) |" in body
    assert "| 3 (4) |" in body


def test_every_layer_of_the_library_by_row_and_the_published_ones_by_pixel():
    by_row = sequential_mnist.default_layers("row")
    assert {"gru", "ind_rnn", "mut1", "peephole_lstm"} <= set(by_row)
    by_pixel = {name.split("+")[0] for name in sequential_mnist.default_layers("pixel")}
    assert by_pixel
    assert by_pixel <= set(sequential_mnist.PUBLISHED["pixel"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers", "gru,lsmt"], "There is no recurrent layer 'lsmt'. Did you mean 'lstm'?"),
        (["--layers", "gru", "--epochs", "2,3"], "--epochs has 2 numbers for 1 layers."),
        (["--layers", "gru", "--epochs", "two"], "--epochs takes whole numbers"),
        (["--layers", "mut1+chrono"], "+chrono goes with lstm and gru; got 'mut1+chrono'"),
    ],
)
def test_wrong_options_are_told(options, message, capsys):
    with pytest.raises(SystemExit):
        sequential_mnist.main(options)
    assert message in capsys.readouterr().err


def test_a_run_that_diverged_is_told():
    found = {"gru": {**RUN, "diverged": True, "test": 0.098}}
    assert "| `gru` | diverged: 0.0980 |" in sequential_mnist.report("row", found, 10_000)
    assert sequential_mnist._diverged([{"loss": 1.0}, {"loss": float("nan")}]) == {"diverged": True}
    assert sequential_mnist._diverged([{"loss": 1.0}]) == {"diverged": False}


def test_without_a_folder_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("absent"))
    with pytest.raises(SystemExit, match="TFDS_DATA_DIR"):
        sequential_mnist.load()


@pytest.mark.realdata
@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
def test_the_digits_are_the_official_ones():
    digits = sequential_mnist.load()
    sizes = [len(labels) for _, labels in (digits.train, digits.validation, digits.test)]
    assert sizes == [55_000, 5_000, 10_000]
    for images, labels in (digits.train, digits.validation, digits.test):
        assert images.shape == (len(labels), 784)
        assert (images.min(), images.max()) == (0, 1)
    assert np.bincount(digits.test[1]).tolist() == TEST_DIGITS
    both = np.concatenate([digits.train[1], digits.validation[1]])
    assert np.bincount(both).tolist() == TRAINING_DIGITS
