"""One way to all sources of texts with their translations."""

import re
from pathlib import Path

from keras_seq.data.dataset import DataError
from keras_seq.data.generated_pair import generate_pairs
from keras_seq.data.parallel import ParallelDataset, split_pairs
from keras_seq.data.parallel_files import (
    PAIR_ENDINGS,
    PairParts,
    read_aligned_folder,
    read_pair_table,
)
from keras_seq.data.parallel_tfds import read_tfds_pairs
from keras_seq.data.sources import BUILTIN, TFDS_PREFIX

_LANGUAGE = r"[A-Za-z]\w*"
_SOURCE = re.compile(rf"(?s)(.+?)(?::({_LANGUAGE})-({_LANGUAGE})(?::([\w.-]+))?)?")


def load_pairs(
    source: str | Path,
    *,
    languages: str | None = None,
    reverse: bool = False,
    drop_empty: bool = False,
    validation_fraction: float = 0.05,
    test_fraction: float = 0.05,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> ParallelDataset:
    """Loads a translation task.

    Args:
        source: One of

            - "builtin": a generated pair of languages, see `keras_seq.data.generate_pairs`;
            - the path of a file of `source<TAB>target` lines, as Tatoeba's, plain, .gz, or a .zip
              that holds one; further columns are left out;
            - "FOLDER:de-en", a folder with `train.de`, `train.en` and, if there are, `val.*` and
              `test*.*`, as Multi30k's, each plain or .gz; "FOLDER:de-en:test_2017_flickr" names
              the test part where there are several (else test or test_2016_flickr);
            - "tfds:NAME": a dataset of TensorFlow Datasets that is a translation.
        languages: What may follow the source after a colon, such as "de-en". For a file it only
            names the columns.
        reverse: Swaps source and target.
        drop_empty: Leaves out pairs with an empty side in place of an error.
        validation_fraction: Share of the training pairs held out, where there is no such part.
        test_fraction: Share of the training pairs held out, where there is no such part. What is
            held out shares no sentence with what stays, on either side, but for case and space.
        seed: Draws what is held out.
        data_dir: Where TensorFlow Datasets are; by default the environment variable
            TFDS_DATA_DIR, else the default of TFDS.

    Returns:
        The three parts.

    Raises:
        DataError: The source does not exist or cannot be used.

    Example:
        >>> from keras_seq.data import load_pairs
        >>> pairs = load_pairs("builtin")
        >>> len(pairs.train), len(pairs.validation), len(pairs.test), pairs.languages
        (6000, 500, 500, ('English', 'Sorvani'))
    """
    name = f"{source}:{languages}" if languages else str(source)
    if name == BUILTIN:
        dataset = generate_pairs()
        return dataset.reversed() if reverse else dataset
    parts, names = _read(name, drop_empty, data_dir)
    train, validation, test = parts
    try:
        if test is None:
            train, test = split_pairs(train, test_fraction, seed)
        if validation is None:
            train, validation = split_pairs(train, validation_fraction, seed)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    dataset = ParallelDataset(name, train, validation, test, parts.test is not None, names)
    return dataset.reversed() if reverse else dataset


def _read(
    name: str, drop_empty: bool, data_dir: str | Path | None
) -> tuple[PairParts, tuple[str, str]]:
    found = _SOURCE.fullmatch(name)
    if found is None:
        raise DataError(_unknown_source(name))
    place, source, target, test_name = found.groups()
    languages = (source, target) if source else None
    if place.startswith(TFDS_PREFIX) and not test_name:
        of_tfds = place.removeprefix(TFDS_PREFIX)
        return read_tfds_pairs(of_tfds, languages, data_dir, drop_empty=drop_empty)
    path = Path(place).expanduser()
    if test_name and not path.is_dir():
        raise DataError(f"{name}: only a folder has test parts to choose; end after the languages.")
    if path.is_dir():
        parts = read_aligned_folder(path, languages, test_name, drop_empty=drop_empty)
    elif path.is_file():
        parts = PairParts(read_pair_table(path, drop_empty=drop_empty), None, None)
    else:
        raise DataError(_unknown_source(name))
    return parts, languages or ("source", "target")


def _unknown_source(name: str) -> str:
    return (
        f"unknown source {name!r}: no such file or folder is there. Give {BUILTIN!r}, the path of "
        f"a file of source<TAB>target lines ({', '.join(PAIR_ENDINGS)}), 'FOLDER:de-en' with a "
        f"folder of files such as train.de and train.en, or '{TFDS_PREFIX}NAME' with a "
        "translation dataset of TensorFlow Datasets."
    )
