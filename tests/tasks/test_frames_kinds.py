"""The frames task in its other kinds: both directions, numbers, rounded exports, the demo."""

import json

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_seq.data import load_frames
from keras_seq.export.runtime import TFLiteModel
from tasks.__main__ import main
from tasks.frames import Frames
from tasks.frames_baselines import naive, single_frames
from tasks.frames_config import Config
from tasks.frames_data import About, FrameReader, FramesData
from tasks.run_directory import RunDirectory

FAST = ("units=6", "batch_size=8", "epochs=3", "learning_rate=0.02", "bucket_lengths=16")


def write(path, count=36, classes=False, scale=0.01):
    """Waves of two sensors; of each frame how the first will go on."""
    random = np.random.default_rng(7)
    features, labels, lengths = [], [], random.integers(8, 17, count)
    for length in lengths:
        t = np.arange(length + 1) * random.uniform(0.3, 0.8) + random.uniform(0, 6)
        rows = np.stack([50 + 20 * np.sin(t), scale * np.cos(t)], axis=1)
        features.append(rows[:-1] + random.normal(scale=[0.2, 1e-4], size=(length, 2)))
        change = np.diff(rows, axis=0)
        labels.append((change[:, 0] > 0).astype(int) if classes else change * [1, 1000])
    arrays = {"features": np.concatenate(features), "labels": np.concatenate(labels)}
    np.savez(path, **arrays, lengths=lengths, feature_names=np.array(["heat", "drift"]))
    return path


