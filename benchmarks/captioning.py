"""Captioning: the built-in pictures, and Flickr8k's 1,000 images, with attention and without.

Run as `python -m benchmarks.captioning [NAME …] --data FOLDER`, or with the folder in the
environment variable CAPTIONING_DATA_DIR. In it lies

    flickr8k_1k/      captions, lists of the official parts, effnetlite0_spatial_7x7x320.npz

which the names that begin with flickr need. Each run is trained by the captioning task in a process
of its own, and tested by it once, at its end. Runs lie in `runs/benchmark-captioning`: a finished
one is not made again, and one that was stopped goes on. The sections tell of those that are
finished; `--report` trains none.
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
from tasks.captioning import Captioning
from tasks.captioning_config import Config
from tasks.config import read
from tasks.run_directory import RunDirectory

FOLDER = Path("runs/benchmark-captioning")
SEEDS = (0, 1, 2)
EXAMPLES = 10
FLICKR, FLICKR_FEATURES = "flickr8k_1k", "effnetlite0_spatial_7x7x320.npz"
SHAPES_TITLE, FLICKR_TITLE = "Captions of built-in pictures", "Flickr8k, 1,000 images"
BASELINE = "nearest neighbour"


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What is trained under a name.

    Attributes:
        title: The section that it belongs to.
        options: Those of the task that are not its defaults.
        data: The folder, within that of the data; "" for the built-in pictures.
    """

    title: str
    options: Mapping[str, Any]
    data: str = ""

    def config(self, folder: Path, seed: int) -> Config:
        """The configuration of a run."""
        options = dict(self.options)
        if self.data:
            options["data"] = str(folder / self.data)
            options["features"] = str(folder / self.data / FLICKR_FEATURES)
        return Config(seed=seed, **options)


def _flickr(**options: Any) -> Benchmark:
    options = {
        "encoder": "features",
        "encoder_units": 256,
        "units": 256,
        "embedding_units": 128,
        "min_count": 3,
        "dropout": 0.5,
        "label_smoothing": 0.1,
        "averaging": 0.99,
        "epochs": 20,
        "learning_rate": 1e-3,
        **options,
    }
    return Benchmark(FLICKR_TITLE, options, FLICKR)


BENCHMARKS = {
    "shapes-attention": Benchmark(SHAPES_TITLE, {}),
    "shapes-initial-state": Benchmark(SHAPES_TITLE, {"decoder": "initial_state"}),
    "flickr-attention": _flickr(),
    "flickr-initial-state": _flickr(decoder="initial_state"),
}


def _finished(name: str) -> dict[int, Metrics]:
    """Figures by seed."""
    return finished(FOLDER, name, partial(BENCHMARKS[name].config, Path()))


