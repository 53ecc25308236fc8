"""The lives of the time loop: however it is traced, the values are equal."""

import re

import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, U, sequences

from keras_seq.layers import LSTM, loops, lowering

from .against import assert_equal, evaluate, every_mask, main_case, pair


@main_case
@every_mask
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}], ids=str)
def test_lowerings_give_equal_values(case, mask, options):
    layer, theirs = pair(case, return_state=True, **options)
    x, states = sequences(), case.states()
    expected = evaluate(theirs, x, states, mask=mask)
    for name in ("default", "unroll"):
        with lowering(name):
            assert_equal(evaluate(layer, x, states, mask=mask), expected)
    with lowering("export"):
        found = layer(x, initial_state=states, mask=mask)
    for a, b in zip(found, expected[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@main_case
@every_mask
@pytest.mark.parametrize(
    "options", [{}, {"dropout": 0.4, "seed": 2, "go_backwards": True}], ids=str
)
def test_projecting_before_the_loop_or_in_it_is_the_same(case, mask, options, monkeypatch):
    """Where the inputs' product is taken depends on the size of the kernel; its values do not."""
    x, states, found = sequences(), case.states(), []
    for limit in (0, 10**9):
        monkeypatch.setattr(loops, "_LARGE_KERNEL", limit)
        layer, theirs = pair(case, return_sequences=True, return_state=True, **options)
        found.append(evaluate(layer, x, states, mask=mask, training=True))
    expected = evaluate(theirs, x, states, mask=mask, training=True)
    assert_equal(found[0], expected)
    assert_equal(found[1], expected)


@main_case
def test_export_serves_every_batch_and_length_of_a_graph(case):
    layer, _ = pair(case, return_sequences=True)
    with lowering("export"):
        graph = tf.function(
            lambda x, mask: layer(x, mask=mask),
            input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None), tf.bool)],
        ).get_concrete_function()
    for batch, length in ((1, 1), (3, 5), (2, 3)):
        x, mask = sequences()[:batch, :length].astype("float32"), MASKS["left"][:batch, :length]
        np.testing.assert_allclose(
            graph(tf.constant(x), tf.constant(mask)), layer(x, mask=mask), atol=1e-6
        )


def operations():
    """What the graph of one LSTM is made of, as things stand."""
    layer = LSTM(U, return_sequences=True)
    layer.build((None, None, 4))
    graph = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec((None, 5, 4)))
    return set(re.findall(r'\bop: "(\w+)"', str(graph.graph.as_graph_def())))


def traced(name):
    with lowering(name):
        return operations()


LOOPS = {"While", "StatelessWhile"}


def test_each_lowering_traces_its_own_loop():
    train, export, unroll = (traced(name) for name in ("default", "export", "unroll"))
    assert train & LOOPS
    assert any(op.startswith("TensorList") for op in train)
    assert export & LOOPS
    assert not any(op.startswith("TensorList") for op in export | unroll)
    assert not unroll & LOOPS


def test_the_choice_ends_with_its_block():
    with lowering("unroll"):
        with pytest.raises(RuntimeError, match="inside"), lowering("export"):
            raise RuntimeError("inside")
        assert not operations() & LOOPS
    assert any(op.startswith("TensorList") for op in operations())


def test_unknown_lowering_is_refused():
    with pytest.raises(ValueError, match="lowering must be one of default, plain, export, unroll"):
        lowering("fast").__enter__()
