"""Zoneout: states that stay as they were, unit by unit, at random."""

import keras
from keras import ops


def zoneout_masks(sequences, cell, rates, mask, seed) -> tuple:
    """For each state where it moves on in training, boolean (B, T, width).

    Args:
        sequences: (B, T, F).
        cell: The cell.
        rates: For each state the probability of a unit to stay.
        mask: Boolean (B, T, 1), or None; where it is False all units stay.
        seed: A `keras.random.SeedGenerator`.
    """
    rows, steps = ops.shape(sequences)[:2]
    masks = []
    for width, rate in zip(cell.widths, rates, strict=True):
        moves = keras.random.uniform((rows, steps, width), dtype="float32", seed=seed) >= rate
        masks.append(moves if mask is None else ops.logical_and(moves, mask))
    return tuple(masks)


class WithZoneout:
    r"""A cell in inference, when each new state is the mean over what zoneout draws.

    $$s_t = r \odot s_{t-1} + (1 - r) \odot \mathrm{cell}(x_t, s_{t-1})$$

    Args:
        cell: The cell.
        rates: For each state the probability r of a unit to stay.
    """

    def __init__(self, cell, rates):
        self.cell, self._rates = cell, rates

    def __getattr__(self, name):
        return getattr(self.cell, name)

    def step(self, x, states, recur):
        """One step."""
        new = self.cell.step(x, states, recur)
        each = zip(self._rates, states, new, strict=True)
        return tuple(rate * old + (1 - rate) * n for rate, old, n in each)
