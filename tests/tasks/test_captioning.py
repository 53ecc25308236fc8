"""The captioning task from the command line: training, figures, predictions, report, exports."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from captioned_folder import drawn, png, write_folder
from parsed_page import Parsed
from rich.console import Console

from keras_seq.data import DataError, ImageFeatures, TextCodec, load_captions, plain_caption
from keras_seq.export.runtime import TFLiteModel
from keras_seq.metrics import cider_d
from tasks.__main__ import main
from tasks.captioning import Captioning
from tasks.captioning_config import Config
from tasks.captioning_data import SAMPLES, CaptioningData
from tasks.config import read
from tasks.exported import export_figures
from tasks.run_directory import RunDirectory
from tasks.runner import Runner

END, PADDING, START = 3, 0, 2
SIZE, LONGEST = 12, 12
SETTINGS = [
    f"image_size={SIZE}",
    "encoder_units=12",
    "units=16",
    "embedding_units=12",
    f"max_length={LONGEST}",
    "epochs=2",
    "batch_size=16",
    "learning_rate=0.02",
    "warmup_steps=2",
    "averaging=0.5",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    images = drawn(SIZE, train=64, validation=8, test=10)
    return write_folder(tmp_path_factory.mktemp("data"), images)


@pytest.fixture(scope="module")
def captioning_run(folder, tmp_path_factory):
    """A finished run of the captioning task; its model is poor, but says more than one thing."""
    run = tmp_path_factory.mktemp("runs") / "captioning"
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    arguments = ["captioning", "train", "--data", str(folder), "--run", str(run), *settings]
    assert main(arguments) == 0
    return run


def run_task(capsys, *arguments):
    status = main(["captioning", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def model(captioning_run):
    return RunDirectory(captioning_run, "captioning").model()


@pytest.fixture(scope="module")
def by_hand(model, captioning_run):
    """Greedy captions of one picture by the decoder's step alone."""
    codec = TextCodec.load(captioning_run, "captions")

    def describe(picture):
        memory = model.decoder.prepare(model.encoder(picture[np.newaxis]))
        state, tokens = model.decoder.initial_state(memory, LONGEST), [START]
        while len(tokens) <= LONGEST and tokens[-1] != END:
            logits, state = model.decoder.step(tf.constant(tokens[-1:]), state, memory)
            likely = logits.numpy()[0]
            likely[[PADDING, START]] = -np.inf
            tokens.append(int(likely.argmax()))
        return codec.decode([tokens[1:]]).numpy()[0].decode()

    return describe


def plain(part):
    return [[plain_caption(text) for text in texts] for texts in part.captions]


def bleu(found, references, order=4):
    streams = [list(stream) for stream in zip(*references, strict=True)]
    metric = sacrebleu.BLEU(tokenize="none", max_ngram_order=order)
    return metric.corpus_score(found, streams).score


def test_train_writes_everything(captioning_run, folder):
    metrics = json.loads((captioning_run / "metrics.json").read_text())
    history = json.loads((captioning_run / "history.json").read_text())
    names = {path.name for path in captioning_run.iterdir()}
    assert names >= {"config.json", "checkpoint.npz", "model.keras", *Captioning.files}
    assert not [name for name in names if "writing" in name]
    ciders = [epoch["val_cider"] for epoch in history]
    assert metrics["validation_cider"] == max(ciders)
    assert metrics["best_epoch"] == 1 + ciders.index(max(ciders))
    assert metrics["test_examples"] == 10
    with np.load(captioning_run / SAMPLES) as samples:
        test = load_captions(folder, size=SIZE).test
        assert samples["names"].tolist() == test.names
        np.testing.assert_array_equal(samples["inputs"], test.inputs)
    first = tf.io.decode_png((captioning_run / "sample-1.png").read_bytes())
    np.testing.assert_array_equal(first, test.inputs[0])


def test_the_best_model_has_the_validation_figures(captioning_run, folder, by_hand):
    part = load_captions(folder, size=SIZE).validation
    found = [by_hand(picture) for picture in part.inputs]
    metrics = json.loads((captioning_run / "metrics.json").read_text())
    history = json.loads((captioning_run / "history.json").read_text())
    cider = cider_d(found, plain(part)).mean()
    assert metrics["validation_cider"] == pytest.approx(cider)
    best = history[metrics["best_epoch"] - 1]
    assert best["val_bleu_4"] == pytest.approx(bleu(found, plain(part)))


