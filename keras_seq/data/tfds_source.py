"""Reads labelled texts from TensorFlow Datasets."""

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_seq.data.dataset import DataError, LabelledTexts

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Which feature is the text where a dataset has several; the first one found is taken.
TEXT_FEATURES = ("text", "review", "sentence", "content", "description")
DATA_DIR_VARIABLE = "TFDS_DATA_DIR"


def read_tfds(
    name: str, data_dir: str | Path | None = None
) -> tuple[LabelledTexts, LabelledTexts | None, tuple[str, ...]]:
    """Reads the training and test texts of a TFDS dataset; downloads it if it is not there.

    Args:
        name: The dataset, such as "imdb_reviews", with a config where it has several, such as
            "glue/sst2".
        data_dir: Where the prepared datasets lie; by default what the environment variable
            TFDS_DATA_DIR names, else the default of TFDS.

    Returns:
        The split "train", the split "test" (or "validation" where there is no labelled "test",
        or None without either), and the names of the classes.

    Raises:
        DataError: There is no such dataset, it cannot be downloaded, or it has no text, no class
            label or no split "train".
    """
    builder = open_builder(name, data_dir)
    text_key, label_key = _find_features(name, builder)
    prepare(name, builder)

    def read(part: str) -> LabelledTexts | None:
        if part not in builder.info.splits:
            return None
        # One batch of everything: reading row by row costs minutes.
        columns = builder.as_dataset(split=part, batch_size=-1)
        labels = columns[label_key].numpy()
        if labels.size and labels.min() < 0:  # TFDS marks labels that are kept secret with -1
            return None
        texts = [text.decode("utf-8", errors="replace") for text in columns[text_key].numpy()]
        return LabelledTexts(texts, labels.astype(np.int32))

    train = read("train")
    if train is None:
        raise DataError(f"tfds:{name} has texts without a label in 'train'; give another dataset.")
    test = read("test") or read("validation")
    return train, test, tuple(builder.info.features[label_key].names)


def open_builder(name: str, data_dir: str | Path | None) -> "tfds.core.DatasetBuilder":
    """Finds a TFDS dataset by its name; `read_tfds` says where.

    Raises:
        DataError: There is no such dataset.
    """
    import tensorflow_datasets as tfds  # here, since most sources do without it

    try:
        return tfds.builder(name, data_dir=data_dir or os.environ.get(DATA_DIR_VARIABLE))
    except tfds.core.DatasetNotFoundError as error:
        nearest = difflib.get_close_matches(name.split("/")[0], tfds.list_builders(), n=3)
        guess = f"did you mean {' or '.join(nearest)}?" if nearest else "see tfds.list_builders()."
        raise DataError(f"TensorFlow Datasets has no dataset {name!r}; {guess}") from error
    except (ValueError, AssertionError) as error:  # a name that does not parse, a wrong config
        raise DataError(f"tfds:{name} cannot be opened: {_first_line(error)}") from error


def _find_features(name: str, builder: "tfds.core.DatasetBuilder") -> tuple[str, str]:
    import tensorflow_datasets as tfds

    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict):
        raise DataError(f"tfds:{name} holds {features}, no text with a label; give another one.")
    texts = [key for key, kind in features.items() if isinstance(kind, tfds.features.Text)]
    labels = [key for key, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    text = next((key for key in TEXT_FEATURES if key in texts), texts[0] if texts else None)
    label = "label" if "label" in labels else labels[0] if labels else None
    if text is None or label is None:
        missing = "text" if text is None else "class label"
        raise DataError(
            f"tfds:{name} has no {missing} among its features {', '.join(features)}; give a "
            "dataset for text classification, such as tfds:imdb_reviews."
        )
    return text, label


def prepare(name: str, builder: "tfds.core.DatasetBuilder") -> None:
    """Downloads a TFDS dataset if it is not there, and checks that it has a split "train".

    Raises:
        DataError: It cannot be downloaded, or has no such split.
    """
    try:
        builder.download_and_prepare()
    except ModuleNotFoundError as error:
        raise DataError(
            f"tfds:{name} is not in {builder.data_dir} and needs the Python package {error.name} "
            f"to be prepared; install it, for example with: pip install {error.name}"
        ) from error
    except Exception as error:  # downloads fail in many ways, and none can go on
        raise DataError(
            f"tfds:{name} is not in {builder.data_dir} and could not be downloaded: "
            f"{type(error).__name__}: {_first_line(error)}. Put the prepared dataset there, or "
            f"name the folder that holds it with data_dir or {DATA_DIR_VARIABLE}."
        ) from error
    if "train" not in builder.info.splits:
        raise DataError(
            f"tfds:{name} has no split 'train' but {', '.join(builder.info.splits)}; "
            "give another dataset."
        )


def _first_line(error: Exception) -> str:
    return re.split(r"\n", str(error).strip(), maxsplit=1)[0][:300]
