"""Videos from tables and arrays: what is read, how parts are made, and what is refused."""

import numpy as np
import pytest

from keras_seq.data import DataError, load_frames

NAMES = ("Ann", "Bob", "Cat", "Dan", "Eve", "Flo", "Gus")


def video(number, frames=5):
    """A table as columns: two features, a text of no use, and labels that all classes are in."""
    random = np.random.default_rng(number)
    x, y = np.round(random.normal(size=(2, frames)), 4)
    labels = np.resize(["rest", "move", "stop"], frames)
    return {"x": x, "note": ["…"] * frames, "y": y, "label": labels}


def write_table(path, columns, gaps=()):
    names = [*columns]
    rows = [
        ["" if (name, row) in gaps else str(columns[name][row]) for name in names]
        for row in range(len(columns[names[0]]))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(names), *map(",".join, rows)]) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(NAMES):
        write_table(tmp_path / "videos" / f"{name}.csv", video(number, frames=3 + number))
    return tmp_path / "videos"


@pytest.fixture
def refused(tmp_path):
    """Loads a source, which must be refused in these words."""

    def check(source, *words, **options):
        with pytest.raises(DataError) as error:
            load_frames(source, **options)
        for word in words:
            assert word in str(error.value)

    return check


TABLE = {"ignore_columns": ("note",)}


def test_a_folder_of_tables(folder):
    frames = load_frames(folder, **TABLE, seed=1)
    parts = frames.train, frames.validation, frames.test
    assert [len(part) for part in parts] == [5, 1, 1]
    found = {clip.name: clip for part in parts for clip in part}
    assert {*found} == {*NAMES}
    assert frames.feature_names == ("x", "y")
    assert frames.label_names == ("move", "rest", "stop")
    assert not frames.own_test_part
    for number, name in enumerate(NAMES):
        columns = video(number, frames=3 + number)
        wanted = np.stack([columns["x"], columns["y"]], axis=1).astype(np.float32)
        np.testing.assert_array_equal(found[name].features, wanted)
        labels = [frames.label_names[n] for n in found[name].targets]
        assert labels == list(columns["label"])


def test_the_seed_draws_whole_videos(folder):
    def tested(seed):
        return {clip.name for clip in load_frames(folder, **TABLE, seed=seed).test}

    assert tested(1) == tested(1)
    assert len({frozenset(tested(seed)) for seed in range(8)}) > 2


def test_one_video_is_left_out(folder):
    frames = load_frames(folder, **TABLE, leave_out="Cat")
    assert [clip.name for clip in frames.test] == ["Cat"]
    assert "Cat" not in {clip.name for clip in (*frames.train, *frames.validation)}
    assert len(frames.train) + len(frames.validation) == 6


def test_columns_may_come_in_another_order(folder):
    columns = video(2)
    write_table(folder / "Cat.csv", {name: columns[name] for name in ("label", "y", "note", "x")})
    frames = load_frames(folder, **TABLE, leave_out="Cat")
    [cat] = frames.test
    np.testing.assert_allclose(cat.features, np.stack([columns["x"], columns["y"]], 1), rtol=1e-6)


def test_folders_of_the_parts(folder, tmp_path):
    place = tmp_path / "parts"
    for part, names in (("train", NAMES[:5]), ("test", NAMES[5:])):
        for name in names:
            (place / part).mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.csv").rename(place / part / f"{name}.csv")
    frames = load_frames(place, **TABLE)
    assert [clip.name for clip in frames.test] == ["Flo", "Gus"]
    assert (len(frames.train), len(frames.validation)) == (4, 1)
    assert frames.own_test_part
    known = load_frames(place, **TABLE, test_only=True, label_names=frames.label_names)
    assert [clip.name for clip in known.test] == ["Flo", "Gus"]
    (place / "validation").mkdir()
    (place / "train" / "Ann.csv").rename(place / "validation" / "Ann.csv")
    assert [clip.name for clip in load_frames(place, **TABLE).validation] == ["Ann"]


