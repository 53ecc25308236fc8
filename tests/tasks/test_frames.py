"""The frames task from the command line: training, figures, predictions, the report, the export."""

import csv
import io
import json
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from parsed_page import Parsed
from rich.console import Console

from keras_seq.data import FrameDataset, FrameSequence, load_frames, moving_shapes
from keras_seq.data.moving_shapes import MOTIONS
from keras_seq.metrics import macro_f1, segment_f1
from keras_seq.models import FrameCNN
from tasks.__main__ import main
from tasks.exported import export_figures
from tasks.frames import Frames
from tasks.frames_config import Config
from tasks.frames_data import About, FrameReader, FramesData, spread, with_length
from tasks.run_directory import RunDirectory
from tasks.runner import Runner
from tasks.training import best_epoch

LABELS = ("falls", "rises", "stays")
SETTINGS = [
    "units=6",
    "encoder=dense",
    "encoder_units=5",
    "batch_size=8",
    "max_length=12",  # so that some videos are cut
    "epochs=2",
    "learning_rate=0.02",
    "dropout=0.2",
    "gaps=ignore",
    "monitor=macro_f1",
]
WITH = [part for setting in SETTINGS for part in ("--set", setting)]


def draw(count, seed):
    """Streams of three numbers; the label says how the first differs from the frame before."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        steps = random.integers(-1, 2, random.integers(6, 17))
        steps[0] = 0
        noise = random.normal(scale=[0.1, 3.0, 0.01], size=(len(steps), 3))
        features = noise + np.cumsum(steps)[:, np.newaxis] * [1.0, 0.0, 0.0] + [5.0, -40.0, 0.0]
        labels = np.array([2, 1, 0])[steps]  # of 0, 1 and -1
        labels[random.random(len(steps)) < 0.1] = -1
        yield features.astype(np.float32), labels


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """An .npz file of streams, and all that it says."""
    path = tmp_path_factory.mktemp("data") / "streams.npz"
    features, labels = zip(*draw(40, seed=3), strict=True)
    np.savez(
        path,
        features=np.concatenate(features),
        labels=np.concatenate(labels),
        lengths=[len(rows) for rows in labels],
        label_names=np.array(LABELS),
        feature_names=np.array(["height", "heat", "hum"]),
    )
    return path


@pytest.fixture(scope="module")
def frames_run(streams, tmp_path_factory):
    """A finished run of the frames task; its model is poor, but says more than one thing."""
    run = tmp_path_factory.mktemp("runs") / "frames"
    assert main(["frames", "train", "--data", str(streams), "--run", str(run), *WITH]) == 0
    return run


def run_task(capsys, *arguments):
    status = main(["frames", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def model(frames_run):
    return RunDirectory(frames_run, "frames").model()


@pytest.fixture(scope="module")
def parts(streams):
    return load_frames(str(streams), gaps="ignore")


def alone(model, video):
    """Each video by itself, not padded."""
    return keras.ops.convert_to_numpy(model(video.features[np.newaxis], training=False))[0]


def flat(model, videos):
    """True and predicted labels of the frames that count."""
    found = [alone(model, video).argmax(-1) for video in videos]
    counts = np.concatenate([video.targets >= 0 for video in videos])
    true = np.concatenate([video.targets for video in videos])
    return true[counts], np.concatenate(found)[counts], found


def test_train_writes_everything(frames_run, parts):
    metrics = json.loads((frames_run / "metrics.json").read_text())
    history = json.loads((frames_run / "history.json").read_text())
    names = {path.name for path in frames_run.iterdir()}
    assert names >= {"config.json", "checkpoint.npz", "model.keras", *Frames.files}
    assert not [name for name in names if "writing" in name]
    scores = [epoch["val_macro_f1"] for epoch in history]
    assert metrics["validation_macro_f1"] == max(scores)
    assert metrics["best_epoch"] == 1 + scores.index(max(scores))
    counted = sum(int((video.targets >= 0).sum()) for video in parts.test)
    assert (metrics["test_examples"], metrics["test_videos"]) == (counted, len(parts.test))
    about = About.read(RunDirectory(frames_run, "frames"))
    assert about.label_names == LABELS
    assert about.feature_names == ("height", "heat", "hum")
    assert about.length == 12


def test_the_figures_are_those_of_each_video_alone(frames_run, model, parts):
    metrics = json.loads((frames_run / "metrics.json").read_text())
    history = json.loads((frames_run / "history.json").read_text())
    best = history[metrics["best_epoch"] - 1]
    true, found, _ = flat(model, parts.validation)
    assert best["val_accuracy"] == pytest.approx(np.mean(true == found))
    assert metrics["validation_macro_f1"] == pytest.approx(macro_f1(true, found, 3))
    true, found, by_video = flat(model, parts.test)
    assert len(set(found.tolist())) > 1
    assert metrics["test_accuracy"] == pytest.approx(np.mean(true == found))
    assert metrics["test_macro_f1"] == pytest.approx(macro_f1(true, found, 3))
    targets = [video.targets for video in parts.test]
    for overlap in (10, 25, 50):
        wanted = segment_f1(targets, by_video, overlap / 100)
        assert metrics[f"test_segment_f1_{overlap}"] == pytest.approx(wanted)
    probabilities = np.concatenate([alone(model, v)[v.targets >= 0] for v in parts.test])
    loss = -np.log(probabilities[np.arange(len(true)), true]).mean()
    assert metrics["test_loss"] == pytest.approx(loss, rel=1e-4)


def test_the_model_reads_standardised_features(model, parts):
    """Of the training part alone."""
    rows = np.concatenate([video.features for video in parts.train]).astype(np.float64)
    layer = model.get_layer("standardised")
    np.testing.assert_allclose(layer.mean.numpy().ravel(), rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.variance.numpy().ravel(), rows.var(0), rtol=1e-4)


def test_what_does_not_vary_is_not_divided_by():
    mean, deviation = spread([np.float32([[0.1, 1], [0.1, 3]]), np.float32([[0.1, 5]])])
    assert mean == pytest.approx([0.1, 3])
    assert deviation == pytest.approx([1, np.std([1, 3, 5])])


def test_evaluate_repeats_the_test_figures(frames_run):
    metrics = json.loads((frames_run / "metrics.json").read_text())
    again = Runner(Frames(), frames_run, Console()).evaluate()
    for name, value in again.items():
        assert metrics[name] == pytest.approx(value, rel=1e-5), name


def write_csv(path, features, labels=None, names=("height", "heat", "hum")):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, *([] if labels is None else ["label"])])
        for row, values in enumerate(features.tolist()):
            writer.writerow([*values, *([] if labels is None else [labels[row]])])


def test_evaluate_on_another_source(frames_run, model, tmp_path):
    """Every video counts; the classes are those of the run, though not all of them are there."""
    videos = []
    for number, (features, labels) in enumerate(draw(5, seed=9)):
        kept = np.isin(labels, [0, 2])
        names = [LABELS[label] if keep else "" for label, keep in zip(labels, kept, strict=True)]
        write_csv(tmp_path / f"{number}.csv", features, names)
        videos.append(FrameSequence(features, np.where(kept, labels, -1)))
    figures = Runner(Frames(), frames_run, Console()).evaluate(str(tmp_path))
    true, found, _ = flat(model, videos)
    assert figures["test_examples"] == len(true)
    assert figures["test_accuracy"] == pytest.approx(np.mean(true == found))


def test_predict(frames_run, model, parts, tmp_path, capsys, monkeypatch):
    """A table by its columns' names, arrays, and the run's own test videos; labels if there are."""
    [(features, labels)] = draw(1, seed=21)
    outputs = alone(model, FrameSequence(features, labels))
    found = outputs.argmax(-1)
    write_csv(tmp_path / "walk.csv", features[:, ::-1], names=("hum", "heat", "height"))
    arrays = {"features": features, "lengths": [len(features)], "labels": labels}
    np.savez(tmp_path / "one.npz", **arrays, label_names=np.array(LABELS))
    monkeypatch.chdir(tmp_path)
    status, out, _ = run_task(capsys, "predict", "--run", frames_run, "walk.csv", "one.npz")
    assert status == 0
    head, *lines = out.splitlines()
    assert head == f"walk: {len(features)} frames, the first is 0"
    counts = labels >= 0
    accuracy = np.mean((found == labels)[counts])
    assert lines.pop() == f"  correct: {accuracy:.1%} of {counts.sum()} labelled frames"
    middle = lines.index(f"video 1: {len(features)} frames, the first is 0")
    assert lines[:middle] == lines[middle + 1 :]
    told = np.full(len(features), -1)
    for line in lines[:middle]:
        label, start, _, stop, _, sure = line.split()
        told[int(start) : int(stop) + 1] = LABELS.index(label)
        mean = outputs[int(start) : int(stop) + 1, LABELS.index(label)].mean()
        assert float(sure) == pytest.approx(mean, abs=0.00051)
    np.testing.assert_array_equal(told, found)

    stdin = io.TextIOWrapper(io.BytesIO(b"test:2\n\nwalk.csv\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    status, out, _ = run_task(capsys, "predict", "--run", frames_run)
    assert status == 0
    assert out.startswith(f"{parts.test[1].name}: {len(parts.test[1])} frames")
    assert "input 2 is empty: there is nothing to label" in out
    assert lines[0] in out


def test_a_video_of_one_frame(frames_run, model, tmp_path, capsys):
    features = np.float32([[5.0, -40.0, 0.0]])
    write_csv(tmp_path / "one.csv", features, ["stays"])
    status, out, _ = run_task(capsys, "predict", "--run", frames_run, tmp_path / "one.csv")
    assert status == 0
    found = alone(model, FrameSequence(features, np.array([2])))
    head, segment, correct = out.splitlines()
    assert head == "one: 1 frames, the first is 0"
    assert segment.split()[:4] == [LABELS[found.argmax()], "0", "to", "0"]
    assert correct.startswith(f"  correct: {100.0 * (found.argmax() == 2):.1f}% of 1")


def test_timelines_are_drawn_for_each_video(frames_run, tmp_path, capsys):
    path = tmp_path / "time.png"
    status, out, _ = run_task(
        capsys, "predict", "--run", frames_run, "--timeline", path, "test:1", "test:3"
    )
    assert status == 0
    pictures = [path, tmp_path / "time-2.png"]
    told = [line for line in out.splitlines() if line.startswith("timeline")]
    assert told == [f"timeline: {picture}" for picture in pictures]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert sorted(tmp_path.iterdir()) == sorted(pictures)


def test_report(frames_run, model, parts, tmp_path, capsys):
    page_path = tmp_path / "page.html"
    assert run_task(capsys, "report", "--run", frames_run, "--to", page_path)[0] == 0
    page = Parsed(page_path.read_text(encoding="utf-8"))
    true, found, by_video = flat(model, parts.test)
    matrix, scores = page.tables["Classes"]
    for number, row in enumerate(matrix[1:]):
        counts = [int(((true == number) & (found == taken)).sum()) for taken in range(3)]
        assert list(map(int, row[1:])) == [*counts, sum(counts)]
    assert float(scores[-1][3]) == pytest.approx(macro_f1(true, found, 3), abs=5e-5)
    targets = [video.targets for video in parts.test]
    for overlap, shown in page.tables["Segments"][0][1:]:
        assert float(shown) == pytest.approx(
            segment_f1(targets, by_video, float(overlap)), abs=5e-5
        )
    errors = [np.mean((f != t)[t >= 0]) for f, t in zip(by_video, targets, strict=True)]
    worst = page.words["Videos"].split("with the most errors:")[1]
    assert worst.strip().startswith(f"{parts.test[int(np.argmax(errors))].name}: {max(errors):.1%}")
    pictures = [address for address in page.addresses if address.startswith("data:image")]
    assert len(pictures) == 3 + 1 + 6  # curves, calibration, videos


@pytest.fixture(scope="module")
def exported(frames_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "frames"
    assert main(["frames", "export", "--run", str(frames_run), "--to", str(folder)]) == 0
    return folder


def test_the_streamed_output_is_that_of_the_whole_sequence(exported, model, parts):
    """Frame by frame in the mobile runtime, beside Keras on the whole video, of any length."""
    report = json.loads((exported / "report.json").read_text())
    compared = report["tflite"]["compared_with_keras"]
    assert set(compared) == {"serving_default", "step"}
    assert max(part["difference"] for part in compared.values()) <= 1e-5
    assert report["tflite"]["profile"] == "portable"
    assert "largest difference Keras–TFLite, step" in export_figures(report)
    assert "12 × 3 features" in export_figures(report)["TFLite latency"]
    step = Interpreter(str(exported / "model.tflite")).get_signature_runner("step")
    [state] = [name for name in step.get_input_details() if name != "features"]
    assert max(map(len, parts.test)) > 12
    for video in parts.test:
        h, found = np.zeros((1, 6), "float32"), []
        for frame in video.features:
            out = step(**{"features": frame[np.newaxis, np.newaxis], state: h})
            h = out.pop(state)
            found.append(out["probabilities"][0, 0])
        np.testing.assert_allclose(np.array(found), alone(model, video), atol=1e-5)
    assert (exported / "labels.txt").read_text().split() == list(LABELS)


def test_the_whole_sequence_in_the_file(exported, model, parts):
    """Of the fixed length, padded with zeros: what is real is as it is without."""
    whole = Interpreter(str(exported / "model.tflite")).get_signature_runner("serving_default")
    for video in parts.test:
        frames = video.features[:12]
        padded = np.pad(frames, [(0, 12 - len(frames)), (0, 0)])[np.newaxis]
        found = whole(features=padded)["probabilities"][0, : len(frames)]
        np.testing.assert_allclose(found, alone(model, video)[: len(frames)], atol=1e-5)


def test_the_best_epoch_of_a_loss_is_the_smallest():
    losses = [0.5, 0.2, 0.9, 0.2]
    history = [{"epoch": n + 1, "val_loss": x, "val_f1": x} for n, x in enumerate(losses)]
    assert best_epoch(history, "val_loss") == 2
    assert best_epoch(history, "val_f1") == 3
    config = Config(target="next")
    assert Frames().monitored(config) == "val_loss"
    assert Frames().monitored(Config()) == "val_accuracy"


def test_what_was_measured_is_told():
    measured = {"validation_frames": 900, "keras_accuracy": 0.5, "tflite_accuracy": 0.25}
    report = {
        "saved_model": {"bytes": 1e6, "compared_with_keras": {"tensors": {"difference": 0.0}}},
        "tflite": {
            "bytes": 5e5,
            "ops": {"ADD": 3},
            "quantize": "int8",
            "profile": "portable",
            "compared_with_keras": {"serving_default": {"difference": 0, "rows": 1, "batches": 1}},
            "latency": {"median_ms": 0.25, "shapes": {"features": [1, 9, 4], "lengths": [1]}},
        },
        "measured": measured,
    }
    told = export_figures(report)
    assert told["accuracy of Keras and of TFLite"] == "0.5000, 0.2500 (900 validation frames)"
    assert told["TFLite latency"] == "0.25 ms median (1 × 9 × 4 features, one thread)"


def test_arrays_of_another_length():
    arrays = {
        "features": np.arange(24.0).reshape(2, 4, 3),
        "targets": np.arange(8).reshape(2, 4),
        "lengths": np.array([4, 1]),
    }
    inputs, targets = with_length(arrays, 3)
    np.testing.assert_array_equal(inputs["features"], arrays["features"][:, :3])
    assert (inputs["lengths"].tolist(), targets.tolist()) == ([3, 1], [[0, 1, 2], [4, 5, 6]])
    inputs, targets = with_length(arrays, 5)
    assert inputs["features"].shape == (2, 5, 3)
    assert not inputs["features"][:, 4].any()
    assert targets[:, 4].tolist() == [-1, -1]


def test_pictures_are_read_by_a_cnn():
    clips = moving_shapes(9, seed=5)
    few = FrameDataset("clips", clips[:7], clips[7:8], clips[8:], MOTIONS)
    config = Config(units=3, encoder_units=4)
    data = FramesData(config, few, About.of(few, config.max_length))
    model = Frames().build(config, data)
    assert isinstance(model.get_layer("encoder"), FrameCNN)
    [found] = FrameReader(model)(few.test)
    np.testing.assert_allclose(found, alone(model, few.test[0]), atol=1e-5)


@pytest.mark.long
def test_a_stopped_run_goes_on_to_the_same_weights(frames_run, goes_on):
    goes_on(frames_run)
