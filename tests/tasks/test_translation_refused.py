"""What the translation task refuses: exit status 2, one message, and nothing made is lost."""

import dataclasses
import gzip
import json

import pytest

from tasks.__main__ import main
from tasks.translation import Config

LINES = [
    ("the old king sings", "harut urvo liremi"),
    ("a fox sees two birds", "zimot dva taluni lu vidis"),
    ("does the wolf sleep", "volk ma spi"),
    ("the birds help now", "nau taluni gemakis"),
]
PAIRS = [(f"{source} {n}", f"{target} {n}") for n in range(10) for source, target in LINES]
SMALL = ("source_pieces=words", "target_pieces=words", "units=4", "embedding_units=4")


@pytest.fixture
def run(tmp_path):
    """A folder that passes for a run of the task."""
    path = tmp_path / "run"
    path.mkdir()
    config = {"task": "translation", **dataclasses.asdict(Config())}
    (path / "config.json").write_text(json.dumps(config))
    for name in ("model.keras", "checkpoint.npz", "source.vocabulary.txt"):
        (path / name).write_bytes(b"made with effort")
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    return path


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("architecture=convolution", ["architecture", "bahdanau", "'convolution'"]),
        ("units=5", ["even", "5"]),
        ("units=0", ["units", "at least 1"]),
        ("units=many", ["units", "whole number"]),
        ("unit=3", ["Did you mean 'units'"]),
        ("layers=0", ["layer"]),
        ("cell=lstn", ["lstn"]),
        ("embedding_units=0", ["units"]),
        ("source_pieces=syllables", ["source_pieces", "subwords or words", "'syllables'"]),
        ("target_pieces=syllables", ["target_pieces", "'syllables'"]),
        ("target_pieces=characters", ["share no vocabulary", "shared_vocabulary=false"]),
        ("vocabulary_size=4", ["size=4"]),
        ("max_length=1", ["max_length"]),
        ("max_length=3", ["of 36 pairs", "larger lengths"]),
        ("dropout=1", ["dropout", "[0, 1)"]),
        ("label_smoothing=-0.1", ["label_smoothing", "[0, 1)"]),
        ("averaging=1", ["averaging", "[0, 1)"]),
        ("scheduled_sampling=1.5", ["scheduled_sampling", "1.5"]),
        ("batch_size=0", ["batch_size"]),
        ("beam_width=0", ["beam_width"]),
        ("length_penalty=-1", ["length_penalty", "at least 0"]),
        ("length_penalty=nan", ["length_penalty"]),
        ("learning_rate=nan", ["learning_rate"]),
        ("warmup_steps=-1", ["warmup_steps"]),
        ("epochs=0", ["epochs"]),
        ("seed=-1", ["seed"]),
        ("bleu_tokenize=14a", ["bleu_tokenize", "13a", "zh", "'14a'"]),
    ],
)
def test_options(refused, table, setting, words):
    refused(table, [*SMALL, setting], *words)


@pytest.mark.parametrize("setting", ["heads=3", "hidden_units=-1", "units=-2"])
def test_options_of_a_transformer(refused, table, setting):
    refused(table, [*SMALL, "architecture=transformer", setting], setting.partition("=")[2])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["no pairs"]),
        (b"\n \n", ["no pairs"]),
        (b"one\tuno\ntwo\n", ["line 2", "no tab"]),
        (b"one\tuno\ntwo\t \nthree\ttre\n", ["column 2", "line 2: the text is empty"]),
        (b"\tuno\ntwo\tdue\n", ["column 1", "line 1: the text is empty"]),
        (b"one\tun\xff\n", ["UTF-8"]),
        (b"one\tuno\none\tun\n", ["cannot be divided", "2 pairs in 1 group"]),
    ],
    ids=["empty", "blank", "no tab", "empty target", "empty source", "no UTF-8", "one group"],
)
def test_tables(refused, tmp_path, content, words):
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    refused(path, SMALL, "bad.tsv", *words)


def test_a_damaged_archive(refused, tmp_path):
    whole = gzip.compress(b"one\tuno\n" * 50)
    (tmp_path / "bad.tsv.gz").write_bytes(whole[:-9])
    refused(tmp_path / "bad.tsv.gz", SMALL, "bad.tsv.gz", "damaged")


def test_folders(refused, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    refused(f"{folder}:de-en", SMALL, "no train.LANGUAGE")
    (folder / "train.de").write_text("eins\nzwei\n")
    (folder / "train.en").write_text("one\ntwo\nthree\n")
    refused(f"{folder}:de-en", SMALL, "train.de has 2 lines", "train.en has 3")
    (folder / "train.en").write_text("one\n\n")
    refused(f"{folder}:de-en", SMALL, "train.en", "line 2: the text is empty")
    refused(f"{folder}:de-fr", SMALL, "languages de, en", "de-fr")
    refused(str(folder), SMALL, "name two of them")
    (folder / "train.en").write_text("one\ntwo\n")
    refused(f"{folder}:de-en:test_2017", SMALL, "no test part 'test_2017'")


def test_sources_that_are_not_there(refused, tmp_path):
    refused("builtn", SMALL, "'builtn'", "builtin", "FOLDER:de-en")
    refused(tmp_path / "none.tsv", SMALL, "none.tsv")
    refused("tfds:no_such_pairs", SMALL, "no_such_pairs")


def test_verbs_without_a_run(tmp_path, capsys):
    for verb in (["evaluate"], ["predict", "hello"], ["report"], ["train", "--resume"]):
        assert main(["translation", *verb, "--run", str(tmp_path / "none")]) == 2
        assert "There is no run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_runs_that_are_damaged(run, table, capsys):
    config = json.loads((run / "config.json").read_text())
    assert main(["translation", "predict", "--run", str(run), "hello"]) == 2
    assert "source" in capsys.readouterr().err
    (run / "config.json").write_text(json.dumps({**config, "task": "sentiment"}))
    assert main(["translation", "predict", "--run", str(run), "hello"]) == 2
    assert "'sentiment'" in capsys.readouterr().err
    (run / "config.json").write_text(json.dumps({**config, "colour": "red"}))
    assert main(["translation", "evaluate", "--run", str(run)]) == 2
    assert "unknown option 'colour'" in capsys.readouterr().err
