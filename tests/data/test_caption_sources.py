"""Sources of images with captions: layouts, parts, what has no counterpart, what is refused."""

import gzip
import json
import pickle

import numpy as np
import pytest
import tensorflow as tf
from captioned_folder import PARTS, drawn, png, write_captions, write_folder

from keras_seq.data import DataError, ImageFeatures, PictureFiles, load_captions, read_picture

SIZE = 20
IMAGES = drawn(SIZE)


def same(found, expected):
    assert found.names == expected.names
    assert found.captions == expected.captions
    np.testing.assert_array_equal(found.inputs, expected.inputs)


def parts(dataset):
    return [getattr(dataset, part) for part in PARTS]


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"place": "Flicker8k_Dataset", "layout": "token"},
        {"place": "", "packed": True},
        {"place": "images.tar", "layout": "token", "packed": True},
    ],
    ids=str,
)
def test_layouts_with_lists_of_parts(layout, tmp_path):
    dataset = load_captions(write_folder(tmp_path, IMAGES, **layout), size=SIZE)
    for found, expected in zip(parts(dataset), parts(IMAGES), strict=True):
        same(found, expected)
    assert dataset.own_test_part
    assert dataset.notes == ()
    assert dataset.name == str(tmp_path)


def test_parts_that_are_drawn(tmp_path):
    folder = write_folder(tmp_path, IMAGES, lists=False)
    shares = {"validation_fraction": 0.25, "test_fraction": 1 / 3}
    one, again, other = (load_captions(folder, size=8, seed=s, **shares) for s in (1, 1, 2))
    assert not one.own_test_part
    assert [len(part) for part in parts(one)] == [10, 4, 7]  # 21 / 3, 14 / 4 rounded
    names = [name for part in parts(one) for name in part.names]
    assert sorted(names) == sorted(name for part in parts(IMAGES) for name in part.names)
    assert one.test.names == again.test.names != other.test.names
    (folder / "Flickr_8k.trainImages.txt").write_text("\n".join(IMAGES.train.names))
    (folder / "Flickr_8k.testImages.txt").write_text("\n".join(IMAGES.test.names))
    listed = load_captions(folder, size=8, **shares)
    assert listed.test.names == IMAGES.test.names
    assert len(listed.validation) == 3
    assert set(listed.validation.names) < set(IMAGES.train.names)


def test_pictures_of_any_size_become_squares(tmp_path):
    """Squeezed, not cut: what is left and right stays so."""
    picture = np.zeros((12, 30, 3), "uint8")
    picture[:, :15], picture[:, 15:] = (200, 0, 0), (0, 0, 100)
    (tmp_path / "wide.png").write_bytes(png(picture))
    found = read_picture(tmp_path / "wide.png", 10)
    assert found.shape == (10, 10, 3)
    np.testing.assert_array_equal(found[:, :4], np.broadcast_to((200, 0, 0), (10, 4, 3)))
    np.testing.assert_array_equal(found[:, 6:], np.broadcast_to((0, 0, 100), (10, 4, 3)))
    grey = np.full((5, 5, 1), 90, "uint8")
    (tmp_path / "grey.jpg").write_bytes(tf.io.encode_jpeg(grey).numpy())
    assert set(np.ravel(read_picture(tmp_path / "grey.jpg", 3))) == {90}


def test_what_has_no_counterpart_is_left_out_and_told(tmp_path):
    folder = write_folder(tmp_path, IMAGES)
    captions = {n: t for p in parts(IMAGES) for n, t in zip(p.names, p.captions, strict=True)}
    captions |= {"gone.jpg": ["one"], "away.jpg": ["two", "three"]}
    del captions["test-0005.png"]
    captions["extra.png"] = ["in no part"]
    write_captions(folder, captions)
    (folder / "Images" / "extra.png").write_bytes(png(IMAGES.train.inputs[0]))
    dataset = load_captions(folder, size=SIZE)
    place = folder / "Images"
    assert dataset.notes == (
        f"2 images that have captions are not in {place}, such as away.jpg: left out.",
        f"1 images in {place} have no caption, such as test-0005.png: left out.",
        "1 images are in none of the lists of parts, such as extra.png: left out.",
    )
    same(dataset.train, IMAGES.train)
    same(dataset.test, IMAGES.test.take(range(4)))
    with pytest.raises(DataError, match=r"2 images that have.*; 1 images in.*unmatched=skip"):
        load_captions(folder, size=SIZE, unmatched="refuse")


