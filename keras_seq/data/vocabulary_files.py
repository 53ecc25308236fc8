"""What tokenizers share: texts in chunks, and the two files that a vocabulary is saved as."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import tensorflow as tf

from keras_seq.data.dataset import DataError

FORMAT_VERSION = 1

_CHUNK_SIZE = 2048  # texts worked on at once, so that memory stays small


def text_chunks(texts: Iterable[str]) -> Iterator[tf.Tensor]:
    """Gives any number of texts as string tensors of limited size."""
    remaining = iter(texts)
    while chunk := list(islice(remaining, _CHUNK_SIZE)):
        yield tf.constant(chunk, tf.string)


def check_once(vocabulary: Sequence[str], what: str) -> None:
    """Refuses a vocabulary that holds something twice."""
    if len(set(vocabulary)) < len(vocabulary):
        twice, count = Counter(vocabulary).most_common(1)[0]
        raise DataError(f"the vocabulary holds {twice!r} {count} times; give each {what} once.")


def vocabulary_text(words: Iterable[str]) -> str:
    """Gives the text of a vocabulary file: line n, counted from 0, is the word of id n."""
    return "".join(f"{word}\n" for word in words)


def rules_text(count: int, options: Mapping, rules: Mapping) -> str:
    """Gives the text of a file of rules, as JSON."""
    content = {"version": FORMAT_VERSION, "number_of_ids": count, **options, **rules}
    return json.dumps(content, indent=2) + "\n"


def save_files(files: Mapping[str, str], folder: str | Path) -> None:
    """Writes texts under their names into a folder, made if it is not there."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (Path(folder) / name).write_text(text, encoding="utf-8", newline="\n")


def load_files(
    vocabulary_path: Path,
    rules_path: Path,
    *,
    special: Sequence[str],
    options: Sequence[str],
    rules: Mapping,
) -> tuple[list[str], dict]:
    """Reads a vocabulary and its rules, and checks them.

    Args:
        vocabulary_path: The file that `vocabulary_text` gave.
        rules_path: The file that `rules_text` gave.
        special: What the vocabulary begins with.
        options: Keys that the rules must have.
        rules: Keys and values that the rules must have.

    Returns:
        The words after the special ones, and the options by name.

    Raises:
        DataError: A file is missing or damaged, or of another version.
    """
    words = _read(vocabulary_path).removesuffix("\n").split("\n")
    try:
        found = json.loads(_read(rules_path))
        version, count = found["version"], found["number_of_ids"]
        values = {key: found[key] for key in options}
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise DataError(
            f"{rules_path} is damaged ({type(error).__name__}: {error}); save it again."
        ) from error
    if version != FORMAT_VERSION or any(found.get(key) != rules[key] for key in rules):
        raise DataError(
            f"{rules_path} holds rules of version {version} that differ from version "
            f"{FORMAT_VERSION}, the one known here; fit and save it again."
        )
    head, expected = words[: len(special)], list(special)
    if head != expected or len(words) != count:
        raise DataError(
            f"{vocabulary_path} holds {len(words)} lines from {head} on, "
            f"not {count} lines from {expected} on; save it again."
        )
    return words[len(special) :], values


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); give a folder that it was saved in."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is damaged: {error}; save it again.") from error