def train(data, run, *settings):
    options = [part for setting in (*FAST, *settings) for part in ("--set", setting)]
    assert main(["frames", "train", "--data", str(data), "--run", str(run), *options]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    return metrics, RunDirectory(run, "frames").model()


def alone(model, video):
    return keras.ops.convert_to_numpy(model(video.features[np.newaxis]))[0]


def errors_of(videos, outputs):
    """(found - true) of the frames that count, float64."""
    parts = [
        (found - video.targets)[np.isfinite(video.targets).all(1)]
        for video, found in zip(videos, outputs, strict=True)
    ]
    return np.concatenate(parts).astype(np.float64)


@pytest.mark.long
@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_the_next_frame(loss, tmp_path, capsys):
    """Errors are counted in deviations for the loss, in the data's units for the figures."""
    data = write(tmp_path / "waves.npz")
    run = tmp_path / "run"
    metrics, model = train(data, run, "target=next", f"loss={loss}", "epochs=30")
    frames = load_frames(data, target="next")
    errors = errors_of(frames.test, [alone(model, video) for video in frames.test])
    changes = np.concatenate([np.diff(video.features, axis=0) for video in frames.train])
    scaled = np.abs(errors / changes.std(axis=0))
    by_hand = {
        "mse": scaled**2,
        "mae": scaled,
        "huber": np.where(scaled <= 1, scaled**2 / 2, scaled - 0.5),
    }
    assert metrics["test_loss"] == pytest.approx(by_hand[loss].mean(), rel=1e-3)
    assert metrics["test_mse"] == pytest.approx((errors**2).mean(), rel=1e-3)
    assert metrics["test_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-3)
    last = errors_of(frames.test, [video.features for video in frames.test])
    assert metrics["test_naive_mse"] == pytest.approx((last**2).mean(), rel=1e-5)
    assert metrics["test_naive_mae"] == pytest.approx(np.abs(last).mean(), rel=1e-5)
    assert metrics["test_mae"] < 0.8 * metrics["test_naive_mae"]
    history = json.loads((run / "history.json").read_text())
    losses = [epoch["val_loss"] for epoch in history]
    assert metrics["best_epoch"] == 1 + losses.index(min(losses))
    if loss != "huber":
        return
    capsys.readouterr()
    at = ["--run", str(run)]
    assert main(["frames", "evaluate", *at]) == 0
    assert f"{metrics['test_loss']:.4f}" in capsys.readouterr().out
    picture = tmp_path / "curves.png"
    assert main(["frames", "predict", *at, "--timeline", str(picture), "test:1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["frame", "heat", "drift"]
    shown = np.array([[float(cell) for cell in line.split()[1:]] for line in lines[2:-2]])
    np.testing.assert_allclose(shown, alone(model, frames.test[0]), rtol=1e-3)
    assert lines[-2].startswith("  mean absolute error")
    assert picture.read_bytes().startswith(b"\x89PNG")
    page = tmp_path / "page.html"
    assert main(["frames", "report", *at, "--to", str(page)]) == 0
    assert "MAE of the last value" in page.read_text()
    out = tmp_path / "exported"
    assert main(["frames", "export", *at, "--to", str(out)]) == 0
    compared = json.loads((out / "report.json").read_text())["tflite"]["compared_with_keras"]
    assert set(compared) == {"serving_default", "step"}
    # Heights of 70 in float32: the digits of one part in ten million.
    assert max(part["difference"] for part in compared.values()) <= 1e-5 * 80
    assert not (out / "labels.txt").exists()
    assert main(["frames", "export", *at, "--to", str(out), "--quantize", "dynamic"]) == 0
    measured = json.loads((out / "report.json").read_text())["measured"]
    about = About.read(RunDirectory(run, "frames"))
    held_out = errors_of(frames.validation, [alone(model, v) for v in frames.validation])
    assert measured["validation_frames"] == len(held_out)
    assert measured["keras_mae"] == pytest.approx(np.abs(held_out).mean(), rel=1e-3)
    exported = TFLiteModel(out / "model.tflite")
    rounded = []
    for video in frames.validation:
        missing = about.length - len(video)
        row = np.pad(video.features, [(0, missing), (0, 0)])[np.newaxis]
        rounded.append(exported({"features": row})["values"][0, : len(video)])
    wanted = np.abs(errors_of(frames.validation, rounded)).mean()
    assert measured["tflite_mae"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.long
def test_numbers_that_the_labels_are(tmp_path, capsys):
    data, run = write(tmp_path / "waves.npz"), tmp_path / "run"
    metrics, model = train(data, run, "target=values", "epochs=30")
    frames = load_frames(data, target="values")
    assert frames.target_names == ("value 1", "value 2")
    errors = errors_of(frames.test, [alone(model, video) for video in frames.test])
    assert metrics["test_mse"] == pytest.approx((errors**2).mean(), rel=1e-3)
    mean = np.concatenate([video.targets for video in frames.train]).mean(axis=0)
    plain = errors_of(frames.test, [np.tile(mean, (len(v), 1)) for v in frames.test])
    assert metrics["test_naive_mse"] == pytest.approx((plain**2).mean(), rel=1e-4)
    assert metrics["test_mse"] < 0.3 * metrics["test_naive_mse"]

    # To be predicted for frames of which nobody has said anything.
    [video, *_] = frames.test
    np.savez(tmp_path / "new.npz", features=video.features, lengths=[len(video)])
    capsys.readouterr()
    assert main(["frames", "predict", "--run", str(run), str(tmp_path / "new.npz")]) == 0
    _, head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["frame", "value", "1", "value", "2"]
    shown = np.array([[float(cell) for cell in line.split()[1:]] for line in lines])
    np.testing.assert_allclose(shown, alone(model, video), rtol=1e-3, atol=1e-3)


def test_what_one_says_without_a_model(tmp_path):
    frames = load_frames(write(tmp_path / "waves.npz"), target="next", target_names=("drift",))
    about = About.of(frames, 256)
    assert about.columns == [1]
    video = frames.test[0]
    np.testing.assert_array_equal(naive(video, about, "next"), video.features[:, 1:])
    frames = load_frames(tmp_path / "waves.npz", target="values")
    about = About.of(frames, 256)
    wanted = np.concatenate([video.targets for video in frames.train]).mean(axis=0)
    found = naive(frames.test[0], about, "values")
    np.testing.assert_allclose(found, np.tile(wanted, (len(frames.test[0]), 1)), rtol=1e-5)


def test_a_model_of_the_next_frame_begins_with_the_last(tmp_path):
    """Its last layer at zero it says: the last value, and the mean change of training."""
    config = Config(data=str(write(tmp_path / "waves.npz")), target="next", units=3)
    task = Frames()
    data = task.load(config)
    model = task.build(config, data)
    layer = model.get_layer("standard_values")
    layer.set_weights([0 * weight for weight in layer.get_weights()])
    video = data.frames.test[0]
    change = np.concatenate([np.diff(v.features, axis=0) for v in data.frames.train]).mean(axis=0)
    [found] = FrameReader(model)([video])
    np.testing.assert_allclose(found, video.features + change, rtol=1e-4)


@pytest.mark.long
def test_both_directions(tmp_path, capsys):
    """The lengths go into the file; what is padded changes nothing there either."""
    data = write(tmp_path / "waves.npz", classes=True)
    run, out = tmp_path / "run", tmp_path / "exported"
    _, model = train(data, run, "bidirectional=true")
    assert main(["frames", "export", "--run", str(run), "--to", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert set(report["tflite"]["compared_with_keras"]) == {"serving_default"}
    assert report["tflite"]["profile"] == "portable"
    length = About.read(RunDirectory(run, "frames")).length
    whole = Interpreter(str(out / "model.tflite")).get_signature_runner("serving_default")
    frames = load_frames(data)
    assert len({len(video) for video in frames.test}) > 2
    found = FrameReader(model)(frames.test)
    for video, together in zip(frames.test, found, strict=True):
        lengths = np.array([len(video)], "int32")
        single = {"features": video.features[np.newaxis], "lengths": lengths}
        wanted = keras.ops.convert_to_numpy(model(single))[0]
        np.testing.assert_allclose(together, wanted, atol=1e-5)
        padded = np.pad(video.features, [(0, length - len(video)), (0, 0)], constant_values=9.0)
        outputs = whole(features=padded[np.newaxis], lengths=lengths)["probabilities"][0]
        np.testing.assert_allclose(outputs[: len(video)], wanted, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_rounded_exports_are_measured(quantize, tmp_path):
    # Whole numbers have one scale for all features: one that is far smaller would be lost.
    data = write(tmp_path / "waves.npz", classes=True, scale=20)
    run, out = tmp_path / "run", tmp_path / "exported"
    train(data, run)
    export = ["frames", "export", "--run", str(run), "--to", str(out), "--quantize", quantize]
    assert main([*export, "--length", "20"]) == 0
    measured = json.loads((out / "report.json").read_text())["measured"]
    frames = load_frames(data)
    assert measured["validation_frames"] == sum(map(len, frames.validation))
    assert measured["same_label"] > 0.7


@pytest.mark.long
def test_a_model_of_single_frames_is_not_streamed(tmp_path):
    data = write(tmp_path / "waves.npz", classes=True)
    run, out = tmp_path / "run", tmp_path / "exported"
    train(data, run, "cell=none")
    assert main(["frames", "export", "--run", str(run), "--to", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert set(report["tflite"]["compared_with_keras"]) == {"serving_default"}


@pytest.mark.long
def test_many_features_are_constants_of_the_file(tmp_path):
    """More than TensorFlow keeps inside of a graph."""
    random = np.random.default_rng(1)
    lengths = random.integers(4, 9, 20)
    features = random.normal(size=(lengths.sum(), 150), loc=random.normal(size=150))
    labels = (features[:, 0] > features[:, 1]).astype(int)
    np.savez(tmp_path / "wide.npz", features=features, labels=labels, lengths=lengths)
    run, out = tmp_path / "run", tmp_path / "exported"
    train(tmp_path / "wide.npz", run, "epochs=1")
    assert main(["frames", "export", "--run", str(run), "--to", str(out)]) == 0


def test_one_label_for_all(tmp_path):
    data = write(tmp_path / "waves.npz", classes=True)
    frames = load_frames(data)
    config = Config(epochs=1, batch_size=8, bucket_lengths=(16,), units=2)
    found = Frames().baselines(FramesData(config, frames, About.of(frames, 256)))
    train_labels, test_labels = (
        np.concatenate([video.targets for video in part]).tolist()
        for part in (frames.train, frames.test)
    )
    commonest = max({0, 1}, key=train_labels.count)
    share = test_labels.count(commonest) / len(test_labels)
    assert found["majority_test_accuracy"] == pytest.approx(share)
    assert found["majority_test_macro_f1"] == pytest.approx(share / (1 + share))
    data = FramesData(config, frames, About.of(frames, 256))
    model, _ = single_frames(data, Frames().build, Frames()._monitored)
    right = [alone(model, video).argmax(-1) == video.targets for video in frames.test]
    assert found["frame_only_test_accuracy"] == pytest.approx(np.concatenate(right).mean())


def test_the_best_epoch_of_single_frames_is_kept(tmp_path):
    frames = load_frames(write(tmp_path / "waves.npz", classes=True))
    config = Config(epochs=3, batch_size=8, bucket_lengths=(16,), units=2)
    figures, weights = iter([0.2, 0.5, 0.1]), []

    def figure(model, data):
        assert data.config.cell == "none"
        weights.append(model.get_weights())
        return next(figures)

    data = FramesData(config, frames, About.of(frames, 256))
    model, _ = single_frames(data, Frames().build, figure)
    _, second, third = weights
    for found, wanted in zip(model.get_weights(), second, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert (second[0] != third[0]).any()


@pytest.mark.long
def test_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    run, out = tmp_path / "run", tmp_path / "out"
    assert main(["frames", "demo", "--run", str(run), "--to", str(out)]) == 0
    shown = capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    # Clips are made so that a single frame says nothing.
    assert metrics["test_accuracy"] > 0.95 > 0.6 > metrics["frame_only_test_accuracy"]
    assert metrics["majority_test_accuracy"] < 0.3
    for words in (
        "clip 1: ",
        "probability",
        "largest difference Keras–TFLite, step",
        "builtin ops",
    ):
        assert words in shown
    assert f"predict --run {run} video.csv" in shown
    assert "has the weights of this run" in (run / "report.html").read_text()