def test_classes_of_videos_that_are_all_for_testing(folder):
    frames = load_frames(folder, **TABLE, test_only=True)
    assert (frames.train, frames.validation) == ((), ())
    assert frames.label_names == ("move", "rest", "stop")
    assert {clip.name for clip in frames.test} == {*NAMES}
    for clip in frames.test:
        number = NAMES.index(clip.name)
        found = [frames.label_names[n] for n in clip.targets]
        assert found == list(video(number, frames=3 + number)["label"])


def test_shares_that_are_none(folder, refused):
    for name in ("validation_fraction", "test_fraction"):
        for share in (15, -0.1, 0, 1, np.nan):
            words = f"{name} is {share}; give a share between 0 and 1"
            refused(folder, words, **TABLE, **{name: share})


def test_a_video_for_a_model_that_knows_its_columns_and_classes(tmp_path):
    """Others are left out, the order is the model's; labels may be missing."""
    write_table(tmp_path / "one.csv", {"z": [1, 2], "y": [3, 4], "x": [5, 6]})
    known = {"feature_names": ("x", "y"), "label_names": ("a", "b"), "unlabelled": True}
    frames = load_frames(tmp_path / "one.csv", test_only=True, **known)
    [clip] = frames.test
    assert clip.features.tolist() == [[5, 3], [6, 4]]
    assert clip.targets.tolist() == [-1, -1]
    assert (frames.train, frames.label_names) == ((), ("a", "b"))


def test_a_video_of_one_frame(tmp_path):
    for number in range(3):
        write_table(tmp_path / f"{number}.csv", video(number, frames=3))
    write_table(tmp_path / "short.csv", video(9, frames=1))
    frames = load_frames(tmp_path, **TABLE, leave_out="short")
    assert frames.test[0].features.shape == (1, 2)
    assert frames.label_names[frames.test[0].targets[0]] == "rest"


def test_gaps_in_labels(folder, refused):
    columns = video(3)
    write_table(folder / "Dan.csv", columns, gaps={("label", 1), ("label", 3)})
    refused(folder, "Dan.csv, line 3", "2 of 5 frames", "gaps=ignore", **TABLE)
    frames = load_frames(folder, **TABLE, leave_out="Dan", gaps="ignore")
    [dan] = frames.test
    assert dan.counted.tolist() == [True, False, True, False, True]
    assert [frames.label_names[n] for n in dan.targets[dan.counted]] == ["rest", "stop", "move"]
    assert "" not in frames.label_names


def test_numbers_to_be_predicted(folder):
    options = {"target": "values", "label_columns": ("y",), "ignore_columns": ("note", "label")}
    frames = load_frames(folder, leave_out="Eve", **options)
    columns = video(4, frames=7)
    assert (frames.feature_names, frames.target_names) == (("x",), ("y",))
    np.testing.assert_allclose(frames.test[0].targets[:, 0], columns["y"], rtol=1e-6)


