"""The baseline of captioning: what was said of the training image that looks most alike."""

from collections.abc import Sequence

import numpy as np
import sacrebleu

from keras_seq.data import CaptionedImages

_SIDE = 8  # of the small pictures that are compared


def nearest_neighbour_captions(
    train: CaptionedImages, test: CaptionedImages, captions: Sequence[Sequence[str]]
) -> list[str]:
    """Captions of the nearest training images.

    Images are alike by the cosine of the mean of their features, or of small copies of their
    pictures, after the mean of the training images is taken off. Of the captions of the nearest
    image the most central one is taken: that with the highest mean chrF to the others.

    Args:
        train: The training images.
        test: The images to caption.
        captions: Those of the training images, as they are to be said.

    Returns:
        A caption of each image of `test`.
    """
    known, asked = (_descriptions(part.inputs) for part in (train, test))
    mean = known.mean(axis=0)
    known, asked = (_of_length_one(vectors - mean) for vectors in (known, asked))
    nearest = np.concatenate([(part @ known.T).argmax(axis=1) for part in _in_parts(asked)])
    return [_most_central(captions[row]) for row in nearest]


def _descriptions(inputs: np.ndarray) -> np.ndarray:
    """A vector of each image."""
    if inputs.dtype != np.uint8:
        return inputs.astype("float32").mean(axis=(1, 2))
    height, width = inputs.shape[1:3]
    rows, columns = (_borders(side) for side in (height, width))
    sums = np.add.reduceat(inputs.astype("float32"), rows, axis=1)
    sums = np.add.reduceat(sums, columns, axis=2)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return (sums / sizes[..., np.newaxis]).reshape(len(inputs), -1)


def _borders(side: int) -> list[int]:
    """Where the parts of a side begin, up to `_SIDE` of about one length."""
    return [side * n // min(_SIDE, side) for n in range(min(_SIDE, side))]


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _in_parts(vectors: np.ndarray) -> list[np.ndarray]:
    return np.array_split(vectors, -(-len(vectors) // 256))


def _most_central(captions: Sequence[str]) -> str:
    def agreement(place: int) -> float:
        others = [text for other, text in enumerate(captions) if other != place]
        scores = [sacrebleu.sentence_chrf(captions[place], [text]).score for text in others]
        return float(np.mean(scores)) if scores else 0.0

    return captions[max(range(len(captions)), key=lambda place: (agreement(place), -place))]
