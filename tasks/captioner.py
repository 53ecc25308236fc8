"""From images to captions with a trained model: batches, search, scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import sacrebleu
import tensorflow as tf

from keras_seq.data import TextCodec
from keras_seq.decoding import Beam, Greedy, Sampling, Search
from keras_seq.metrics import cider_d
from keras_seq.models import Seq2Seq

BATCH = 64
ORDERS = (1, 2, 3, 4)  # of n-grams, in BLEU


@dataclass(frozen=True)
class Caption:
    """What was found for one image.

    Attributes:
        text: The caption.
        score: The logarithm of its probability; of a beam with a length penalty, divided by that.
        pieces: Its words, the end among them if it was reached.
        attention: Where each word looked, (words, rows, columns), or None.
    """

    text: str
    score: float
    pieces: list[str]
    attention: np.ndarray | None


def search_of(
    width: int = 1,
    length_penalty: float = 0.0,
    temperature: float | None = None,
    seed: int | None = None,
) -> Search:
    """The search of these options: greedy, a beam, or words that are drawn.

    Args:
        width: Of the beam; 1: greedy.
        length_penalty: Of the beam.
        temperature: Draws the words in place of a search.
        seed: Draws the same words each time.
    """
    if temperature is not None:
        return Sampling(temperature, seed=keras.random.SeedGenerator(seed))
    return Beam(width, length_penalty=length_penalty) if width > 1 else Greedy()


class Captioner:
    """A model with its codec and a search.

    Args:
        model: The model; if its weights change, so do the captions.
        codec: The codec of captions.
        max_length: The most words of a caption, its end among them.
        with_attention: Whether to keep where each word looked.
        **search: See `search_of`.
    """

    def __init__(
        self,
        model: Seq2Seq,
        codec: TextCodec,
        *,
        max_length: int,
        with_attention: bool = False,
        **search: Any,
    ):
        self.codec, self.grid = codec, model.encoder.grid
        how, spec = search_of(**search), model.encoder.source_spec

        # Traced once for all batches; outside a graph each step would be run by Python.
        @tf.function(input_signature=[tf.TensorSpec(spec.shape, spec.dtype)], autograph=False)
        def search_all(inputs):
            found = model.decode(inputs, how, max_length=max_length, with_attention=with_attention)
            parts = {name: part for name, part in found._asdict().items() if part is not None}
            return {name: part[:, 0] for name, part in parts.items()}

        self._dtype, self._search = spec.dtype, search_all

    def __call__(self, inputs: np.ndarray) -> list[Caption]:
        """Captions of pictures or features, (N, H, W, C)."""
        found = []
        for start in range(0, len(inputs), BATCH):
            batch = tf.constant(inputs[start : start + BATCH].astype(self._dtype))
            results = {name: result.numpy() for name, result in self._search(batch).items()}
            texts = self.codec.decode(tf.constant(results["tokens"])).numpy()
            found += [self._caption(row, text, results) for row, text in enumerate(texts)]
        return found

    def _caption(self, row: int, text: bytes, results: dict[str, np.ndarray]) -> Caption:
        length, attention = int(results["lengths"][row]), None
        if "attention" in results:
            attention = results["attention"][row, :length].reshape(length, *self.grid)
        return Caption(
            text=text.decode(),
            score=float(results["scores"][row]),
            pieces=[shown(self.codec.pieces[i]) for i in results["tokens"][row, :length]],
            attention=attention,
        )


def shown(piece: str) -> str:
    """A piece of a codec as a word."""
    return piece.replace("\u2581", "")


@dataclass(frozen=True)
class CaptionQuality:
    """How near captions are to those of people.

    Attributes:
        bleu: BLEU-1 to BLEU-4, 0 to 100.
        cider: CIDEr-D, 0 to 10.
        exact: The share that is one of the references, word for word.
        signature: How BLEU was counted.
    """

    bleu: tuple[float, ...]
    cider: float
    exact: float
    signature: str

    def figures(self, prefix: str = "", suffix: str = "") -> dict[str, float]:
        """The numbers by name."""
        bleu = {f"bleu_{n}": value for n, value in zip(ORDERS, self.bleu, strict=True)}
        numbers = {**bleu, "cider": self.cider, "exact": self.exact}
        return {f"{prefix}{name}{suffix}": value for name, value in numbers.items()}


def caption_quality(found: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionQuality:
    """Compares captions with those of people.

    Args:
        found: A caption of each image, in the words of `keras_seq.data.plain_caption`.
        references: The captions of people, in such words, one or more of each image.
    """
    streams = _streams(references)
    scores = []
    for order in ORDERS:
        metric = sacrebleu.BLEU(tokenize="none", max_ngram_order=order)
        scores.append(metric.corpus_score(list(found), streams).score)
    exact = np.mean([text in texts for text, texts in zip(found, references, strict=True)])
    cider = float(cider_d(found, references).mean())
    return CaptionQuality(tuple(scores), cider, float(exact), str(metric.get_signature()))


def _streams(references: Sequence[Sequence[str]]) -> list[list[Any]]:
    """As sacrebleu takes them: the first references of all images, the second ones, and so on."""
    most = max(map(len, references))
    filled = ([*texts, *[None] * (most - len(texts))] for texts in references)
    return [list(stream) for stream in zip(*filled, strict=True)]
