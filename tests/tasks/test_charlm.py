"""The language model task from the command line: training, figures, writing, surprise, report."""

import contextlib
import dataclasses
import io
import json
import shutil
import sys

import numpy as np
import pytest
from parsed_page import Parsed
from rich.console import Console

from keras_seq.data import Symbols, chunk_batches, load_language, n_gram_loss
from tasks import charlm, training
from tasks.__main__ import main
from tasks.charlm import Config, LanguageModelling
from tasks.charlm_data import LanguageData
from tasks.config import read
from tasks.run_directory import RunDirectory
from tasks.runner import Runner
from tasks.writer import Samples, Writer, surprises

LENGTH, BATCH = 10, 4
SETTINGS = {
    "vocabulary_size": 40,  # fewer than there are: some are unknown
    "units": 12,
    "embedding_units": 6,
    "length": LENGTH,
    "batch_size": BATCH,
    "epochs": 2,
    "learning_rate": 0.03,
    "dropout": 0.1,
    "sample_length": 30,
    "sample_every": 70,
}


def settings(**changes):
    return [p for n, v in {**SETTINGS, **changes}.items() for p in ("--set", f"{n}={v}")]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Real text, with line ends and tabs."""
    path = tmp_path_factory.mktemp("data") / "book.txt"
    path.write_text(load_language("builtin", characters=100_000).train[:6000], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(book, tmp_path_factory):
    """A finished run, and what training printed."""
    run = tmp_path_factory.mktemp("runs") / "charlm"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["charlm", "train", "--data", str(book), "--run", str(run), *settings()]) == 0
    return run, out.getvalue()


@pytest.fixture(scope="module")
def run(trained):
    return trained[0]


@pytest.fixture(scope="module")
def model(run):
    return RunDirectory(run, "charlm").model()


@pytest.fixture(scope="module")
def symbols(run):
    return Symbols.load(run)


@pytest.fixture(scope="module")
def texts(book):
    return load_language(book)


def run_task(capsys, *arguments):
    status = main(["charlm", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def nats(model, rows):
    """Of each id but the first of each row, read in one call."""
    logits = model(rows[:, :-1]).numpy().astype("float64")
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(logp, rows[:, 1:, None], -1)[..., 0]


def greedy_by_hand(model, symbols, prompt, length):
    """Each symbol from a call on all before it: no states are carried."""
    ids = [symbols.start, *symbols.encode(prompt)]
    padded = np.zeros((1, len(ids) + length), "int32")  # one shape: what comes later says nothing
    padded[0, : len(ids)] = ids
    for place in range(len(ids), len(ids) + length):
        logits = model(padded).numpy()[0, place - 1]
        logits[0] = -np.inf  # the unknown symbol
        padded[0, place] = logits.argmax()
    return symbols.decode(padded[0, len(ids) :].tolist())


def test_train_writes_everything(run):
    metrics = json.loads((run / "metrics.json").read_text())
    history = json.loads((run / "history.json").read_text())
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.json", "checkpoint.npz", "model.keras", *LanguageModelling.files}
    assert not [name for name in names if "writing" in name]
    losses = [epoch["val_loss"] for epoch in history]
    assert metrics["validation_loss"] == min(losses)
    assert metrics["best_epoch"] == 1 + losses.index(min(losses))
    for figures in (history[0], history[1], metrics):
        prefixes = ("test_",) if "test_loss" in figures else ("", "val_")
        for prefix in prefixes:
            bits = figures[f"{prefix}loss"] / np.log(2)
            assert figures[f"{prefix}bits_per_character"] == pytest.approx(bits, rel=1e-5)
    assert metrics["test_examples"] == 299


def test_the_best_epoch_has_the_smallest_loss():
    history = [{"epoch": n + 1, "val_loss": x, "score": x} for n, x in enumerate([3.0, 1.0, 1.0])]
    assert training.best_epoch(history, "val_loss") == 2
    assert training.best_epoch(history, "score") == 1


def test_figures_are_those_of_whole_streams(run, model, symbols, texts):
    """Validation in four streams, the test in one, each read in one call."""
    metrics = json.loads((run / "metrics.json").read_text())
    ids = symbols.encode(texts.validation)
    targets = len(ids) - 1
    steps = -(-targets // BATCH)
    found = [
        nats(model, ids[np.newaxis, begin : begin + steps + 1])
        for begin in range(0, targets, steps)
    ]
    losses = np.concatenate([part[0] for part in found])
    assert len(losses) == targets
    assert metrics["validation_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    whole = nats(model, symbols.encode(texts.test)[np.newaxis])
    assert metrics["test_loss"] == pytest.approx(whole.mean(), rel=1e-5)
    # It has learnt more than the counts of single symbols.
    train, test = (symbols.encode(part) for part in (texts.train, texts.test))
    assert metrics["test_loss"] < n_gram_loss(train, test, 1, len(symbols)) - 0.3


def test_samples_are_printed_in_training(trained):
    """In 135 steps one after the 70th, and one after each epoch."""
    _, out = trained
    assert [line for line in out.splitlines() if line.startswith("sample after")] == [
        "sample after step 70 of epoch 1:",
        "sample after epoch 1:",
        "sample after step 70 of epoch 2:",
        "sample after epoch 2:",
    ]
    parts = out.split("sample after ")[1:]
    samples = [part.split(":\n", 1)[1].split("\nepoch ")[0] for part in parts]
    assert len(set(samples)) == 4
    assert all(len(sample) >= 30 for sample in samples)


def test_evaluate_repeats_the_test_figures(run):
    metrics = json.loads((run / "metrics.json").read_text())
    again = Runner(LanguageModelling(), run, Console()).evaluate()
    assert again["test_loss"] == pytest.approx(metrics["test_loss"], rel=1e-6)
    assert again.keys() == {"test_examples", "test_loss", "test_bits_per_character"}


def test_the_runs_own_source_is_tested_in_its_test_part(run, book):
    metrics = json.loads((run / "metrics.json").read_text())
    found = Runner(LanguageModelling(), run, Console()).evaluate(str(book))
    assert found["test_examples"] == metrics["test_examples"]
    assert found["test_loss"] == pytest.approx(metrics["test_loss"], rel=1e-6)


def test_evaluate_on_another_source_reads_all_of_it(run, model, symbols, tmp_path):
    text = "def other():\n\treturn [\u00e9]\n" * 9
    (tmp_path / "other.txt").write_text(text, encoding="utf-8")
    found = Runner(LanguageModelling(), run, Console()).evaluate(str(tmp_path / "other.txt"))
    assert found["test_examples"] == len(text) - 1
    wanted = nats(model, symbols.encode(text)[np.newaxis]).mean()
    assert found["test_loss"] == pytest.approx(wanted, rel=1e-5)


def test_what_is_likeliest_is_written(run, model, symbols, capsys):
    prompts = ("def ", "re", "")
    options = ["--temperature", 0, "--length", 15]
    status, out, err = run_task(capsys, "predict", "--run", run, *options, *prompts)
    assert status == 0
    wanted = [p + greedy_by_hand(model, symbols, p, 15) for p in prompts]
    assert out == "".join(f"{text}\n" for text in wanted)
    assert err == ""


def test_what_is_written_stays_as_it_is(run, model, symbols, capsys):
    """No line is wrapped, and nothing is markup."""
    options = ["--temperature", 1, "--length", 300, "--seed", 4, "--prompt", "[red]" * 30]
    _, out, _ = run_task(capsys, "predict", "--run", run, *options)
    pieces = list(Writer(model, symbols)("[red]" * 30, 300, 4))
    assert len(pieces) == 300
    assert out == "[red]" * 30 + "".join(pieces) + "\n"


def test_a_prompt_is_an_option_too(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)  # nothing is read from there
    arguments = ["predict", "--run", run, "--length", 20, "--seed", 5]
    _, first, _ = run_task(capsys, *arguments, "--prompt", "for i in ")
    _, second, _ = run_task(capsys, *arguments, "for i in ")
    _, both, _ = run_task(capsys, *arguments, "--prompt", "for i in ", "while")
    assert first == second
    assert first.startswith("for i in ")
    assert both.startswith(first)
    assert both[len(first) :].startswith("while")


def test_seeds_and_temperatures(run, capsys):
    def written(*options):
        arguments = ["predict", "--run", run, "--length", 40, "--prompt", "x = "]
        return run_task(capsys, *arguments, *options)[1]

    hot = [written("--temperature", 1.5, "--seed", seed) for seed in (1, 1, 2)]
    assert hot[0] == hot[1] != hot[2]
    likeliest = written("--temperature", 0)
    assert written("--top-k", 1, "--seed", 3) == likeliest
    assert written("--top-p", 1e-6, "--seed", 3) == likeliest
    assert written("--temperature", 1e-4, "--seed", 3) == likeliest
    assert hot[0] != likeliest


def test_symbols_come_as_they_are_drawn(run, symbols):
    """Each is written and flushed before the next is drawn."""
    flushed, task = [], LanguageModelling()

    class File(io.StringIO):
        def flush(self):
            flushed.append(self.getvalue())

    console = Console(file=File())
    pieces = task.predict(RunDirectory(run, "charlm"), iter(["de"]), length=5, seed=1)
    for count in range(1, 7):
        task.show(console, next(pieces))
        assert len(flushed[-1]) == 2 + count - 1
    assert next(pieces) == "\n"


def test_unknown_characters_of_a_prompt_are_told(run, symbols, capsys):
    assert symbols.unknown
    options = ["--length", 5, "--seed", 1]
    status, out, err = run_task(capsys, "predict", "--run", run, *options, "d\u00e9\u4f60")
    assert status == 0
    assert err == "prompt 1: '\u00e9', '\u4f60' read as the unknown symbol\n"
    assert out.startswith("d\u00e9\u4f60")
    assert "\u2047" not in out


def test_unknown_characters_are_refused_where_there_is_no_such_symbol(run, tmp_path, capsys):
    other = tmp_path / "run"
    shutil.copytree(run, other)
    known = Symbols.load(run).symbols[1:]
    Symbols([*known, "\u00df"]).save(other)  # as many, none of them unknown
    before = ["predict", "--run", other, "--length", 5]
    status, out, err = run_task(capsys, *before, "def ", "d\u00e9 \u4f60")
    assert status == 2
    assert out.startswith("def ")
    assert out.count("\n") >= 1
    assert err.startswith("error: prompt 2: the text holds characters that the vocabulary of 40")
    assert "2 in all: '\u00e9', '\u4f60'" in err


def test_surprise_is_drawn(run, model, symbols, tmp_path, capsys, monkeypatch):
    text = "def f(x):\n\n    return x + 1"
    path = tmp_path / "surprise.png"
    arguments = ["predict", "--run", run, "--surprise", path]
    status, out, _ = run_task(capsys, *arguments, text)
    assert status == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    ids = np.array([symbols.start, *symbols.encode(text)])
    bits = nats(model, ids[np.newaxis])[0] / np.log(2)
    mean = f"{bits.mean():.3f} bits per character, {len(text)} characters\n"
    assert out == f"surprise: {path}  {mean}"
    # Lines of standard input are lines of one text.
    stdin = io.TextIOWrapper(io.BytesIO(text.encode() + b"\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run_task(capsys, *arguments)[1] == out


def test_a_long_text_is_drawn_in_part(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(charlm, "DRAWN", 50)
    path = tmp_path / "surprise.svg"
    _, out, _ = run_task(capsys, "predict", "--run", run, "--surprise", path, "import os\n" * 20)
    assert out.endswith("200 characters, the first 50 drawn\n")


def test_a_text_of_many_short_lines_is_drawn_in_part(run, tmp_path, capsys):
    path = tmp_path / "surprise.png"
    status, out, _ = run_task(capsys, "predict", "--run", run, "--surprise", path, "x\n" * 500)
    assert status == 0
    assert out.endswith("1,000 characters, the first 666 drawn\n")
    assert path.exists()


def test_a_sample_that_the_terminal_cannot_show(model, symbols):
    """Training goes on."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    samples = Samples(symbols, Console(file=out), length=2, every=0, seed=0)
    model.compile(optimizer="sgd")
    samples.set_model(model)
    samples.writer = lambda *arguments, **options: ["\u4f60", "\u00e9"]
    samples.on_epoch_end(0)
    out.flush()
    assert out.buffer.getvalue().decode("latin-1").endswith("?\u00e9\n")


