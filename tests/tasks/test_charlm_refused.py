"""What the language model task refuses: exit status 2, one message, and nothing made is lost."""

import dataclasses
import json

import pytest

from keras_seq.data import Symbols
from tasks.__main__ import main
from tasks.charlm import Config
from tasks.run_directory import RunDirectory

TEXT = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(60))


@pytest.fixture
def run(tmp_path):
    """A folder that passes for a run of the task."""
    path = tmp_path / "run"
    path.mkdir()
    config = {"task": "charlm", **dataclasses.asdict(Config())}
    (path / "config.json").write_text(json.dumps(config))
    for name in ("model.keras", "checkpoint.npz"):
        (path / name).write_bytes(b"made with effort")
    (path / "samples.json").write_text("[[0, 1]]")
    Symbols.fit("def x\n").save(path)
    return path


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("level=syllables", ["level", "characters or words", "'syllables'"]),
        ("cell=lstn", ["cell", "Did you mean 'lstm'"]),
        ("units=0", ["units", "at least 1"]),
        ("units=many", ["units", "whole number"]),
        ("unit=3", ["Did you mean 'units'"]),
        ("layers=0", ["layers >= 1"]),
        ("embedding_units=-1", ["embedding_units"]),
        ("vocabulary_size=1", ["vocabulary_size", "at least 2"]),
        ("length=0", ["length", "at least 1"]),
        ("loss_steps=26", ["loss_steps", "0 to length (25)"]),
        ("loss_steps=-1", ["loss_steps"]),
        ("batch_size=0", ["batch_size"]),
        ("dropout=1", ["dropout", "[0, 1)"]),
        ("embedding_dropout=-0.1", ["embedding_dropout", "[0, 1)"]),
        ("averaging=1", ["averaging", "[0, 1)"]),
        ("optimizer=adamw", ["optimizer", "adam or adagrad or sgd", "'adamw'"]),
        ("decay=linear", ["decay", "cosine or constant"]),
        ("learning_rate=nan", ["learning_rate"]),
        ("clip_norm=-1", ["clip_norm", "at least 0"]),
        ("clip_norm=nan", ["clip_norm"]),
        ("clip_norm=inf", ["clip_norm", "0: any norm"]),
        ("test_streams=0", ["test_streams"]),
        ("sample_length=-1", ["sample_length"]),
        ("sample_every=-1", ["sample_every"]),
        ("builtin_characters=0", ["builtin_characters"]),
        ("epochs=0", ["epochs"]),
        ("seed=-1", ["seed"]),
    ],
)
def test_options(refused, book, setting, words):
    refused(book, [setting], *words)


def test_tied_weights_need_vectors(refused, book):
    refused(book, ["tied=true", "embedding_units=0"], "tied=True", "embedding_units=0")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"\n \n", ["empty"]),
        (b"caf\xff", ["UTF-8", "line 1"]),
        (b"abc", ["validation part holds no text"]),
        (b"only a line of text\n" * 3, ["train part", "54 ids are shorter than one chunk", "770"]),
        (b"x" * 2000, ["vocabulary_size >= 2"]),
    ],
    ids=["empty", "blank", "no UTF-8", "too short", "shorter than a chunk", "one symbol"],
)
def test_texts(refused, tmp_path, content, words):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    refused(path, [], *words)


def test_a_part_of_one_symbol(refused, tmp_path):
    for part, text in (("train", TEXT), ("valid", "d"), ("test", TEXT)):
        (tmp_path / f"book.{part}.txt").write_text(text)
    refused(tmp_path / "book", [], "validation part", "too short to predict any of its characters")


