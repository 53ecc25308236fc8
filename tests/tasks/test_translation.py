"""The translation task from the command line: training, figures, predictions, the report."""

import dataclasses
import io
import json
import shutil
import sys

import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from parsed_page import Parsed
from rich.console import Console

from keras_seq.data import DataError, TextCodec, load_pairs
from keras_seq.models import sequence_to_sequence
from tasks.__main__ import main
from tasks.config import read
from tasks.run_directory import RunDirectory
from tasks.runner import Runner
from tasks.translation import Config, Translation

END, PADDING, START = 3, 0, 2
SETTINGS = [
    "source_pieces=words",
    "target_pieces=words",
    "vocabulary_size=400",
    "units=16",
    "embedding_units=16",
    "max_length=14",
    "epochs=2",
    "batch_size=16",
    "learning_rate=0.02",
    "warmup_steps=5",
    "dropout=0.1",
    "scheduled_sampling=0.1",
    "averaging=0.8",
]


@pytest.fixture(scope="module")
def pairs_tsv(tmp_path_factory):
    """Some of the built-in pairs, an English sentence and its translation a line."""
    train = load_pairs("builtin").train
    pairs = zip(train.sources, train.targets, strict=True)
    # One length of batches: each is traced and compiled anew.
    short = [pair for pair in pairs if len(pair[0].split()) < 8 and len(pair[1].split()) < 7]
    path = tmp_path_factory.mktemp("data") / "pairs.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in short[:480]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def translation_run(pairs_tsv, tmp_path_factory):
    """A finished run of the translation task; its model is poor, but says more than one thing."""
    run = tmp_path_factory.mktemp("runs") / "translation"
    arguments = ["translation", "train", "--data", str(pairs_tsv), "--run", str(run)]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    assert main([*arguments, *settings]) == 0
    return run


