"""The built-in clips: shapes that move, and of each frame how they have moved since the last.

A clip shows one or two shapes (squares, discs, crosses) on a small grey picture. They move
together, and what leaves the picture on one side comes in on the other. From time to time direction
and speed change. The label of a frame is the direction in which the shapes came from the frame
before, or "still"; nothing comes before the first frame, whose label is "still".

A single frame says nothing about its label. Shapes, brightness and the place that they start from
are drawn by themselves; the place is any with equal chance, and on a picture without borders it
stays so whatever the motion. A model that sees one frame at a time cannot be better than the
commonest label. Nor is the future needed: a frame and the one before it tell all, so a causal model
can be right on every frame.
"""

import numpy as np

from keras_seq.data.frames import FrameDataset, FrameSequence

SIZE = 16  # pixels, both ways
SHORTEST, LONGEST = 12, 32  # frames of a clip
MOTIONS = ("still", "left", "right", "up", "down")
VELOCITIES = ("right", "down")
_DIRECTIONS = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])  # right, down
_FASTEST = 2  # pixels a frame
_STRETCH = 3, 8  # frames of one motion
_NOISE = 0.05
_PICTURES = {
    "square": ("#####", "#####", "#####", "#####", "#####"),
    "disc": (".###.", "#####", "#####", "#####", ".###."),
    "cross": ("..#..", "..#..", "#####", "..#..", "..#.."),
}
_SHAPES = [np.array([[c == "#" for c in row] for row in rows]) for rows in _PICTURES.values()]


def moving_shapes(count: int, seed: int, *, velocities: bool = False) -> tuple[FrameSequence, ...]:
    """Draws clips; see the module for what they show.

    Args:
        count: How many.
        seed: The same seed gives the same clips.
        velocities: Whether the targets are the velocities, to the right and down in pixels a frame,
            in place of the classes `MOTIONS`.

    Returns:
        The clips: features (T, 16, 16, 1), noise on a ground of 0, shapes of 0.5 to 1; T is 12 to
        32.

    Example:
        >>> from keras_seq.data.moving_shapes import MOTIONS, moving_shapes
        >>> [clip] = moving_shapes(count=1, seed=4)
        >>> clip.features.shape[1:], MOTIONS[clip.targets[0]]
        ((16, 16, 1), 'still')
    """
    random = np.random.default_rng(seed)
    clips = []
    for number in range(count):
        labels, velocity = _motion(int(random.integers(SHORTEST, LONGEST + 1)), random)
        scene = _scene(random)
        places = random.integers(0, SIZE, 2) + np.cumsum(velocity, axis=0)
        # The pixel of the scene that each pixel of a frame shows.
        column, row = ((np.arange(SIZE) - places[:, axis, np.newaxis]) % SIZE for axis in (0, 1))
        frames = scene[row[:, :, np.newaxis], column[:, np.newaxis, :]]
        frames = frames + random.normal(0, _NOISE, frames.shape)
        targets = velocity.astype(np.float32) if velocities else labels
        clips.append(FrameSequence(frames[..., np.newaxis], targets, f"clip {number + 1}"))
    return tuple(clips)


def builtin_clips(*, velocities: bool = False) -> FrameDataset:
    """The built-in dataset, 2,000 training clips, 150 for validation and 150 for the test.

    Args:
        velocities: As for `moving_shapes`.

    Example:
        >>> from keras_seq.data.moving_shapes import builtin_clips
        >>> clips = builtin_clips()
        >>> len(clips.train), len(clips.validation), len(clips.test), clips.feature_shape
        (2000, 150, 150, (16, 16, 1))
    """
    # One fixed dataset, so that results can be compared.
    train, validation, test = (
        moving_shapes(count, seed, velocities=velocities)
        for count, seed in ((2_000, 1), (150, 2), (150, 3))
    )
    return FrameDataset(
        "builtin",
        train,
        validation,
        test,
        label_names=() if velocities else MOTIONS,
        target_names=VELOCITIES if velocities else (),
        own_test_part=True,
    )


def _motion(length: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The label of each frame, (T,), and its velocity, (T, 2): to the right, down."""
    labels, velocity = [0], [_DIRECTIONS[0]]
    while len(labels) < length:
        # Any label but that of the last stretch.
        label = (labels[-1] + int(random.integers(1, len(MOTIONS)))) % len(MOTIONS)
        if len(labels) == 1:
            label = int(random.integers(len(MOTIONS)))
        speed = int(random.integers(1, _FASTEST + 1))
        frames = int(random.integers(_STRETCH[0], _STRETCH[1] + 1))
        labels += [label] * frames
        velocity += [speed * _DIRECTIONS[label]] * frames
    return np.array(labels[:length], np.int32), np.array(velocity[:length])


def _scene(random: np.random.Generator) -> np.ndarray:
    """One or two shapes anywhere on the picture, (16, 16)."""
    scene = np.zeros((SIZE, SIZE))
    for _ in range(int(random.integers(1, 3))):
        shape = _SHAPES[int(random.integers(len(_SHAPES)))]
        layer = np.zeros((SIZE, SIZE))
        layer[: len(shape), : len(shape)] = shape * random.uniform(0.5, 1.0)
        scene = np.maximum(scene, np.roll(layer, random.integers(0, SIZE, 2), axis=(0, 1)))
    return scene