def test_files_that_are_no_pictures(tmp_path):
    folder = write_folder(tmp_path, IMAGES)
    place = folder / "Images"
    whole = (place / "train-0002.png").read_bytes()
    (place / "train-0002.png").write_bytes(whole[: len(whole) // 2])
    (place / "train-0004.png").write_bytes(b"this is a letter, not a picture")
    (place / "test-0001.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"^3 files in .*Images cannot be read") as refused:
        load_captions(folder, size=SIZE)
    for name in ("train-0002.png", "train-0004.png", "test-0001.png"):
        assert f"{name} is no picture that can be read (" in str(refused.value)
    assert "it is empty" in str(refused.value)
    assert "bad_pictures=skip" in str(refused.value)
    dataset = load_captions(folder, size=SIZE, bad_pictures="skip")
    assert dataset.notes == (
        f"3 files in {place} cannot be read as pictures and are left out: train-0002.png, "
        "train-0004.png, test-0001.png.",
    )
    same(dataset.train, IMAGES.train.take([0, 2, *range(4, 12)]))
    same(dataset.test, IMAGES.test.take(range(1, 5)))


def write_features(path, names, values):
    np.savez(path, names=names, features=values)
    return path


NAMES = [name for part in parts(IMAGES) for name in part.names]
VALUES = np.random.default_rng(3).normal(size=(len(NAMES), 6, 5)).astype("float16")


def test_features_in_place_of_pictures(tmp_path):
    """The pictures need not even be there."""
    folder = write_folder(tmp_path, IMAGES)
    for path in (folder / "Images").iterdir():
        path.unlink()
    order = np.random.default_rng(0).permutation(len(NAMES))
    path = write_features(tmp_path / "f.npz", np.array(NAMES)[order], VALUES[order])
    dataset = load_captions(folder, features=path)
    assert dataset.train.inputs.shape == (12, 1, 6, 5)
    assert not dataset.train.are_pictures
    for part in parts(dataset):
        rows = [NAMES.index(name) for name in part.names]
        np.testing.assert_array_equal(part.inputs[:, 0], VALUES[rows])
    write_features(path, NAMES[:-1], VALUES[:-1])
    dataset = load_captions(folder, features=path)
    assert dataset.notes == (
        f"1 images that have captions are not in {path}, such as test-0005.png: left out.",
    )
    assert dataset.test.names == IMAGES.test.names[:-1]


@pytest.mark.parametrize(
    ("shape", "places"),
    [((3, 8), (3, 1, 1, 8)), ((3, 4, 8), (3, 2, 2, 8)), ((3, 2, 5, 8), (3, 2, 5, 8))],
)
def test_shapes_of_features(shape, places, tmp_path):
    values = np.random.default_rng(0).normal(size=shape).astype("float32")
    read = ImageFeatures.read(write_features(tmp_path / "f.npz", [b"a", b"b", b"c"], values))
    assert read.names == ("a", "b", "c")
    assert read.values.shape == places
    np.testing.assert_array_equal(read.of("b"), values[1].reshape(places[1:]))
    with pytest.raises(DataError, match=r"no features of 'd'; give a name such as a\."):
        read.of("d")


def test_features_that_cannot_be_used(tmp_path):
    path = tmp_path / "f.npz"
    cases = [
        ({"names": ["a"], "features": np.ones((1, 3), int)}, "came as int64 of shape"),
        ({"names": ["a"], "features": np.ones(3)}, r"of shape \(3,\)"),
        ({"names": ["a"], "features": np.ones((2, 3))}, "2 features came with names of shape"),
        ({"names": [1, 2], "features": np.ones((2, 3))}, "one text per feature"),
        ({"names": ["a", "a"], "features": np.ones((2, 3))}, "a comes twice"),
        ({"names": [b"caf\xe9"], "features": np.ones((1, 3))}, r"f\.npz: names are no UTF-8 \("),
        ({"names": ["a", "b"], "features": np.array([[1.0], [np.nan]])}, "such as those of b"),
        ({"files": ["a"], "features": np.ones((1, 3))}, "holds files, features, and no names"),
        ({"names": np.array([{}]), "features": np.ones((1, 3))}, "damaged, or no .npz file"),
    ]
    for arrays, words in cases:
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=words):
            ImageFeatures.read(path)
    write_features(path, NAMES, VALUES)
    whole = path.read_bytes()
    np.save(tmp_path / "f.npy", VALUES)
    alone = (tmp_path / "f.npy").read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes(255 - b for b in whole[middle : middle + 40])
    for content in (
        whole[:middle],
        flipped + whole[middle + 40 :],
        alone,
        b"",
        b"words",
        pickle.dumps(["names"]),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"f\.npz is damaged, or no \.npz file"):
            ImageFeatures.read(path)
    with pytest.raises(DataError, match="there is no such file of features"):
        ImageFeatures.read(tmp_path / "none.npz")


def test_builtin():
    shapes = load_captions("builtin", size=16)
    assert shapes.train.inputs.shape == (6000, 16, 16, 3)
    with pytest.raises(DataError, match="leave the features out"):
        load_captions("builtin", features="f.npz")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bad_pictures": "drop"}, "bad_pictures must be 'refuse' or 'skip'; got 'drop'"),
        ({"unmatched": ""}, "unmatched must be"),
        ({"size": 0}, "size is 0"),
        ({"test_fraction": 1.0}, "test_fraction is 1.0"),
        ({"validation_fraction": 0}, "validation_fraction is 0"),
    ],
)
def test_options_that_make_no_sense(options, words, tmp_path):
    with pytest.raises(DataError, match=words):
        load_captions(tmp_path, **options)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("captions.csv", b"image,words\na.png,b\n", r"columns image and caption.*'image, words'"),
        ("captions.csv", b"", "columns image and caption"),
        ("captions.csv", b"image,caption\n", "holds no captions"),
        (
            "captions.csv",
            b"image,caption\na.png,one,two\n",
            "line 2: 3 cells, but the header has 2",
        ),
        ("captions.csv", b'image,caption\na.png,"one\n', "line 2"),
        ("captions.csv", b"image,caption\na.png, \n", "line 2: the caption is empty"),
        ("captions.csv", b"image,caption\n,one\n", "line 2: the name of the image is empty"),
        ("captions.csv", b"image,caption\na.png,\xff\n", "UTF-8"),
        ("captions.csv.gz", gzip.compress(b"image,caption\n" * 9)[:-7], "damaged"),
        ("a.token.txt", b"a.png#0\tone\nb.png one\n", "line 2: expected is NAME#NUMBER"),
    ],
)
def test_captions_that_cannot_be_used(name, content, words, tmp_path):
    folder = write_folder(tmp_path, IMAGES)
    (folder / "captions.csv").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as refused:
        load_captions(folder, size=8)
    assert name in str(refused.value)


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match=r"unknown source 'builtn'.*'builtin'"):
        load_captions("builtn")
    with pytest.raises(DataError, match=r"one file of captions.*got none"):
        load_captions(tmp_path)
    folder = write_folder(tmp_path / "folder", IMAGES, lists=False)
    write_captions(folder, {"a.png": ["one"]}, "token")
    with pytest.raises(DataError, match=r"got Flickr8k\.token\.txt, captions\.csv"):
        load_captions(folder)
    (folder / "Flickr8k.token.txt").rename(folder / "Flickr8k.lemma.token.txt")
    load_captions(folder, size=8)  # Flickr8k's own second file is no second one
    write_captions(folder, {"a.png": ["one"]})
    with pytest.raises(DataError, match="none of the 1 images that have captions"):
        load_captions(folder)
    write_captions(folder, {"train-0001.png": ["one"], "train-0002.png": ["two"]})
    with pytest.raises(DataError, match=r"no image is left for the train part \(train 0"):
        load_captions(folder, size=8)
    (folder / "a.tar").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"a\.tar is damaged"):
        load_captions(folder)
    (folder / "b.tar").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"2 \.tar files \(a\.tar, b\.tar\)"):
        load_captions(folder)


