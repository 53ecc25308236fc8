"""States that go from chunk to chunk: whatever the layers, the chunks are the whole."""

import itertools

import keras
import numpy as np
import pytest
from contract import CASES, RELATIVES, B, F, T, U, sequences
from oracle import loop

from keras_seq import layers
from keras_seq.layers.carried import CarriedStates, carried, carrying

MAIN = [case for case in [*CASES, *RELATIVES] if case.main]
# A row that is real from its third step on, one that ends with its second, one with gaps.
MASK = np.array([[0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0]], bool)


def in_chunks(run, x, mask, sizes):
    """What `run` gives chunk by chunk, and the states after each."""
    states, outputs, after, start = None, [], [], 0
    for size in sizes:
        with carrying(CarriedStates(states)) as now:
            part = None if mask is None else mask[:, start : start + size]
            outputs.append(keras.ops.convert_to_numpy(run(x[:, start : start + size], part)))
        states, start = now.final, start + size
        after.append(now)
    return outputs, after


@pytest.mark.parametrize("mask", [None, MASK], ids=["bare", "masked"])
@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
def test_chunks_of_any_cell_are_the_whole(case, mask):
    layer = case.layer(U, **case.options, return_sequences=True, dtype="float64", name="layer")
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    zeros = [np.zeros_like(state) for state in case.states()]
    step = case.oracle_step(case.weights())
    expected, _, ends = loop.run(step, sequences(), zeros, mask)
    for sizes in ((5,), (1, 1, 1, 1, 1), (3, 2), (1, 4)):
        outputs, after = in_chunks(lambda x, m: layer(x, mask=m), sequences(), mask, sizes)
        np.testing.assert_allclose(np.concatenate(outputs, 1), expected, atol=1e-12)
        assert list(after[-1].final) == [f"layer_{state}" for state in layer.cell.states]
        for found, end in zip(after[-1].final.values(), ends, strict=True):
            np.testing.assert_allclose(found, end, atol=1e-12)


def lstm(**options):
    """A layer in float64 with random weights."""
    layer = layers.LSTM(U, **{"return_sequences": True, **options}, dtype="float64", name="lstm")
    layer.build((B, T, F))
    random = np.random.default_rng(5)
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


@pytest.mark.parametrize("options", [{}, {"zero_output_for_mask": True}], ids=str)
@pytest.mark.parametrize("collect", [True, False], ids=["all", "last"])
def test_masked_outputs_go_on_from_the_chunk_before(collect, options):
    """A chunk that is all masked repeats the last real output, which it has not seen."""
    layer = lstm(return_sequences=collect, **options)
    found, _ = in_chunks(lambda x, m: layer(x, mask=m), sequences(), MASK, (2, 2, 1))
    whole = layer(sequences(), mask=MASK)
    if collect:
        np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=1e-12)
    else:
        np.testing.assert_allclose(found[-1], whole, atol=1e-12)


def test_a_layer_called_twice_has_states_of_each_call():
    layer = lstm()
    other = layers.SimpleRNN(F, return_sequences=True, dtype="float64", name="lstm")

    def run(x, mask):
        return layer(other(layer(x, mask=mask)), mask=mask)

    found, after = in_chunks(run, sequences(), MASK, (2, 3))
    np.testing.assert_allclose(np.concatenate(found, 1), run(sequences(), MASK), atol=1e-12)
    assert list(after[0].final) == ["lstm_h", "lstm_c", "lstm_2_h", "lstm_3_h", "lstm_3_c"]
    for before, now in itertools.pairwise(after):
        for name, state in before.final.items():
            np.testing.assert_array_equal(now.initial[name], state)


def test_states_are_those_of_the_layer_that_ends():
    """One may start before another has ended."""
    one, other = lstm(), layers.SimpleRNN(U, name="other")
    h, c, alone, *ends = np.random.default_rng(3).normal(size=(6, B, U))
    states = CarriedStates()
    for begun, given in ((one, (h, c)), (other, (alone,))):
        for state, expected in zip(states.start(begun, given), given, strict=True):
            np.testing.assert_array_equal(state, expected)
    states.end(one, tuple(ends[:2]))
    states.end(other, tuple(ends[2:]))
    names = ["lstm_h", "lstm_c", "other_h"]
    assert [*states.initial] == [*states.final] == names
    for name, begin, end in zip(names, (h, c, alone), ends, strict=True):
        np.testing.assert_array_equal(states.initial[name], begin)
        np.testing.assert_array_equal(states.final[name], end)


def test_what_is_around_the_block_carries_nothing():
    layer, x = lstm(), sequences()
    expected = layer(x)
    assert carried() is None
    with carrying(CarriedStates()) as outer:
        layer(x)
        with carrying(CarriedStates(outer.final)):
            assert not np.allclose(layer(x), expected)
        assert carried() is outer
        with pytest.raises(RuntimeError, match="inside"), carrying(CarriedStates()):
            raise RuntimeError("inside")
        assert carried() is outer
    assert carried() is None
    np.testing.assert_array_equal(layer(x), expected)


@pytest.mark.parametrize("name", ["default", "plain", "export", "touch", "unroll"])
def test_every_lowering_carries_them(name):
    layer = lstm(return_sequences=False)
    with layers.lowering(name):
        found, _ = in_chunks(lambda x, m: layer(x, mask=m), sequences(), MASK, (1, 4))
    np.testing.assert_allclose(found[-1], layer(sequences(), mask=MASK), atol=1e-12)


def test_what_cannot_go_from_chunk_to_chunk():
    x, states = sequences(), [np.zeros((B, U))] * 2
    backwards, both = lstm(go_backwards=True), layers.Bidirectional(lstm())
    for run, words in [
        (lambda: backwards(x), "lstm reads its sequence from the end"),
        (lambda: both(x), "lstm reads its sequence from the end"),
        (lambda: lstm()(x, initial_state=states), "states that the model gives it"),
    ]:
        with pytest.raises(ValueError, match=words), carrying(CarriedStates()):
            run()
