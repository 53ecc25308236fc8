"""What is shown of captions: sections of a report, and where each word looked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from keras_seq.data import DataError
from keras_seq.inspect import plot_image_attention
from keras_seq.metrics import cider_d
from tasks.captioner import Caption
from tasks.captioning_data import CaptioningData, picture_named, plain_captions
from tasks.report import Part, Picture, Pictures, Quote, Quotes, Section, Text, shortened
from tasks.report_pictures import numbered, refuse_picture_place, svg

EXAMPLES = 10
_LONGEST_PICTURE = 14  # words: more have no room on a page
_SIDE = 1.8  # inches of a picture on a page


def refuse_picture(place: str, decoder: str) -> None:
    """Looks whether a picture can be drawn and written there, before the work that it takes.

    Raises:
        DataError: The model has no attention, the ending is none of a picture's, or there is no
            such folder.
    """
    if decoder != "attention":
        raise DataError(
            f"A model with the decoder {decoder!r} has no attention to draw: leave --attention out."
        )
    refuse_picture_place(place, "--attention")


def draw_attention(found: Caption, picture: np.ndarray, path: Path, number: int) -> Path:
    """Writes the picture of one caption; of further ones beside it, with their number."""
    path = numbered(path, number)
    plot_image_attention(picture, found.attention, found.pieces).savefig(path, dpi=150)
    return path


def sections(data: CaptioningData, model) -> list[Section]:
    """What the report shows of the captions of the test part.

    Args:
        data: The task's data.
        model: The model.
    """
    config, test = data.config, data.images.test
    search = {"width": config.beam_width, "length_penalty": config.length_penalty}
    search["with_attention"] = config.decoder == "attention"
    found = data.captioner(model, **search)(test.inputs)
    scores = cider_d([caption.text for caption in found], plain_captions(test))
    spread = np.linspace(0, len(found) - 1, min(EXAMPLES, len(found))).astype(int)
    worst = np.argsort(scores, kind="stable")[:EXAMPLES]
    parts: list[Part] = [
        Text("By the search that the figures of the beam are of; CIDEr-D of each by itself."),
        *_shown("Evenly spaced in the test part, chosen by nobody", data, found, scores, spread),
        *_shown("Those farthest from their references", data, found, scores, worst),
    ]
    return [Section("Captions", parts), *_attention(data, found)]


def _shown(
    title: str,
    data: CaptioningData,
    found: Sequence[Caption],
    scores: np.ndarray,
    rows: np.ndarray,
) -> list[Part]:
    """Captions with their references, and with their images if these are pictures."""
    test = data.images.test
    quotes = [
        Quote(
            shortened(found[row].text) or "(nothing)",
            (
                *(f"reference: {shortened(text)}" for text in test.captions[row]),
                f"CIDEr-D {scores[row]:.2f}",
                f"test image {row + 1:,}, {test.names[row]}",
            ),
        )
        for row in rows
    ]
    if not test.are_pictures:
        return [Quotes(title, quotes)]
    pictures = [
        Picture(
            svg(_picture(test.inputs[row])),
            f"Test image {row + 1:,}.",
            f"{row + 1:,}: {shortened(found[row].text) or '(nothing)'}",
        )
        for row in rows
    ]
    return [Quotes(title, quotes), Pictures(pictures)]


def _picture(image: np.ndarray) -> Figure:
    figure = Figure(figsize=(_SIDE, _SIDE))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, interpolation="nearest" if len(image) <= 64 else "antialiased")
    axes.set_axis_off()
    return figure


def _attention(data: CaptioningData, found: Sequence[Caption]) -> list[Section]:
    """Where one caption looked: the first of a length that has room."""
    test = data.images.test
    fitting = [
        (row, caption)
        for row, caption in enumerate(found)
        if caption.attention is not None and 2 <= len(caption.pieces) <= _LONGEST_PICTURE
    ]
    if not fitting:
        return []
    row, caption = fitting[0]
    picture = test.inputs[row]
    if not test.are_pictures:
        try:
            picture = picture_named(data.config, test.names[row])
        except DataError:  # what the features were made of need not be there
            return []
    drawn = plot_image_attention(picture, caption.attention, caption.pieces)
    words = Text(
        f"Where each word of the caption of test image {row + 1:,} looked; the last panel is the "
        "end of the caption."
    )
    meaning = f"Attention of test image {row + 1:,}: a panel for each word."
    return [Section("Attention", (words, Pictures([Picture(svg(drawn), meaning, wide=True)])))]