def test_surprises_of_a_text_longer_than_a_chunk(model, symbols, texts):
    for length in (129, 300):
        ids = symbols.encode(texts.test)[:length]
        wanted = nats(model, ids[np.newaxis])[0] / np.log(2)
        np.testing.assert_allclose(surprises(model, ids), wanted, rtol=1e-3, atol=1e-4)


def test_report(run, model, symbols, texts, tmp_path, capsys):
    page_path = tmp_path / "page.html"
    status, _, _ = run_task(capsys, "report", "--run", run, "--to", page_path)
    assert status == 0
    page = Parsed(page_path.read_text(encoding="utf-8"))
    ids = symbols.encode(texts.test)
    losses = nats(model, ids[np.newaxis])[0]
    [[_, *rows]] = page.tables["In other units"]
    figures = {name: float(value) for name, value in rows}
    assert figures["nats"] == pytest.approx(losses.mean(), abs=1e-3)
    assert figures["bits"] == pytest.approx(losses.mean() / np.log(2), abs=1e-3)
    assert figures["perplexity"] == pytest.approx(np.exp(losses.mean()), abs=0.02)

    hardest, most = page.tables["Hardest symbols"]
    assert hardest[0] == ["symbol", "times", "mean bits", "% of all bits"]
    shown = {" ": "space", "\n": "line end", "\t": "tab"}
    totals = {s: losses[ids[1:] == n].sum() for n, s in enumerate(symbols.symbols)}
    largest = sorted(totals, key=totals.get, reverse=True)[:5]
    assert [row[0] for row in most[1:6]] == [shown.get(s, s) for s in largest]
    share = 100 * totals[largest[0]] / losses.sum()
    assert float(most[1][3]) == pytest.approx(share, abs=0.06)
    means = [float(row[2]) for row in hardest[1:]]
    assert means == sorted(means, reverse=True)
    assert all(int(row[1]) >= 10 for row in hardest[1:])

    for temperature in ("0.5", "0.8", "1.0"):
        assert f"Temperature {temperature}" in page.words["Samples"]
    pictures = [address for address in page.addresses if address.startswith("data:image")]
    assert len(pictures) == 3  # loss, bits, surprise