def test_evaluate_repeats_the_test_figures(captioning_run, folder, by_hand):
    metrics = json.loads((captioning_run / "metrics.json").read_text())
    again = Runner(Captioning(), captioning_run, Console()).evaluate()
    assert set(again) >= {
        f"test_{figure}_{search}"
        for figure in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "exact")
        for search in ("greedy", "beam_3")
    }
    for name, value in again.items():
        assert metrics[name] == (value if isinstance(value, str) else pytest.approx(value))
    part = load_captions(folder, size=SIZE).test
    found = [by_hand(picture) for picture in part.inputs]
    for order in (1, 4):
        expected = bleu(found, plain(part), order)
        assert metrics[f"test_bleu_{order}_greedy"] == pytest.approx(expected)


def test_evaluate_on_another_source(captioning_run, tmp_path, by_hand, capsys):
    """Brought to the size of the run; of pictures without lists every one counts."""
    images = drawn(30, train=4, validation=2, test=3)
    folder = write_folder(tmp_path, images, lists=False)
    (folder / "Images" / "alone.png").write_bytes(png(images.train.inputs[0]))
    figures = Runner(Captioning(), captioning_run, Console()).evaluate(str(folder))
    assert figures["test_examples"] == 9
    assert "1 images in" in (out := capsys.readouterr().out)
    assert "have no caption, such as alone.png: left out." in out
    test = load_captions(folder, size=SIZE).all_for_testing().test
    found = [by_hand(picture) for picture in test.inputs]
    assert figures["test_bleu_1_greedy"] == pytest.approx(bleu(found, plain(test), 1))


def test_the_runs_own_source_is_tested_in_its_test_part(captioning_run, folder):
    metrics = json.loads((captioning_run / "metrics.json").read_text())
    same = f"{folder.parent}/./{folder.name}/"
    figures = Runner(Captioning(), captioning_run, Console()).evaluate(same)
    assert figures["test_examples"] == metrics["test_examples"]
    assert figures["test_bleu_4_greedy"] == pytest.approx(metrics["test_bleu_4_greedy"])


def test_captions_longer_than_those_trained_on(folder):
    """All of the training part: nothing could be learnt of it, but it can be tested on."""
    task, config = Captioning(), Config(data=str(folder), image_size=SIZE, max_length=2)
    images = load_captions(folder, size=SIZE)
    codec = TextCodec.fit([t for texts in images.train.captions for t in texts], "words")
    assert CaptioningData(config, images, codec).sizes == {
        "train": 0,
        "validation": len(images.validation),
        "test": len(images.test),
    }
    with pytest.raises(ValueError, match="none of"):
        task.load(config).train(0)


def test_predict(captioning_run, folder, by_hand, tmp_path, capsys, monkeypatch):
    test = load_captions(folder, size=SIZE).test
    paths = [folder / "Images" / name for name in test.names[:3]]
    status, out, _ = run_task(capsys, "predict", "--run", captioning_run, "--width", 1, *paths)
    assert status == 0
    assert out.splitlines() == [by_hand(picture) for picture in test.inputs[:3]]
    # What cannot be read is told, and the rest goes on; paths may come by lines.
    (tmp_path / "letter.jpg").write_text("dear reader")
    (tmp_path / "cut.png").write_bytes(paths[0].read_bytes()[:60])
    bad = [tmp_path / "letter.jpg", tmp_path / "none.png", "", tmp_path / "cut.png"]
    lines = "\n".join(map(str, [*bad[:2], paths[1], *bad[2:]]))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    status, piped, told = run_task(capsys, "predict", "--run", captioning_run, "--width", 1)
    assert status == 2
    assert piped.splitlines() == out.splitlines()[1:2]
    letter, none, empty, cut, count = told.splitlines()
    assert letter.startswith(f"input 1: {bad[0]} is no picture that can be read (")
    assert none == f"input 2: {bad[1]} cannot be read (No such file or directory)."
    assert empty == "input 4: it is empty: there is nothing to describe"
    assert cut.startswith(f"input 5: {bad[3]} is no picture")
    assert count == "error: 4 of 5 inputs could not be described."


def test_words_may_be_drawn(captioning_run, folder, capsys):
    paths = [folder / "Images" / "test-0001.png"] * 12
    hot = run_task(capsys, "predict", "--run", captioning_run, "--temperature", 2, *paths)[1]
    assert len(set(hot.splitlines())) > 3
    options = ["--temperature", 2, "--seed", 5]
    again = [run_task(capsys, "predict", "--run", captioning_run, *options, *paths) for _ in "ab"]
    assert again[0] == again[1]
    assert len(set(again[0][1].splitlines())) > 3  # seeded once, not for each picture


