"""One way to all sources of running text, for language models."""

import re
from pathlib import Path

import numpy as np

from keras_seq.data.dataset import DataError
from keras_seq.data.python_source import by_hash, python_source
from keras_seq.data.running_text import HELD_OUT, LanguageTexts, dealt, divided, joined
from keras_seq.data.sources import BUILTIN, TFDS_PREFIX
from keras_seq.data.text_files import read_text
from keras_seq.data.tfds_source import TEXT_FEATURES, open_builder, prepare

_VALIDATION_NAMES = ("valid", "validation", "val", "dev")
_TEXT_OF_PART = re.compile(r"(.+)\.train\.txt(?:\.gz)?")


def load_language(
    source: str | Path,
    *,
    characters: int = 1_000_000,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> LanguageTexts:
    r"""Loads the text of a language model.

    The text is as the files have it: line ends, tabs and runs of spaces are kept.

    Args:
        source: One of

            - "builtin": source code of Python's standard library as it is found on this machine;
              whole modules belong to one part;
            - the path of a text file, plain or .gz: the first 90 % of it are for training, the next
              5 % for validation, the last 5 % for the test;
            - the path of a folder of text files, those in folders within it too: each whole file
              belongs to one part, drawn by the seed, about 5 % of the text to each of validation
              and test. Names that begin with a dot are left out;
            - "FOLDER/NAME" with files NAME.train.txt, NAME.valid.txt and NAME.test.txt, each plain
              or .gz, as the Penn Treebank's. Where all of it is single characters with spaces
              between them, and "_" for a space, the text is put together again;
            - "tfds:NAME": a dataset of TensorFlow Datasets with a text, such as tiny_shakespeare.
        characters: Of "builtin": the most characters that are read.
        seed: Draws which files of a folder are held out.
        data_dir: Where TensorFlow Datasets are; by default the environment variable
            TFDS_DATA_DIR, else the default of TFDS.

    Returns:
        The three parts.

    Raises:
        DataError: The source does not exist or cannot be used.

    Example:
        >>> from keras_seq.data import load_language
        >>> texts = load_language("builtin", characters=300_000)
        >>> "import" in texts.train, "\n    " in texts.test
        (True, True)
    """
    name = str(source)
    if name == BUILTIN:
        files = python_source(characters)
        parts, own = dealt(files, by_hash(files)), False
    elif name.startswith(TFDS_PREFIX) and len(name) > len(TFDS_PREFIX):
        parts, own = _of_tfds(name, data_dir)
    else:
        parts, own = _of_files(name, seed)
    texts = LanguageTexts(name, *parts, own)
    for part in ("train", "validation", "test"):
        if not getattr(texts, part).strip():
            raise DataError(f"{name}: the {part} part holds no text; give a longer one.")
    return texts


Parts = tuple[str, str, str]


def _of_files(name: str, seed: int) -> tuple[Parts, bool]:
    path = Path(name).expanduser()
    if name and path.is_file():
        return divided(_text(path)), False
    if name and path.is_dir():
        return _of_folder(path, seed), False
    if path.name and _part_file(path.parent, path.name, "train"):
        return _of_named_parts(path.parent, path.name), True
    raise DataError(
        f"unknown source {name!r}: no such file or folder is there. Give {BUILTIN!r}, the path of "
        "a text file (.gz too) or of a folder of text files, 'FOLDER/NAME' with files such as "
        f"NAME.train.txt, or '{TFDS_PREFIX}NAME' with a dataset of TensorFlow Datasets."
    )


def _text(path: Path) -> str:
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path} is empty; give a file with text.")
    return text


def _of_folder(folder: Path, seed: int) -> Parts:
    hidden = (".", "__pycache__")
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(hidden) for p in path.relative_to(folder).parts)
    ]
    if parts := [found[1] for path in paths if (found := _TEXT_OF_PART.fullmatch(path.name))]:
        raise DataError(
            f"{folder} holds {parts[0]}.train.txt, one text in parts: name it, with "
            f"{folder / parts[0]}."
        )
    if not paths:
        raise DataError(f"{folder} holds no files; give a folder of text files.")
    files = {path.relative_to(folder).as_posix(): read_text(path) for path in paths}
    order = np.random.default_rng(seed).permutation(list(files)).tolist()
    try:
        return dealt(files, order)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error


def _of_named_parts(folder: Path, stem: str) -> Parts:
    train = _part_file(folder, stem, "train")
    validation = next(
        (path for name in _VALIDATION_NAMES if (path := _part_file(folder, stem, name))), None
    )
    test = _part_file(folder, stem, "test")
    if train is None or validation is None or test is None:
        there = ", ".join(sorted(path.name for path in folder.glob(f"{stem}.*"))[:5])
        raise DataError(
            f"{folder} must hold {stem}.train.txt, {stem}.valid.txt and {stem}.test.txt, each "
            f"plain or .gz; there are {there}."
        )
    texts = [_text(path) for path in (train, validation, test)]
    if all(_is_spaced(text) for text in texts):
        texts = [_unspaced(text) for text in texts]
    return texts[0], texts[1], texts[2]


def _part_file(folder: Path, stem: str, part: str) -> Path | None:
    paths = (folder / f"{stem}.{part}.txt{ending}" for ending in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _is_spaced(text: str) -> bool:
    """Whether all that white space separates are single characters."""
    return all(len(token) == 1 for token in set(text.split()))


def _unspaced(text: str) -> str:
    return "\n".join("".join(line.split()).replace("_", " ") for line in text.split("\n"))


def _of_tfds(name: str, data_dir: str | Path | None) -> tuple[Parts, bool]:
    import tensorflow_datasets as tfds  # here, since most sources do without it

    short = name.removeprefix(TFDS_PREFIX)
    builder = open_builder(short, data_dir)
    features = builder.info.features
    kinds = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    keys = [key for key, kind in kinds.items() if isinstance(kind, tfds.features.Text)]
    key = next((key for key in TEXT_FEATURES if key in keys), keys[0] if keys else None)
    if key is None:
        raise DataError(
            f"{name} has no text among its features {', '.join(kinds) or features}; give a "
            "dataset with one, such as tfds:tiny_shakespeare."
        )
    prepare(short, builder)

    def read(part: str) -> str | None:
        if part not in builder.info.splits:
            return None
        column = builder.as_dataset(split=part, batch_size=-1)[key].numpy()
        texts = [text.decode("utf-8", errors="replace") for text in column]
        # A text in one piece stays as it is.
        return texts[0] if len(texts) == 1 else joined(texts)

    train, validation, test = (read(part) for part in ("train", "validation", "test"))
    assert train is not None  # `prepare` has seen to that
    own = test is not None
    if test is None:
        train, test = _last(train)
    if validation is None:
        train, validation = _last(train)
    return (train, validation, test), own


def _last(text: str) -> tuple[str, str]:
    """A text without its last 5 %, and these."""
    end = round(len(text) * (1 - HELD_OUT))
    return text[:end], text[end:]