def test_baselines_count(book):
    config = Config(data=str(book), vocabulary_size=40)
    task = LanguageModelling()
    data = task.load(config)
    found = task.baselines(data)
    assert list(found) == [
        f"{name}_test_bits_per_character" for name in ("unigrams", "bigrams", "up_to_5_grams")
    ]
    values = list(found.values())
    assert values[1] < values[0]
    wanted = n_gram_loss(data.ids("train"), data.ids("test"), 2, len(data.symbols)) / np.log(2)
    assert values[1] == pytest.approx(wanted)


def test_words(tmp_path):
    """Ids of words, perplexity, and what is written in words."""
    lines = ["the dog saw a cat", "a cat saw the dog", "the cat sat"]
    for part, count in (("train", 40), ("valid", 6), ("test", 4)):
        (tmp_path / f"pets.{part}.txt").write_text("".join(f" {line} \n" for line in lines) * count)
    config = Config(
        data=f"{tmp_path}/pets", level="words", units=8, embedding_units=8, tied=True, length=8
    )
    task = LanguageModelling()
    data = task.load(config)
    assert not data.symbols.unknown
    assert sorted(data.symbols.symbols) == sorted({"<eos>", *" ".join(lines).split()})
    assert data.sizes == {"train": 640 - 1, "validation": 96 - 1, "test": 64 - 1}
    model = task.build(config, data)
    model.compile(optimizer="sgd", run_eagerly=True)
    found = model.evaluate(data.test(), verbose=0, return_dict=True)
    assert found["perplexity"] == pytest.approx(np.exp(found["loss"]), rel=1e-5)
    ids = data.symbols.encode(data.texts.test)
    assert found["loss"] == pytest.approx(nats(model, ids[np.newaxis]).mean(), rel=1e-4)
    assert set(task.baselines(data)) == {
        f"{name}_test_perplexity" for name in ("unigrams", "bigrams", "up_to_5_grams")
    }


