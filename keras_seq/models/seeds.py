"""Seeds of many random layers from one."""

import random
from collections.abc import Iterator


def seeds_from(seed: int | None) -> Iterator[int | None]:
    """A seed for each layer that draws: with one for all, their masks would be alike.

    Args:
        seed: The seed of the model; None for other draws at every run.
    """
    source = random.Random(seed)
    while True:
        yield None if seed is None else source.getrandbits(31)
