"""When cuDNN is taken, and that what goes around it changes no value.

Where there is no GPU its stand-in is the loop of the namesake in Keras, told that there is one: it
finds none and runs on the CPU.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, U, sequences

from keras_seq.layers import GRU, LSTM, cudnn, lowering
from keras_seq.layers.carried import CarriedStates, carrying

from .against import assert_equal, evaluate

RIGHT = {"none", "right"}


@pytest.fixture
def taken(monkeypatch):
    """A GPU is seen, and how often cuDNN would be called is counted."""
    count = []
    on_cudnn = cudnn.CuDNNLayer._on_cudnn
    monkeypatch.setattr(cudnn, "_gpu", lambda: True)
    monkeypatch.setattr(cudnn.CuDNNLayer, "_on_cudnn", lambda *a: count.append(1) or on_cudnn(*a))
    return count


def pair(kind, **options):
    """Our layer, and Keras' on the CPU."""
    made = [kind(U, **options), getattr(keras.layers, kind.__name__)(U, **options, use_cudnn=False)]
    for layer in made:
        layer.build((None, 5, 4))
    made[1].set_weights(made[0].get_weights())
    return made


@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "options",
    [
        {"return_sequences": True},
        {"return_sequences": True, "zero_output_for_mask": True},
        {"return_sequences": True, "go_backwards": True},
        {"dropout": 0.4, "seed": 3},
    ],
    ids=str,
)
def test_values_are_those_of_keras_whatever_the_mask(kind, mask, options, taken):
    layer, theirs = pair(kind, return_state=True, **options)
    states = [np.full((3, U), 0.3)] * len(layer.cell.states)
    call = {"mask": MASKS[mask], "training": True}
    found = evaluate(layer, sequences(), states, **call)
    assert_equal(found, evaluate(theirs, sequences(), states, **call))
    assert bool(taken) == (mask in RIGHT)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_bias": False},
        {"unroll": True},
        {"recurrent_dropout": 0.2},
        {"use_cudnn": False},
    ],
    ids=str,
)
def test_what_cudnn_has_not_goes_the_other_way(options, taken):
    for kind in (LSTM, GRU):
        kind(U, **options)(sequences())
        if "use_cudnn" not in options:
            with pytest.raises(ValueError, match="use_cudnn=True"):
                kind(U, use_cudnn=True, **options)(sequences())
    GRU(U, reset_after=False)(sequences())
    assert not taken


@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("mask", MASKS)
def test_chunks_go_on_from_one_another(kind, mask, taken):
    """Without a mask on cuDNN; with any by the library's own loop."""
    layer, theirs = pair(kind, return_sequences=True, return_state=True, name="layer")
    random = np.random.default_rng(4)
    weights = [random.normal(size=weight.shape) for weight in layer.get_weights()]
    for one in (layer, theirs):
        one.set_weights(weights)
    whole, *ends = theirs(sequences(), mask=MASKS[mask])
    states, parts = None, []
    for steps in (slice(0, 2), slice(2, 5)):
        part = None if MASKS[mask] is None else MASKS[mask][:, steps]
        with carrying(CarriedStates(states)) as now:
            outputs, *_ = layer(sequences()[:, steps], mask=part)
        states = now.final
        parts.append(outputs)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)
    assert list(states) == [f"layer_{state}" for state in ("h", "c")[: len(ends)]]
    for found, end in zip(states.values(), ends, strict=True):
        np.testing.assert_allclose(found, end, atol=1e-5)
    assert len(taken) == (2 if mask == "none" else 0)


def test_without_a_gpu_it_is_refused():
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="needs TensorFlow with a GPU"):
        LSTM(U, use_cudnn=True)(sequences())


def test_exports_do_not_take_it(taken):
    with lowering("export"):
        LSTM(U)(sequences())
    assert not taken


@pytest.mark.skipif(not tf.config.list_logical_devices("GPU"), reason="needs a GPU")
@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("mask", MASKS)
def test_on_a_gpu(kind, mask):
    layer, theirs = pair(kind, return_sequences=True, return_state=True)
    states = [np.full((3, U), 0.3)] * len(layer.cell.states)
    found = evaluate(layer, sequences(), states, mask=MASKS[mask], training=True)
    expected = evaluate(theirs, sequences(), states, mask=MASKS[mask], training=True)
    assert_equal(found, expected, tolerance=1e-4)
