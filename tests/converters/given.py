"""What the tests of both kinds compare with: layers of one's own, random weights, values."""

import keras
import numpy as np
from contract import B, F, T


@keras.saving.register_keras_serializable("test_converters")
class OwnLSTM(keras.layers.LSTM):
    """A layer that may do anything."""


@keras.saving.register_keras_serializable("test_converters")
class OwnCell(keras.layers.LSTMCell):
    """A cell that may do anything."""


def randomised(thing, seed=3):
    """The same thing with random weights, no two alike."""
    random = np.random.default_rng(seed)
    thing.set_weights([random.normal(scale=0.6, size=w.shape) for w in thing.get_weights()])
    return thing


def built(layer, seed=3):
    layer.build((B, T, F))
    return randomised(layer, seed)


def values(thing, *args, **kwargs):
    found = keras.tree.flatten(thing(*args, **kwargs))
    return [keras.ops.convert_to_numpy(value) for value in found]


def assert_equal(ours, theirs, *args, atol=1e-12, **kwargs):
    """Both give the same, and it is not nothing."""
    found, expected = values(ours, *args, **kwargs), values(theirs, *args, **kwargs)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def everything(network):
    """All layers in a network, those inside others too."""
    for layer in network.layers:
        yield layer
        for name in ("layer", "forward_layer", "backward_layer"):
            if isinstance(getattr(layer, name, None), keras.layers.Layer):
                yield getattr(layer, name)
        if isinstance(layer, keras.Model):
            yield from everything(layer)
