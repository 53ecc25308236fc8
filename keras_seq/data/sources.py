"""One way to all sources of labelled texts."""

import difflib
from pathlib import Path

import numpy as np

from keras_seq.data.dataset import DataError, LabelledTexts, TextDataset, split
from keras_seq.data.reviews import generate_reviews
from keras_seq.data.text_files import TABLE_ENDINGS, Row, read_path
from keras_seq.data.tfds_source import read_tfds

BUILTIN = "builtin"
TFDS_PREFIX = "tfds:"
# The built-in corpus is one fixed dataset, so that results can be compared.
BUILTIN_TRAIN_SIZE, BUILTIN_TEST_SIZE, BUILTIN_SEED = 8_000, 2_000, 2024


def load_texts(
    source: str | Path,
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> TextDataset:
    """Loads a text classification task.

    Args:
        source: One of

            - "builtin": generated reviews, see `keras_seq.data.reviews`;
            - "tfds:NAME": a dataset of TensorFlow Datasets with a text and a class label;
            - the path of a .csv or .tsv file with a header row, or of a .jsonl file. The text
              is the column or key text, review, sentence or content; the class is label,
              sentiment, class or target;
            - the path of a folder with train and test files of one of these kinds, or with
              `train/CLASS/*.txt` and `test/CLASS/*.txt`, or with `CLASS/*.txt`.
        validation_fraction: Share of the training texts held out as validation part.
        test_fraction: Share of all texts held out as test part, where the source has none.
        seed: Draws what is held out.
        data_dir: Where TensorFlow Datasets are; by default the environment variable
            TFDS_DATA_DIR, else the default of TFDS.

    Returns:
        The three parts. Names of classes are sorted, whole numbers by value.

    Raises:
        DataError: The source does not exist or cannot be used.

    Example:
        >>> from keras_seq.data import load_texts
        >>> reviews = load_texts("builtin")
        >>> len(reviews.train), len(reviews.validation), len(reviews.test), reviews.label_names
        (7200, 800, 2000, ('negative', 'positive'))
    """
    source = str(source)
    if source == BUILTIN:
        reviews = generate_reviews(BUILTIN_TRAIN_SIZE + BUILTIN_TEST_SIZE, BUILTIN_SEED)
        rows = np.arange(len(reviews))
        train = reviews.take(rows[:BUILTIN_TRAIN_SIZE])
        test: LabelledTexts | None = reviews.take(rows[BUILTIN_TRAIN_SIZE:])
        names: tuple[str, ...] = ("negative", "positive")
    elif source.startswith(TFDS_PREFIX) and len(source) > len(TFDS_PREFIX):
        train, test, names = read_tfds(source.removeprefix(TFDS_PREFIX), data_dir)
    else:
        train, test, names = _read_files(source)
    own_test_part = test is not None
    try:
        if test is None:
            train, test = split(train, test_fraction, seed, label_names=names)
        train, validation = split(train, validation_fraction, seed, label_names=names)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    return TextDataset(source, names, train, validation, test, own_test_part)


def _read_files(source: str) -> tuple[LabelledTexts, LabelledTexts | None, tuple[str, ...]]:
    path = Path(source).expanduser()
    if not source or not (path.exists() or _looks_like_path(source)):
        raise DataError(_unknown_source(source))
    train_rows, test_rows = read_path(path)
    names = _sorted_names({label for _, label in train_rows})
    if len(names) < 2:
        raise DataError(
            f"{source} holds only the class {names[0]!r}; add texts of at least one other class."
        )
    unseen = {label for _, label in test_rows or []} - set(names)
    if unseen:
        raise DataError(
            f"{source}: the test part holds the class {sorted(unseen)[0]!r}, which the training "
            f"part ({', '.join(names)}) does not; use the same names in both."
        )
    test = None if test_rows is None else _labelled(test_rows, names)
    return _labelled(train_rows, names), test, names


def _labelled(rows: list[Row], names: tuple[str, ...]) -> LabelledTexts:
    indices = {name: index for index, name in enumerate(names)}
    return LabelledTexts(
        [text for text, _ in rows], np.array([indices[label] for _, label in rows])
    )


def _sorted_names(names: set[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(sorted(names), key=int))
    except ValueError:
        return tuple(sorted(names))


def _looks_like_tfds(source: str) -> bool:
    return source.lower().startswith("tfds")


def _looks_like_path(source: str) -> bool:
    path = Path(source)
    is_path = path.suffix.lower() in TABLE_ENDINGS or len(path.parts) > 1
    return is_path and not _looks_like_tfds(source)


def _unknown_source(source: str) -> str:
    files = sorted(child.name for child in Path().iterdir() if child.suffix in TABLE_ENDINGS)
    guesses = difflib.get_close_matches(source, [BUILTIN, *files], n=1)
    if _looks_like_tfds(source):
        guesses = [f"{TFDS_PREFIX}imdb_reviews"]
    guess = f" Did you mean {guesses[0]!r}?" if guesses else ""
    return (
        f"unknown source {source!r}.{guess} Give {BUILTIN!r}, '{TFDS_PREFIX}NAME' with a dataset "
        f"of TensorFlow Datasets, or the path of a {', '.join(TABLE_ENDINGS)} file or of a folder."
    )
