"""How a layer is held against its namesake: one pair, one way to run, one comparison."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, MAIN_CASES, MASKS, U

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
main_case = pytest.mark.parametrize("case", MAIN_CASES, ids=lambda case: case.name)
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def without_cudnn(case):
    """cuDNN refuses most masks; SimpleRNN has no such option."""
    return {} if case.keras_layer is keras.layers.SimpleRNN else {"use_cudnn": False}


def pair(case, features=4, **options):
    """Our layer and its namesake with equal weights."""
    options = {**case.options, **options}
    made = [case.layer(U, **options), case.keras_layer(U, **options, **without_cudnn(case))]
    weights = case.weights(features)
    for layer in made:
        shape = (3, None, features) if layer.stateful else (None, None, features)
        layer.build((*shape[:1], 5, features) if layer.unroll else shape)
        layer.set_weights(weights)
    return made


def mixture_weights(shapes):
    """Random weights for values of these shapes."""
    random = np.random.default_rng(9)
    return [random.normal(size=shape) for shape in shapes]


def mixture(values, weights=None):
    """A scalar in which every entry of every value has a weight of its own."""
    weights = weights or mixture_weights([v.shape for v in values])
    return tf.add_n(
        [tf.reduce_sum(tf.cast(v, "float64") * w) for v, w in zip(values, weights, strict=True)]
    )


def evaluate(layer, x, states=None, **call):
    """All outputs, and the gradients of their mixture: of the weights, inputs, initial states."""
    x = tf.constant(x, layer.compute_dtype)
    states = None if states is None else [tf.constant(s, layer.compute_dtype) for s in states]
    with tf.GradientTape() as tape:
        tape.watch([x, *(states or [])])
        outputs = tf.nest.flatten(layer(x, initial_state=states, **call))
        loss = mixture(outputs)
    sources = [*(w.value for w in layer.trainable_weights), x, *(states or [])]
    gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
    return [v.numpy() for v in outputs], [g.numpy() for g in gradients]


def assert_equal(found, expected, tolerance=1e-5):
    """Outputs and gradients, each by name of place if they differ."""
    for what, a, b in zip(("output", "gradient"), found, expected, strict=True):
        for place, (one, other) in enumerate(zip(a, b, strict=True)):
            np.testing.assert_allclose(
                one, other, rtol=tolerance, atol=tolerance, err_msg=f"{what} {place}"
            )
