"""The built-in pictures: two coloured shapes in a relation, and the one right sentence on each.

A picture shows a large and a small shape on a dark ground. The sentence names the large one first,
and says where it is from the small one: "a red circle left of a blue square". Places, sizes, shades
and the ground vary, and there is noise.

**What is new in the test part.** A shape of a colour in a relation is a combination, one kind of
those that are named first and one of those that are named last. Every picture of the validation
and test parts is made of two combinations that no training picture has, such as a red circle that
is left of anything, and anything that is left of a blue square. Each colour with each shape, each
colour in each relation and each shape in each relation do occur in training, so that all there is
to know can be learned from it.
"""

from dataclasses import dataclass

import numpy as np

from keras_seq.data.captions import CaptionDataset, CaptionedImages

COLOURS = {
    "red": (225, 50, 45),
    "green": (60, 180, 75),
    "blue": (60, 90, 235),
    "yellow": (245, 220, 60),
    "purple": (165, 60, 200),
    "white": (240, 240, 240),
    "orange": (245, 140, 30),
    "cyan": (70, 220, 230),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring")
# Where the large shape is from the small one, in columns and rows.
RELATIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
_TRAIN, _VALIDATION, _TEST = range(3)
# The part that a combination is in, by the sum of the places of its colour, shape and relation.
_PART_OF_SUM = (_TRAIN, _TRAIN, _VALIDATION, _TRAIN, _TRAIN, _TRAIN, _TEST, _TRAIN)

# Sizes are those of a picture of 32 × 32; others are drawn to scale.
_SIDE = 32
_LARGE, _SMALL = (7.2, 8.0), (4.8, 5.4)  # what a radius is drawn from
_GAP, _ACROSS = (0.5, 2.5), (-4.0, 4.0)  # between the two, along the relation and across it
_FINER = 3  # places within a pixel that are looked at, along each side
_GROUND, _SHADE, _NOISE = (15.0, 75.0), 15.0, 6.0


@dataclass(frozen=True)
class Scene:
    """What is in a picture.

    Attributes:
        large: Colour and shape of what is named first.
        relation: Where it is from the other.
        small: Colour and shape of the other.
    """

    large: tuple[str, str]
    relation: str
    small: tuple[str, str]

    @property
    def sentence(self) -> str:
        """What is to be said of it."""
        return f"{_named(*self.large)} {self.relation} {_named(*self.small)}"


def _named(colour: str, shape: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def generate_shape_pictures(
    train: int = 6_000, validation: int = 400, test: int = 400, *, size: int = 32, seed: int = 2024
) -> CaptionDataset:
    """Draws pictures of shapes and says what they show; see the module.

    Args:
        train: How many training pictures.
        validation: How many validation pictures.
        test: How many test pictures.
        size: Side of a picture, in pixels.
        seed: The same seed gives the same pictures.

    Returns:
        The three parts, a caption for each picture.

    Example:
        >>> from keras_seq.data import generate_shape_pictures
        >>> shapes = generate_shape_pictures(train=2, validation=1, test=1)
        >>> shapes.train.inputs.shape, shapes.train.names[0]
        ((2, 32, 32, 3), 'train-0001.png')
    """
    parts = (("train", train), ("validation", validation), ("test", test))
    train_part, validation_part, test_part = (
        _part(name, count, size, np.random.default_rng([seed, number]), number)
        for number, (name, count) in enumerate(parts)
    )
    return CaptionDataset("builtin", train_part, validation_part, test_part, own_test_part=True)


def _part(
    name: str, count: int, size: int, random: np.random.Generator, part: int
) -> CaptionedImages:
    combinations = _combinations(part)
    pictures = np.empty((count, size, size, 3), np.uint8)
    captions = []
    for row in range(count):
        relation = str(random.choice([*RELATIONS]))
        first, last = random.choice(len(combinations[relation]), 2, replace=False)
        scene = Scene(combinations[relation][first], relation, combinations[relation][last])
        pictures[row] = draw(scene, size, random)
        captions.append([scene.sentence])
    return CaptionedImages(
        [f"{name}-{row + 1:04d}.png" for row in range(count)], pictures, captions
    )


def _combinations(part: int) -> dict[str, list[tuple[str, str]]]:
    """The colours and shapes of a part by relation."""
    found: dict[str, list[tuple[str, str]]] = {relation: [] for relation in RELATIONS}
    for r, relation in enumerate(RELATIONS):
        for s, shape in enumerate(SHAPES):
            for c, colour in enumerate(COLOURS):
                if _PART_OF_SUM[(c + s + r) % len(_PART_OF_SUM)] == part:
                    found[relation].append((colour, shape))
    return found


def draw(scene: Scene, size: int, random: np.random.Generator) -> np.ndarray:
    """Draws a scene.

    Args:
        scene: What to draw.
        size: Side of the picture.
        random: Draws all that the scene does not say.

    Returns:
        The picture, uint8 (size, size, 3).

    Example:
        >>> import numpy as np
        >>> scene = Scene(("red", "circle"), "above", ("blue", "ring"))
        >>> draw(scene, 32, np.random.default_rng(0)).shape
        (32, 32, 3)
    """
    large, small = random.uniform(*_LARGE), random.uniform(*_SMALL)
    direction = np.array(RELATIONS[scene.relation], float)
    between = direction * (large + small + random.uniform(*_GAP))
    between += direction[::-1] * random.uniform(*_ACROSS)
    # The small one at the origin: then both are moved to where they fit into the picture.
    centres = np.array([between, (0.0, 0.0)])
    radii = np.array([large, small])[:, np.newaxis]
    lowest, highest = (centres - radii).min(axis=0), (centres + radii).max(axis=0)
    centres += random.uniform(-lowest, _SIDE - highest)

    picture = np.broadcast_to(random.uniform(*_GROUND, size=3), (size, size, 3)).copy()
    places = (np.arange(size * _FINER) + 0.5) * _SIDE / (size * _FINER)
    things = zip((scene.large, scene.small), centres, (large, small), strict=True)
    for (colour, shape), (column, row), radius in things:
        x, y = (places - column) / radius, (places[:, np.newaxis] - row) / radius
        shade = COLOURS[colour] + random.uniform(-_SHADE, _SHADE, size=3)
        covered = _covered(shape, x, y).reshape(size, _FINER, size, _FINER).mean(axis=(1, 3))
        picture += covered[..., np.newaxis] * (shade - picture)
    picture += random.normal(scale=_NOISE, size=picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _covered(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which places a shape of radius 1 covers; y grows downwards."""
    from_centre = x**2 + y**2
    widest, narrowest = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    return {
        "circle": from_centre <= 1,
        "square": widest <= 1,
        "triangle": (abs(x) <= (y + 1) / 1.85) & (y <= 0.85),
        "cross": (narrowest <= 0.33) & (widest <= 1),
        "ring": (from_centre <= 1) & (from_centre >= 0.25),
    }[shape]
