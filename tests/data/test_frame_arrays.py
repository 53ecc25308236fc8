"""Videos from the arrays of an .npz file: both layouts are one, and what is refused."""

import zipfile

import numpy as np
import pytest

from keras_seq.data import DataError, load_frames

LENGTHS = np.array([4, 2, 5, 3, 6])
random = np.random.default_rng(0)
FEATURES = random.normal(size=(LENGTHS.sum(), 3)).astype(np.float32)
LABELS = np.resize([0, 1, 2], LENGTHS.sum())
WHOLE = {"features": FEATURES, "labels": LABELS, "lengths": LENGTHS}


def padded(array, fill):
    """Video by video, filled up with what must not be read."""
    rows = np.split(array, np.cumsum(LENGTHS)[:-1])
    out = np.full((len(LENGTHS), 8, *array.shape[1:]), fill, array.dtype)
    for row, own in zip(out, rows, strict=True):
        row[: len(own)] = own
    return out


def all_videos(path, **options):
    return load_frames(path, test_only=True, label_names=("0", "1", "2"), **options).test


@pytest.fixture
def save(tmp_path):
    def write(name="videos.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return write


@pytest.mark.parametrize("pictures", [False, True])
def test_both_layouts_are_the_same_videos(save, pictures):
    features = FEATURES.reshape(-1, 1, 3, 1) if pictures else FEATURES
    one = all_videos(save("a.npz", **{**WHOLE, "features": features}))
    arrays = {"features": padded(features, np.nan), "labels": padded(LABELS, 77)}
    other = all_videos(save("b.npz", lengths=LENGTHS, **arrays))
    assert [len(video) for video in one] == LENGTHS.tolist()
    np.testing.assert_array_equal(np.concatenate([v.features for v in one]), features)
    np.testing.assert_array_equal(np.concatenate([v.targets for v in one]), LABELS)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
        np.testing.assert_array_equal(a.targets, b.targets)


def test_names(save):
    names = {
        "names": np.array(["Ann", "Bob", "Cat", "Dan", "Eve"]),
        "label_names": np.array(["still", "left", "right"]),
        "feature_names": np.array(["x", "y", "z"]),
    }
    frames = load_frames(save(**WHOLE, **names), leave_out="Cat", seed=2)
    assert frames.feature_names == ("x", "y", "z")
    assert frames.label_names == ("still", "left", "right")  # in the order of their numbers
    assert [video.name for video in frames.test] == ["Cat"]
    assert frames.test[0].targets.tolist() == LABELS[6:11].tolist()
    plain = load_frames(save(**WHOLE), leave_out="video 3")
    assert plain.feature_names == ("feature 1", "feature 2", "feature 3")
    assert plain.label_names == ("0", "1", "2")


def test_labels_may_be_names(save):
    words = np.array(["b", "a", ""])[LABELS]
    frames = load_frames(save(**{**WHOLE, "labels": words}), gaps="ignore", leave_out="video 1")
    assert frames.label_names == ("a", "b")
    assert frames.test[0].targets.tolist() == [1, 0, -1, 1]


def test_gaps(save):
    labels = LABELS.copy()
    labels[7] = -1
    path = save(**{**WHOLE, "labels": labels})
    with pytest.raises(DataError, match=r"video 3, frame 1: the frame has no label \(1 of 5"):
        load_frames(path)
    assert all_videos(path, gaps="ignore")[2].counted.tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("columns", [None, 1, 2])
def test_numbers_to_be_predicted(save, columns):
    values = random.normal(size=(len(LABELS), *([columns] if columns else []))).astype("float32")
    for arrays in (
        {**WHOLE, "labels": values},
        {"features": padded(FEATURES, 0), "labels": padded(values, 7), "lengths": LENGTHS},
    ):
        videos = load_frames(save(**arrays), target="values", test_only=True)
        assert len(videos.target_names) == (columns or 1)
        found = np.concatenate([video.targets for video in videos.test])
        np.testing.assert_array_equal(found, values.reshape(len(values), -1))
    values[3] = np.nan
    with pytest.raises(DataError, match="video 1, frame 3"):
        load_frames(save(**{**WHOLE, "labels": values}), target="values")


def test_without_labels(save):
    path = save(features=FEATURES, lengths=LENGTHS)
    assert not any(video.counted.any() for video in all_videos(path, unlabelled=True))
    assert len(load_frames(path, target="next").target_names) == 3
    with pytest.raises(DataError, match="no array 'labels'; found features, lengths"):
        load_frames(path)


PICTURE = np.zeros((20, 4, 4))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lengths": np.array([4, 2, 5, 3, 5])}, ["sum to 19", "20 frames of features"]),
        ({"lengths": np.array([4, 2, 5, 9, 0])}, ["video 5 is empty"]),
        ({"lengths": np.array([-4, 2, 5, 3, 14])}, ["video 1 is empty", "-4"]),
        ({"lengths": np.array([], int)}, ["no videos"]),
        ({"lengths": np.array([4.0, 16.0])}, ["lengths came as float64", "whole number"]),
        ({"lengths": np.array(20)}, ["lengths", "shape ()"]),
        ({"labels": LABELS[:-1]}, ["sum to 20", "19 frames of labels"]),
        ({"labels": LABELS.astype(float)}, ["labels came as float64", "target=values"]),
        ({"labels": LABELS[:, np.newaxis]}, ["shape (20, 1)", "one for each frame"]),
        ({"labels": LABELS - 5}, ["video 1, frame 0", "the label is -5"]),
        ({"label_names": np.array(["a", "b"])}, ["video 1, frame 2", "label is 2", "0 to 1"]),
        ({"label_names": np.array(["a", "b", "a"])}, ["label_names", "each once"]),
        ({"features": FEATURES[:, 0]}, ["shape (20,)", "(frames, F)"]),
        ({"features": FEATURES[:, :0]}, ["shape (20, 0)"]),
        ({"features": FEATURES.astype(str)}, ["features came as <U"]),
        ({"features": PICTURE}, ["5 lengths up to 6", "(20, 4, 4)"]),
        ({"features": np.where(np.arange(20)[:, None] == 7, np.nan, FEATURES)}, ["3, frame 1"]),
        ({"names": np.array(["a", "b"])}, ["2 names", "5 lengths"]),
        ({"feature_names": np.array(["a", "b"])}, ["2 feature_names", "3 features"]),
    ],
)
def test_arrays_that_cannot_be_used(save, changes, words):
    with pytest.raises(DataError) as error:
        load_frames(save(**{**WHOLE, **changes}))
    for word in ("videos.npz", *words):
        assert word in str(error.value)


