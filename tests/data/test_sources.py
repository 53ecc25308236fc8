import numpy as np
import pytest

from keras_seq.data import DataError, load_texts
from keras_seq.data.tokenizer import Tokenizer


def write_csv(path, rows):
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return str(path)


def parts_of(dataset):
    return dataset.train, dataset.validation, dataset.test


def test_builtin_parts_share_no_text():
    dataset = load_texts("builtin")
    assert [len(part) for part in parts_of(dataset)] == [7200, 800, 2000]
    assert dataset.label_names == ("negative", "positive")
    assert len({text for part in parts_of(dataset) for text in part.texts}) == 10_000
    for part in parts_of(dataset):
        assert 0.48 < part.labels.mean() < 0.52


def test_builtin_test_part_does_not_hang_on_the_seed():
    first, second = load_texts("builtin", seed=1), load_texts("builtin", seed=2)
    assert first.test.texts == second.test.texts
    assert first.validation.texts != second.validation.texts


def test_file_is_divided_in_three(tmp_path):
    rows = [(f"text {n}", ("good", "bad", "fair")[n % 3]) for n in range(300)]
    dataset = load_texts(
        write_csv(tmp_path / "a.csv", rows), validation_fraction=0.25, test_fraction=0.2, seed=4
    )
    assert dataset.label_names == ("bad", "fair", "good")
    assert [np.bincount(part.labels).tolist() for part in parts_of(dataset)] == [
        [60] * 3,
        [20] * 3,
        [20] * 3,
    ]
    named = [
        (text, dataset.label_names[label])
        for part in parts_of(dataset)
        for text, label in zip(part.texts, part.labels, strict=True)
    ]
    assert sorted(named) == sorted(rows)


def test_official_test_part_is_kept(tmp_path):
    write_csv(tmp_path / "train.csv", [(f"text {n}", n % 2) for n in range(20)])
    write_csv(tmp_path / "test.csv", [("last", 1), ("least", 0)])
    dataset = load_texts(tmp_path)
    assert dataset.test.texts == ["last", "least"]
    assert dataset.test.labels.tolist() == [1, 0]
    assert (len(dataset.train), len(dataset.validation)) == (18, 2)


def test_whole_numbers_are_sorted_by_value(tmp_path):
    source = write_csv(tmp_path / "a.csv", [(f"text {n}", (10, 9, -1)[n % 3]) for n in range(30)])
    assert load_texts(source).label_names == ("-1", "9", "10")


def test_one_class_is_refused(tmp_path):
    with pytest.raises(DataError, match="only the class 'good'"):
        load_texts(write_csv(tmp_path / "a.csv", [("x", "good")] * 9))


def test_too_few_examples_are_refused(tmp_path):
    source = write_csv(tmp_path / "a.csv", [("x", "good")] * 9 + [("y", "bad")] * 2)
    with pytest.raises(DataError, match=r"a\.csv: class bad has only 1 example"):
        load_texts(source)


def test_class_of_the_test_part_alone_is_refused(tmp_path):
    write_csv(tmp_path / "train.csv", [("x", "good"), ("y", "bad")] * 5)
    write_csv(tmp_path / "test.csv", [("x", "Good")])
    with pytest.raises(DataError, match="test part holds the class 'Good'"):
        load_texts(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "guess"),
    [
        ("builtn", "Did you mean 'builtin'"),
        ("tfds", "Did you mean 'tfds:imdb_reviews'"),
        ("tfds:", "Did you mean 'tfds:imdb_reviews'"),
        ("tfds/imdb_reviews", "Did you mean 'tfds:imdb_reviews'"),
        ("my_revews", "Give 'builtin', 'tfds:NAME'"),
        ("", "unknown source ''"),
        ("no/such.csv", "no/such.csv does not exist"),
        ("such.csv", "such.csv does not exist"),
    ],
)
def test_unknown_sources_get_a_guess(source, guess, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=guess):
        load_texts(source)


def test_tokenizer_takes_the_texts(tmp_path):
    source = write_csv(tmp_path / "a.csv", [(f"text {n}", n % 2) for n in range(20)])
    dataset = load_texts(source)
    assert Tokenizer.fit(dataset.train.texts).encode(dataset.test.texts).nrows() == 2
