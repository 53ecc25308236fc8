"""Learns the pieces of a `TextCodec` from texts."""

import io
from collections import Counter
from collections.abc import Iterator

import tensorflow as tf

from keras_seq.data.codec_rules import SPECIAL_PIECES, Kind, cut
from keras_seq.data.dataset import DataError

# Longer lines are left out of sentencepiece's training unless it is told otherwise.
_LONGEST_LINE = 2**30


def learn_pieces(texts: list[tf.Tensor], kind: Kind, size: int, min_count: int) -> list[str]:
    """Learns the vocabulary of normalised texts.

    Args:
        texts: Chunks of normalised texts, strings of shape (B,).
        kind: What the pieces are.
        size: The number of ids at most, the special ones included.
        min_count: Words or characters seen less often are left out.

    Returns:
        The pieces without the special ones: words or characters by falling count, those of one
        count by alphabet; for subwords the characters so, and what was joined of them, in the
        order of joining.

    Raises:
        DataError: Nothing is left, or for subwords the characters alone are too many.
    """
    counts: Counter[str] = Counter()
    unit: Kind = "characters" if kind == "subwords" else kind
    for chunk in texts:
        # The parts of subwords carry a marker in front that the text alone has not.
        parts = cut(chunk, kind).flat_values if kind == "subwords" else chunk
        counts.update(piece.decode() for piece in cut(parts, unit).flat_values.numpy())
    kept = sorted((-n, piece) for piece, n in counts.items() if n >= min_count)
    pieces, room = [piece for _, piece in kept], size - len(SPECIAL_PIECES)
    if not pieces:
        raise DataError(
            f"no piece is left of {len(counts)} distinct ones with min_count={min_count}; give "
            "texts, or a smaller min_count."
        )
    if kind != "subwords":
        return pieces[:room]
    if len(pieces) > room:
        raise DataError(
            f"the texts hold {len(pieces)} distinct characters, but size={size} leaves room for "
            f"{room} pieces; give a larger size or a larger min_count (now {min_count}), or "
            "choose kind='characters'."
        )
    joined = [piece for piece in _joined(texts, set(pieces), room) if len(piece) > 1]
    return (pieces + joined)[:room]


def _joined(texts: list[tf.Tensor], characters: set[str], room: int) -> list[str]:
    """Learns pieces by byte-pair encoding, the characters among them."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer  # only to learn

    def sentences() -> Iterator[str]:
        for chunk in texts:
            for text in chunk.numpy():
                # A rare character ends a piece, as a space does.
                yield "".join(c if c in characters else " " for c in text.decode())

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=sentences(),
        model_writer=model,
        model_type="bpe",
        vocab_size=room + 1,  # with its own unknown piece
        hard_vocab_limit=False,  # short texts give fewer
        character_coverage=1.0,
        normalization_rule_name="identity",
        max_sentence_length=_LONGEST_LINE,
        num_threads=1,
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        minloglevel=2,
    )
    processor = SentencePieceProcessor(model_proto=model.getvalue())
    return [processor.id_to_piece(number) for number in range(1, len(processor))]
