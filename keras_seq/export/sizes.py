"""Inputs for the value check: made up, and brought to the sizes that an export takes."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.export.signature import Arrays, Signature, all_layers
from keras_seq.layers import TokenEmbedding


def fit(arrays: Arrays, signature: Signature, repeat: bool = False) -> Iterator[Arrays]:
    """Brings arrays to the lengths that `signature` fixes, in batches of its size.

    Args:
        arrays: By input name.
        signature: The sizes.
        repeat: Whether ids that are too short are repeated, as numbers are, or padded with zeros.
    """
    specs = signature.inputs
    fitted = {}
    for name, array in arrays.items():
        for axis, size in enumerate(specs[name].shape[1:], start=1):
            missing = (size or 0) - array.shape[axis]
            if missing > 0 and array.ndim == 2 and array.dtype.kind in "iu" and not repeat:
                array = np.pad(array, [(0, 0), (0, missing)])
            array = _resized(array, axis, size or array.shape[axis])
        fitted[name] = array
    fixed = [name for name, spec in specs.items() if spec.shape.rank and spec.shape[0]]
    rows = max((arrays[name].shape[0] for name in fixed), default=1)
    batch = max((specs[name].shape[0] for name in fixed), default=1)
    for start in range(0, rows, batch):
        yield fitted | {name: _resized(fitted[name], 0, batch, start) for name in fixed}


def other_sizes(signature: Signature, arrays: Arrays) -> Iterator[Arrays]:
    """The first example at other batch sizes and shorter lengths, where these are dynamic."""
    specs = signature.inputs
    batched = [n for n, s in specs.items() if s.shape.rank and s.shape[0] is None]
    timed = [n for n, s in specs.items() if s.shape.rank > 1 and s.shape[1] is None]
    # Inputs of one length keep one length, since each is shortened by the same rule.
    rules: list[tuple[int, Callable[[int], int]]] = [
        (1, lambda length: length),
        (3, lambda length: length),
        (2, lambda length: max(1, length // 2)),
        (3, lambda length: 1),
    ]
    for rows, shorter in rules[: 4 if timed else 2]:
        sized = dict(arrays)
        for name in batched:
            sized[name] = _resized(sized[name], 0, rows)
        for name in timed:
            sized[name] = _resized(sized[name], 1, shorter(sized[name].shape[1]))
        if batched or timed:
            yield sized


def _resized(array: np.ndarray, axis: int, size: int, start: int = 0) -> np.ndarray:
    """`size` entries along `axis` from `start` on, beginning again where they run out."""
    return np.take(array, np.arange(start, start + size) % array.shape[axis], axis)


def made_up(signature: Signature) -> Arrays:
    """Random inputs, 4 rows of 12 steps: normal numbers; bytes; known ids, padded on the right."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, spec in signature.inputs.items():
        sizes = (4, 12)  # batch, length
        shape = [n or sizes[min(axis, 1)] for axis, n in enumerate(spec.shape)]
        if spec.dtype == tf.bool:
            arrays[name] = np.ones(shape, bool)
        elif spec.dtype == tf.uint8:
            arrays[name] = rng.integers(0, 256, shape)
        elif spec.dtype.is_integer:
            arrays[name] = rng.integers(1, max(2, _known_ids(signature.model)), shape)
            if len(shape) == 2 and shape[1] > 2:
                arrays[name][: shape[0] // 2, -2:] = 0
        else:
            arrays[name] = rng.normal(size=shape)
    return arrays


def _known_ids(model: Any) -> int:
    """How many ids every embedding of the model knows; 2 if it has none."""
    layers = all_layers(model)
    sizes = [layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)]
    sizes += [layer.vocabulary_size for layer in layers if isinstance(layer, TokenEmbedding)]
    return min(sizes, default=2)