def test_attention_is_drawn_for_each_input(captioning_run, folder, tmp_path, capsys):
    path = tmp_path / "att.png"
    inputs = (folder / "Images" / "test-0001.png", "none.png", folder / "Images" / "test-0002.png")
    arguments = ["predict", "--run", captioning_run, "--attention", path, *inputs]
    status, out, err = run_task(capsys, *arguments)
    assert status == 2
    assert err.endswith("error: 1 of 3 inputs could not be described.\n")
    pictures = [path, tmp_path / "att-3.png"]
    assert [line for line in out.splitlines() if line.startswith("attention")] == [
        f"attention: {picture}" for picture in pictures
    ]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert sorted(tmp_path.iterdir()) == sorted(pictures)


def test_what_predict_refuses(captioning_run, tmp_path, capsys, monkeypatch):
    """Said before the model is loaded, which takes seconds."""
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
    predict = ["predict", "--run", captioning_run, "a.png"]
    for options, words in (
        (["--attention", tmp_path / "att.jpg"], [".png", "att.jpg"]),
        (["--attention", tmp_path / "none" / "att.png"], ["none", "no folder"]),
        (["--width", 0], ["--width", "at least 1", "0"]),
        (["--temperature", 0], ["--temperature", "above 0"]),
        (["--temperature", "nan"], ["--temperature", "above 0"]),
        (["--temperature", 1, "--width", 2], ["give one of them"]),
        (["--seed", 1], ["--seed", "--temperature"]),
        (["--temperature", 1, "--seed", -1], ["--seed", "at least 0"]),
    ):
        status, out, err = run_task(capsys, *predict, *options)
        assert (status, out) == (2, "")
        assert all(word in err for word in words)
    run = tmp_path / "run"
    shutil.copytree(captioning_run, run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "decoder": "initial_state"}))
    arguments = ["predict", "--run", run, "--attention", tmp_path / "a.png", "a.png"]
    status, out, err = run_task(capsys, *arguments)
    assert (status, out) == (2, "")
    assert "'initial_state' has no attention" in err
    (run / SAMPLES).write_bytes(b"damaged")
    status, _, err = run_task(capsys, "predict", "--run", run, "a.png")
    assert status == 2
    assert f"{SAMPLES} cannot be read" in err


def test_report(captioning_run, folder, tmp_path, capsys):
    page_path = tmp_path / "page.html"
    status, _, _ = run_task(capsys, "report", "--run", captioning_run, "--to", page_path)
    assert status == 0
    page = Parsed(page_path.read_text(encoding="utf-8"))
    test = load_captions(folder, size=SIZE).test
    paths = [folder / "Images" / name for name in test.names]
    _, out, _ = run_task(capsys, "predict", "--run", captioning_run, *paths)
    found = out.splitlines()
    scores = cider_d(found, plain(test))
    spread, worst = page.words["Captions"].split("Those farthest from their references")
    for row in range(10):
        assert found[row] in spread
        assert f"reference: {test.captions[row][0]}" in spread
        assert f"CIDEr-D {scores[row]:.2f}" in spread
    # After its two references, and before those of the next.
    assert found[int(np.argmin(scores))] in worst.split("reference: ")[2]
    assert "Attention" in page.words
    # Ten pictures twice, four curves, one of attention.
    assert len([a for a in page.addresses if a.startswith("data:image")]) == 25


def test_the_baseline(captioning_run, folder):
    config = read(Config, RunDirectory(captioning_run, "captioning").config())
    task = Captioning()
    figures = task.baselines(task.load(config, RunDirectory(captioning_run, "captioning")))
    assert {f"nearest_neighbour_test_{f}" for f in ("bleu_4", "cider", "exact")} <= set(figures)
    assert 0 < figures["nearest_neighbour_test_bleu_1"] < 100


@pytest.mark.long
def test_a_stopped_run_goes_on_to_the_same_weights(captioning_run, goes_on):
    goes_on(captioning_run)


