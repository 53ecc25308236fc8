"""From text to ids and back: what a model that writes text is shipped with."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_seq.data.batching import pad_ragged
from keras_seq.data.codec_rules import (
    END_ID,
    KINDS,
    MARKER,
    PADDING_ID,
    RULES,
    SPECIAL_PIECES,
    START_ID,
    UNKNOWN_ID,
    Kind,
    cut,
    longest_matches,
    normalise,
)
from keras_seq.data.dataset import DataError
from keras_seq.data.subwords import learn_pieces
from keras_seq.data.vocabulary_files import (
    check_once,
    load_files,
    rules_text,
    save_files,
    text_chunks,
    vocabulary_text,
)


class TextCodec(tf.Module):
    r"""Turns texts into ids, and ids back into texts.

    Ids 0 to 3 are padding, unknown, start and end; the pieces follow. Encoding and decoding are
    graph operations: a module that holds a codec can be saved as a SavedModel and needs no
    keras_seq, nor any other package but TensorFlow, to be loaded.

    A space is kept as a marker, "▁", at the beginning of the next piece, so that joining the pieces
    of a text gives the text back, but for the kind of white space and how much there was. Subwords
    are learned by byte-pair encoding, but a word is then cut by the longest piece that fits from
    the left, which may differ from the joins that were learned; any vocabulary cuts any text so.

    Args:
        vocabulary: The pieces from id 4 on, without the special ones.
        kind: "subwords", "words" (words and other characters by themselves) or "characters".
        lowercase: Whether texts are lower-cased before.

    Raises:
        DataError: A piece is empty, holds white space or comes twice, a piece of the kind
            "characters" is longer than one, or the kind is none of these.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import TextCodec
        >>> codec = TextCodec(["▁", "▁un", "do", "s", "."], lowercase=True)
        >>> ids = codec(tf.constant(["Undo  dos."]), start=True, end=True)
        >>> ids.to_list()
        [[2, 5, 6, 4, 6, 7, 8, 3]]
        >>> codec.decode(ids).numpy().tolist()
        [b'undo dos.']

    Reference:
        Sennrich, Haddow and Birch (2015), Neural Machine Translation of Rare Words with Subword
        Units, arXiv:1508.07909, for byte-pair encoding; Kudo and Richardson (2018), SentencePiece,
        arXiv:1808.06226, for the marker and for the trainer used here. Both encode by repeating
        the learned joins; here the longest match is taken.
    """

    def __init__(
        self, vocabulary: Sequence[str], kind: Kind = "subwords", *, lowercase: bool = False
    ):
        super().__init__(name="text_codec")
        if kind not in KINDS:
            raise DataError(f"kind is {kind!r}; give one of {', '.join(KINDS)}.")
        _check_pieces(vocabulary, kind)
        self.kind = kind
        self.lowercase = bool(lowercase)
        # A NumPy array, because tf.Module would track a list of Python strings piece by piece.
        self._pieces = np.array([*SPECIAL_PIECES, *vocabulary], dtype=object)
        self._longest = max(map(len, vocabulary), default=1)
        first = len(SPECIAL_PIECES)
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(self._pieces[first:], tf.string),
                tf.range(first, len(self._pieces), dtype=tf.int32),
            ),
            default_value=UNKNOWN_ID,
        )
        self._shown = tf.constant(["", "", "", "", *vocabulary], tf.string)

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        kind: Kind = "subwords",
        *,
        size: int = 8_000,
        min_count: int = 1,
        lowercase: bool = False,
    ) -> "TextCodec":
        """Learns the vocabulary of texts. For one of two languages, give the texts of both.

        Args:
            texts: The training texts.
            kind: As for the class.
            size: The number of ids at most, the four special ones included. Words and characters
                are kept by falling count, subwords in the order in which they are joined.
            min_count: Words or characters seen less often are left out; for subwords, characters.
            lowercase: As for the class.

        Returns:
            A codec. The same texts in the same order give the same one.

        Raises:
            DataError: No piece is left, or `size` has no room for all characters of subwords.

        Example:
            >>> from keras_seq.data import TextCodec
            >>> codec = TextCodec.fit(["low lower", "new newer"], size=13)
            >>> codec.pieces[4:]
            ('e', 'w', '▁', 'l', 'n', 'o', 'r', 'er', 'ew')
        """
        if size <= len(SPECIAL_PIECES) or min_count < 1:
            raise DataError(
                f"size={size} and min_count={min_count}: give a size above the "
                f"{len(SPECIAL_PIECES)} special pieces and a count of at least 1."
            )
        if kind not in KINDS:
            raise DataError(f"kind is {kind!r}; give one of {', '.join(KINDS)}.")
        chunks = [normalise(chunk, lowercase) for chunk in text_chunks(texts)]
        return cls(learn_pieces(chunks, kind, size, min_count), kind, lowercase=lowercase)

    def __call__(
        self, texts: tf.Tensor, *, start: bool = False, end: bool = False
    ) -> tf.RaggedTensor:
        """Gives the ids of texts; works in a graph.

        Args:
            texts: UTF-8 strings of shape (B,).
            start: Whether each row begins with id 2.
            end: Whether each row ends with id 3.

        Returns:
            The ids, int32 of shape (B, None).

        Example:
            >>> import tensorflow as tf
            >>> from keras_seq.data import TextCodec
            >>> TextCodec(["a", "b"], "characters")(tf.constant(["abx", ""]), end=True)
            <tf.RaggedTensor [[4, 5, 1, 3], [3]]>
        """
        texts = tf.convert_to_tensor(texts, tf.string)
        parts = cut(normalise(texts, self.lowercase), self.kind)
        if self.kind == "subwords":
            distinct, places = tf.unique(parts.flat_values)
            pieces = longest_matches(distinct, self._ids, self._longest)
            ids = parts.with_flat_values(tf.gather(pieces, places)).merge_dims(1, 2)
        else:
            ids = self._ids.lookup(parts)
        edge = tf.fill([tf.size(texts), 1], 0)
        return tf.concat([edge + START_ID] * start + [ids] + [edge + END_ID] * end, axis=1)

    def encode(
        self, texts: Iterable[str], *, start: bool = False, end: bool = False
    ) -> tf.RaggedTensor:
        """Gives the ids of any number of texts, some at a time.

        Args:
            texts: The texts, N of them.
            start: As for the call.
            end: As for the call.

        Returns:
            The ids, int32 of shape (N, None).

        Example:
            >>> from keras_seq.data import TextCodec
            >>> TextCodec(["▁a", "▁b", "!"], "words").encode(["b!", "b a c"], start=True).to_list()
            [[2, 5, 6], [2, 5, 4, 1]]
        """
        rows = [self(chunk, start=start, end=end) for chunk in text_chunks(texts)]
        return tf.concat(rows or [self(tf.zeros([0], tf.string))], axis=0)

    def decode(self, ids: tf.Tensor | tf.RaggedTensor, *, unknown: str = "\u2047") -> tf.Tensor:
        """Gives the texts of ids; works in a graph.

        Padding, start and end are left out, and so is what comes after the first end: a loop that
        writes rows of one length may go on.

        Args:
            ids: Ids of shape (..., T), dense or ragged.
            unknown: What is shown for id 1, "" for nothing.

        Returns:
            UTF-8 strings of shape (...). Id 1 of the kind "words" stands for a word with a space
            before it.

        Raises:
            tf.errors.InvalidArgumentError: An id is outside the vocabulary.

        Example:
            >>> from keras_seq.data import TextCodec
            >>> codec = TextCodec(["▁a", "▁b", "!"], "words")
            >>> [text.decode() for text in codec.decode([[2, 5, 6, 3, 4], [4, 1, 0, 0, 0]]).numpy()]
            ['b!', 'a ⁇']
        """
        if isinstance(ids, tf.RaggedTensor):
            ids = ids.to_tensor(PADDING_ID)
        ids = tf.cast(ids, tf.int32)
        before_end = tf.cumsum(tf.cast(ids == END_ID, tf.int32), axis=-1) == 0
        ids = tf.where(before_end, ids, PADDING_ID)
        space = MARKER if self.kind == "words" and unknown else ""
        pieces = tf.where(ids == UNKNOWN_ID, space + unknown, tf.gather(self._shown, ids))
        joined = tf.strings.reduce_join(pieces, axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, MARKER, " "))

    def normalise(self, texts: tf.Tensor) -> tf.Tensor:
        r"""Gives texts as they come back from `decode` where all pieces are known.

        Args:
            texts: UTF-8 strings of shape (B,).

        Returns:
            Strings of shape (B,), with single spaces, lower-cased if the codec is.

        Example:
            >>> from keras_seq.data import TextCodec
            >>> TextCodec(["a"], lowercase=True).normalise([" A\t b"]).numpy().tolist()
            [b'a b']
        """
        return normalise(tf.convert_to_tensor(texts, tf.string), self.lowercase)

    def pad(
        self, ragged: tf.RaggedTensor, length: int | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Fills rows of ids up to one length, on the right; works in a graph.

        Args:
            ragged: Ids of shape (B, None).
            length: The length T; longer rows lose their end. By default the longest row's, at
                least 1.

        Returns:
            The ids (B, T), 0 where a row has ended, and the boolean mask (B, T) of what is real.

        Example:
            >>> from keras_seq.data import TextCodec
            >>> codec = TextCodec(["a", "b"], "characters")
            >>> ids, mask = codec.pad(codec.encode(["ab", "b"]))
            >>> ids.numpy().tolist(), mask.numpy().tolist()
            ([[4, 5], [5, 0]], [[True, True], [True, False]])
        """
        return pad_ragged(ragged, length)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The piece of every id, the four special ones first."""
        return tuple(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def files(self, name: str = "codec") -> dict[str, str]:
        """Gives the vocabulary and the rules as the text of the two files `save` writes.

        Line n of the vocabulary, counted from 0, is the piece of id n. The rules say how texts are
        cut; a codec written from them in another language gives the same ids.

        Args:
            name: What the names of the files begin with.

        Returns:
            The text of each file by its name, `NAME.vocabulary.txt` and `NAME.json`.

        Example:
            >>> from keras_seq.data import TextCodec
            >>> TextCodec(["▁a"]).files("source")["source.vocabulary.txt"].splitlines()
            ['[PAD]', '[UNK]', '[START]', '[END]', '▁a']
        """
        options = {"kind": self.kind, "lowercase": self.lowercase}
        return {
            f"{name}.vocabulary.txt": vocabulary_text(self._pieces),
            f"{name}.json": rules_text(len(self), options, RULES),
        }

    def save(self, folder: str | Path, name: str = "codec") -> None:
        """Writes `NAME.vocabulary.txt` and `NAME.json` into a folder, made if it is not there."""
        save_files(self.files(name), folder)

    @classmethod
    def load(cls, folder: str | Path, name: str = "codec") -> "TextCodec":
        """Reads what `save` wrote.

        Args:
            folder: The folder that holds the two files.
            name: What their names begin with.

        Returns:
            A codec that gives the same ids.

        Raises:
            DataError: A file is missing or damaged, or of another version.
        """
        pieces, options = load_files(
            Path(folder) / f"{name}.vocabulary.txt",
            Path(folder) / f"{name}.json",
            special=SPECIAL_PIECES,
            options=("kind", "lowercase"),
            rules=RULES,
        )
        return cls(pieces, **options)


def _check_pieces(vocabulary: Sequence[str], kind: Kind) -> None:
    for position, piece in enumerate(vocabulary):
        if piece.split() != [piece]:
            raise DataError(
                f"piece {position} of the vocabulary is {piece!r}; give pieces that are not empty "
                f"and hold no white space, with {MARKER!r} for a space."
            )
        if kind == "characters" and len(piece) > 1:
            raise DataError(
                f"piece {position} of the vocabulary is {piece!r}; the kind 'characters' takes "
                "single ones: give them, or kind='subwords'."
            )
    check_once(vocabulary, "piece")
