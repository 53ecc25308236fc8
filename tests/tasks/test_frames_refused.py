"""What the frames task refuses: exit status 2, one message, and nothing made is lost."""

import dataclasses
import json

import numpy as np
import pytest

from tasks.__main__ import main
from tasks.frames_config import Config
from tasks.run_directory import RunDirectory

LENGTHS = [4, 5, 3, 6, 4]
FEATURES = np.random.default_rng(0).normal(size=(sum(LENGTHS), 2))
LABELS = np.resize([0, 1], sum(LENGTHS))
ABOUT = {
    "label_names": ["0", "1"],
    "feature_names": ["feature 1", "feature 2"],
    "target_names": [],
    "feature_shape": [2],
    "length": 6,
    "target_mean": [],
}


@pytest.fixture
def run(tmp_path):
    """A folder that passes for a run of the task."""
    path = tmp_path / "run"
    path.mkdir()
    config = {"task": "frames", **dataclasses.asdict(Config())}
    (path / "config.json").write_text(json.dumps(config))
    (path / "frames.json").write_text(json.dumps(ABOUT))
    for name in ("model.keras", "checkpoint.npz", "samples.npz"):
        (path / name).write_bytes(b"made with effort")
    return path


@pytest.fixture
def videos(tmp_path):
    path = tmp_path / "videos.npz"
    np.savez(path, features=FEATURES, labels=LABELS, lengths=LENGTHS)
    return path


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("target=class", ["target", "classes or values or next", "'class'"]),
        ("gaps=skip", ["gaps", "refuse or ignore"]),
        ("monitor=loss", ["monitor", "accuracy or macro_f1"]),
        ("encoder=rnn", ["encoder", "'rnn'"]),
        ("encoder=cnn", ["pictures"]),
        ("loss=rmse", ["loss", "mse or mae or huber"]),
        ("cell=gruu", ["cell", "Did you mean 'gru'"]),
        ("unit=3", ["Did you mean 'units'"]),
        ("units=0", ["units", "at least 1"]),
        ("units=many", ["units", "whole number"]),
        ("layers=0", ["layers", "at least 1"]),
        ("encoder_units=0", ["encoder_units"]),
        ("dropout=1", ["dropout", "[0, 1)"]),
        ("max_length=0", ["max_length", "at least 1"]),
        ("batch_size=0", ["batch_size", "at least 1"]),
        ("bucket_lengths=0,8", ["bucket_lengths", "at least 1"]),
        ("bucket_lengths=a", ["bucket_lengths", "whole numbers"]),
        ("learning_rate=nan", ["learning_rate"]),
        ("epochs=0", ["epochs", "at least 1"]),
        ("seed=-1", ["seed"]),
        ("bidirectional=maybe", ["bidirectional", "true or false"]),
        ("leave_out=video 9", ["no video 'video 9'", "video 1, video 2"]),
        ("target=values", ["video 1"]),
    ],
)
def test_options(refused, videos, setting, words):
    if setting == "target=values":
        np.savez(videos, features=FEATURES, lengths=LENGTHS, labels=np.full(len(LABELS), np.nan))
    refused(videos, [setting], *words)


def test_a_model_of_single_frames_has_no_direction(refused, videos):
    refused(videos, ["cell=none", "bidirectional=true"], "bidirectional=False")


def test_numbers_have_options_of_their_own(refused, videos):
    refused(videos, ["target=next", "bidirectional=true"], "bidirectional", "false", "what comes")
    refused(videos, ["target=values", "monitor=macro_f1"], "monitor", "left out")


