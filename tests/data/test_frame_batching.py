"""Windows and batches: every frame comes once, padding counts for nothing."""

import numpy as np
import pytest

from keras_seq.data import DataError, FrameSequence, frame_batches, training_windows

LENGTHS = (5, 12, 1, 7, 3, 20, 8, 2, 9)


def videos(shape=(3,), width=None, seed=0):
    """Features and targets that tell video and frame; some targets are missing."""
    random = np.random.default_rng(seed)
    found = []
    for number, length in enumerate(LENGTHS):
        features = 1 + random.random((length, *shape)) + 100 * number
        if width:
            targets = random.normal(size=(length, width)).astype(np.float32)
            targets[random.random(length) < 0.2] = np.nan
        else:
            targets = np.where(random.random(length) < 0.2, -1, random.integers(0, 4, length))
        found.append(FrameSequence(features, targets, f"video {number}"))
    return found


@pytest.mark.parametrize("longest", [1, 4, 5, 7, 20, 50])
def test_windows_cover_every_frame_and_count_it_once(longest):
    whole = videos()
    windows = training_windows(whole, longest)
    for video in whole:
        own = [window for window in windows if window.name == video.name]
        assert {len(window) for window in own} == {min(longest, len(video))}
        counted = np.concatenate([w.features[w.counted] for w in own])
        np.testing.assert_array_equal(counted, video.features[video.counted])
        targets = np.concatenate([w.targets[w.counted] for w in own])
        np.testing.assert_array_equal(targets, video.targets[video.counted])
        assert {tuple(f) for w in own for f in w.features} == {tuple(f) for f in video.features}


def test_windows_of_numbers():
    [video] = [FrameSequence(np.ones((5, 1)), np.arange(5.0)[:, np.newaxis])]
    _, last = training_windows([video], 3)
    np.testing.assert_array_equal(last.targets, [[np.nan], [3], [4]])
    assert last.counted.tolist() == [False, True, True]
    np.testing.assert_array_equal(video.targets[:, 0], range(5))  # as it was


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize(("shape", "width"), [((3,), None), ((2, 4, 1), None), ((3,), 2)])
@pytest.mark.parametrize("seed", [None, 4])
def test_every_video_comes_once_and_padding_weighs_nothing(shape, width, with_lengths, seed):
    whole = videos(shape, width)
    options = {"bucket_lengths": (4, 8), "batch_size": 2, "shuffle_seed": seed, "with_index": True}
    dataset = frame_batches(whole, with_lengths=with_lengths, **options)
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == dataset.cardinality() == 2 + 2 + 2
    rows = []
    for inputs, targets, weights, index in batches:
        features = inputs["features"] if with_lengths else inputs
        limits = {next(n for n in (4, 8, 20) if n >= LENGTHS[row]) for row in index}
        assert limits == {features.shape[1]}
        for place, row in enumerate(index):
            video, length = whole[row], len(whole[row])
            np.testing.assert_array_equal(features[place, :length], video.features)
            assert not features[place, length:].any()
            np.testing.assert_array_equal(weights[place, :length], video.counted)
            assert not weights[place, length:].any()
            counts = weights[place] > 0
            np.testing.assert_array_equal(targets[place][counts], video.targets[video.counted])
            assert not targets[place][~counts].any()
            if with_lengths:
                assert inputs["lengths"][place] == length
        rows += index.tolist()
    assert sorted(rows) == list(range(len(LENGTHS)))
    assert (rows != sorted(rows, key=lambda row: (LENGTHS[row] > 4, LENGTHS[row] > 8, row))) == (
        seed is not None
    )


def test_epochs_have_orders_of_their_own():
    whole = videos()

    def order(epoch):
        batches = frame_batches(whole, batch_size=2, shuffle_seed=7, epoch=epoch, with_index=True)
        return [row for *_, rows in batches.as_numpy_iterator() for row in rows.tolist()]

    assert order(1) == order(1)
    assert len({tuple(order(epoch)) for epoch in range(4)}) == 4


def test_no_length_is_beyond_the_longest_video():
    shapes = {f.shape[1] for f, *_ in frame_batches(videos(), bucket_lengths=(8, 16, 32, 64))}
    assert shapes == {8, 16, 20}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: {"sequences": []}, "there are no videos"),
        (lambda whole: {"sequences": [*whole, *videos((4,))]}, "of one kind"),
        (lambda whole: {"sequences": [*whole, *videos(width=2)]}, "of one kind"),
        (lambda whole: {"batch_size": 0}, "batch_size=0"),
        (lambda whole: {"bucket_lengths": (0, 4)}, r"bucket_lengths=\(0, 4\)"),
    ],
)
def test_batches_that_cannot_be_made(change, message):
    whole = videos()
    options = {"sequences": whole, **change(whole)}
    with pytest.raises(ValueError, match=message):
        frame_batches(options.pop("sequences"), **options)


def test_windows_of_no_frame():
    with pytest.raises(ValueError, match="max_length is 0"):
        training_windows(videos(), 0)


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (np.ones((0, 3)), np.zeros(0, int), r"shape \(0, 3\)"),
        (np.ones((4, 3, 2)), np.zeros(4, int), r"\(T, H, W, C\)"),
        (np.ones((4, 3)), np.zeros(3, int), "4 frames and targets"),
        (np.ones((4, 3)), np.zeros(4), "float64"),
        (np.ones((4, 3)), np.array(["a"] * 4), "<U1"),
    ],
)
def test_sequences_that_are_none(features, targets, message):
    with pytest.raises(DataError, match=message):
        FrameSequence(features, targets, "walk")
