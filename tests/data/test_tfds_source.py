import os
import time
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_seq.data import DataError, load_texts
from keras_seq.data.tfds_source import read_tfds


class TinyBuilder(tfds.core.GeneratorBasedBuilder):
    """A dataset made on the spot; `columns` and `parts` are what the subclasses differ in."""

    VERSION = tfds.core.Version("1.0.0")
    columns: Mapping = MappingProxyType({})
    parts: Mapping = MappingProxyType({})

    def _info(self):
        features = tfds.features.FeaturesDict(dict(self.columns))
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {part: self._generate_examples(rows) for part, rows in self.parts.items()}

    def _generate_examples(self, rows):
        yield from enumerate(dict(zip(self.columns, row, strict=True)) for row in rows)


TEXT = tfds.features.Text()
CLASS = tfds.features.ClassLabel(names=["dull", "fine", "great"])
ROWS = [(f"caf\u00e9 {n}", f"title {n}", n % 3) for n in range(30)]
PAIRS = [(f"text {n}", n % 2) for n in range(40)]


class TinyReviews(TinyBuilder):
    columns = MappingProxyType({"text": TEXT, "title": TEXT, "label": CLASS})
    parts = MappingProxyType({"train": ROWS, "test": ROWS[:7]})


class TinySecretTest(TinyBuilder):
    columns = MappingProxyType({"sentence": TEXT, "mood": CLASS})
    parts = MappingProxyType({"train": PAIRS, "test": [("c", -1)], "validation": [("d", 1)]})


class TinyTrainOnly(TinyBuilder):
    columns = MappingProxyType({"text": TEXT, "label": CLASS})
    parts = MappingProxyType({"train": PAIRS})


class TinyNoLabel(TinyBuilder):
    columns = MappingProxyType({"text": TEXT})
    parts = MappingProxyType({"train": [("a",)]})


class TinyNoText(TinyBuilder):
    columns = MappingProxyType({"size": np.int64, "label": CLASS})
    parts = MappingProxyType({"train": [(1, 0)]})


def test_train_and_test_are_the_official_ones(tmp_path):
    train, test, names = read_tfds("tiny_reviews", tmp_path)
    assert names == ("dull", "fine", "great")
    assert sorted(zip(train.texts, train.labels, strict=True)) == sorted(
        (text, label) for text, _, label in ROWS
    )
    assert sorted(test.texts) == sorted(text for text, *_ in ROWS[:7])


def test_validation_is_held_out_of_train(tmp_path):
    dataset = load_texts("tfds:tiny_reviews", validation_fraction=0.2, data_dir=tmp_path)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (24, 6, 7)


def test_data_dir_can_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "here"))
    read_tfds("tiny_reviews")
    assert (tmp_path / "here" / "tiny_reviews").is_dir()


def test_unlabelled_test_part_is_replaced_by_validation(tmp_path):
    _, test, _ = read_tfds("tiny_secret_test", tmp_path)
    assert (test.texts, test.labels.tolist()) == (["d"], [1])


def test_test_part_is_held_out_where_there_is_none(tmp_path):
    dataset = load_texts("tfds:tiny_train_only", test_fraction=0.5, data_dir=tmp_path)
    assert len(dataset.test) == 20


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny_reviws", "no dataset 'tiny_reviws'; did you mean tiny_reviews"),
        ("imdb_review", "did you mean .*imdb_reviews"),
        ("qqqqqqq", "see tfds.list_builders"),
        ("tiny_reviews/no_config", "cannot be opened"),
        ("tiny_no_label", "no class label among its features text"),
        ("tiny_no_text", "no text among its features"),
    ],
)
def test_wrong_names_are_refused(name, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_tfds(name, tmp_path)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ConnectionError("no route\nto host"),
            r"not in .*ConnectionError: no route\. Put the prep",
        ),
        (
            ModuleNotFoundError("no", name="mwparser"),
            "package mwparser to be .* pip install mwparser",
        ),
    ],
)
def test_failed_download_says_what_to_do(error, message, tmp_path, monkeypatch):
    def fail(self, **_):
        raise error

    monkeypatch.setattr(TinyReviews, "download_and_prepare", fail)
    with pytest.raises(DataError, match=message):
        read_tfds("tiny_reviews", tmp_path)


@pytest.mark.realdata
@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
def test_imdb_reviews():
    start = time.perf_counter()
    dataset = load_texts("tfds:imdb_reviews")
    assert time.perf_counter() - start < 30
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [22_500, 2_500, 25_000]
    assert [int(part.labels.sum()) for part in parts] == [11_250, 1_250, 12_500]
    assert dataset.label_names == ("neg", "pos")
