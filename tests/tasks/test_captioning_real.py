"""The captioning task on real images, from the command line to the exported file."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from keras_seq.data import TextCodec, load_captions, plain_caption
from tasks.__main__ import main

needs_data = pytest.mark.skipif(
    "CAPTIONING_DATA_DIR" not in os.environ,
    reason="CAPTIONING_DATA_DIR is not set: a folder with flickr8k_1k/",
)
SETTINGS = [
    "encoder=features",
    "min_count=3",
    "encoder_units=64",
    "units=64",
    "dropout=0.4",
    "epochs=4",
    "learning_rate=0.004",
]


@pytest.fixture
def flickr():
    return Path(os.environ["CAPTIONING_DATA_DIR"]) / "flickr8k_1k"


@pytest.mark.realdata
@needs_data
def test_the_official_parts(flickr):
    images = load_captions(flickr, size=16)
    assert [len(part) for part in (images.train, images.validation, images.test)] == [753, 113, 125]
    assert all(len(texts) == 5 for texts in images.train.captions)
    assert images.notes[0].startswith("7,091 images that have captions are not in")
    assert images.notes[1].startswith("9 images are in none of the lists of parts")
    features = load_captions(flickr, features=flickr / "effnetlite0_pooled_1280.npz")
    assert features.test.names == images.test.names
    assert features.test.inputs.shape == (125, 1, 1, 1280)
    assert np.std(features.test.inputs.astype("float32")) > 0.1


@pytest.mark.realdata
@needs_data
def test_features_of_flickr(flickr, tmp_path, capsys):
    """A small model on spatial features: better than counts, and equal in the mobile runtime."""
    run, exported = tmp_path / "run", tmp_path / "exported"
    at, images = ["--run", str(run)], load_captions(flickr, size=8)
    settings = [*SETTINGS, f"features={flickr / 'effnetlite0_spatial_7x7x320.npz'}"]
    options = [part for setting in settings for part in ("--set", setting)]
    assert main(["captioning", "train", "--data", str(flickr), *at, *options]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_bleu_1_beam_3"] > 35
    # Better than how often each word, or the end, comes in the training captions.
    codec = TextCodec.load(run, "captions")
    train, test = (
        codec.encode(map(plain_caption, part.pairs()[1]), end=True).flat_values.numpy()
        for part in (images.train, images.test)
    )
    counts = np.bincount(train, minlength=len(codec)) + 1e-9
    by_counts = -np.log(counts / counts.sum())[test].mean()
    assert metrics["test_loss"] < by_counts - 0.5
    capsys.readouterr()
    name = images.test.names[0]
    picture = tmp_path / "attention.png"
    assert main(["captioning", "predict", *at, "--attention", str(picture), name]) == 0
    assert capsys.readouterr().out.splitlines()[0]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["captioning", "export", *at, "--to", str(exported)]) == 0
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    assert report["tflite"]["profile"] == "portable"
    assert report["tflite"]["compared_with_keras"]["beam"]["equal"] == 1
