"""How a `TextCodec` cuts text into pieces, as graph operations and as a written specification.

Both say the same: the functions run inside a SavedModel, and `RULES` is what a codec in another
language is written from.
"""

from typing import Literal, get_args

import tensorflow as tf

Kind = Literal["subwords", "words", "characters"]
KINDS: tuple[str, ...] = get_args(Kind)
MARKER = "\u2581"  # stands for a space, as in sentencepiece
SPECIAL_PIECES = ("[PAD]", "[UNK]", "[START]", "[END]")
PADDING_ID, UNKNOWN_ID, START_ID, END_ID = range(len(SPECIAL_PIECES))

# A run of letters, marks and digits, with apostrophes inside.
_WORD = r"[\pL\pM\pN]+(?:['\x{2019}][\pL\pM\pN]+)*"

RULES = {
    "steps": [
        "replace every run of characters that are the marker or of a Unicode category in "
        "space_categories by one space, and remove it from both ends",
        "if lowercase: lower-case the text (full Unicode mapping)",
        "replace every space by the marker; unless the kind is characters or the text is empty, "
        "put the marker in front as well",
        "kind characters: every character is a piece; one that is not in the vocabulary has "
        "unknown_id",
        "kind words: a piece is a match of word_pattern or another single character, with the "
        "marker before it if there is one; one that is not in the vocabulary has unknown_id",
        "kind subwords: cut before every marker, and from the left of each part take the longest "
        "piece of the vocabulary; where there is none, leave one character out; characters left "
        "out one after the other have unknown_id once",
        "the id of a piece is its line in the vocabulary, counted from 0; the first four lines "
        "are never in a text",
    ],
    "marker": MARKER,
    "space_categories": ["Z", "Cc"],
    "word_pattern": _WORD,
    "padding_id": PADDING_ID,
    "unknown_id": UNKNOWN_ID,
    "start_id": START_ID,
    "end_id": END_ID,
}


def normalise(texts: tf.Tensor, lowercase: bool) -> tf.Tensor:
    r"""Makes each run of white space one space, none at the ends, and lower-cases on request.

    Args:
        texts: UTF-8 strings of shape (B,).
        lowercase: Whether to lower-case.

    Returns:
        Strings of shape (B,).

    Example:
        >>> import tensorflow as tf
        >>> normalise(tf.constant([" Two\t\u00a0Words "]), lowercase=True).numpy().tolist()
        [b'two words']
    """
    # Before lower-casing, because tf.strings.lower ends a text at a NUL character.
    texts = tf.strings.regex_replace(texts, rf"[\pZ\p{{Cc}}{MARKER}]+", " ")
    texts = tf.strings.lower(texts, encoding="utf-8") if lowercase else texts
    return tf.strings.strip(texts)


def cut(texts: tf.Tensor, kind: Kind) -> tf.RaggedTensor:
    """Cuts normalised texts into what is looked up whole, or, for subwords, is cut on.

    Args:
        texts: Strings of shape (B,) from `normalise`.
        kind: What the pieces are.

    Returns:
        Characters, words, or parts to cut into subwords, strings of shape (B, None).

    Example:
        >>> import tensorflow as tf
        >>> [part.decode() for part in cut(tf.constant(["Go, Al!"]), "words").to_list()[0]]
        ['▁Go', ',', '▁Al', '!']
    """
    marked = tf.strings.regex_replace(texts, " ", MARKER)
    if kind == "characters":
        return tf.strings.unicode_split(marked, "UTF-8")
    marked = tf.strings.regex_replace(marked, "^(.)", rf"{MARKER}\1")
    if kind == "words":
        pieces = rf"{MARKER}?(?:{_WORD}|[^{MARKER}])"
        return tf.strings.split(tf.strings.regex_replace(marked, pieces, r"\0 "))
    return tf.strings.split(tf.strings.regex_replace(marked, MARKER, f" {MARKER}"))


def longest_matches(
    parts: tf.Tensor, table: tf.lookup.StaticHashTable, longest: int
) -> tf.RaggedTensor:
    """Cuts strings into pieces of a vocabulary, from the left, the longest that fits each time.

    All strings take a turn at once; a turn looks up every prefix that may be a piece. Strings
    that have come to their end take no part in the next turn.

    Args:
        parts: Strings of shape (N,), none of them empty.
        table: From piece to id, `UNKNOWN_ID` where there is none.
        longest: The number of characters of the longest piece.

    Returns:
        The ids, int32 of shape (N, None); characters in no piece are `UNKNOWN_ID`, a run of them
        once.
    """
    lengths = tf.range(longest, 0, -1)

    def turn(number: tf.Tensor, rests: tf.Tensor, rows: tf.Tensor, found: tuple) -> tuple:
        shape = [tf.size(rests), longest]
        prefixes = tf.strings.substr(
            tf.broadcast_to(rests[:, tf.newaxis], shape),
            tf.zeros(shape, tf.int32),
            tf.broadcast_to(lengths, shape),
            unit="UTF8_CHAR",
        )
        ids = table.lookup(prefixes)
        # The first hit is the longest; without any, the last prefix, one character, is left out.
        hits = tf.concat([ids[:, :-1] != UNKNOWN_ID, tf.ones([shape[0], 1], tf.bool)], axis=1)
        first = tf.argmax(hits, axis=1, output_type=tf.int32)
        taken = tf.gather(prefixes, first, batch_dims=1)
        values, owners = found
        found = (
            values.write(number, tf.gather(ids, first, batch_dims=1)),
            owners.write(number, rows),
        )
        rests = tf.strings.substr(rests, tf.strings.length(taken), tf.fill(tf.shape(rests), -1))
        going_on = tf.strings.length(rests) > 0
        rests, rows = (tf.boolean_mask(tensor, going_on) for tensor in (rests, rows))
        return number + 1, rests, rows, found

    count = tf.size(parts)
    empty = tuple(
        tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None], infer_shape=False)
        for _ in range(2)
    )
    # The first turn is taken by no strings too, for arrays without elements cannot be joined.
    _, _, _, (values, owners) = tf.while_loop(
        lambda number, rests, *_: (number == 0) | (tf.size(rests) > 0),
        turn,
        (tf.constant(0), parts, tf.range(count), empty),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None]),
            tf.TensorShape([None]),
            (tf.TensorShape(None), tf.TensorShape(None)),
        ),
    )
    values, owners = values.concat(), owners.concat()
    order = tf.argsort(owners, stable=True)
    values, owners = tf.gather(values, order), tf.gather(owners, order)
    unknown = values == UNKNOWN_ID
    again = unknown[1:] & unknown[:-1] & (owners[1:] == owners[:-1])
    kept = tf.concat([tf.ones([tf.minimum(tf.size(values), 1)], tf.bool), ~again], axis=0)
    return tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(values, kept),
        tf.cast(tf.boolean_mask(owners, kept), tf.int64),
        nrows=tf.cast(count, tf.int64),
    )
