"""A step carried over a sequence, with what Keras promises of masks."""

import numpy as np


def run(step, x, states, mask=None, go_backwards=False, zero_output_for_mask=False):
    """All outputs (B, T, U) in the order of reading, the last output and the final states.

    `step` is a function (x_t, states) -> states. At a masked step the states stay. The output
    there is that of the step before, zero before the first real step, and zero at every masked
    step with `zero_output_for_mask`.
    """
    batch, steps = x.shape[:2]
    mask = np.ones((batch, steps), bool) if mask is None else np.asarray(mask, bool)
    output, outputs = np.zeros_like(states[0]), []
    for t in reversed(range(steps)) if go_backwards else range(steps):
        real = mask[:, t, None]
        new = step(x[:, t], states)
        before = np.zeros_like(output) if zero_output_for_mask else output
        output = np.where(real, new[0], before)
        states = tuple(np.where(real, n, old) for n, old in zip(new, states, strict=True))
        outputs.append(output)
    return np.stack(outputs, axis=1), output, states