@pytest.mark.parametrize("size", [10_000, 30])
def test_symbols_that_only_held_out_text_has_are_unknown(book, tmp_path, size):
    text = book.read_text(encoding="utf-8")
    (tmp_path / "more.txt").write_text(f"{text}\u4f60\u597d", encoding="utf-8")
    task = LanguageModelling()
    data = task.load(Config(data=str(tmp_path / "more.txt"), vocabulary_size=size))
    assert data.symbols.unknown
    assert data.ids("test")[-2:].tolist() == [0, 0]
    assert len(data.symbols) <= size
    if size > 1000:
        same = task.load(Config(data=str(book), vocabulary_size=size)).symbols
        assert same.unknown == bool(set(text[5400:]) - set(text[:5400]))


def test_validation_that_is_short_is_read_in_one_stream():
    config = Config(length=50, batch_size=16, test_streams=9)
    texts = load_language("builtin", characters=100_000)
    short = dataclasses.replace(texts, validation="import os\n" * 8, test="import os\n")
    data = LanguageData(config, short, Symbols.fit(texts.train))
    for batches, count in ((data.validation(), 79), (data.test(), 9)):
        weights = [batch[2].numpy() for batch in batches]
        assert {len(part) for part in weights} == {1}
        assert sum(part.sum() for part in weights) == count
    wanted = chunk_batches(data.ids("train"), 16, 50)
    assert int(data.train(3).cardinality()) == int(wanted.cardinality())