def test_lists_of_parts_that_cannot_be_used(tmp_path):
    folder = write_folder(tmp_path, IMAGES, lists=False)
    (folder / "devImages.txt").write_text("train-0001.png\n")
    with pytest.raises(DataError, match="none of the training part"):
        load_captions(folder)
    (folder / "trainImages.txt").write_text("train-0001.png\n")
    with pytest.raises(DataError, match=r"train-0001\.png is in the validation part as well"):
        load_captions(folder)
    (folder / "trainImages.txt").write_text("train-0002.png\n")
    (folder / "valImages.txt").write_text("train-0003.png\n")
    with pytest.raises(DataError, match="two lists of the validation part"):
        load_captions(folder)


def test_one_picture(tmp_path):
    with pytest.raises(DataError, match=r"none\.png cannot be read \(No such file"):
        read_picture(tmp_path / "none.png", 8)
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path, 8)
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(DataError, match=r"a\.json is no picture that can be read \([^)]+\); JPEG"):
        read_picture(tmp_path / "a.json", 8)
    (tmp_path / "b.png").write_bytes(png(IMAGES.train.inputs[0]))
    files = PictureFiles.of(tmp_path)
    with pytest.raises(DataError, match=r"holds no c\.png"):
        files.read("c.png")
    with pytest.raises(DataError, match="holds no pictures"):
        PictureFiles.of(tmp_path / "..")
