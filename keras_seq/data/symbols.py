"""What a language model reads and writes: characters or words, by number."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from keras_seq.data.dataset import DataError
from keras_seq.data.vocabulary_files import check_once, save_files

Level = Literal["characters", "words"]
LEVELS: tuple[str, ...] = get_args(Level)
FILE, VERSION = "symbols.json", 1
LINE_END = "<eos>"  # of the level "words", as is usual for the Penn Treebank
_UNKNOWN = "\u2047"  # how the unknown symbol is shown
_NAMED = 10  # symbols that a message names


class Symbols:
    r"""The symbols of a language model, and their numbers.

    Nothing of a text is changed: of the level "characters" each character is a symbol, line ends,
    tabs and spaces too, and decoding gives the text back. Of the level "words" symbols are what
    white space separates, and each line end is the symbol "<eos>".

    Args:
        symbols: The symbols, in the order of their ids.
        level: "characters" or "words".
        unknown: Whether id 0 stands for all other symbols; those given follow from id 1 on.
            Without it a text that holds another symbol is refused.

    Raises:
        DataError: There are no symbols, one is empty, comes twice or is none of this level.

    Example:
        >>> from keras_seq.data import Symbols
        >>> symbols = Symbols(["a", "b", "\n"], unknown=True)
        >>> symbols.encode("ba\n!").tolist(), symbols.decode([2, 1, 3])
        ([2, 1, 3, 0], 'ba\n')
    """

    def __init__(
        self, symbols: Sequence[str], level: Level = "characters", *, unknown: bool = False
    ):
        _check_level(level)
        _check(symbols, level)
        self.level, self.unknown = level, bool(unknown)
        self._symbols = (*([_UNKNOWN] * self.unknown), *symbols)
        first = int(self.unknown)
        self._ids = {symbol: first + number for number, symbol in enumerate(symbols)}

    @classmethod
    def fit(
        cls,
        text: str,
        level: Level = "characters",
        *,
        size: int | None = None,
        unknown: bool = False,
    ) -> "Symbols":
        """Finds the symbols of a text, ordered by falling count, those of one count by code.

        Args:
            text: The training text.
            level: As for the class.
            size: The number of ids at most; rarer symbols are unknown. None keeps all.
            unknown: Whether there is to be an unknown symbol even where all are kept.

        Returns:
            The symbols, with an unknown one if any is left out.

        Raises:
            DataError: The text holds no symbols, or `size` is below 2.

        Example:
            >>> from keras_seq.data import Symbols
            >>> Symbols.fit("abracadabra", size=3).symbols
            ('⁇', 'a', 'b')
        """
        _check_level(level)
        if size is not None and size < 2:
            raise DataError(f"size is {size}; give at least 2 symbols.")
        counts = Counter(_cut(text, level))
        ordered = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
        if not ordered:
            raise DataError(f"the text holds no {level}; give one that does.")
        unknown = unknown or (size is not None and len(ordered) > size)
        kept = None if size is None else size - unknown
        return cls(ordered[:kept], level, unknown=unknown)

    def encode(self, text: str) -> np.ndarray:
        r"""Gives the ids of a text.

        Args:
            text: Any text.

        Returns:
            Its ids, int32 of shape (N,).

        Raises:
            DataError: It holds other symbols, and there is no unknown one.

        Example:
            >>> from keras_seq.data import Symbols
            >>> Symbols(["a", "dog", "<eos>"], "words").encode("a  dog\na").tolist()
            [0, 1, 2, 0]
        """
        if not self.unknown and (others := self.others(text)):
            shown = ", ".join(map(repr, others[:_NAMED])) + (", …" if len(others) > _NAMED else "")
            raise DataError(
                f"the text holds {self.level} that the vocabulary of {len(self)} does not, "
                f"{len(others)} in all: {shown}. Leave them out or replace them."
            )
        return np.fromiter((self._ids.get(s, 0) for s in _cut(text, self.level)), np.int32)

    def others(self, text: str) -> list[str]:
        """The symbols of a text that are not known, each once, in the order of their codes.

        Example:
            >>> from keras_seq.data import Symbols
            >>> Symbols(["a", "b"]).others("abzya!")
            ['!', 'y', 'z']
        """
        return sorted(set(_cut(text, self.level)) - self._ids.keys())

    def decode(self, ids: Iterable[int]) -> str:
        r"""Gives the text of ids; the unknown symbol is shown as "⁇".

        Args:
            ids: Any number of ids.

        Raises:
            DataError: An id is none of a symbol.

        Example:
            >>> from keras_seq.data import Symbols
            >>> Symbols(["a", "dog", "<eos>"], "words").decode([2, 0, 1, 2, 1])
            '\na dog\ndog'
        """
        return "".join(self.pieces(ids))

    def pieces(self, ids: Iterable[int], before: int | None = None) -> Iterator[str]:
        r"""Gives the text of one id after another, as they come.

        Args:
            ids: Any number of ids.
            before: The id that stands before the first one, None for the beginning: words are
                separated by spaces, but for those at the beginning of a line.

        Yields:
            What each id adds to the text.

        Raises:
            DataError: An id is none of a symbol.

        Example:
            >>> from keras_seq.data import Symbols
            >>> list(Symbols(["a", "dog", "<eos>"], "words").pieces([0, 1, 2, 1], before=1))
            [' a', ' dog', '\n', 'dog']
        """
        begins = before is None or self._symbols[before] == LINE_END
        for number in ids:
            if not 0 <= number < len(self):
                raise DataError(f"id {number} is outside 0 to {len(self) - 1}; other symbols?")
            symbol = self._symbols[number]
            if self.level == "words":
                ends = symbol == LINE_END
                shown = "\n" if ends else f"{'' if begins else ' '}{symbol}"
                begins = ends
            else:
                shown = symbol
            yield shown

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbol of every id."""
        return self._symbols

    @property
    def start(self) -> int:
        """What stands before the first symbol of a text: a line end, else the commonest symbol."""
        line_end = LINE_END if self.level == "words" else "\n"
        return self._ids.get(line_end, int(self.unknown))

    def __len__(self) -> int:
        return len(self._symbols)

    def files(self) -> dict[str, str]:
        """Gives the symbols as the text of the file that `save` writes.

        Returns:
            The text by its name, `symbols.json`.

        Example:
            >>> import json
            >>> from keras_seq.data import Symbols
            >>> json.loads(Symbols(["a", "b"]).files()["symbols.json"])["symbols"]
            ['a', 'b']
        """
        return {FILE: json.dumps(self._content(), indent=1) + "\n"}

    def _content(self) -> dict:
        return {
            "version": VERSION,
            "level": self.level,
            "unknown_id": 0 if self.unknown else None,
            "start_id": self.start,
            "symbols": list(self._symbols),
        }

    def save(self, folder: str | Path) -> None:
        """Writes `symbols.json` into a folder, made if it is not there."""
        save_files(self.files(), folder)

    @classmethod
    def load(cls, folder: str | Path) -> "Symbols":
        """Reads what `save` wrote.

        Args:
            folder: The folder that holds the file.

        Returns:
            The symbols, with the same ids.

        Raises:
            DataError: The file is missing or damaged, or of another version.
        """
        path = Path(folder) / FILE
        try:
            content = json.loads(path.read_bytes().decode("utf-8"))
            if (version := content["version"]) != VERSION:
                raise DataError(f"it is of version {version}, {VERSION} is the one known here")
            unknown = content["unknown_id"] == 0
            loaded = cls(content["symbols"][int(unknown) :], content["level"], unknown=unknown)
            if loaded._content() != content:
                raise DataError("its parts do not fit together")
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}); give a folder that it was saved in."
            ) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is damaged ({error}); save it again.") from error
        return loaded


def _cut(text: str, level: str) -> Iterable[str]:
    """The symbols of a text, one after another."""
    if level == "characters":
        yield from text
        return
    *lines, last = text.split("\n")
    for line in lines:
        yield from line.split()
        yield LINE_END
    yield from last.split()


def _check_level(level: str) -> None:
    if level not in LEVELS:
        raise DataError(f"level is {level!r}; give one of {', '.join(LEVELS)}.")


def _check(symbols: Sequence[str], level: str) -> None:
    if not symbols:
        raise DataError("the vocabulary holds no symbols; give at least one.")
    for position, symbol in enumerate(symbols):
        fits = len(symbol) == 1 if level == "characters" else symbol.split() == [symbol]
        if not fits:
            wanted = "single characters" if level == "characters" else "words without white space"
            raise DataError(f"symbol {position} of the vocabulary is {symbol!r}; give {wanted}.")
    check_once(symbols, "symbol")
