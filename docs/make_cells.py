"""Writes CELLS.md from the classes: `make docs`."""

import inspect
import re
import tempfile
import textwrap
from fractions import Fraction
from itertools import product
from pathlib import Path

import keras
import numpy as np

from keras_seq.cells import LinearCell
from keras_seq.export import to_saved_model, to_tflite
from keras_seq.layers import recurrent_layers

PAGE = Path(__file__).with_name("CELLS.md")
HEAD = """# Cells

Written by `make docs` from the classes. Each cell has a layer of the same name without "Cell", and
a name for options that take one (`sequence_classifier(cell="mut1")`, `--set cell=mut1`).

The parameters are those of the defaults, with U units and F features. The lines are those of the
method that holds the equations. States that are linear in the one before let a scan take the place
of the loop. Every cell was exported when this page was written, with random weights, and run beside
Keras; the figure is the largest difference of the TFLite file's values from Keras' (a SavedModel
further off than 1e-5 is refused).
"""


def own_layers() -> dict[str, type]:
    """The library's own recurrent layers by name: the vanilla ones, LSTMs, GRUs, others."""
    groups = ("SimpleRNN", "LSTM", "GRU", "MinimalGated", "MUT")
    found = {n: k for n, k in recurrent_layers().items() if k.__module__.startswith("keras_seq.")}

    def order(item):
        name, kind = item
        group = next((i for i, g in enumerate(groups) if g in kind.__name__), len(groups))
        return group, kind.__name__ not in groups, name

    return dict(sorted(found.items(), key=order))


def parameters(kind: type) -> str:
    """The number of parameters, a polynomial in U and F."""
    terms = {"F·U": lambda f, u: f * u, "U²": lambda f, u: u * u, "U": lambda f, u: u}
    counts = {}
    for features, units in product((2, 5), (3, 7)):
        layer = kind(units)
        layer.build((None, None, features))
        counts[features, units] = layer.count_params()
    rows = [[Fraction(t(f, u)) for t in terms.values()] for f, u in counts]
    solution, *_ = np.linalg.lstsq(
        np.array(rows, float), np.array([*counts.values()], float), rcond=None
    )
    factors = [round(value) for value in solution]
    for (f, u), count in counts.items():
        told = sum(factor * t(f, u) for factor, t in zip(factors, terms.values(), strict=True))
        if told != count:
            raise ValueError(f"{kind.__name__} has {count} parameters, not {told}.")
    named = [(n, t) for n, t in zip(factors, terms, strict=True) if n]
    return " + ".join(term if n == 1 else f"{n}·{term}" for n, term in named)


def equation_lines(cell: type) -> int:
    """Lines of the method that holds the equations, and of the cell's own that it calls."""
    for name in ("coefficients", "step", "combine"):
        method = getattr(cell, name, None)
        if method is not None and method.__qualname__.split(".")[0] not in ("Cell", "LinearCell"):
            break
    helpers = re.findall(r"self\.(_\w+)\(", inspect.getsource(method))
    return sum(_code_lines(getattr(cell, m)) for m in [name, *dict.fromkeys(helpers)])


def _code_lines(method) -> int:
    source = re.sub(r'r?"""(.|\n)*?"""', "", inspect.getsource(method))
    return sum(bool(line.split("#")[0].strip()) for line in source.splitlines())


def documented(cell: type) -> tuple[str, str, str]:
    """Of the docstring the first line, the text with the equations, and the reference."""
    text = inspect.getdoc(cell) or ""
    summary, _, rest = text.partition("\n")
    body = re.split(r"\n(?:Args|Call arguments|Example|Reference):\n", rest, maxsplit=1)[0]
    reference = re.search(r"Reference:\n((?:.|\n)*)", text)
    return summary, body.strip(), textwrap.dedent(reference[1]).strip() if reference else ""


def exported(kind: type) -> float:
    """Exports a layer in both forms.

    Returns:
        The largest difference of the TFLite file's values from Keras'.
    """
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None, 5), name="x")
    model = keras.Model(inputs, kind(7, return_sequences=True)(inputs))
    random = np.random.default_rng(4)
    model.set_weights([random.normal(scale=0.5, size=w.shape) for w in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        to_saved_model(model, Path(folder) / "saved")
        return to_tflite(model, Path(folder) / "model.tflite").comparison.difference


def row(name: str, kind: type) -> list[str]:
    """What the table says of a cell but for its exports."""
    cell = kind.cell_class
    summary, _, _ = documented(cell)
    linear = ", linear" if issubclass(cell, LinearCell) else ""
    anchor = cell.__name__.lower()
    return [
        f"[`{cell.__name__}`](#{anchor})",
        f"`{name}`",
        " ".join(kind(2).cell.states) + linear,
        parameters(kind),
        str(equation_lines(cell)),
        summary.rstrip("."),
    ]


def section(kind: type) -> str:
    """The equations and the reference of a cell."""
    cell = kind.cell_class
    summary, body, reference = documented(cell)
    parts = [f"## {cell.__name__}", summary, body, f"Reference: {reference}"]
    return "\n\n".join(part for part in parts if part)


COLUMNS = ["cell", "name", "states", "parameters", "lines", "what it is"]


def main() -> None:
    """Writes the page."""
    kinds, lines = own_layers(), []
    for name, kind in kinds.items():
        difference = f"{exported(kind):.0e}"
        print(name, difference, flush=True)
        lines.append([*row(name, kind), f"SavedModel, TFLite loop ({difference})"])
    header = [*COLUMNS, "exports"]
    table = [header, ["---"] * len(header), *lines]
    shown = "\n".join("| " + " | ".join(line) + " |" for line in table)
    sections = "\n\n".join(section(kind) for kind in kinds.values())
    PAGE.write_text(f"{HEAD}\n{shown}\n\n{sections}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