def run_task(capsys, *arguments):
    status = main(["translation", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def model(translation_run):
    return RunDirectory(translation_run, "translation").model()


@pytest.fixture(scope="module")
def test_part(pairs_tsv):
    return load_pairs(str(pairs_tsv), seed=0).test


@pytest.fixture(scope="module")
def by_hand(model, translation_run):
    """Greedy translation of one text by the decoder's step alone."""
    source, target = (TextCodec.load(translation_run, side) for side in ("source", "target"))

    def translate(text, length=14):
        encoded = model.encoder(source(tf.constant([text])).to_tensor())
        memory = model.decoder.prepare(encoded)
        state, tokens = model.decoder.initial_state(memory, length), [START]
        while len(tokens) <= length and tokens[-1] != END:
            logits, state = model.decoder.step(tf.constant(tokens[-1:]), state, memory)
            likely = logits.numpy()[0]
            likely[[PADDING, START]] = -np.inf
            tokens.append(int(likely.argmax()))
        return target.decode([tokens[1:]]).numpy()[0].decode()

    return translate


def test_train_writes_everything(translation_run):
    metrics = json.loads((translation_run / "metrics.json").read_text())
    history = json.loads((translation_run / "history.json").read_text())
    names = {path.name for path in translation_run.iterdir()}
    assert names >= {"config.json", "checkpoint.npz", "model.keras", *Translation.files}
    assert not [name for name in names if "writing" in name]
    bleus = [epoch["val_bleu"] for epoch in history]
    assert metrics["validation_bleu"] == max(bleus) > 0
    assert metrics["best_epoch"] == 1 + bleus.index(max(bleus))
    assert metrics["test_examples"] == 24
    samples = json.loads((translation_run / "samples.json").read_text())
    assert len(samples["sources"]) == len(samples["targets"]) == 24


def test_the_best_model_has_the_validation_figure(translation_run, pairs_tsv, by_hand):
    part = load_pairs(str(pairs_tsv), seed=0).validation
    found = [by_hand(text) for text in part.sources]
    assert len(set(found)) > 3
    metrics = json.loads((translation_run / "metrics.json").read_text())
    bleu = sacrebleu.corpus_bleu(found, [part.targets]).score
    assert metrics["validation_bleu"] == pytest.approx(bleu)


def test_evaluate_repeats_the_test_figures(translation_run, test_part, by_hand):
    metrics = json.loads((translation_run / "metrics.json").read_text())
    again = Runner(Translation(), translation_run, Console()).evaluate()
    assert set(again) >= {
        f"test_{figure}_{search}"
        for figure in ("bleu", "chrf", "exact")
        for search in ("greedy", "beam_5")
    }
    for name, value in again.items():
        assert metrics[name] == (value if isinstance(value, str) else pytest.approx(value))
    found = [by_hand(text) for text in test_part.sources]
    chrf = sacrebleu.corpus_chrf(found, [test_part.targets]).score
    assert metrics["test_chrf_greedy"] == pytest.approx(chrf)
    assert metrics["test_chrf_greedy"] != pytest.approx(metrics["test_chrf_beam_5"])


def test_evaluate_on_another_source(translation_run, pairs_tsv, tmp_path, capsys):
    """Every pair of a table counts; of a folder, its test part."""
    lines = pairs_tsv.read_text().splitlines()
    (tmp_path / "more.tsv").write_text("\n".join(lines[40:67]))
    runner = Runner(Translation(), translation_run, Console())
    figures = runner.evaluate(str(tmp_path / "more.tsv"))
    assert figures["test_examples"] == 27
    # What predict prints, by the run's own beam.
    sources, targets = zip(*(line.split("\t") for line in lines[40:67]), strict=True)
    capsys.readouterr()
    status, out, _ = run_task(capsys, "predict", "--run", translation_run, *sources)
    assert status == 0
    found = [line.split("  [read")[0] for line in out.splitlines()]
    # Rows of a table may be divided in another order: BLEU of a corpus has none.
    bleu = sacrebleu.corpus_bleu(found, [list(targets)]).score
    assert figures["test_bleu_beam_5"] == pytest.approx(bleu)

    for name, part in (("train", lines[:30]), ("val", lines[30:40]), ("test", lines[40:45])):
        for column, language in enumerate(("en", "so")):
            texts = [line.split("\t")[column] for line in part]
            (tmp_path / f"{name}.{language}").write_text("\n".join(texts))
    config = dataclasses.replace(read(Config, runner.run.config()), data=f"{tmp_path}:en-so")
    assert Translation().load(config, runner.run, test_only=True).sizes["test"] == 5


@pytest.mark.long
def test_a_stopped_run_goes_on_to_the_same_weights(translation_run, goes_on):
    goes_on(translation_run)


def test_pairs_with_an_empty_side_may_be_left_out(pairs_tsv, tmp_path):
    lines = pairs_tsv.read_text().splitlines()[:60]
    (tmp_path / "pairs.tsv").write_text("\n".join([*lines, "a dog\t "]))
    words = {"source_pieces": "words", "target_pieces": "words", "vocabulary_size": 200}
    config = Config(data=str(tmp_path / "pairs.tsv"), drop_empty=True, **words)
    assert sum(Translation().load(config).sizes.values()) == 60
    with pytest.raises(DataError, match="drop_empty"):
        Translation().load(dataclasses.replace(config, drop_empty=False))


def test_predict(translation_run, by_hand, capsys, monkeypatch):
    texts = ["the happy woman wants the king here", "ninety nine kings sing"]
    status, out, _ = run_task(capsys, "predict", "--run", translation_run, "--width", 1, *texts)
    assert status == 0
    assert out.splitlines() == [by_hand(text) for text in texts]
    assert len(set(out.splitlines())) == 2
    lines = f"{texts[0]}\n\n ▁ \nxyzzy plugh\n{texts[1]}\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    status, piped, _ = run_task(capsys, "predict", "--run", translation_run, "--width", 1)
    assert status == 0
    first, empty, blank, unknown, last = piped.splitlines()
    assert [first, last] == out.splitlines()
    assert (empty, blank) == tuple(
        f"input {number} is empty: there is nothing to translate" for number in (2, 3)
    )
    assert unknown == by_hand("xyzzy plugh")


def test_predict_says_how_much_of_a_long_sentence_was_read(translation_run, by_hand, capsys):
    text = "the king " * 30
    status, out, _ = run_task(capsys, "predict", "--run", translation_run, "--width", 1, text)
    assert status == 0
    # Of 60 words the model takes 14 pieces.
    wanted = by_hand("the king " * 7)
    assert out == f"{wanted}  [read 14 of 60 pieces]\n"


def test_attention_is_drawn_for_each_input(translation_run, tmp_path, capsys):
    path = tmp_path / "att.png"
    texts = ("the king sings", "", "do the doctors sing here")
    arguments = ["predict", "--run", translation_run, "--attention", path, *texts]
    status, out, _ = run_task(capsys, *arguments)
    assert status == 0
    pictures = [path, tmp_path / "att-3.png"]
    assert [line for line in out.splitlines() if line.startswith("attention")] == [
        f"attention: {picture}" for picture in pictures
    ]
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(tmp_path.iterdir()) == sorted(pictures)


def test_attention_that_cannot_be_drawn(translation_run, tmp_path, capsys, monkeypatch):
    """Said before the model is loaded, which takes seconds."""
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("the model was loaded"))
    predict = ["predict", "--run", translation_run, "the king sings"]
    for option, value, words in (
        ("--attention", tmp_path / "att.jpg", [".png", "att.jpg"]),
        ("--attention", tmp_path / "none" / "att.png", ["none", "no folder"]),
        ("--width", 0, ["--width", "at least 1", "0"]),
    ):
        status, out, err = run_task(capsys, *predict, option, value)
        assert (status, out) == (2, "")
        assert all(word in err for word in words)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_attention(translation_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(translation_run, run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "architecture": "cho"}))
    size = len(TextCodec.load(run, "source"))
    other = sequence_to_sequence(size, size, architecture="cho", units=8, embedding_units=4, seed=1)
    other.build()
    other.save(run / "model.keras")
    status, out, err = run_task(
        capsys, "predict", "--run", run, "--attention", tmp_path / "a.png", "the king sings"
    )
    assert (status, out) == (2, "")
    assert "'cho' has no attention" in err
    status, _, _ = run_task(capsys, "report", "--run", run)
    assert status == 0
    page = Parsed((run / "report.html").read_text(encoding="utf-8"))
    assert "Translations" in page.words
    assert "Attention" not in page.words


