import numpy as np
import pytest

from keras_seq.data.dataset import DataError, LabelledTexts, split


def examples_of(*counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(3).permutation(labels)
    return LabelledTexts([f"text {n}" for n in range(len(labels))], labels)


def test_labels_become_int32():
    examples = LabelledTexts(["a", "b"], [1, 0])
    assert examples.labels.dtype == np.int32
    assert len(examples) == 2


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0], "2 texts came with labels of shape"), ([0.5, 1], "float64"), ([-1, 0], "-1")],
)
def test_wrong_labels_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        LabelledTexts(["a", "b"], labels)


def test_split_keeps_the_shares_of_the_classes_and_every_example_once():
    examples = examples_of(37, 10, 200)
    kept, held_out = split(examples, 0.2, seed=1)
    assert np.bincount(held_out.labels).tolist() == [7, 2, 40]
    assert np.bincount(kept.labels).tolist() == [30, 8, 160]
    label_of = dict(zip(examples.texts, examples.labels, strict=True))
    assert sorted(kept.texts + held_out.texts) == sorted(examples.texts)
    for part in (kept, held_out):
        assert [label_of[text] for text in part.texts] == part.labels.tolist()


def test_split_hangs_on_the_seed_alone():
    examples = examples_of(50, 60)
    parts = [split(examples, 0.3, seed=seed)[1].texts for seed in (5, 5, 6)]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_every_class_is_on_both_sides(fraction):
    for part in split(examples_of(2, 90), fraction, seed=0):
        assert set(part.labels.tolist()) == {0, 1}


def test_split_refuses_a_class_of_one_example_by_its_name():
    with pytest.raises(DataError, match="class bad has only 1 example"):
        split(examples_of(5, 1), 0.5, seed=0, label_names=("good", "bad"))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 3])
def test_split_refuses_a_share_that_is_none(fraction):
    with pytest.raises(DataError, match=f"fraction is {fraction}"):
        split(examples_of(5, 5), fraction, seed=0)


def test_split_refuses_nothing():
    with pytest.raises(DataError, match="no examples"):
        split(LabelledTexts([], np.zeros(0, np.int32)), 0.5, seed=0)
