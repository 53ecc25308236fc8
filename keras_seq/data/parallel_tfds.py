"""Reads pairs of texts from TensorFlow Datasets."""

from pathlib import Path

from keras_seq.data.dataset import DataError
from keras_seq.data.parallel import ParallelTexts
from keras_seq.data.parallel_files import PairParts, checked_pairs
from keras_seq.data.tfds_source import open_builder, prepare


def read_tfds_pairs(
    name: str,
    languages: tuple[str, str] | None = None,
    data_dir: str | Path | None = None,
    *,
    drop_empty: bool = False,
) -> tuple[PairParts, tuple[str, str]]:
    """Reads a TFDS dataset of translations; downloads it if it is not there.

    Args:
        name: The dataset with its config, such as "ted_hrlr_translate/pt_to_en".
        languages: The source and the target language; by default as the dataset has it.
        data_dir: Where the prepared datasets lie; by default what the environment variable
            TFDS_DATA_DIR names, else the default of TFDS.
        drop_empty: Leaves out pairs with an empty side in place of an error.

    Returns:
        The splits "train", "validation" and "test", those that are there, and the languages.

    Raises:
        DataError: There is no such dataset, it cannot be downloaded, it has no translations
            between these languages, or one of them is empty.
    """
    import tensorflow_datasets as tfds  # here, since most sources do without it

    builder = open_builder(name, data_dir)
    features = builder.info.features
    if not isinstance(features, tfds.features.Translation):
        raise DataError(
            f"tfds:{name} holds {type(features).__name__} of {', '.join(features)}, no "
            "translations; give a dataset such as tfds:ted_hrlr_translate/pt_to_en."
        )
    there = builder.info.supervised_keys or tuple(features)
    source, target = languages or there[:2]
    if source == target or {source, target} - set(features):
        raise DataError(
            f"tfds:{name} holds the languages {', '.join(features)}, asked for was "
            f"{source}-{target}; name two of them, such as tfds:{name}:{'-'.join(there[:2])}."
        )
    prepare(name, builder)

    def read(part: str) -> ParallelTexts:
        # One batch of everything: reading row by row costs minutes.
        columns = builder.as_dataset(split=part, batch_size=-1)
        sides = [[text.decode() for text in columns[key].numpy()] for key in (source, target)]
        places = (f"tfds:{name}, {part}, {source}", f"tfds:{name}, {part}, {target}")
        numbers = [f"example {n + 1}" for n in range(len(sides[0]))]
        return checked_pairs(sides[0], sides[1], places, numbers, drop_empty)

    others = (
        read(part) if part in builder.info.splits else None for part in ("validation", "test")
    )
    return PairParts(read("train"), *others), (source, target)
