"""From source texts to target texts with a trained model: batches, search, scores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sacrebleu
import tensorflow as tf

from keras_seq.data import TextCodec
from keras_seq.decoding import Beam, Greedy
from keras_seq.models import Seq2Seq
from tasks.config import ConfigError

BATCH = 64


@dataclass(frozen=True)
class Translation:
    """What was found for one text.

    Attributes:
        text: The target text.
        score: The logarithm of its probability; of a beam with a length penalty, divided by that.
        source: The source pieces that were read.
        pieces: The target pieces, the end among them if it was reached.
        attention: (pieces, source pieces), or None.
        cut: How many source pieces were not read.
    """

    text: str
    score: float
    source: list[str]
    pieces: list[str]
    attention: np.ndarray | None
    cut: int


class Translator:
    """A model with its codecs and a search.

    Args:
        model: The model; if its weights change, so do the translations.
        source: The codec of the source language.
        target: The codec of the target language.
        max_length: The most pieces of a source and of a target.
        width: Of the beam; 1: greedy.
        length_penalty: Of the beam.
        with_attention: Whether to keep where each piece looked.
    """

    def __init__(
        self,
        model: Seq2Seq,
        source: TextCodec,
        target: TextCodec,
        *,
        max_length: int,
        width: int = 1,
        length_penalty: float = 0.0,
        with_attention: bool = False,
    ):
        self.source, self.target, self.max_length = source, target, max_length
        search = Beam(width, length_penalty=length_penalty) if width > 1 else Greedy()

        # Traced once for all lengths; outside a graph each step would be run by Python.
        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
        def search_all(ids):
            found = model.decode(ids, search, max_length=max_length, with_attention=with_attention)
            parts = {name: part for name, part in found._asdict().items() if part is not None}
            return {name: part[:, 0] for name, part in parts.items()}

        self._search = search_all

    def __call__(self, texts: Sequence[str]) -> list[Translation]:
        """Translates texts; those of about one length together."""
        whole = self.source(tf.constant(list(texts), tf.string))
        lengths = whole.row_lengths().numpy()
        ids = whole[:, : self.max_length]
        order = np.argsort(lengths, kind="stable")
        found: list[Translation | None] = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch, _ = self.source.pad(tf.gather(ids, rows))
            results = {name: r.numpy() for name, r in self._search(batch).items()}
            words = self.target.decode(tf.constant(results["tokens"])).numpy()
            for place, row in enumerate(rows):
                length = int(results["lengths"][place])
                read = min(int(lengths[row]), self.max_length)
                attention = None
                if "attention" in results:
                    attention = results["attention"][place, :length, :read]
                found[row] = Translation(
                    text=words[place].decode(),
                    score=float(results["scores"][place]),
                    source=_shown(self.source, batch[place, :read].numpy()),
                    pieces=_shown(self.target, results["tokens"][place, :length]),
                    attention=attention,
                    cut=int(lengths[row]) - read,
                )
        return [translation for translation in found if translation is not None]


def _shown(codec: TextCodec, ids: Iterable[int]) -> list[str]:
    return [codec.pieces[i] for i in ids]


@dataclass(frozen=True)
class Quality:
    """How near translations are to those of people.

    Attributes:
        bleu: BLEU, 0 to 100.
        chrf: chrF2, 0 to 100.
        exact: The share that is the same, word for word.
        signature: How BLEU was counted.
    """

    bleu: float
    chrf: float
    exact: float
    signature: str


def bleu_metric(*, lowercase: bool, tokenize: str) -> sacrebleu.BLEU:
    """BLEU as sacrebleu counts it.

    Raises:
        ConfigError: There is no such tokenizer, or what it needs is not installed.
    """
    try:
        return sacrebleu.BLEU(lowercase=lowercase, tokenize=tokenize)
    except (KeyError, RuntimeError, OSError) as error:
        known = ", ".join(sacrebleu.BLEU.TOKENIZERS)
        why = "" if isinstance(error, KeyError) else f" ({' '.join(str(error).split())})"
        raise ConfigError(
            f"Option 'bleu_tokenize' must be one of {known}, with what it needs installed; got "
            f"{tokenize!r}{why}."
        ) from error


def quality(
    found: Sequence[str], references: Sequence[str], *, lowercase: bool, tokenize: str
) -> Quality:
    """Compares translations with references, one each.

    Args:
        found: The translations.
        references: Those of people.
        lowercase: Whether case does not count.
        tokenize: How sacrebleu cuts words: "13a", for Chinese "zh", …
    """
    metric = bleu_metric(lowercase=lowercase, tokenize=tokenize)
    bleu = metric.corpus_score(list(found), [list(references)]).score
    chrf = sacrebleu.CHRF(lowercase=lowercase).corpus_score(list(found), [list(references)]).score
    plain = [[_plain(text, lowercase) for text in texts] for texts in (found, references)]
    exact = float(np.mean([a == b for a, b in zip(*plain, strict=True)]))
    return Quality(bleu, chrf, exact, str(metric.get_signature()))


def _plain(text: str, lowercase: bool) -> str:
    text = " ".join(text.split())
    return text.lower() if lowercase else text
