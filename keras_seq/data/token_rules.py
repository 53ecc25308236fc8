"""The rules that cut text into tokens, as graph operations and as a written specification.

Both say the same: `split_tokens` runs inside a SavedModel, and `RULES` is what a tokenizer in
another language is written from.
"""

import tensorflow as tf

TAG_PATTERN = "</?[a-z][^<>]*>"
# Hiragana, katakana and Chinese characters are written without spaces between words.
LONE_CHARACTER_RANGES = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
RULES = {
    "steps": [
        "replace every character of a Unicode category in space_categories by a space",
        "lower-case the text (full Unicode mapping)",
        "replace every match of tag_pattern by a space",
        "replace every character of apostrophes by '",
        "put a space on both sides of every character that lies in lone_character_ranges, or "
        "that is not a space, not ' and not of a category in word_categories",
        "cut the text at spaces; the pieces are the tokens",
        "keep max_length tokens, from the side that keep names",
        "the id of a token is its line in the vocabulary, counted from 0, else unknown_id",
    ],
    "tag_pattern": TAG_PATTERN,
    "apostrophes": ["\u2018", "\u2019"],
    "space_categories": ["Z", "Cc"],
    "word_categories": ["L", "M", "N"],
    "lone_character_ranges": [list(bounds) for bounds in LONE_CHARACTER_RANGES],
    "padding_id": 0,
    "unknown_id": 1,
}

_LONE_RANGES = "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in LONE_CHARACTER_RANGES)


def split_tokens(texts: tf.Tensor) -> tf.RaggedTensor:
    """Cuts texts into tokens by the rules of `RULES`.

    Args:
        texts: UTF-8 strings of shape (B,).

    Returns:
        The tokens, strings of shape (B, None).

    Example:
        >>> import tensorflow as tf
        >>> split_tokens(tf.constant(["Isn\u2019t it<br />GREAT?"])).to_list()
        [[b"isn't", b'it', b'great', b'?']]
    """
    # First, because tf.strings.lower ends a text at a NUL character.
    texts = tf.strings.regex_replace(texts, r"[\pZ\p{Cc}]", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, TAG_PATTERN, " ")
    texts = tf.strings.regex_replace(texts, "[\u2018\u2019]", "'")
    texts = tf.strings.regex_replace(texts, rf"[^\pL\pM\pN' ]|[{_LONE_RANGES}]", r" \0 ")
    return tf.strings.split(texts)
