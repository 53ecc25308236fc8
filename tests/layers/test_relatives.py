"""The relatives as layers: over the loop, against the oracle and against `keras.layers.RNN`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, RELATIVES, B, F, T, U, sequences
from oracle.loop import run

from keras_seq.export import to_tflite
from keras_seq.layers import Bidirectional, Recurrent, lowering
from layers.against import assert_equal, evaluate, mixture, mixture_weights

MAIN = [case for case in RELATIVES if case.main]
every_case = pytest.mark.parametrize("case", RELATIVES, ids=lambda case: case.name)
main_case = pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
with_recurrent_product = pytest.mark.parametrize(
    "case", [case for case in MAIN if case.recurrent != ()], ids=lambda case: case.name
)
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
SEQUENCES = {"return_sequences": True, "return_state": True}


def layer_of(case, **options):
    layer = case.layer(U, **case.options, **options)
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    return layer


def keras_rnn_of(case, **options):
    layer = keras.layers.RNN(case.cell(U, **case.options), **options)
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    return layer


@every_case
@every_mask
def test_equals_the_oracle(case, mask):
    x, states = sequences(), case.states()
    for backwards, zero in ((False, False), (True, True)):
        order = {"go_backwards": backwards, "zero_output_for_mask": zero}
        found = layer_of(case, **SEQUENCES, **order, dtype="float64")(
            x, initial_state=states, mask=mask
        )
        outputs, _, final = run(case.oracle_step(case.weights()), x, states, mask, **order)
        for a, b in zip(found, [outputs, *final], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@every_case
def test_gradients_and_lowerings_are_those_of_keras(case):
    x, states, mask = sequences(), case.states(), MASKS["scattered"]
    expected = evaluate(keras_rnn_of(case, **SEQUENCES), x, states, mask=mask)
    layer = layer_of(case, **SEQUENCES)
    for name in ("default", "unroll"):
        with lowering(name):
            assert_equal(evaluate(layer, x, states, mask=mask), expected)
    with lowering("export"):
        found = layer(x, initial_state=states, mask=mask)
    for a, b in zip(found, expected[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@main_case
def test_training_in_a_graph_of_unknown_sizes(case):
    x = sequences().astype("float32")
    states = [s.astype("float32") for s in case.states()]
    expected = evaluate(keras_rnn_of(case, **SEQUENCES), x, states, mask=MASKS["scattered"])
    layer = layer_of(case, **SEQUENCES)
    weights = mixture_weights([v.shape for v in expected[0]])

    def gradients(x, mask, *states):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            given = {"mask": mask, "initial_state": list(states)}
            outputs = tf.nest.flatten(layer(x, training=True, **given))
            loss = mixture(outputs, weights)
        sources = [*(w.value for w in layer.trainable_weights), x, *states]
        return outputs, tape.gradient(loss, sources, unconnected_gradients="zero")

    signature = [tf.TensorSpec((None, None, F)), tf.TensorSpec((None, None), tf.bool)]
    signature += [tf.TensorSpec((None, state.shape[-1])) for state in states]
    graph = tf.function(gradients, input_signature=signature)
    assert_equal(graph(x, tf.constant(MASKS["scattered"]), *states), expected)


@with_recurrent_product
def test_each_gate_has_recurrent_dropout_of_its_own(case, monkeypatch):
    """Masks of 1, 2, 3, … instead of random ones: the products of the gates, multiplied."""
    drawn = []

    def numbered(values, rate, seed=None):
        drawn.append(rate)
        return values * len(drawn)

    monkeypatch.setattr(keras.random, "dropout", numbered)
    x, states, weights = sequences(), case.states(), case.weights()
    layer = layer_of(case, return_sequences=True, recurrent_dropout=0.25, dtype="float64")
    found = layer(x, initial_state=states, training=True)
    assert drawn == [0.25] * case.gates
    factors = np.repeat(np.arange(1, case.gates + 1), U)
    weights[1] = weights[1] * factors[: weights[1].shape[-1]]
    outputs, *_ = run(case.oracle_step(weights), x, states)
    np.testing.assert_allclose(found, outputs, rtol=1e-11, atol=1e-12)


@main_case
def test_dropout_is_drawn_anew_and_only_in_training(case):
    rates = {"dropout": 0.4, "recurrent_dropout": 0.0 if case.recurrent == () else 0.3}
    layer = layer_of(case, **rates, seed=4)
    x = sequences()
    one, other = (np.array(layer(x, training=True)) for _ in range(2))
    assert np.abs(one - other).max() > 1e-3
    np.testing.assert_allclose(layer(x), layer_of(case)(x), atol=1e-6)


@main_case
def test_configuration_makes_an_equal_layer(case):
    layer = case.layer(U, **case.options, **SEQUENCES, bias_initializer="ones", dropout=0.2)
    config = layer.get_config()
    again = case.layer.from_config(config)
    assert again.get_config() == config
    assert again.cell.get_config() == layer.cell.get_config()


@main_case
def test_other_numbers_than_float32(case):
    """Half precision throughout, as near as its digits allow."""
    x = sequences()
    expected = np.array(layer_of(case, return_sequences=True)(x))
    for policy, tolerance in (("mixed_float16", 0.02), ("mixed_bfloat16", 0.15)):
        found = layer_of(case, return_sequences=True, dtype=policy)(x)
        assert found.dtype.name == keras.DTypePolicy(policy).compute_dtype
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(np.array(found, "float32"), expected, atol=tolerance * scale)


WIDE = [case for case in MAIN if case.layer.__name__ in ("ProjectedLSTM", "FullGateRecurrenceLSTM")]
wide_case = pytest.mark.parametrize("case", WIDE, ids=lambda case: case.name)


@wide_case
def test_states_of_other_widths_and_number_go_all_the_way(case):
    """Kept between batches, given, returned, in both directions, and known to a model."""
    x, widths = sequences(), [state.shape[-1] for state in case.states()]
    stateful, whole = layer_of(case, stateful=True), layer_of(case)
    stateful(x[:, :2])
    np.testing.assert_allclose(stateful(x[:, 2:]), whole(x), atol=1e-6)
    both = Bidirectional(case.layer(U, **case.options, **SEQUENCES))
    outputs, *states = both(x)
    assert tuple(outputs.shape) == (B, T, 2 * widths[0])
    assert [state.shape[-1] for state in states] == widths * 2
    symbolic = layer_of(case, **SEQUENCES)(keras.Input((None, F)))
    assert [s.shape for s in symbolic] == [(None, None, widths[0]), *((None, w) for w in widths)]


def small_model(case):
    inputs = keras.Input((None, F))
    mask = keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)
    named = case.layer(U, **case.options, go_backwards=True, return_sequences=True)
    return keras.Model(inputs, named(inputs, mask=mask))


def padded():
    x = sequences().astype("float32")
    x[1, 2:] = 0
    return x


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    models = {case.name: small_model(case) for case in RELATIVES}
    for case in RELATIVES:
        models[case.name].set_weights(case.weights())
    cell = MAIN[0].cell(U)
    models["recurrent"] = keras.Sequential([keras.Input((None, F)), Recurrent(cell)])
    found = predict_in_fresh_process(models, dict.fromkeys(models, padded()))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(padded()), atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_every_layer_exports_to_tflite(tmp_path):
    """All in one file, compared with Keras at several sizes by the export itself."""
    inputs = keras.Input((None, F), name="frames")
    mask = keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)
    outputs, layers = {}, []
    for case in MAIN:
        layers.append(case.layer(U, **case.options, return_sequences=True))
        outputs[case.name] = layers[-1](inputs, mask=mask)
    model = keras.Model(inputs, outputs)
    for case, layer in zip(MAIN, layers, strict=True):
        layer.set_weights(case.weights())
    report = to_tflite(model, tmp_path / "model.tflite", check_inputs=[{"frames": padded()}])
    assert report.comparison.difference < 1e-5
    assert set(report.file.signatures["serving_default"].outputs) == {c.name for c in MAIN}
