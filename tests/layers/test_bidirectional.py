"""Both directions: ours and Keras' wrapper, around ours and Keras' layers."""

import keras
import numpy as np
import pytest
from contract import MASKS, F, U, sequences
from oracle.loop import run

from keras_seq.layers import GRU, LSTM, Bidirectional

from .against import assert_equal, evaluate, every_mask, main_case, without_cudnn

MERGE = ("concat", "sum", "mul", "ave", None)


def wrapped(case, wrapper, layer, merge_mode="concat", **options):
    cudnn = without_cudnn(case) if layer is case.keras_layer else {}
    both = wrapper(layer(U, **case.options, **cudnn, **options), merge_mode=merge_mode)
    both.build((None, None, F))
    both.set_weights([*case.weights(seed=1), *case.weights(seed=2)])
    return both


@main_case
@every_mask
@pytest.mark.parametrize("return_sequences", [False, True])
def test_equals_keras(case, mask, return_sequences):
    options = {"return_sequences": return_sequences, "return_state": True}
    states = [*case.states(), *(-s for s in case.states())]
    x = sequences()
    expected = evaluate(
        wrapped(case, keras.layers.Bidirectional, case.keras_layer, **options), x, states, mask=mask
    )
    for wrapper in (Bidirectional, keras.layers.Bidirectional):
        found = evaluate(wrapped(case, wrapper, case.layer, **options), x, states, mask=mask)
        assert_equal(found, expected)


@main_case
@every_mask
def test_equals_the_oracle(case, mask):
    """Forwards and backwards, each with weights of its own, zeros where the mask is False."""
    x = sequences()
    zeros = [np.zeros((3, U)) for _ in case.cell.states]
    steps = [case.oracle_step(case.weights(seed=seed)) for seed in (1, 2)]
    there = run(steps[0], x, zeros, mask, zero_output_for_mask=True)[0]
    back = run(steps[1], x, zeros, mask, go_backwards=True, zero_output_for_mask=True)[0]
    layer = wrapped(case, Bidirectional, case.layer, return_sequences=True)
    found = layer(x, mask=mask)
    np.testing.assert_allclose(found, np.concatenate([there, back[:, ::-1]], -1), atol=1e-5)


@pytest.mark.parametrize("merge_mode", MERGE)
@pytest.mark.parametrize("return_sequences", [False, True])
@main_case
def test_every_merge_equals_keras(case, merge_mode, return_sequences):
    options = {"merge_mode": merge_mode, "return_sequences": return_sequences}
    x, mask = sequences(), MASKS["scattered"]
    found, expected = (
        keras.tree.flatten(wrapped(case, *kinds, **options)(x, mask=mask))
        for kinds in (
            (Bidirectional, case.layer),
            (keras.layers.Bidirectional, case.keras_layer),
        )
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("merge_mode", MERGE)
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_a_mask_for_every_output(merge_mode, return_sequences, return_state):
    """As many masks as outputs: that of the input for sequences, none for anything else."""
    options = {"return_sequences": return_sequences, "return_state": return_state}
    layer = Bidirectional(LSTM(U, **options), merge_mode=merge_mode)
    x, mask = sequences(), keras.ops.convert_to_tensor(MASKS["right"])
    outputs, masks = layer(x), layer.compute_mask(x, mask)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    masks = masks if isinstance(masks, (list, tuple)) else [masks]
    assert len(outputs) == len(masks)
    for output, of_output in zip(outputs, masks, strict=True):
        assert (of_output is mask) == (len(output.shape) == 3)


class Witness(keras.layers.Layer):
    """Returns the mask that reaches it, as numbers."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x, mask=None):
        seen = keras.ops.ones(keras.ops.shape(x)[:2]) * -1 if mask is None else mask
        return keras.ops.cast(seen, "float32")


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(U, return_sequences=True),
        Bidirectional(GRU(U, return_sequences=True)),
        Bidirectional(LSTM(U, return_sequences=True), merge_mode="sum"),
    ],
    ids=["plain", "concat", "sum"],
)
def test_an_implicit_mask_goes_on_to_the_next_layer(layer):
    ids = np.array([[5, 2, 0, 0], [1, 0, 3, 0]])
    inputs = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, F, mask_zero=True)(inputs)
    model = keras.Model(inputs, Witness()(layer(embedded)))
    np.testing.assert_array_equal(model(ids), ids > 0)


@main_case
def test_a_stack_equals_that_of_keras_and_padding_changes_nothing(case):
    """Two bidirectional layers upon an embedding, the mask handed on by Keras itself."""
    ids = np.array([[5, 2, 7, 1, 0, 0], [3, 8, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    models = []
    for wrapper, layer in (
        (Bidirectional, case.layer),
        (keras.layers.Bidirectional, case.keras_layer),
    ):
        cudnn = without_cudnn(case) if layer is case.keras_layer else {}
        models.append(
            keras.Sequential(
                [
                    keras.Input((None,), dtype="int32"),
                    keras.layers.Embedding(9, F, mask_zero=True),
                    wrapper(layer(U, return_sequences=True, **case.options, **cudnn)),
                    wrapper(layer(U, **case.options, **cudnn)),
                ]
            )
        )
    random = np.random.default_rng(0)
    models[0].set_weights([random.normal(size=w.shape) for w in models[0].get_weights()])
    models[1].set_weights(models[0].get_weights())
    found = models[0](ids)
    np.testing.assert_allclose(found, models[1](ids), atol=1e-5)
    np.testing.assert_allclose(models[0](np.pad(ids, ((0, 0), (0, 3)))), found, atol=1e-6)
    np.testing.assert_array_equal(found[2], np.zeros(2 * U))


def test_another_backward_layer():
    x = sequences()
    layer = Bidirectional(
        LSTM(U, return_sequences=True),
        backward_layer=GRU(2, return_sequences=True, go_backwards=True),
    )
    found = np.array(layer(x))
    np.testing.assert_allclose(found[..., :U], layer.forward_layer(x), atol=1e-6)
    back = np.array(layer.backward_layer(x))[:, ::-1]
    np.testing.assert_allclose(found[..., U:], back, atol=1e-6)


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    ids = np.array([[5, 2, 7, 0], [3, 0, 0, 0]])
    models = {
        f"{kind.__name__}_{merge}": keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(9, F, mask_zero=True),
                Bidirectional(kind(U, return_sequences=True), merge_mode=merge),
                Bidirectional(kind(U)),
            ]
        )
        for kind, merge in ((LSTM, "concat"), (GRU, "mul"))
    }
    found = predict_in_fresh_process(models, dict.fromkeys(models, ids))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(ids), atol=1e-6, err_msg=name)
