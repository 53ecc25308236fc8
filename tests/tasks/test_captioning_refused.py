"""What the captioning task refuses: exit status 2, one message, and nothing made is lost."""

import dataclasses
import json

import numpy as np
import pytest
from captioned_folder import drawn, write_captions, write_folder

from tasks.__main__ import main
from tasks.captioning_config import Config

SMALL = ("image_size=8", "units=4", "embedding_units=4", "encoder_units=4")
IMAGES = drawn(8)


@pytest.fixture
def run(tmp_path):
    """A folder that passes for a run of the task."""
    path = tmp_path / "run"
    path.mkdir()
    config = {"task": "captioning", **dataclasses.asdict(Config())}
    (path / "config.json").write_text(json.dumps(config))
    for name in ("model.keras", "checkpoint.npz", "captions.vocabulary.txt"):
        (path / name).write_bytes(b"made with effort")
    return path


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", IMAGES)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("encoder=MobilNetV2", ["no network 'MobilNetV2'", "Did you mean 'MobileNetV2'"]),
        ("encoder=features", ["encoder=features", "features=FILE.npz"]),
        ("features=f.npz", ["encoder=features"]),
        ("decoder=transformer", ["decoder must be one of attention, initial_state"]),
        ("cell=lstn", ["lstn"]),
        ("units=0", ["units", "at least 1"]),
        ("units=many", ["units", "whole number"]),
        ("unit=3", ["Did you mean 'units'"]),
        ("encoder_units=0", ["encoder_units"]),
        ("layers=0", ["layer"]),
        ("embedding_units=0", ["embedding_units"]),
        ("attention_penalty=-1", ["attention_penalty", "at least 0"]),
        ("image_size=-1", ["image_size"]),
        ("bad_pictures=ignore", ["bad_pictures must be 'refuse' or 'skip'"]),
        ("unmatched=ignore", ["unmatched must be 'refuse' or 'skip'"]),
        ("vocabulary_size=4", ["size=4"]),
        ("min_count=0", ["min_count=0"]),
        ("min_count=99", ["min_count", "99"]),
        ("max_length=1", ["max_length"]),
        ("max_length=3", ["none of 24 pairs"]),
        ("dropout=1", ["dropout", "[0, 1)"]),
        ("label_smoothing=-0.1", ["label_smoothing"]),
        ("averaging=1", ["averaging"]),
        ("batch_size=0", ["batch_size"]),
        ("beam_width=0", ["beam_width"]),
        ("length_penalty=nan", ["length_penalty"]),
        ("learning_rate=nan", ["learning_rate"]),
        ("warmup_steps=-1", ["warmup_steps"]),
        ("epochs=0", ["epochs"]),
        ("seed=-1", ["seed"]),
    ],
)
def test_options(refused, folder, setting, words):
    refused(folder, [*SMALL, setting], *words)


def test_weights_of_a_network(refused, folder, tmp_path):
    refused(folder, [*SMALL, "weights=none"], "encoder=cnn is none")
    refused(folder, [*SMALL, "fine_tune=true"], "encoder=cnn is none")
    settings = [*SMALL, "image_size=32", "encoder=MobileNet"]
    refused(folder, [*settings, "weights=none"], "has to be trained", "fine_tune=true")
    refused(folder, [*settings, "weights=none.h5"], "there is no file none.h5")
    (tmp_path / "w.h5").write_bytes(b"no weights")
    refused(folder, [*settings, f"weights={tmp_path / 'w.h5'}"], "does not hold the weights of Mob")


def test_files_that_are_no_pictures(refused, folder):
    (folder / "Images" / "train-0003.png").write_bytes(b"not a picture")
    (folder / "Images" / "dev.png").write_bytes(b"nobody asks for it")
    words = ["1 files in", "train-0003.png is no picture", "bad_pictures=skip"]
    refused(folder, SMALL, *words)


def test_captions_without_image(refused, folder):
    (folder / "Images" / "train-0003.png").unlink()
    words = ["1 images that have captions are not in", "such as train-0003.png", "unmatched=skip"]
    refused(folder, [*SMALL, "unmatched=refuse"], *words)


def test_features(refused, folder, tmp_path):
    path = tmp_path / "f.npz"
    settings = [*SMALL, "encoder=features", f"features={path}"]
    refused(folder, settings, "there is no such file of features")
    path.write_bytes(b"no features")
    refused(folder, settings, "f.npz is damaged, or no .npz file")
    np.savez(path, names=["a.png"], features=np.ones((1, 5)))
    refused(folder, settings, "none of the 21 images that have captions")
    refused("builtin", settings, "leave the features out")


def test_sources(refused, folder, tmp_path):
    refused("builtn", SMALL, "unknown source 'builtn'", "'builtin'")
    refused(tmp_path / "none", SMALL, "no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", SMALL, "one file of captions")
    write_captions(folder, {"train-0001.png": ["-"], "test-0001.png": ["a"]})
    refused(folder, SMALL, "no image is left for the validation part")


def test_verbs_without_a_run(tmp_path, capsys):
    for verb in (["evaluate"], ["predict", "a.png"], ["report"], ["train", "--resume"]):
        assert main(["captioning", *verb, "--run", str(tmp_path / "none")]) == 2
        assert "There is no run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