@pytest.mark.long
def test_a_stopped_run_goes_on_to_the_same_weights(run, goes_on):
    goes_on(run)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adagrad", "learning_rate": 0.1, "decay": "constant", "clip_norm": 0},
        {"optimizer": "sgd", "learning_rate": 1.0, "loss_steps": 5, "averaging": 0.9},
        {"cell": "gru", "layers": 2, "embedding_units": 0, "embedding_dropout": 0.1},
    ],
)
def test_other_options_learn_too(book, texts, tmp_path, changes):
    run = tmp_path / "run"
    arguments = ["charlm", "train", "--data", str(book), "--run", str(run)]
    assert main([*arguments, *settings(**changes, sample_length=0)]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    symbols = Symbols.load(run)
    train, test = (symbols.encode(part) for part in (texts.train, texts.test))
    assert metrics["test_loss"] < n_gram_loss(train, test, 1, len(symbols))


@pytest.mark.long
def test_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    status, out, _ = run_task(capsys, "demo", "--run", tmp_path / "run", "--to", tmp_path / "out")
    assert status == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    bits = [metrics[f"{n}_test_bits_per_character"] for n in ("unigrams", "bigrams")]
    assert metrics["test_bits_per_character"] < bits[1] < bits[0]
    for words in ("test bits per character", "builtin ops", "the same as by keras", "def "):
        assert words in out
    assert (tmp_path / "out" / "model.tflite").exists()
    assert f"report: {tmp_path / 'run' / 'report.html'}" in out
    assert "has the weights of this run" in (tmp_path / "run" / "report.html").read_text()


def test_a_configuration_is_read_back(run):
    config = read(Config, RunDirectory(run, "charlm").config())
    assert {name: getattr(config, name) for name in SETTINGS} == SETTINGS