def test_the_next_frame(folder):
    options = {"target": "next", "leave_out": "Eve", **TABLE}
    frames = load_frames(folder, **options)
    [eve] = frames.test
    assert frames.target_names == frames.feature_names == ("x", "y")
    np.testing.assert_array_equal(eve.targets[:-1], eve.features[1:])
    assert np.isnan(eve.targets[-1]).all()
    assert eve.counted.tolist() == [True] * 6 + [False]
    [one] = load_frames(folder, **options, target_names=("y",)).test
    np.testing.assert_array_equal(one.targets[:-1, 0], eve.features[1:, 1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is empty", "header row"]),
        ("\n \n", ["is empty"]),
        ("x,y,label\n", ["no frame, only a header"]),
        ("1,2,3\n4,5,6\n", ["line 1", "a row of numbers", "header row"]),
        ("x,x,label\n1,2,a\n", ["line 1", "two columns are called 'x'"]),
        ("x,,label\n1,2,a\n", ["line 1", "no name"]),
        ("x,y,label\n1,2\n", ["line 2", "2 cells", "the header has 3"]),
        ("x,y,label\n1,2,a\n\n3,oops,b\n", ["line 4", "'y' holds 'oops'", "ignore_columns"]),
        ("x,y,label\n1,nan,a\n", ["line 2", "'y' holds 'nan'"]),
        ("x,y,label\n1,inf,a\n", ["line 2", "'inf'"]),
        ("x,y,label\n1,,a\n", ["line 2", "'y' holds nothing"]),
        ('x,y,label\n1,"2,a\n', ["line 2", "cannot be read"]),
        ("x,y,phase\n1,2,a\n", ["no column 'label'", "found x, y, phase", "label_columns"]),
        ("label\na\n", ["no column for a feature"]),
        ("x,y,label\n1,2,\n3,4,b\n", ["line 2", "no label", "1 of 2 frames"]),
        ("x,label\n1,a\n", ["'y'", "has not", "ignore_columns"]),
        ("x,y,z,label\n1,2,3,a\n", ["'z'", "has not"]),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, refused, content, words):
    for number in range(3):
        columns = {n: c for n, c in video(number).items() if n != "note"}
        write_table(tmp_path / "videos" / f"{number}.csv", columns)
    (tmp_path / "videos" / "bad.csv").write_text(content)
    refused(tmp_path / "videos", "bad.csv", *words)


def test_text_that_is_no_text(tmp_path, refused):
    (tmp_path / "bad.csv").write_bytes(b"x,label\n1,caf\xff\n")
    refused(tmp_path / "bad.csv", "bad.csv", "UTF-8", "line 2", test_only=True)


def test_sources_that_cannot_be_used(folder, tmp_path, refused):
    refused("builtn", "'builtn'", "builtin", ".npz")
    refused(tmp_path / "none.npz", "none.npz", "no such file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no .csv file but nothing")
    (tmp_path / "notes.txt").write_text("x")
    refused(tmp_path / "notes.txt", "does not end in .csv")
    (tmp_path / "half" / "test").mkdir(parents=True)
    refused(tmp_path / "half", "no folder train")
    (tmp_path / "half" / "train").mkdir()
    refused(tmp_path / "half", "train holds no .csv file")
    refused(folder / "Ann.csv", "1 video cannot be divided", **TABLE)
    refused(folder, "no video 'Zoe'", "Ann, Bob", leave_out="Zoe", **TABLE)
    refused(folder, "'nota'", "Did you mean 'note'", ignore_columns=("nota",))
    refused(folder, "no feature 'yy'", "x, y", target="next", target_names=("yy",), **TABLE)
    refused(folder, "target must be one of", "'class'", target="class")
    refused(folder, "gaps must be refuse or ignore", gaps="skip")
    refused(folder, "one column of classes", label_columns=("label", "x"), **TABLE)
    refused("builtin", "leave_out='x'", leave_out="x")
    refused("builtin", "pictures", "target=values", target="next")
    known = {"test_only": True, "feature_names": ("x", "w")}
    refused(folder, "no column 'w'", "the model reads x, w", **known)


def test_a_class_that_training_never_has(folder, refused):
    columns = video(2)
    write_table(folder / "Cat.csv", {**columns, "label": ["rest", "jump", *columns["label"][2:]]})
    refused(folder, "Cat.csv, line 3", "'jump'", "move, rest, stop", leave_out="Cat", **TABLE)
    assert "jump" in load_frames(folder, leave_out="Ann", **TABLE, seed=3).label_names


def test_one_class_alone(tmp_path, refused):
    for number in range(4):
        write_table(tmp_path / f"{number}.csv", {"x": [1, 2], "label": ["a", "a"]})
    refused(tmp_path, "1 classes (a)", "at least two")


def test_parts_without_a_target(tmp_path, refused):
    for number in range(3):
        write_table(tmp_path / f"{number}.csv", {"x": [1, 2], "label": ["a", "b"]})
    write_table(tmp_path / "one.csv", {"x": [1], "label": [""]})
    options = {"leave_out": "one", "gaps": "ignore"}
    refused(tmp_path, "no frame of the test part", "one", **options)
    refused(tmp_path, "no frame of the test part", "at least two", target="next", **options)
