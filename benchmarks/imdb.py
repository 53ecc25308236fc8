"""IMDB reviews: the sentiment task beside Keras' own example and a bag of words.

Run as `python -m benchmarks.imdb`, with the dataset where TFDS_DATA_DIR says. The systems take
turns, seed by seed. What is finished is kept in `runs/benchmark-imdb`, so that a run that was
stopped goes on.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.results import table, write_section
from tasks.config import override, read
from tasks.sentiment import Config

DATA = "tfds:imdb_reviews"
SEEDS = (0, 1, 2)
FOLDER = Path("runs/benchmark-imdb")


def ours(seed: int, settings: list[str]) -> dict:
    """Our task with its defaults, or with settings."""
    run = FOLDER / "-".join(["keras_seq", str(seed), *settings])
    config = override(Config(data=DATA, seed=seed), settings)
    begun = run / "config.json"
    if begun.exists() and read(Config, json.loads(begun.read_text())) != config:
        # A run begun with other defaults would stand under the name of these.
        sys.exit(f"{run} was made with other options; move it away to measure anew.")
    if not (run / "metrics.json").exists():
        new = ["--data", DATA, *_each("--set", [f"seed={seed}", *settings])]
        how = ["--resume"] if begun.exists() else new
        _python("-m", "tasks", "sentiment", "train", "--run", str(run), *how)
    return json.loads((run / "metrics.json").read_text())


def _each(option: str, values: list[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


def keras_example(seed: int) -> dict:
    """The peer."""
    path = FOLDER / f"keras-example-{seed}.json"
    if not path.exists():
        _python(
            "-m",
            "benchmarks.keras_imdb_example",
            *("--data", DATA, "--seed", str(seed), "--output", str(path)),
        )
    return json.loads(path.read_text())


def bag_of_words() -> float:
    """Logistic regression on word counts, with the first seed's vocabulary."""
    path = FOLDER / "bag-of-words.json"
    if not path.exists():
        from keras_seq.data import Tokenizer, bag_of_words_accuracy, load_texts

        texts = load_texts(DATA, seed=SEEDS[0])
        tokenizer = Tokenizer.fit(texts.train.texts, max_words=30_000, max_length=600)
        score = bag_of_words_accuracy(texts.train, texts.test, tokenizer)
        path.write_text(json.dumps(score))
    return json.loads(path.read_text())


def _python(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True)


def _row(name: str, runs: list[dict]) -> list[str]:
    accuracies = [run["test_accuracy"] for run in runs]
    spread = statistics.stdev(accuracies) if len(runs) > 1 else 0.0
    return [
        name,
        f"{statistics.mean(accuracies):.4f} ± {spread:.4f}",
        ", ".join(f"{accuracy:.4f}" for accuracy in accuracies),
        ", ".join(f"{run['validation_accuracy']:.4f}" for run in runs),
        ", ".join(f"{run['train_seconds']:.0f}" for run in runs),
        ", ".join(str(run["epochs"]) for run in runs),
        f"{runs[0]['parameters']:,}",
    ]


def main() -> None:
    """Runs what is not there yet, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    settings = parser.parse_args().set
    FOLDER.mkdir(parents=True, exist_ok=True)
    pairs = [(ours(seed, settings), keras_example(seed)) for seed in SEEDS]
    header = [
        "system",
        "test accuracy, mean ± standard deviation",
        "each seed",
        "validation",
        "seconds of training",
        "epochs",
        "parameters",
    ]
    options = f"with {', '.join(settings)}" if settings else "with its defaults"
    rows = [
        _row(f"keras_seq, the sentiment task {options}", [a for a, _ in pairs]),
        _row("Keras' example, on the same reviews", [b for _, b in pairs]),
        ["bag of words, logistic regression", f"{bag_of_words():.4f}", *["–"] * 5],
    ]
    body = (
        "25,000 test reviews. Vocabulary and weights come from the training reviews, options and "
        "best epoch from a tenth of these that is held out; each row looked at the test reviews "
        "once, after that.\n\n" + table(header, rows)
    )
    title = ", ".join(["IMDB reviews", *settings])
    write_section(title, " ".join(["python -m benchmarks.imdb", *_each("--set", settings)]), body)


if __name__ == "__main__":
    main()
