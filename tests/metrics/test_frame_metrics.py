"""Figures of frames and segments, by hand and by brute force."""

import itertools

import numpy as np
import pytest

from keras_seq.metrics import (
    frame_accuracy,
    labelled_stretches,
    macro_f1,
    segment_f1,
    segments,
)


def draw(seed, count=200, classes=5, gaps=True):
    """Labels that stay for a while, and predictions that are right more often than not."""
    random = np.random.default_rng(seed)
    stretches = [[random.integers(classes)] * random.integers(1, 9) for _ in range(count)]
    true = np.array([*itertools.chain(*stretches)][:count])
    predicted = np.where(random.random(count) < 0.6, true, random.integers(classes, size=count))
    predicted = np.where(random.random(count) < 0.5, np.roll(predicted, 1), predicted)
    if gaps:
        true[random.random(count) < 0.1] = -1
    return true, predicted


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_counts_frames_with_a_label(seed):
    true, predicted = draw(seed)
    pairs = [(a, b) for a, b in zip(true, predicted, strict=True) if a >= 0]
    assert 0 < len(pairs) < len(true)
    assert frame_accuracy(true, predicted) == pytest.approx(
        sum(a == b for a, b in pairs) / len(pairs)
    )


def f1_of(label, pairs):
    """By precision and recall; None where there is nothing to find and nothing found."""
    right = sum(a == b == label for a, b in pairs)
    found, wanted = (sum(pair[side] == label for pair in pairs) for side in (1, 0))
    if not found + wanted:
        return None
    if not right:
        return 0.0
    precision, recall = right / found, right / wanted
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(4))
def test_macro_f1_is_the_mean_over_the_classes_that_there_are(seed):
    true, predicted = draw(seed)
    pairs = [(a, b) for a, b in zip(true.tolist(), predicted.tolist(), strict=True) if a >= 0]
    scores = [score for label in range(7) if (score := f1_of(label, pairs)) is not None]
    assert len(scores) == 5
    assert macro_f1(true, predicted, classes=7) == pytest.approx(sum(scores) / 5)


def test_macro_f1_by_hand():
    # F1 of class 0: 3 of 4 predicted are right, 3 of 3 found; of class 1: nothing is found.
    assert macro_f1([0, 0, 0, 1], [0, 0, 0, 0], 2) == pytest.approx((6 / 7 + 0) / 2)
    assert macro_f1([0, 0, 1, 1], [0, 0, 1, 1], 2) == 1
    assert macro_f1([0, 1], [1, 0], 2) == 0


@pytest.mark.parametrize("seed", range(4))
def test_segments_are_runs(seed):
    true, _ = draw(seed)
    runs = [(label, len([*frames])) for label, frames in itertools.groupby(true.tolist())]
    found = segments(true)
    assert [(s.label, s.stop - s.start) for s in found] == runs
    assert [s.start for s in found] == [0, *(s.stop for s in found[:-1])]
    assert segments([]) == []


@pytest.mark.parametrize("dtype", ["uint64", "uint8"])
def test_labels_may_be_unsigned(dtype):
    """Those that are true as well where no frame is without."""
    for gaps in (True, False):
        true, predicted = draw(5, gaps=gaps)
        whole = true if gaps else true.astype(dtype)
        found = predicted.astype(dtype)
        assert frame_accuracy(whole, found) == frame_accuracy(true, predicted)
        assert macro_f1(whole, found, 6) == macro_f1(true, predicted, 6)
        assert segment_f1([whole], [found], 0.3) == segment_f1([true], [predicted], 0.3)
        assert segments(found) == segments(predicted)


@pytest.mark.parametrize("seed", range(4))
def test_stretches_that_have_labels(seed):
    """Every pair of ends is tried."""
    has = [label >= 0 for label in draw(seed, count=60)[0].tolist()]
    ends = itertools.combinations(range(len(has) + 1), 2)
    wanted = [
        (start, stop)
        for start, stop in ends
        if all(has[start:stop]) and not any(has[max(0, start - 1) : start] + has[stop : stop + 1])
    ]
    labels = np.where(has, np.random.default_rng(seed).integers(0, 3, len(has)), -2)
    assert labelled_stretches(labels) == wanted
    assert labelled_stretches(np.arange(7, dtype="uint8")) == [(0, 7)]
    assert labelled_stretches([-1, -5]) == labelled_stretches([]) == []


