"""One way to all sources of images with captions."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_seq.data.caption_files import read_captions, read_parts
from keras_seq.data.captions import CaptionDataset, CaptionedImages
from keras_seq.data.dataset import DataError
from keras_seq.data.image_features import ImageFeatures
from keras_seq.data.pictures import PictureFiles
from keras_seq.data.shape_pictures import generate_shape_pictures
from keras_seq.data.sources import BUILTIN

REFUSE, SKIP = "refuse", "skip"
_PARTS = ("train", "validation", "test")


def load_captions(
    source: str | Path,
    *,
    size: int | None = None,
    features: str | Path | None = None,
    bad_pictures: str = REFUSE,
    unmatched: str = SKIP,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
) -> CaptionDataset:
    """Loads a captioning task.

    Args:
        source: One of

            - "builtin": drawn shapes, see `keras_seq.data.generate_shape_pictures`;
            - the path of a folder in the layout of Flickr8k. It holds the captions, as
              `captions.csv` (columns image and caption) or `*.token.txt`, plain or .gz; pictures,
              in a .tar file, in the folder Images or Flicker8k_Dataset, or in itself; and, if the
              parts are not to be drawn, lists of names, `*.trainImages.txt`, `*.devImages.txt` and
              `*.testImages.txt`, plain or .gz.
        size: Side of the square that pictures are brought to; 32 of the built-in ones, else 224, if
            None.
        features: The path of features to read in place of the pictures, see
            `keras_seq.data.ImageFeatures`.
        bad_pictures: What becomes of files that are no pictures or damaged, of which all are named:
            "refuse" or "skip".
        unmatched: What becomes of captions without image, images without caption, and images that
            no list names: "refuse" or "skip".
        validation_fraction: Share of the images held out, where there is no list of them.
        test_fraction: Share of the images held out, where there is no list of them.
        seed: Draws what is held out.

    Returns:
        The three parts, and notes on what was left out.

    Raises:
        DataError: The source does not exist or cannot be used.

    Example:
        >>> from keras_seq.data import load_captions
        >>> shapes = load_captions("builtin")
        >>> len(shapes.train), len(shapes.validation), len(shapes.test), shapes.train.inputs.shape
        (6000, 400, 400, (6000, 32, 32, 3))
    """
    for name, value in (("bad_pictures", bad_pictures), ("unmatched", unmatched)):
        if value not in (REFUSE, SKIP):
            raise DataError(f"{name} must be {REFUSE!r} or {SKIP!r}; got {value!r}.")
    if size is not None and size < 1:
        raise DataError(f"size is {size}; give the side of a picture, at least 1.")
    if str(source) == BUILTIN:
        if features is not None:
            raise DataError(f"{BUILTIN} is read as pictures: leave the features out.")
        return generate_shape_pictures(size=size or 32)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"unknown source {str(source)!r}: no such folder is there. Give {BUILTIN!r}, or the "
            "path of a folder with captions.csv and pictures."
        )
    for name, share in (("validation", validation_fraction), ("test", test_fraction)):
        if not 0 < share < 1:
            raise DataError(f"{name}_fraction is {share}; give a share between 0 and 1.")

    captions = read_captions(folder)
    listed = read_parts(folder)
    if features is None:
        files = PictureFiles.of(folder)
        there, place = set(files.members), str(files.place)
    else:
        made = ImageFeatures.read(features)
        rows = {name: row for row, name in enumerate(made.names)}
        there, place = set(rows), str(features)
    notes = _unmatched(captions, there, place, listed, unmatched)
    names = [name for name in captions if name in there]
    if not names:
        raise DataError(
            f"none of the {len(captions):,} images that have captions in {folder} is in {place}; "
            f"the first is {next(iter(captions))!r}. Names must be the same in both."
        )
    if features is None:
        used = _used(names, listed)
        inputs, bad = files.pictures(used, size or 224)
        notes += _bad(bad, place, bad_pictures)
        names = [name for name in used if name not in bad]
    else:
        names = _used(names, listed)
        inputs = made.values[[rows[name] for name in names]]
    images = CaptionedImages(names, inputs, [captions[name] for name in names])
    shares = {"validation": validation_fraction, "test": test_fraction}
    train, validation, test = _divided(images, listed, shares, seed, str(folder))
    own_test_part = "test" in listed
    return CaptionDataset(str(source), train, validation, test, own_test_part, tuple(notes))


def _used(names: Sequence[str], listed: Mapping[str, Sequence[str]]) -> list[str]:
    """Those that are in a part."""
    of_lists = {name for part in listed.values() for name in part}
    return [name for name in names if not listed or name in of_lists]


def _unmatched(
    captions: Collection[str],
    there: Collection[str],
    place: str,
    listed: Mapping[str, Sequence[str]],
    how: str,
) -> list[str]:
    """Tells of what has no counterpart, or refuses it."""
    known = {name for part in listed.values() for name in part}
    both = sorted(name for name in captions if name in there)
    found = {
        f"images that have captions are not in {place}": sorted(set(captions) - set(there)),
        f"images in {place} have no caption": sorted(set(there) - set(captions)),
    }
    if listed:
        found["images are in none of the lists of parts"] = [n for n in both if n not in known]
    told = [f"{len(names):,} {what}, such as {names[0]}" for what, names in found.items() if names]
    if told and how == REFUSE:
        raise DataError(
            f"{'; '.join(told)}. Mend the files, or leave such images out with unmatched={SKIP}."
        )
    return [f"{sentence}: left out." for sentence in told]


def _bad(bad: Mapping[str, str], place: str, how: str) -> list[str]:
    """Tells of files that are no pictures, or refuses them."""
    if not bad:
        return []
    told = f"{len(bad):,} files in {place} cannot be read as pictures"
    if how == REFUSE:
        raise DataError(
            f"{told}. {' '.join(bad.values())} Mend or remove them, or leave them out with "
            f"bad_pictures={SKIP}."
        )
    return [f"{told} and are left out: {', '.join(bad)}."]


def _divided(
    images: CaptionedImages,
    listed: Mapping[str, Sequence[str]],
    shares: Mapping[str, float],
    seed: int,
    folder: str,
) -> list[CaptionedImages]:
    """The three parts: as listed, or drawn from what is not listed otherwise."""
    row_of = {name: row for row, name in enumerate(images.names)}
    rows = {part: [row_of[n] for n in names if n in row_of] for part, names in listed.items()}
    free = rows.get("train", list(range(len(images))))
    random = np.random.default_rng(seed)
    for part in ("test", "validation"):
        if part not in rows:
            count = max(1, round(shares[part] * len(free)))
            rows[part] = sorted(random.permutation(free)[:count].tolist())
            held_out = set(rows[part])
            free = [row for row in free if row not in held_out]
    rows["train"] = free
    if empty := [part for part in _PARTS if not rows[part]]:
        counts = ", ".join(f"{part} {len(rows[part])}" for part in _PARTS)
        raise DataError(
            f"{folder}: no image is left for the {empty[0]} part ({counts}); add images, or mend "
            "the lists of parts."
        )
    return [images.take(rows[part]) for part in _PARTS]
