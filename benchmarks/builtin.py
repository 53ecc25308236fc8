"""The built-in corpus: what `make demo` trains, three seeds, beside a bag of words.

Run as `python -m benchmarks.builtin`.
"""

import dataclasses
import statistics
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.results import table, write_section
from keras_seq.data import BAG_OF_WORDS_CEILING
from tasks.runner import Runner
from tasks.sentiment import Sentiment

SEEDS = (0, 1, 2)


def main() -> None:
    """Trains each seed, then writes the section."""
    task, console = Sentiment(), Console()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            runner = Runner(task, Path(folder) / str(seed), console)
            config = dataclasses.replace(task.demo_config(), seed=seed)
            runs.append(runner.train(config))
        baseline = task.baselines(task.load(config, runner.run))
    accuracies = [run["test_accuracy"] for run in runs]
    rows = [
        [
            "keras_seq, the demo's bidirectional GRU of 32 units",
            f"{statistics.mean(accuracies):.4f} ± {statistics.stdev(accuracies):.4f}",
            ", ".join(f"{run['train_seconds']:.0f}" for run in runs),
            f"{runs[0]['parameters']:,}",
        ],
        [
            f"bag of words, logistic regression (cannot pass {BAG_OF_WORDS_CEILING:.2f})",
            f"{next(iter(baseline.values())):.4f}",
            "–",
            "–",
        ],
    ]
    header = ["system", "test accuracy, 2,000 reviews", "seconds of training", "parameters"]
    write_section("Built-in reviews", "make bench-builtin", table(header, rows))


if __name__ == "__main__":
    main()
