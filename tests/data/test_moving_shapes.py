"""The built-in clips: labels are what the frames show, and a single frame shows none of them."""

import itertools

import numpy as np
import pytest

from keras_seq.data import FrameSequence, moving_shapes
from keras_seq.data.moving_shapes import MOTIONS, VELOCITIES, builtin_clips

SIZE = 16


@pytest.fixture(scope="module")
def clips():
    return moving_shapes(600, seed=11)


def shift(before, after):
    """To the right and down, where the correlation of two pictures is largest; by FFT."""
    product = np.fft.fft2(after) * np.conj(np.fft.fft2(before))
    down, right = np.unravel_index(np.fft.ifft2(product).real.argmax(), before.shape)
    return tuple(int((n + SIZE // 2) % SIZE - SIZE // 2) for n in (right, down))


def label_of(right, down):
    names = {(0, 0): "still", (-1, 0): "left", (1, 0): "right", (0, -1): "up", (0, 1): "down"}
    return MOTIONS.index(names[int(np.sign(right)), int(np.sign(down))])


def test_labels_are_the_shifts_between_frames(clips):
    for clip in clips[:40]:
        pictures = clip.features[..., 0]
        shifts = [shift(a, b) for a, b in itertools.pairwise(pictures)]
        assert [label_of(*s) for s in shifts] == clip.targets[1:].tolist()
        assert clip.targets[0] == MOTIONS.index("still")


def test_velocities_are_the_shifts(clips):
    same = moving_shapes(40, seed=11, velocities=True)
    for clip, labelled in zip(same, clips, strict=False):
        np.testing.assert_array_equal(clip.features, labelled.features)
        pictures = clip.features[..., 0]
        shifts = [shift(a, b) for a, b in itertools.pairwise(pictures)]
        np.testing.assert_array_equal(clip.targets, [(0, 0), *shifts])
    assert {1.0, 2.0, -1.0, -2.0, 0.0} == set(np.unique([clip.targets[3] for clip in same]))


def test_lengths_and_changes(clips):
    lengths = [len(clip) for clip in clips]
    assert (min(lengths), max(lengths)) == (12, 32)
    changes = [int((np.diff(clip.targets) != 0).sum()) for clip in clips]
    assert np.mean(changes) > 2
    shares = np.bincount(np.concatenate([clip.targets for clip in clips])) / sum(lengths)
    assert len(shares) == len(MOTIONS)
    assert shares.max() < 0.3
    assert shares.min() > 0.1
    assert clips[0].features.shape[1:] == (SIZE, SIZE, 1)
    assert all(clip.features.max() < 1.4 for clip in clips)


def learnt(rows, labels):
    """How many of the second part a linear model of the first one gets right; by least squares."""
    rows = [np.concatenate([np.ones((len(r), 1)), r], axis=1) for r in rows]
    products = rows[0].T @ rows[0] + np.eye(rows[0].shape[1])
    weights = np.linalg.solve(products, rows[0].T @ np.eye(5)[labels[0]])
    return np.mean((rows[1] @ weights).argmax(1) == labels[1])


def test_a_single_frame_says_nothing(clips):
    """Pixels and their squares are worth no more than the commonest label."""
    parts = clips[:450], clips[450:]
    pixels, labels = (
        [np.concatenate([getattr(clip, name)[1:] for clip in part]) for part in parts]
        for name in ("features", "targets")
    )
    rows = [p.reshape(len(p), -1) for p in pixels]
    commonest = np.bincount(labels[1]).max() / len(labels[1])
    assert learnt([np.concatenate([r, r**2], axis=1) for r in rows], labels) < commonest + 0.03
    # How each pixel differs from that of the frame before says more: at least whether it moved.
    moved = [
        np.concatenate([np.abs(np.diff(clip.features, axis=0)) for clip in part]) for part in parts
    ]
    assert learnt([m.reshape(len(m), -1) for m in moved], labels) > commonest + 0.1


def test_places_are_spread_evenly_whatever_the_label(clips):
    """The first wave across the picture points nowhere, on average over clips."""
    frame = 8
    waves = np.array([np.fft.fft2(clip.features[frame, :, :, 0]) for clip in clips])
    labels = np.array([clip.targets[frame] for clip in clips])
    for wave in (waves[:, 0, 1], waves[:, 1, 0]):
        turned = wave / np.abs(wave)
        for label in range(len(MOTIONS)):
            own = turned[labels == label]
            assert np.abs(own.mean()) < 3.5 / np.sqrt(len(own))


def test_the_seed_decides():
    first, again, other = (moving_shapes(5, seed) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
        np.testing.assert_array_equal(a.targets, b.targets)
        assert len(a) != len(c) or not np.array_equal(a.features, c.features)
    assert all(isinstance(clip, FrameSequence) for clip in first)


def test_the_built_in_dataset():
    clips = builtin_clips()
    assert [len(part) for part in (clips.train, clips.validation, clips.test)] == [2000, 150, 150]
    assert clips.label_names == MOTIONS
    assert clips.own_test_part
    assert builtin_clips(velocities=True).target_names == VELOCITIES