def test_features_that_a_model_does_not_read(save):
    with pytest.raises(DataError, match="3 features; the model reads 2: x, y"):
        all_videos(save(**WHOLE), feature_names=("x", "y"))


NAMED = {**WHOLE, "feature_names": np.array(["z", "x", "y"])}


@pytest.mark.parametrize(
    ("read", "columns"),
    [(("x", "y", "z"), [1, 2, 0]), (("y", "z"), [2, 0]), (("z", "x", "y"), [0, 1, 2])],
)
def test_a_model_reads_features_by_their_names(save, read, columns):
    filled = {"features": padded(FEATURES, np.nan), "labels": padded(LABELS, 77)}
    for arrays in (NAMED, {**NAMED, **filled}):
        frames = load_frames(save(**arrays), feature_names=read, test_only=True)
        assert frames.feature_names == read
        found = np.concatenate([video.features for video in frames.test])
        np.testing.assert_array_equal(found, FEATURES[:, columns])


def test_features_without_names_are_read_as_they_stand(save):
    """Be it the model that has none or the file."""
    nameless = ("feature 1", "feature 2", "feature 3")
    for arrays, read, names in (
        (NAMED, nameless, ("z", "x", "y")),
        (WHOLE, ("z", "x", "y"), ("z", "x", "y")),
        (WHOLE, nameless, nameless),
    ):
        frames = load_frames(save(**arrays), feature_names=read, test_only=True)
        assert frames.feature_names == names
        found = np.concatenate([video.features for video in frames.test])
        np.testing.assert_array_equal(found, FEATURES)


def test_features_that_the_file_has_not(save):
    words = "has no feature 'w'; it has z, x, y, and the model reads x, w"
    with pytest.raises(DataError, match=words):
        load_frames(save(**NAMED), feature_names=("x", "w"), test_only=True)


def test_classes_of_videos_that_are_all_for_testing(save):
    """In the order that the file tells, as far as they occur."""
    for arrays, names in (
        (WHOLE, ("0", "1", "2")),
        ({**WHOLE, "label_names": np.array(["up", "by", "no", "at"])}, ("up", "by", "no")),
    ):
        frames = load_frames(save(**arrays), test_only=True)
        assert (frames.train, frames.validation, frames.label_names) == ((), (), names)
        found = np.concatenate([video.targets for video in frames.test])
        np.testing.assert_array_equal(found, LABELS)


def test_files_that_are_damaged(save, tmp_path):
    whole = save(**WHOLE).read_bytes()
    objects = {**WHOLE, "labels": np.array([{}] * 20)}
    np.save(tmp_path / "array.npy", FEATURES)
    texts = tmp_path / "texts.npz"
    with zipfile.ZipFile(texts, "w") as archive:
        for name in WHOLE:
            archive.writestr(f"{name}.txt", "no array")
    contents = {
        "half": whole[: len(whole) // 2],
        "noise": bytes(range(256)),
        "empty": b"",
        "bent": whole[:300] + bytes(40) + whole[340:],
        "array": (tmp_path / "array.npy").read_bytes(),
        "objects": save("objects.npz", **objects).read_bytes(),
        "texts": texts.read_bytes(),
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{name}.npz"):
            load_frames(path)