def as_sets(labels):
    frames = enumerate(labels)
    runs = [[*group] for _, group in itertools.groupby(frames, key=lambda frame: frame[1])]
    return [(run[0][1], {place for place, _ in run}) for run in runs]


@pytest.mark.parametrize("overlap", [0.51, 0.6, 0.75, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_segments_that_overlap_by_more_than_a_half_pair_up(seed, overlap):
    """Above one half at most one pair is possible for each, so all pairs that reach it count."""
    true, predicted = draw(seed, gaps=False)
    a, b = as_sets(true.tolist()), as_sets(predicted.tolist())
    pairs = [
        (x, y)
        for x, (label, here) in enumerate(a)
        for y, (other, there) in enumerate(b)
        if label == other and len(here & there) >= overlap * len(here | there)
    ]
    assert len({x for x, _ in pairs}) == len({y for _, y in pairs}) == len(pairs)
    wanted = 2 * len(pairs) / (len(a) + len(b))
    assert segment_f1([true], [predicted], overlap) == pytest.approx(wanted)


@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_predicted_segment_stands_beside_the_nearest_true_one(seed, overlap):
    true, predicted = draw(seed, gaps=False)
    a, b, taken, hits = as_sets(true.tolist()), as_sets(predicted.tolist()), set(), 0
    for label, there in b:
        ratios = [len(h & there) / len(h | there) if label == own else -1 for own, h in a]
        place = int(np.argmax(ratios))
        if ratios[place] >= overlap and place not in taken:
            taken.add(place)
            hits += 1
    assert 0 < hits < len(a)
    assert segment_f1([true], [predicted], overlap) == pytest.approx(2 * hits / (len(a) + len(b)))


def test_segment_f1_by_hand():
    # Predicted 0-3 covers three of four frames of 0-4, 3-7 three of five of 4-8 and itself; the
    # last one finds its true one taken.
    true, predicted = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 0]
    assert segment_f1([true], [predicted], 0.5) == pytest.approx(2 * 2 / (3 + 2))
    assert segment_f1([true], [predicted], 0.7) == pytest.approx(2 * 1 / (3 + 2))
    assert segment_f1([true], [predicted], 0.8) == 0
    # Of two halves the first one takes the place.
    assert segment_f1([[2, 2, 2, 2]], [[2, 2, 1, 2]], 0.5) == pytest.approx(2 / (3 + 1))
    assert segment_f1([true], [true], 1.0) == 1


def test_videos_are_summed_and_not_joined():
    one, other = [0, 0, 1], [1, 1, 1]
    found = segment_f1([one, other], [[0, 0, 0], [1, 1, 1]], 0.9)
    assert found == pytest.approx(2 * 1 / (3 + 2))


def test_a_gap_takes_a_video_apart():
    true = [0, 0, -1, -1, 0, 0, 1, -1]
    predicted = [0, 0, 0, 1, 0, 1, 1, 1]
    apart = segment_f1([[0, 0], [0, 0, 1]], [[0, 0], [0, 1, 1]], 0.5)
    assert segment_f1([true], [predicted], 0.5) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: frame_accuracy([0, 1], [0]), r"\(2,\) and \(1,\)"),
        (lambda: frame_accuracy([-1, -1], [0, 0]), "none of 2 frames has a label"),
        (lambda: frame_accuracy([], []), "none of 0 frames"),
        (lambda: frame_accuracy([0.0, 1.0], [0, 1]), "whole numbers"),
        (lambda: macro_f1([0, 3], [0, 1], 2), "must be 0 to 1"),
        (lambda: macro_f1([0, 1], [0, -1], 2), "from -1"),
        (lambda: segments([[0, 1]]), r"shape \(1, 2\)"),
        (lambda: segments([0.5, 0.5, 1.0]), "labels must be whole numbers.*float64"),
        (lambda: segment_f1([[0, 1]], [[0.2, 0.9]]), "labels must be whole numbers.*float64"),
        (lambda: segment_f1([[0]], [[0]], 0.0), "overlap must be above 0"),
        (lambda: segment_f1([[0]], [[0], [1]]), "1 videos came with predictions of 2"),
        (lambda: segment_f1([[0, 1]], [[0]]), r"video 0 has labels of shape \(2,\)"),
        (lambda: segment_f1([[-1]], [[0]]), "nothing to count"),
    ],
)
def test_what_cannot_be_counted(call, message):
    with pytest.raises(ValueError, match=message):
        call()