def test_report(translation_run, test_part, tmp_path, capsys):
    page_path = tmp_path / "page.html"
    status, out, _ = run_task(capsys, "report", "--run", translation_run, "--to", page_path)
    assert status == 0
    assert str(page_path) in out
    page = Parsed(page_path.read_text(encoding="utf-8"))
    _, out, _ = run_task(capsys, "predict", "--run", translation_run, *test_part.sources)
    found = out.splitlines()

    spread, worst = page.words["Translations"].split("Those farthest from their references")
    for row in np.linspace(0, 23, 10).astype(int):
        for words in (found[row], test_part.sources[row], test_part.targets[row]):
            assert words in spread
    chrf = [
        sacrebleu.sentence_chrf(text, [target]).score
        for text, target in zip(found, test_part.targets, strict=True)
    ]
    first, row = worst.split("source: ")[1], int(np.argmin(chrf))
    assert all(words in first for words in (test_part.sources[row], found[row]))
    assert f"chrF {min(chrf):.1f}" in first

    [[_, *rows]] = page.tables["By length"]
    lengths = np.array([len(source.split()) for source in test_part.sources])
    assert sum(int(row[1]) for row in rows) == len(lengths)
    for shown, count, bleu, _ in rows:
        low, high = map(int, shown.split(" to "))
        chosen = [n for n, length in enumerate(lengths) if low <= length <= high]
        assert int(count) == len(chosen) > 0
        part = [[texts[n] for n in chosen] for texts in (found, test_part.targets)]
        assert float(bleu) == pytest.approx(
            sacrebleu.corpus_bleu(part[0], [part[1]]).score, abs=0.05
        )
    assert "Attention" in page.words
    assert len([address for address in page.addresses if address.startswith("data:image")]) == 4


def test_chinese(tmp_path):
    """Characters of the target, counted as sacrebleu counts Chinese."""
    verbs = {"eat": "吃", "see": "看见", "buy": "买", "want": "想要"}
    things = {"rice": "米饭", "a book": "一本书", "tea": "茶", "an apple": "一个苹果", "fish": "鱼"}
    lines = [
        f"I {verb} {thing}.\t我{word}{other}。"
        for verb, word in verbs.items()
        for thing, other in things.items()
    ]
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    config = Config(
        data=str(path),
        source_pieces="words",
        target_pieces="characters",
        shared_vocabulary=False,
        vocabulary_size=60,
        units=8,
        embedding_units=8,
        max_length=12,
        beam_width=2,
        bleu_tokenize="zh",
        epochs=1,
    )
    task = Translation()
    data = task.load(config)
    assert set("我吃看见米饭一本书。") <= set(data.target.pieces)
    keras.utils.set_random_seed(0)
    model = task.build(config, data)
    figures = task.test_figures(model, data)
    assert "tok:zh" in figures["bleu_signature"]
    greedy = [found.text for found in data.translator(model)(data.texts.test.sources)]
    wanted = sacrebleu.corpus_bleu(greedy, [data.texts.test.targets], tokenize="zh").score
    assert figures["test_bleu_greedy"] == pytest.approx(wanted)
    right = data.quality(
        lambda texts: [Right(text) for text in data.texts.test.targets], data.texts.test
    )
    assert (right.bleu, right.exact) == (pytest.approx(100), 1)


@dataclasses.dataclass
class Right:
    text: str