def test_data_that_cannot_be_used(refused, tmp_path, videos):
    refused("builtn", [], "'builtn'", "builtin", ".npz")
    refused("builtin", ["target=next"], "pictures", "target=values")
    refused(tmp_path / "none.npz", [], "none.npz")
    labels = LABELS.copy()
    labels[5] = -1
    np.savez(videos, features=FEATURES, labels=labels, lengths=LENGTHS)
    refused(videos, [], "video 2, frame 1", "no label", "gaps=ignore")
    np.savez(videos, features=FEATURES, labels=LABELS, lengths=[4, 5, 3, 6, 5])
    refused(videos, [], "sum to 23", "22 frames")
    np.savez(videos, features=FEATURES, labels=0 * LABELS, lengths=LENGTHS)
    refused(videos, [], "1 classes")
    np.savez(videos, features=FEATURES[:4], labels=LABELS[:4], lengths=[4])
    refused(videos, [], "1 video cannot be divided")
    videos.write_bytes(videos.read_bytes()[:200])
    refused(videos, [], "videos.npz", "damaged")
    folder = tmp_path / "tables"
    folder.mkdir()
    refused(folder, [], "no .csv file")
    for number in range(3):
        (folder / f"{number}.csv").write_text("time,x,label\n0,1.5,a\n1,2.5,b\n")
    refused(folder, ["ignore_columns=tim"], "'tim'", "Did you mean 'time'")
    refused(folder, ["label_columns=phase"], "no column 'phase'")
    refused(folder, ["target=next", "target_names=y"], "no feature 'y'", "time, x")
    (folder / "2.csv").write_text("time,x,label\n0,1.5,a\n1,,b\n")
    refused(folder, [], "2.csv, line 3", "'x' holds nothing")


def test_inputs_that_cannot_be_labelled(run, tmp_path, videos, capsys, monkeypatch):
    """Options are looked at before the model is loaded, files before anything is said of them."""

    def predict(*arguments):
        assert main(["frames", "predict", "--run", str(run), *map(str, arguments)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        return err

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
        assert ".png" in predict("--timeline", tmp_path / "a.jpg", videos)
        assert "no folder" in predict("--timeline", tmp_path / "none" / "a.png", videos)
    monkeypatch.setattr(RunDirectory, "model", lambda self: None)
    monkeypatch.setattr("tasks.frames.FrameReader", lambda model: None)
    assert "none.csv" in predict(tmp_path / "none.csv")
    np.savez(tmp_path / "wide.npz", features=np.ones((3, 5)), lengths=[3])
    assert "5 features; the model reads 2" in predict(tmp_path / "wide.npz")
    np.savez(tmp_path / "pictures.npz", features=np.ones((3, 4, 4, 1)), lengths=[3])
    assert "reads (2,)" in predict(tmp_path / "pictures.npz")
    (tmp_path / "walk.csv").write_text("feature 1,other\n1,2\n")
    assert "no column 'feature 2'" in predict(tmp_path / "walk.csv")
    (tmp_path / "walk.csv").write_text("feature 1,feature 2,label\n1,2,7\n")
    assert "the class '7' is not one of those in training" in predict(tmp_path / "walk.csv")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "data": str(videos)}))
    (run / "data_digest.json").write_text('"other"')
    assert "is not what it was" in predict("test:1")


def test_verbs_without_a_run(tmp_path, capsys):
    for verb in (["evaluate"], ["predict", "a.csv"], ["report"], ["train", "--resume"], ["export"]):
        assert main(["frames", *verb, "--run", str(tmp_path / "none")]) == 2
        assert "There is no run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_runs_that_are_damaged(run, videos, tmp_path, capsys):
    at = ["--run", str(run)]
    assert main(["frames", "predict", *at, str(videos)]) == 2
    assert "model.keras" in capsys.readouterr().err
    (run / "frames.json").write_text('{"label_names": ["a"]}')
    assert main(["frames", "evaluate", *at]) == 2
    assert "model.keras" in capsys.readouterr().err
    assert main(["frames", "predict", *at, str(videos)]) == 2
    assert "frames.json is damaged" in capsys.readouterr().err
    (run / "frames.json").unlink()
    assert main(["frames", "export", *at, "--to", str(tmp_path / "out")]) == 2
    assert "frames.json" in capsys.readouterr().err


def test_a_source_of_other_classes(run, capsys, monkeypatch):
    """Pictures of the same size, but what their labels are called is something else."""
    about = {**ABOUT, "feature_names": [], "feature_shape": [16, 16, 1]}
    (run / "frames.json").write_text(json.dumps(about))
    monkeypatch.setattr(RunDirectory, "model", lambda self: None)
    assert main(["frames", "evaluate", "--run", str(run), "--data", "builtin"]) == 2
    err = capsys.readouterr().err
    assert "still, left, right, up, down" in err
    assert "knows 0, 1" in err