def test_sources_that_are_not_there(refused, tmp_path):
    refused("builtn", [], "'builtn'", "'builtin'", "tfds:NAME")
    refused(tmp_path / "none.txt", [], "none.txt")
    refused("tfds:no_such_play", [], "no_such_play")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--length", 0], ["--length", "at least 1", "0"]),
        (["--temperature", -1], ["--temperature", "at least 0"]),
        (["--temperature", "nan"], ["--temperature"]),
        (["--temperature", "inf"], ["--temperature"]),
        (["--top-k", 0], ["--top-k", "at least 1"]),
        (["--top-p", 0], ["--top-p", "above 0"]),
        (["--top-p", 1.5], ["--top-p", "at most 1"]),
        (["--seed", -1], ["--seed", "at least 0"]),
        (["--surprise", "a.jpg"], [".png", "a.jpg"]),
        (["--surprise", "none/a.png"], ["none", "no folder"]),
        (["--prompt", "caf\udce9"], ["--prompt", "invalid UTF-8 at character 4"]),
    ],
    ids=str,
)
def test_wishes_of_predict(run, options, words, capsys, monkeypatch, tmp_path):
    """Said before the model is loaded, which takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
    arguments = ["predict", "--run", run, *options, "def"]
    assert main(["charlm", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert all(word in captured.err for word in words)


def test_prompts_with_unknown_characters(run, capsys, monkeypatch):
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
    for options in (["--prompt", "d\u00e9f"], ["d\u00e9f"]):
        assert main(["charlm", "predict", "--run", str(run), *options]) == 2
        err = capsys.readouterr().err
        assert "prompt 1: the text holds characters that the vocabulary of 6 does not" in err
        assert "1 in all: '\u00e9'" in err
    options = ["--surprise", str(run.parent / "a.png"), "d\u00e9f"]
    assert main(["charlm", "predict", "--run", str(run), *options]) == 2
    assert "'\u00e9'" in capsys.readouterr().err


def test_nothing_to_draw(run, capsys, monkeypatch):
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
    options = ["--surprise", str(run.parent / "a.png"), ""]
    assert main(["charlm", "predict", "--run", str(run), *options]) == 2
    assert "no text to draw" in capsys.readouterr().err


def test_verbs_without_a_run(tmp_path, capsys):
    for verb in (["evaluate"], ["predict", "hello"], ["report"], ["train", "--resume"], ["export"]):
        assert main(["charlm", *verb, "--run", str(tmp_path / "none")]) == 2
        assert "There is no run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_runs_that_are_damaged(run, book, capsys):
    predict = ["charlm", "predict", "--run", str(run), "def"]
    assert main(predict) == 2
    assert "model.keras" in capsys.readouterr().err
    (run / "symbols.json").write_text('{"version": 1}')
    assert main(predict) == 2
    assert "symbols.json is damaged" in capsys.readouterr().err
    (run / "symbols.json").unlink()
    assert main(predict) == 2
    assert "symbols.json cannot be read" in capsys.readouterr().err
    (run / "samples.json").unlink()
    assert main(predict) == 2
    assert "no samples.json: the run is not finished" in capsys.readouterr().err


def test_data_that_changed(run, book, capsys):
    config = {"task": "charlm", **dataclasses.asdict(Config(data=str(book)))}
    (run / "config.json").write_text(json.dumps(config))
    (run / "data_digest.json").write_text('"of other data"')
    Symbols.fit(TEXT).save(run)
    assert main(["charlm", "train", "--resume", "--run", str(run)]) == 2
    assert "is not what it was" in capsys.readouterr().err


def test_text_of_other_symbols_is_not_evaluated(run, book, capsys, monkeypatch):
    monkeypatch.setattr("tasks.charlm.LanguageModelling.compile", lambda *arguments: None)
    arguments = ["evaluate", "--run", str(run), "--data", str(book)]

    class Model:
        def evaluate(self, batches, **options):
            pytest.fail("evaluated")

    monkeypatch.setattr(RunDirectory, "model", lambda self: Model())
    assert main(["charlm", *arguments]) == 2
    err = capsys.readouterr().err
    assert "test part: the text holds characters that the vocabulary of 6 does not" in err