def told(name: str, seed: int, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of the nearest neighbour on a run's data, and captions that nobody chose."""
    journal = Journal(FOLDER / "told.jsonl")
    settings = {"name": name, "metrics": dict(metrics)}  # so those of another run are not shown
    if (found := journal.find(settings)) is None:
        found = _told(RunDirectory(FOLDER / f"{name}-{seed}", "captioning"))
        journal.add(settings, found)
    return found


def _told(run: RunDirectory) -> dict[str, Any]:
    task, config = Captioning(), read(Config, run.config())
    data = task.load(config, run)
    data.check_unchanged(run)
    test = data.images.test
    chosen = test.take(np.linspace(0, len(test) - 1, min(EXAMPLES, len(test))).astype(int))
    search = {"width": config.beam_width, "length_penalty": config.length_penalty}
    found = data.captioner(run.model(), **search)(chosen.inputs)
    rows = zip(chosen.names, chosen.captions, found, strict=True)
    examples = [[name, texts[0], caption.text] for name, texts, caption in rows]
    return {"baseline": task.baselines(data), "examples": examples}


def report(title: str) -> str | None:
    """The text of a section, from the runs that are finished; None if there are none."""
    names = [name for name, benchmark in BENCHMARKS.items() if benchmark.title == title]
    found = {name: runs for name in names if (runs := _finished(name))}
    if not found:
        return None
    first = next(iter(found))
    seed = min(found[first])
    more = told(first, seed, found[first][seed])
    counts = {run["test_examples"] for runs in found.values() for run in runs.values()}
    images = " or ".join(f"{count:,}" for count in sorted(counts))
    parts = [
        f"Test: {images} images. Mean over the seeds, and in brackets the range where there are "
        "several. Best epochs come from validation images (CIDEr-D, greedy search); each run "
        "looked at the test images once, at its end, with a beam of 3. Minutes are those of "
        "training, validation not counted. BLEU is of 0 to 100, CIDEr-D of 0 to 10, both without "
        f"case and punctuation. {_about(title)}",
        _figures(found, more["baseline"], exact=title == SHAPES_TITLE),
        f"Evenly spaced in the test part, chosen by nobody; {first}, seed {seed}.",
        table(
            ["image", "reference", "caption"],
            [[text_cell(text) for text in row] for row in more["examples"]],
        ),
    ]
    return "\n\n".join(parts)


def _about(title: str) -> str:
    if title == SHAPES_TITLE:
        return (
            "No test image has a combination of colour, shape and relation that training images "
            "have."
        )
    return (
        "The official parts, as far as their images are there; features (7 × 7 × 320) of an "
        "EfficientNet-Lite0 trained on ImageNet. The nearest neighbour is the training image with "
        "the most similar features; of its captions the most central one is taken."
    )


def _figures(
    found: Mapping[str, Mapping[int, Mapping[str, Any]]],
    baseline: Mapping[str, float],
    *,
    exact: bool,
) -> str:
    keys = [*(f"bleu_{n}" for n in (1, 2, 3, 4)), "cider", *(["exact"] if exact else [])]
    header = ["system", "seeds", "parameters", "minutes of training", "validation CIDEr-D"]
    header += ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", *(["exact"] if exact else [])]
    rows: list[list[object]] = []
    for name, by_seed in found.items():
        runs = list(by_seed.values())
        minutes = statistics.mean(run["train_seconds"] / 60 for run in runs)
        figures = [
            mean_and_range([run[f"test_{key}_beam_3"] for run in runs], _digits(key))
            for key in keys
        ]
        validation = mean_and_range([run["validation_cider"] for run in runs], _digits("cider"))
        parameters = f"{runs[0]['parameters']:,}"
        rows.append([name, len(runs), parameters, f"{minutes:.1f}", validation, *figures])
    prefix = f"{BASELINE.replace(' ', '_')}_test_"
    of_baseline = [f"{baseline[prefix + key]:.{_digits(key)}f}" for key in keys]
    rows.append([BASELINE, "–", "–", "–", "–", *of_baseline])
    of_runs = {r["bleu_signature"] for runs in found.values() for r in runs.values()}
    signatures = ", ".join(f"`{signature}`" for signature in sorted(of_runs))
    return f"{table(header, rows)}\n\nsacrebleu: {signatures}."


def _digits(key: str) -> int:
    return 1 if key.startswith("bleu") else 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is not there yet, then writes the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--data", default=os.environ.get("CAPTIONING_DATA_DIR"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--report", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"{sorted(unknown)[0]!r} is none of {', '.join(BENCHMARKS)}.")
    if not options.report:
        names = options.names or list(BENCHMARKS)
        if not options.data and any(BENCHMARKS[name].data for name in names):
            parser.error("say where the data are, by --data or CAPTIONING_DATA_DIR.")
        # Seed by seed, so that a benchmark that is stopped has some of everything.
        for seed in options.seeds:
            for name in names:
                config = BENCHMARKS[name].config(Path(options.data or ""), seed)
                train("captioning", FOLDER / f"{name}-{seed}", config)
    sections = {title: report(title) for title in (SHAPES_TITLE, FLICKR_TITLE)}
    if not any(sections.values()):
        parser.error(f"no run in {FOLDER} is finished: there is nothing to write.")
    for title, text in sections.items():
        if text:
            write_section(title, "python -m benchmarks.captioning", text)


if __name__ == "__main__":
    main()
