"""What the report of a language model shows: figures, samples, surprise, the hardest symbols."""

import math
import unicodedata
from collections.abc import Sequence

import numpy as np

from keras_seq.data import Symbols
from keras_seq.inspect import pieces_with_room, plot_surprise
from keras_seq.models import LanguageModel
from tasks.charlm_data import LanguageData
from tasks.report import Picture, Pictures, Section, Table, Text
from tasks.report_pictures import svg
from tasks.writer import Writer, surprises

TEMPERATURES = (0.5, 0.8, 1.0)
SAMPLE_LENGTH = 400
_READ = 50_000  # symbols of the test part: more change little, and take minutes
_DRAWN = 1_200
_SEEN, _ROWS = 10, 15  # how often a hard symbol occurs at least, and how many are shown


def measured(loss: float, measure: str) -> float:
    """A loss in nats as bits per character or as perplexity."""
    return math.exp(loss) if measure == "perplexity" else loss / math.log(2)


def sections(data: LanguageData, model: LanguageModel) -> list[Section]:
    """What the report shows of the test part.

    Args:
        data: The task's data.
        model: The model.
    """
    symbols, ids = data.symbols, data.ids("test")[: _READ + 1]
    bits = surprises(model, ids)
    return [
        _figures(bits, len(data.ids("test")) - 1, symbols.level),
        _samples(symbols, model),
        _surprise(symbols, ids, bits),
        _hardest(symbols, ids[1:], bits),
    ]


def _figures(bits: np.ndarray, whole: int, level: str) -> Section:
    """The mean surprise in all units."""
    nats = float(bits.mean()) * math.log(2)
    part = "all" if len(bits) == whole else f"the first {len(bits):,}"
    words = Text(
        f"Of {part} {level} of the test part, read from its beginning to its end as one text. A "
        "surprise is the negative logarithm of the probability that a symbol was given."
    )
    rows = [
        ("nats", f"{nats:.4f}"),
        ("bits", f"{nats / math.log(2):.4f}"),
        ("perplexity", f"{math.exp(nats):.2f}"),
        ("half of them surprise less than, bits", f"{float(np.median(bits)):.4f}"),
    ]
    return Section(
        "In other units", (words, Table((f"per {level.removesuffix('s')}", "value"), rows))
    )


def _samples(symbols: Symbols, model: LanguageModel) -> Section:
    """What the model writes from nothing, at several temperatures."""
    parts = [
        Text(
            f"Temperature {temperature}:",
            printable(
                "".join(Writer(model, symbols, temperature=temperature)("", SAMPLE_LENGTH, 0))
            ),
        )
        for temperature in TEMPERATURES
    ]
    return Section("Samples", (Text("Written from nothing, with the seed 0."), *parts))


def _surprise(symbols: Symbols, ids: np.ndarray, bits: np.ndarray) -> Section:
    """The middle of the test part, where there is something to remember."""
    pieces = list(symbols.pieces(ids[1:].tolist(), before=int(ids[0])))
    ends = np.cumsum([len(piece) for piece in pieces])
    begin = max(0, int(np.searchsorted(ends, ends[-1] // 2)) - 1)
    # As many symbols as have room, be they characters or words.
    end = begin + int(np.searchsorted(ends[begin:] - ends[begin], _DRAWN)) + 1
    end = begin + pieces_with_room(pieces[begin:end])
    picture = Picture(
        svg(plot_surprise(pieces[begin:end], bits[begin:end])),
        "A text; the darker a sign, the more it surprised the model.",
        f"From symbol {begin + 1:,} of the test part on. Pale: expected. Dark: a surprise.",
        wide=True,
    )
    return Section("Surprise", (Pictures([picture]),))


def _hardest(symbols: Symbols, ids: np.ndarray, bits: np.ndarray) -> Section:
    """Which symbols surprise most, each time and in all."""
    counts = np.bincount(ids, minlength=len(symbols))
    totals = np.bincount(ids, weights=bits, minlength=len(symbols))
    means = totals / np.maximum(counts, 1)

    def table(order: Sequence[int], caption: str) -> Table:
        rows = [
            (
                shown(symbols.symbols[n]),
                f"{counts[n]:,}",
                f"{means[n]:.2f}",
                f"{100 * totals[n] / max(totals.sum(), 1e-12):.1f}",
            )
            for n in order[:_ROWS]
        ]
        return Table(("symbol", "times", "mean bits", "% of all bits"), rows, caption=caption)

    often = [n for n in np.argsort(-means, kind="stable") if counts[n] >= _SEEN]
    most = [n for n in np.argsort(-totals, kind="stable") if counts[n]]
    parts = [table(most, "Those that make up most of the loss.")]
    if often:
        parts.insert(0, table(often, f"The hardest of those that occur {_SEEN} times or more."))
    return Section("Hardest symbols", parts)


def shown(symbol: str) -> str:
    """A symbol by itself: what cannot be seen by its name."""
    names = {" ": "space", "\n": "line end", "\t": "tab", "\r": "carriage return"}
    if symbol in names:
        return names[symbol]
    return symbol if symbol.isprintable() else f"U+{ord(symbol):04X}"


def printable(text: str) -> str:
    """A text as a page can hold it: with line ends and tabs, but without other control signs."""
    return "".join(
        "\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text
    )
