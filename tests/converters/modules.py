"""Modules of torch with random weights, and what they give."""

import keras
import numpy as np


def randomised(torch, module, seed=3):
    """The module with random weights, no two gates nor biases alike."""
    random = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data.copy_(torch.tensor(random.normal(scale=0.6, size=tuple(parameter.shape))))
    return module.eval()


def made(torch, kind, *sizes, dtype="float64", **options):
    """A module of that class with random weights."""
    options = {"batch_first": True, **options}
    return randomised(
        torch, getattr(torch.nn, kind)(*sizes, dtype=getattr(torch, dtype), **options)
    )


def given_by(torch, module, x, states=None):
    """The outputs and final states of a module, each (B, …), states one a direction: h, h, c, c."""
    x = torch.tensor(x, dtype=next(module.parameters()).dtype)
    with torch.no_grad():
        outputs, final = module(x if module.batch_first else x.transpose(0, 1), states)
    outputs = outputs if module.batch_first else outputs.transpose(0, 1)
    final = final if isinstance(final, tuple) else (final,)
    return outputs.numpy(), [state.numpy() for each in final for state in each]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def by_direction(states, both):
    """Ours are h, c, h, c; torch's h, h, c, c."""
    return [*states[::2], *states[1::2]] if both and len(states) == 4 else list(states)
