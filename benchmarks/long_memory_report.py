"""How `python -m benchmarks.long_memory` trains, what a run gave, and how that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.results import table
from benchmarks.synthetic import TASKS, Task


@dataclass(frozen=True)
class Recipe:
    """How every layer is trained.

    Attributes:
        steps: Training steps.
        batch: Sequences of a step.
        units: Units of every layer.
        learning_rate: Of Adam.
        clip: Norm to which the gradient as a whole is clipped.
        test: Sequences of the test, a multiple of `batch`.
        seed: Of weights, training and test data.
    """

    steps: int = 1000
    batch: int = 32
    units: int = 64
    learning_rate: float = 3e-3
    clip: float = 1.0
    test: int = 2048
    seed: int = 0


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        task: Its task.
        length: The task's length.
        layer: The layer's name.
        score: What the task measures, on the test sequences, after the last step.
        parameters: Of the whole model.
        seconds: Of training, tracing and compiling in it.
    """

    task: str
    length: int
    layer: str
    score: float
    parameters: int
    seconds: float

    @property
    def normalised(self) -> float:
        """0 at chance, 1 where nothing is wrong."""
        return TASKS[self.task].normalised(self.score)


def report(runs: Sequence[Run], recipe: Recipe, picture: str | None = None) -> str:
    """The section: the recipe, then a table for each task, the best layer first."""
    parts = [
        f"A layer of {recipe.units} units with its default initial values, then a product at the "
        f"steps that answer; symbols come in one-hot. {recipe.steps:,} steps of Adam at "
        f"{recipe.learning_rate:g}, batch {recipe.batch}, the gradient clipped to norm "
        f"{recipe.clip:g}, seed {recipe.seed}: the same for every layer, and tuned for none. Every "
        "batch is drawn anew, and the score is that of the last weights on "
        f"{recipe.test:,} other sequences. Seconds are those of training, tracing and compiling "
        "in them. **Bold** is solved. What is not solved in so few steps, or with this seed, may "
        "be in more or with another."
    ]
    if picture:
        parts.append(f"![Scores of every layer, 0 at chance and 1 without a mistake]({picture})")
    for name in dict.fromkeys(run.task for run in runs):
        task, own = TASKS[name], [run for run in runs if run.task == name]
        than = "at least" if task.higher_is_better else "below"
        lengths = sorted({run.length for run in own})
        header = [f"T = {n:,}, {what}" for n in lengths for what in (task.measure, "seconds")]
        parts += [
            f"### {task.title}",
            f"{task.rules[0].upper()}{task.rules[1:]}. Without looking: {task.measure} "
            f"{_shown(task, task.chance)}; solved: {than} {task.bar:g}.",
            table(["layer", "parameters", *header], [_row(own, n) for n in _ranked(own)]),
        ]
    return "\n\n".join(parts)


def _ranked(runs: Sequence[Run]) -> list[str]:
    """Names of the layers, the largest mean of normalised scores first."""
    scores: dict[str, list[float]] = {}
    for run in runs:
        scores.setdefault(run.layer, []).append(run.normalised)
    return sorted(scores, key=lambda name: (-float(np.mean(scores[name])), name))


def _row(runs: Sequence[Run], layer: str) -> list[str]:
    own = sorted((run for run in runs if run.layer == layer), key=lambda run: run.length)
    row = [f"`{layer}`", f"{own[0].parameters:,}"]
    for run in own:
        task = TASKS[run.task]
        score = _shown(task, run.score)
        row += [f"**{score}**" if task.solved(run.score) else score, f"{run.seconds:.0f}"]
    return row


def _shown(task: Task, score: float) -> str:
    return f"{score:.3f}" if task.higher_is_better else f"{score:.4f}"


def draw(runs: Sequence[Run], path: Path) -> None:
    """Draws a heat map of normalised scores: a row a layer, a column a task and length."""
    # A figure without pyplot: no window, no global state.
    from matplotlib.figure import Figure

    names = _ranked(runs)
    columns = sorted({(run.task, run.length) for run in runs}, key=lambda c: (_place(c[0]), c[1]))
    scores = np.full((len(names), len(columns)), np.nan)
    for run in runs:
        scores[names.index(run.layer), columns.index((run.task, run.length))] = run.normalised
    figure = Figure(
        figsize=(3 + 0.95 * len(columns), 1.6 + 0.32 * len(names)), layout="constrained"
    )
    axes = figure.subplots()
    # Read by colour-blind eyes too: its lightness rises all along.
    image = axes.imshow(scores, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        colour = "white" if score < 0.5 else "black"
        axes.text(column, row, f"{score:.2f}", ha="center", va="center", color=colour)
    titles = [f"{TASKS[task].title}\nT = {length:,}" for task, length in columns]
    axes.set_xticks(range(len(columns)), [title.replace(" ", "\n", 1) for title in titles])
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, label="score: 0 at chance, 1 without a mistake")
    figure.savefig(path, dpi=110)


def _place(task: str) -> int:
    return list(TASKS).index(task)