@pytest.mark.long
def test_export(captioning_run, folder, tmp_path, by_hand, capsys):
    to = tmp_path / "export"
    status, _, err = run_task(capsys, "export", "--run", captioning_run, "--length", 5, "--to", to)
    assert status == 2
    assert "--length is that of texts" in err
    assert run_task(capsys, "export", "--run", captioning_run, "--to", to)[0] == 0
    report = json.loads((to / "report.json").read_text())
    latency = export_figures(report)["TFLite latency, greedy"]
    assert f"(1 × {SIZE} × {SIZE} × 3 numbers, one thread)" in latency
    assert report["tflite"]["profile"] == "portable"
    codec = TextCodec.load(captioning_run, "captions")
    test = load_captions(folder, size=SIZE).test
    run = TFLiteModel(to / "model.tflite", "greedy")
    for picture in test.inputs:
        tokens = run({"source": picture[np.newaxis]})["tokens"][:, 0]
        assert codec.decode(tokens).numpy()[0].decode() == by_hand(picture)
    loaded = tf.saved_model.load(str(to / "saved_model"))
    files = [(folder / "Images" / name).read_bytes() for name in test.names]
    texts = loaded.signatures["caption_file_greedy"](file=tf.constant(files))["texts"].numpy()
    assert [text.decode() for text in texts[:, 0]] == [by_hand(p) for p in test.inputs]
    page = tmp_path / "page.html"
    arguments = ["report", "--run", captioning_run, "--export", to, "--to", page]
    assert run_task(capsys, *arguments)[0] == 0
    assert "has the weights of this run" in Parsed(page.read_text("utf-8")).words["Export"]


@pytest.mark.long
def test_features(folder, tmp_path, capsys):
    """All verbs of a run that reads features, made of the pictures; no picture is decoded."""
    images = load_captions(folder, size=SIZE)
    parts = (images.train, images.validation, images.test)
    names = [name for part in parts for name in part.names]
    pictures = np.concatenate([part.inputs for part in parts])
    blocks = pictures.reshape(len(names), 3, 4, 3, 4, 3).mean(axis=(2, 4)) / 128 - 1
    path = tmp_path / "features.npz"
    np.savez(path, names=names, features=blocks.astype("float16"))
    settings = [s for s in SETTINGS if not s.startswith("image_size")]
    settings += ["encoder=features", f"features={path}"]
    options = [part for setting in settings for part in ("--set", setting)]
    run, at = tmp_path / "run", ["--run", tmp_path / "run"]
    assert run_task(capsys, "train", "--data", folder, *at, *options)[0] == 0
    assert not (run / "sample-1.png").exists()
    attention = tmp_path / "a.png"
    arguments = ["predict", *at, "--attention", attention, "test-0002.png", "nobody.png"]
    status, out, err = run_task(capsys, *arguments)
    found, told = out.splitlines()
    assert status == 2
    assert found
    assert told == f"attention: {attention}"
    assert attention.read_bytes().startswith(b"\x89PNG")
    assert err.startswith("input 2: there are no features of 'nobody.png'")
    assert run_task(capsys, "report", *at)[0] == 0
    page = Parsed((run / "report.html").read_text("utf-8"))
    assert "reference: " in page.words["Captions"]
    assert "Attention" in page.words
    assert run_task(capsys, "export", *at, "--to", tmp_path / "export")[0] == 0
    given = ImageFeatures.read(path).of("test-0002.png")[np.newaxis].astype("float32")
    tokens = TFLiteModel(tmp_path / "export" / "model.tflite", "beam")({"source": given})["tokens"]
    codec = TextCodec.load(run, "captions")
    assert codec.decode(tokens[:, 0]).numpy()[0].decode() == found
    # Features of another network are not those that the model knows.
    np.savez(path, names=names, features=blocks[..., :2])
    for verb in (["evaluate"], ["predict", "test-0002.png"]):
        status, _, err = run_task(capsys, *verb, *at)
        assert status == 2
        assert "was trained on (3, 3, 3)" in err
    status, _, err = run_task(capsys, "evaluate", *at, "--data", tmp_path)
    assert status == 2
    assert "evaluated on these, without --data" in err


@pytest.mark.long
def test_the_demo(tmp_path, capsys):
    """All of it on the built-in pictures, whose combinations of the test part are new."""
    status, out, _ = run_task(
        capsys, "demo", "--run", tmp_path / "run", "--to", tmp_path / "export"
    )
    assert status == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test_exact_beam_3"] >= 0.95
    assert metrics["nearest_neighbour_test_exact"] < 0.2
    assert "picture.jpg" in out
    test = load_captions("builtin").test
    lines = out.splitlines()
    assert sum(texts[0] in lines for texts in test.captions[:3]) >= 2
    assert (tmp_path / "run" / "report.html").exists()


def test_a_caption_without_words(tmp_path):
    folder = write_folder(tmp_path, drawn(8))
    with open(folder / "captions.csv", "a") as file:
        file.write("test-0001.png,...\n")
    with pytest.raises(DataError, match=r"test-0001\.png has the caption '\.\.\.'"):
        Captioning().load(Config(data=str(folder), image_size=8))
