"""Running text in three parts, and how one text or many files are divided into them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from keras_seq.data.dataset import DataError

HELD_OUT = 0.05  # the share of the validation part, and of the test part


@dataclass(frozen=True, eq=False)
class LanguageTexts:
    """The text of a language model, in three parts.

    Attributes:
        name: Where the text comes from, for reports.
        train: What a model is fitted on.
        validation: What choices are made on.
        test: What the result is reported on.
        own_test_part: Whether the source came with its test part, or that was held out here.

    Example:
        >>> from keras_seq.data import LanguageTexts
        >>> LanguageTexts("letters", "abc", "d", "e").all_for_testing().test
        'abcde'
    """

    name: str
    train: str
    validation: str
    test: str
    own_test_part: bool = False

    def all_for_testing(self) -> "LanguageTexts":
        """The same with all of the text in the test part as well, for a model trained elsewhere."""
        return replace(self, test=self.train + self.validation + self.test)


def divided(text: str) -> tuple[str, str, str]:
    """Gives the first 90 % of a text, the next 5 % and the last 5 %.

    Example:
        >>> [len(part) for part in divided("a" * 1000)]
        [900, 50, 50]
    """
    ends = [round(len(text) * share) for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT)]
    return text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]


def dealt(files: Mapping[str, str], order: Sequence[str]) -> tuple[str, str, str]:
    """Deals whole files to the three parts, so that no file is in two.

    The test part and then the validation part take files in the order given, as long as they fit
    into 5 % of the text; where none does, the smallest. The others are the training part, the
    largest file always.

    Args:
        files: Texts by name.
        order: All names.

    Returns:
        The parts, the files of each in the order of `files`.

    Raises:
        DataError: There are fewer than three files that hold text.

    Example:
        >>> files = {"long": "a" * 500, "one": "b" * 20, "two": "c" * 20}
        >>> [part[0] for part in dealt(files, order=["two", "long", "one"])]
        ['a', 'b', 'c']
    """
    sizes = {name: len(files[name]) for name in order if files[name]}
    if len(sizes) < 3:
        raise DataError(
            f"{len(sizes)} files with text cannot be divided into three parts; give three or more, "
            "or the path of one file, which is divided itself."
        )
    largest = max(sizes, key=lambda name: sizes[name])  # whatever its size, it is trained on
    free = [name for name in sizes if name != largest]
    taken: list[set[str]] = []
    for others in (1, 0):  # parts that still need a file
        part, room = set[str](), HELD_OUT * sum(sizes.values())
        for name in free:
            if sizes[name] <= room and len(part) < len(free) - others:
                part.add(name)
                room -= sizes[name]
        taken.append(part or {min(free, key=lambda name: sizes[name])})
        free = [name for name in free if name not in taken[-1]]
    test, validation = taken
    train = sizes.keys() - test - validation
    parts = ((name for name in files if name in part) for part in (train, validation, test))
    first, second, third = (joined(files[name] for name in part) for part in parts)
    return first, second, third


def joined(texts: Iterable[str]) -> str:
    r"""Puts texts behind one another, each with a line end at its end.

    Example:
        >>> joined(["one", "two\n"])
        'one\ntwo\n'
    """
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
