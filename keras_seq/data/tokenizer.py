"""From text to ids: the vocabulary and the rules that a model is shipped with.

The rules are graph operations, so they live inside a SavedModel, and they are few enough to be
written again in any language from `tokenizer.json` (see `Tokenizer.files`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from keras_seq.data.batching import pad_ragged
from keras_seq.data.dataset import DataError
from keras_seq.data.token_rules import RULES, split_tokens
from keras_seq.data.vocabulary_files import (
    check_once,
    load_files,
    rules_text,
    save_files,
    text_chunks,
    vocabulary_text,
)

PADDING, UNKNOWN = "[PAD]", "[UNK]"
VOCABULARY_FILE, RULES_FILE = "vocabulary.txt", "tokenizer.json"


class Tokenizer(tf.Module):
    r"""Turns texts into ids.

    Id 0 is padding, id 1 a word outside the vocabulary, the words follow from id 2 on. A module
    that holds a tokenizer can be saved as a SavedModel and needs no keras_seq to be loaded.

    Args:
        vocabulary: The words from id 2 on, without the two special ones.
        max_length: Tokens kept of a text; longer ones are cut.
        keep: The part of a longer text that is kept, its "start" or its "end".

    Raises:
        DataError: A word is empty or special, holds a space or comes twice, `max_length` is
            below 1, or `keep` is neither "start" nor "end".

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import Tokenizer
        >>> tokenizer = Tokenizer(["not", "good", "!"], max_length=4, keep="end")
        >>> tokenizer(tf.constant(["Not good!", "good, good, good!"])).to_list()
        [[2, 3, 4], [3, 1, 3, 4]]
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        max_length: int = 400,
        keep: Literal["start", "end"] = "end",
    ):
        super().__init__(name="tokenizer")
        _check_words(vocabulary)
        if not isinstance(max_length, int) or max_length < 1:
            raise DataError(f"max_length is {max_length!r}; give a whole number of at least 1.")
        if keep not in ("start", "end"):
            raise DataError(f"keep is {keep!r}; give 'start' or 'end'.")
        self.max_length = max_length
        self.keep = keep
        # A NumPy array, because tf.Module would track a list of Python strings word by word.
        self._words = np.array([PADDING, UNKNOWN, *vocabulary], dtype=object)
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(self._words, tf.string), tf.range(len(self._words), dtype=tf.int32)
            ),
            default_value=RULES["unknown_id"],
        )

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        max_words: int = 20_000,
        min_count: int = 1,
        max_length: int = 400,
        keep: Literal["start", "end"] = "end",
    ) -> "Tokenizer":
        """Learns the vocabulary of the given texts, whole, before any cut.

        Words are ordered by falling count, words of one count by alphabet.

        Args:
            texts: The training texts.
            max_words: How many words are kept, the most frequent first; the ids number two more.
            min_count: Words seen less often are left out.
            max_length: As for the class.
            keep: As for the class.

        Returns:
            A tokenizer.

        Raises:
            DataError: No word is left.

        Example:
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer.fit(["b a c", "c b c"], max_words=2).words
            ('[PAD]', '[UNK]', 'c', 'b')
        """
        counts: Counter[bytes] = Counter()
        for chunk in text_chunks(texts):
            counts.update(split_tokens(chunk).flat_values.numpy().tolist())
        ordered = sorted((-n, word.decode()) for word, n in counts.items() if n >= min_count)
        vocabulary = [word for _, word in ordered[: max(max_words, 0)]]
        if not vocabulary:
            raise DataError(
                f"no word is left of {len(counts)} distinct ones with min_count={min_count} and "
                f"max_words={max_words}; give texts with words, or other limits."
            )
        return cls(vocabulary, max_length, keep)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Gives the ids of texts; works in a graph.

        Args:
            texts: UTF-8 strings of shape (B,).

        Returns:
            The ids, int32 of shape (B, None), at most `max_length` in a row.

        Example:
            >>> import tensorflow as tf
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer(["a", "b"], max_length=2, keep="start")(tf.constant(["a b c", ""]))
            <tf.RaggedTensor [[2, 3], []]>
        """
        return self._ids.lookup(self._cut(split_tokens(texts), self.max_length))

    def encode(self, texts: Iterable[str]) -> tf.RaggedTensor:
        """Gives the ids of any number of texts, some at a time.

        Args:
            texts: The texts, N of them.

        Returns:
            The ids, int32 of shape (N, None), at most `max_length` in a row.

        Example:
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer(["a", "b"]).encode(["b", "b a x"]).to_list()
            [[3], [3, 2, 1]]
        """
        rows = [self(chunk) for chunk in text_chunks(texts)]
        return tf.concat(rows or [self(tf.zeros([0], tf.string))], axis=0)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Counts the tokens of texts, those beyond `max_length` too.

        Example:
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer(["a"], max_length=2).count(["a b, c!", ""])
            [5, 0]
        """
        return split_tokens(tf.constant(texts, tf.string)).row_lengths().numpy().tolist()

    def pad(
        self, ragged: tf.RaggedTensor, length: int | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Fills rows of ids up to one length, on the right; works in a graph.

        Args:
            ragged: Ids of shape (B, None).
            length: The length T; rows longer than it keep the side that `keep` names. By default
                the longest row's, at least 1.

        Returns:
            The ids (B, T), 0 where a row has ended, and the boolean mask (B, T) of what is real.

        Example:
            >>> import tensorflow as tf
            >>> from keras_seq.data import Tokenizer
            >>> ids, mask = Tokenizer(["a", "b"]).pad(tf.ragged.constant([[2], [3, 2]]))
            >>> ids.numpy().tolist(), mask.numpy().tolist()
            ([[2, 0], [3, 2]], [[True, False], [True, True]])
        """
        return pad_ragged(ragged if length is None else self._cut(ragged, length), length)

    def decode(self, ids: tf.RaggedTensor | tf.Tensor | np.ndarray) -> list[list[str]]:
        """Gives the words of ids, leaving padding out.

        Args:
            ids: Rows of ids, ragged or padded, of shape (B, T).

        Returns:
            The words of each row.

        Raises:
            DataError: An id is outside the vocabulary.

        Example:
            >>> import numpy as np
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer(["a", "b"]).decode(np.array([[3, 1, 0], [2, 2, 3]]))
            [['b', '[UNK]'], ['a', 'a', 'b']]
        """
        rows = ids.to_list() if isinstance(ids, tf.RaggedTensor) else np.asarray(ids).tolist()
        known = range(len(self))
        for row in rows:
            if wrong := [number for number in row if number not in known]:
                raise DataError(f"id {wrong[0]} is outside 0 to {len(self) - 1}; other vocabulary?")
        return [[self._words[number] for number in row if number] for row in rows]

    @property
    def words(self) -> tuple[str, ...]:
        """The word of every id, the two special ones first."""
        return tuple(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def files(self) -> dict[str, str]:
        """Gives the vocabulary and the rules as the text of the two files `save` writes.

        Line n of `vocabulary.txt`, counted from 0, is the word of id n. `tokenizer.json` holds
        the rules; a tokenizer written from it in another language gives the same ids.

        Returns:
            The text of each file by its name.

        Example:
            >>> from keras_seq.data import Tokenizer
            >>> Tokenizer(["a", "b"]).files()["vocabulary.txt"].splitlines()
            ['[PAD]', '[UNK]', 'a', 'b']
        """
        options = {"max_length": self.max_length, "keep": self.keep}
        return {
            VOCABULARY_FILE: vocabulary_text(self._words),
            RULES_FILE: rules_text(len(self), options, RULES),
        }

    def save(self, folder: str | Path) -> None:
        """Writes `vocabulary.txt` and `tokenizer.json` into a folder, made if it is not there."""
        save_files(self.files(), folder)

    @classmethod
    def load(cls, folder: str | Path) -> "Tokenizer":
        """Reads what `save` wrote.

        Args:
            folder: The folder that holds the two files.

        Returns:
            A tokenizer that gives the same ids.

        Raises:
            DataError: A file is missing or damaged, or of another version.
        """
        words, options = load_files(
            Path(folder) / VOCABULARY_FILE,
            Path(folder) / RULES_FILE,
            special=(PADDING, UNKNOWN),
            options=("max_length", "keep"),
            rules=RULES,
        )
        return cls(words, **options)

    def _cut(self, ragged: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
        return ragged[:, :length] if self.keep == "start" else ragged[:, -length:]


def _check_words(vocabulary: Sequence[str]) -> None:
    for position, word in enumerate(vocabulary):
        if word.split() != [word] or word in (PADDING, UNKNOWN):
            raise DataError(
                f"word {position} of the vocabulary is {word!r}; give words that are not empty, "
                f"hold no space and are not {PADDING} or {UNKNOWN}, which come by themselves."
            )
    check_once(vocabulary, "word")
