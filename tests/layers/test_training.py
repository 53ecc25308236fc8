"""The layers inside graphs and models: unknown sizes, `fit`, penalties and constraints."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MAIN_CASES, MASKS, B, F, T, U, sequences

from .against import assert_equal, evaluate, main_case, mixture, mixture_weights, pair

MASK = MASKS["scattered"]


@main_case
@pytest.mark.parametrize("sizes", [(None, None), (B, T)], ids=["dynamic", "static"])
def test_a_graph_gives_the_values_of_eager(case, sizes):
    layer, _ = pair(case, return_sequences=True, return_state=True, go_backwards=True)
    x, states = sequences().astype("float32"), [s.astype("float32") for s in case.states()]
    spec = [tf.TensorSpec((*sizes, F)), tf.TensorSpec(sizes, tf.bool)]
    spec += [tf.TensorSpec((sizes[0], U))] * len(states)

    weights = mixture_weights([(B, T, U), *[(B, U)] * len(states)])

    @tf.function(input_signature=spec)
    def graph(x, mask, *states):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = tf.nest.flatten(layer(x, mask=mask, initial_state=list(states)))
            loss = mixture(outputs, weights)
        sources = [*(w.value for w in layer.trainable_weights), x, *states]
        return outputs, tape.gradient(loss, sources)

    outputs, gradients = graph(tf.constant(x), tf.constant(MASK), *map(tf.constant, states))
    assert_equal((outputs, gradients), evaluate(layer, x, states, mask=MASK), 1e-6)


@main_case
def test_fit_moves_the_weights_as_keras_does(case):
    """Two steps of plain descent in a functional model with an implicit mask."""
    x, y = sequences().astype("float32"), np.array([[1.0], [-2.0], [0.5]])
    x[1, 3:] = 0
    losses, weights = [], []
    for layer in pair(case, go_backwards=True):
        inputs = keras.Input((None, F))
        hidden = layer(keras.layers.Masking()(inputs))
        dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.3))
        model = keras.Model(inputs, dense(hidden))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        losses.append(model.fit(x, y, epochs=2, verbose=0).history["loss"])
        weights.append(model.get_weights())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][1] < losses[0][0]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@main_case
def test_one_graph_serves_every_length(case):
    layer, _ = pair(case, return_sequences=True)
    traced = []

    @tf.function(input_signature=[tf.TensorSpec((None, None, F))])
    def graph(x):
        traced.append(1)
        return layer(x)

    x = sequences().astype("float32")
    for batch, length in ((1, 1), (2, 5), (3, 4)):
        part = x[:batch, :length]
        np.testing.assert_allclose(graph(tf.constant(part)), layer(part), atol=1e-6)
    assert len(traced) == 1


@main_case
def test_shapes_of_a_functional_model(case):
    inputs, n = keras.Input((None, F)), len(case.cell.states)
    assert case.layer(U)(inputs).shape == (None, U)
    assert case.layer(U, return_sequences=True)(inputs).shape == (None, None, U)
    outputs = case.layer(U, return_sequences=True, return_state=True)(keras.Input((7, F)))
    assert [o.shape for o in outputs] == [(None, 7, U), *[(None, U)] * n]


@main_case
def test_unrolling_needs_a_length(case):
    layer, _ = pair(case, unroll=True)
    graph = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec((None, None, F))])
    with pytest.raises(ValueError, match="time dimension"):
        graph.get_concrete_function()


@main_case
def test_regularizers_add_their_penalty(case):
    layer, _ = pair(
        case,
        kernel_regularizer=keras.regularizers.L1(0.1),
        recurrent_regularizer=keras.regularizers.L2(0.3),
        bias_regularizer=keras.regularizers.L1(0.7),
        activity_regularizer=keras.regularizers.L2(0.2),
    )
    output = np.array(layer(sequences()))
    kernel, recurrent, bias = case.weights()
    penalties = 0.1 * np.abs(kernel).sum(), 0.3 * (recurrent**2).sum(), 0.7 * np.abs(bias).sum()
    activity = 0.2 * (output**2).sum()
    total = float(sum(keras.ops.convert_to_numpy(loss) for loss in layer.losses))
    per_batch = (activity, activity / len(output))  # Keras divides by the batch size or does not
    assert any(total == pytest.approx(sum(penalties) + a, rel=1e-5) for a in per_batch)


@pytest.mark.parametrize("case", MAIN_CASES, ids=lambda case: case.name)
def test_constraints_act_after_a_step(case):
    bound = {
        "kernel_constraint": keras.constraints.NonNeg(),
        "recurrent_constraint": keras.constraints.MaxNorm(0.1, axis=0),
        "bias_constraint": keras.constraints.NonNeg(),
    }
    layer, _ = pair(case, **bound)
    model = keras.Sequential([keras.Input((None, F)), layer])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(sequences(), np.ones((B, U)), verbose=0)
    kernel, recurrent, bias = layer.get_weights()
    assert case.weights()[0].min() < 0 <= kernel.min()
    assert bias.min() >= 0
    assert np.linalg.norm(recurrent, axis=0).max() <= 0.1 + 1e-6
