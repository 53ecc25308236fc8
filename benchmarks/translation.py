"""Translation: the papers' architectures on Multi30k, and two pairs of languages of Tatoeba.

Run as `python -m benchmarks.translation [NAME …] --data FOLDER`, or with the folder in the
environment variable TRANSLATION_DATA_DIR. In it lie

    multi30k/              train, val and test_2016_flickr of de and en, plain or .gz
    cmn-eng_with_attribution.txt.gz, fra-eng.zip      of Tatoeba, English first

Each run is trained by the translation task in a process of its own, and tested by it once, at its
end. Runs lie in `runs/benchmark-translation`: a finished one is not made again, and one that was
stopped goes on. Each set of sentences has a section of its own, of the runs that are finished here;
where there are none, the section stays as it is. `--report` trains none.
"""

import argparse
import dataclasses
import os
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.journal import Journal
from benchmarks.results import mean_and_range, table, text_cell, write_section
from benchmarks.task_runs import Metrics, finished, train
from tasks.config import read
from tasks.run_directory import RunDirectory
from tasks.translation import Config, Translation

FOLDER = Path("runs/benchmark-translation")
SEEDS = (0, 1, 2)
EXAMPLES = 10
MULTI30K = "Multi30k, German to English"


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What is trained under a name.

    Attributes:
        section: The section that tells of it, after "Translation, ".
        data: The source, within the folder of the data.
        options: Those of the task that are not its defaults.
        published: BLEU of others on the same test sentences.
        examples: Whether translations are shown.
    """

    section: str
    data: str
    options: Mapping[str, Any]
    published: float | None = None
    examples: bool = False

    def config(self, folder: Path, seed: int) -> Config:
        """The configuration of a run."""
        return Config(data=f"{folder / self.data}", seed=seed, **self.options)


def _multi30k(published: float | None, **options: Any) -> Benchmark:
    options = {"lowercase": True, "averaging": 0.998, "epochs": 10, **options}
    return Benchmark(MULTI30K, "multi30k:de-en", options, published)


BENCHMARKS = {
    "sutskever": _multi30k(13.8, architecture="sutskever", layers=2),
    "cho": _multi30k(20.6, architecture="cho"),
    "bahdanau": _multi30k(28.3, architecture="bahdanau"),
    "luong": _multi30k(None, architecture="luong"),
    "transformer": _multi30k(
        36.5,
        architecture="transformer",
        units=256,
        layers=3,
        heads=8,
        hidden_units=512,
        dropout=0.15,
        vocabulary_size=4_000,
        epochs=18,
        learning_rate=1e-3,
        warmup_steps=800,
    ),
    "en-zh": Benchmark(
        "Tatoeba, English to Chinese",
        "cmn-eng_with_attribution.txt.gz",
        {
            "target_pieces": "characters",
            "shared_vocabulary": False,
            "vocabulary_size": 4_000,
            "bleu_tokenize": "zh",
            "max_length": 40,
        },
        examples=True,
    ),
    "fr-en": Benchmark(
        "Tatoeba, French to English",
        "fra-eng.zip",
        {"reverse": True, "max_length": 40, "epochs": 3},
        examples=True,
    ),
}


def _finished(name: str) -> dict[int, Metrics]:
    """Figures by seed."""
    return finished(FOLDER, name, partial(BENCHMARKS[name].config, Path()))


def examples(name: str, seed: int, metrics: Mapping[str, Any]) -> list[list[str]]:
    """Source, reference and translation of test sentences that nobody chose."""
    journal = Journal(FOLDER / "examples.jsonl")
    settings = {"name": name, "metrics": dict(metrics)}  # so those of another run are not shown
    if (found := journal.find(settings)) is None:
        found = _translated(RunDirectory(FOLDER / f"{name}-{seed}", "translation"))
        journal.add(settings, found)
    return found


def _translated(run: RunDirectory) -> list[list[str]]:
    config = read(Config, run.config())
    data = Translation().load(config, run)
    data.check_unchanged(run)
    test = data.texts.test
    chosen = test.take(np.linspace(0, len(test) - 1, min(EXAMPLES, len(test))).astype(int))
    search = {"width": config.beam_width, "length_penalty": config.length_penalty}
    found = data.translator(run.model(), **search)(chosen.sources)
    texts = [translation.text for translation in found]
    return [list(row) for row in zip(chosen.sources, chosen.targets, texts, strict=True)]


def report(names: Sequence[str]) -> str | None:
    """The text of a section; None if none of its runs is finished.

    Args:
        names: The benchmarks that it tells of.
    """
    found = {name: runs for name in names if (runs := _finished(name))}
    if not found:
        return None
    published = any(BENCHMARKS[name].published is not None for name in names)
    test = f"Test: {_test_sentences(found)} sentences, "
    if published:
        test += (
            "test_2016_flickr. Published: the notebooks of bentrevett/pytorch-seq2seq, after 10 "
            "epochs, for the model of the same paper, counted by their own code on their own "
            "tokens: a point more or less says little."
        )
    else:
        test += (
            "drawn by the seed and held out, as those for validation are; they share no sentence "
            "with the others."
        )
    parts = [
        "Mean over the seeds, and in brackets the range where there are several. Options and best "
        "epoch come from validation sentences (greedy search); each run looked at the test "
        "sentences once, at its end. Minutes are those of training, validation not counted.",
        test,
        _figures(found, published=published),
    ]
    for name, runs in found.items():
        if not BENCHMARKS[name].examples:
            continue
        seed = min(runs)
        rows = [[text_cell(text) for text in row] for row in examples(name, seed, runs[seed])]
        parts += [
            f"Examples, evenly spaced in the test part of seed {seed}, chosen by nobody; beam.",
            table(["source", "reference", "translation"], rows),
        ]
    return "\n\n".join(parts)


def _test_sentences(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> str:
    counts = {run["test_examples"] for runs in found.values() for run in runs.values()}
    return " or ".join(f"{count:,}" for count in sorted(counts))


def _figures(found: Mapping[str, Mapping[int, Mapping[str, Any]]], *, published: bool) -> str:
    header = [
        "configuration",
        "seeds",
        "parameters",
        "minutes of training",
        "validation BLEU",
        "test BLEU, greedy",
        "test BLEU, beam 5",
        "test chrF, beam 5",
        *(["published BLEU"] if published else []),
    ]
    keys = ("validation_bleu", "test_bleu_greedy", "test_bleu_beam_5", "test_chrf_beam_5")
    rows = []
    for name, by_seed in found.items():
        runs, other = list(by_seed.values()), BENCHMARKS[name].published
        minutes = statistics.mean(run["train_seconds"] / 60 for run in runs)
        rows.append(
            [
                name,
                len(runs),
                f"{runs[0]['parameters']:,}",
                f"{minutes:.1f}",
                *(mean_and_range([run[key] for run in runs], 1) for key in keys),
                *(["–" if other is None else f"{other:.1f}"] if published else []),
            ]
        )
    of_runs = {r["bleu_signature"] for runs in found.values() for r in runs.values()}
    signatures = ", ".join(f"`{signature}`" for signature in sorted(of_runs))
    return f"{table(header, rows)}\n\nsacrebleu: {signatures}."


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is not there yet, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--data", default=os.environ.get("TRANSLATION_DATA_DIR"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--report", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"{sorted(unknown)[0]!r} is none of {', '.join(BENCHMARKS)}.")
    if not options.report:
        if not options.data:
            parser.error("say where the data are, by --data or TRANSLATION_DATA_DIR.")
        # Seed by seed, so that a benchmark that is stopped has some of everything.
        for seed in options.seeds:
            for name in options.names or BENCHMARKS:
                config = BENCHMARKS[name].config(Path(options.data), seed)
                train("translation", FOLDER / f"{name}-{seed}", config)
    sections: dict[str, list[str]] = {}
    for name, benchmark in BENCHMARKS.items():
        sections.setdefault(benchmark.section, []).append(name)
    texts = {section: report(names) for section, names in sections.items()}
    if not any(texts.values()):
        parser.error(f"no run in {FOLDER} is finished: there is nothing to write.")
    for section, text in texts.items():
        if text:
            command = f"python -m benchmarks.translation {' '.join(sections[section])}"
            write_section(f"Translation, {section}", command, text)


if __name__ == "__main__":
    main()
