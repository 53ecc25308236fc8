"""What is shown of translations: sections of a report, and where each word looked."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sacrebleu

from keras_seq.data import DataError
from keras_seq.inspect import plot_attention
from tasks.report import Picture, Pictures, Quote, Quotes, Section, Table, Text, shortened
from tasks.report_pictures import numbered, refuse_picture_place, svg
from tasks.translator import Translation, quality

EXAMPLES = 10
_LONGEST_PICTURE = 20  # pieces: more have no room on a page


def attends(architecture: str) -> bool:
    """Whether models of this architecture look at the source while they write."""
    return architecture not in ("sutskever", "cho")


def refuse_picture(place: str, architecture: str) -> None:
    """Looks whether a picture can be drawn and written there, before the work that it takes.

    Raises:
        DataError: The model has no attention, the ending is none of a picture's, or there is no
            such folder.
    """
    if not attends(architecture):
        raise DataError(
            f"A model of the architecture {architecture!r} has no attention to draw: leave "
            "--attention out."
        )
    refuse_picture_place(place, "--attention")


def draw_attention(found: Translation, path: Path, number: int) -> Path:
    """Writes the picture of one translation; of further ones beside it, with their number."""
    path = numbered(path, number)
    plot_attention(found.attention, found.source, found.pieces).savefig(path, dpi=150)
    return path


def sections(data, model) -> list[Section]:
    """What the report shows of the translations of the test part.

    Args:
        data: The task's data.
        model: The model.
    """
    config, test = data.config, data.texts.test
    search = {"width": config.beam_width, "length_penalty": config.length_penalty}
    search["with_attention"] = attends(config.architecture)
    found = data.translator(model, **search)(test.sources)
    scores = np.array(
        [
            sacrebleu.sentence_chrf(translation.text, [reference]).score
            for translation, reference in zip(found, test.targets, strict=True)
        ]
    )
    parts = [_examples(test, found, scores), _by_length(data.config, test, found)]
    return [*parts, *_attention(test, found)]


def _examples(test, found: Sequence[Translation], scores: np.ndarray) -> Section:
    """Sentences that nobody chose, and the worst."""

    def quotes(rows):
        return [
            Quote(
                shortened(found[row].text) or "(nothing)",
                (
                    f"source: {shortened(test.sources[row])}",
                    f"reference: {shortened(test.targets[row])}",
                    f"chrF {scores[row]:.1f}",
                    f"test sentence {row + 1:,}",
                ),
            )
            for row in rows
        ]

    spread = np.linspace(0, len(found) - 1, min(EXAMPLES, len(found))).astype(int)
    worst = np.argsort(scores, kind="stable")[:EXAMPLES]
    return Section(
        "Translations",
        (
            Text("By the search that the figures of the beam are of; chrF of each by itself."),
            Quotes("Evenly spaced in the test part, chosen by nobody", quotes(spread)),
            Quotes("Those farthest from their references", quotes(worst)),
        ),
    )


def _by_length(config, test, found: Sequence[Translation]) -> Section:
    """BLEU of sources of about one length."""
    lengths = np.array([len(source.split()) for source in test.sources])
    # Lengths that there are, so that every row has sentences; they may all be the same.
    edges = np.unique(np.quantile(lengths, (0, 0.25, 0.5, 0.75, 1), method="lower")).tolist()
    rows = []
    for low, high in itertools.pairwise(edges) if len(edges) > 1 else [(*edges, *edges)]:
        last = high == edges[-1]
        within = (lengths >= low) & (lengths <= high if last else lengths < high)
        chosen = np.flatnonzero(within).tolist()
        part = quality(
            [found[row].text for row in chosen],
            [test.targets[row] for row in chosen],
            lowercase=config.lowercase,
            tokenize=config.bleu_tokenize,
        )
        shown = f"{low} to {high if last else high - 1}"
        rows.append((shown, f"{len(chosen):,}", f"{part.bleu:.1f}", f"{part.exact:.3f}"))
    columns = ("words of the source", "sentences", "BLEU", "exact")
    return Section("By length", (Table(columns, rows),))


def _attention(test, found: Sequence[Translation]) -> list[Section]:
    """Where one translation looked: the first of a length that has room."""
    fitting = [
        (row, translation)
        for row, translation in enumerate(found)
        if translation.attention is not None
        and 6 <= max(len(translation.source), len(translation.pieces)) <= _LONGEST_PICTURE
    ]
    if not fitting:
        return []
    row, translation = fitting[0]
    figure = plot_attention(translation.attention, translation.source, translation.pieces)
    picture = Picture(
        svg(figure), f"Attention of test sentence {row + 1:,}: a row for each target piece."
    )
    words = Text(
        f"Where each piece of the translation of test sentence {row + 1:,} looked; its last "
        "row is the end of the sentence."
    )
    return [Section("Attention", (words, Pictures([picture])))]
