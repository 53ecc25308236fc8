"""The lives of the time loop: however it is traced, the values are equal."""

import re
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, RELATIVES, B, F, U, sequences
from oracle import loop

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


LENGTHS = (1, 7, 8, 15, 16, 17, 40)
(PROJECTED,) = (case for case in RELATIVES if case.name == "ProjectedLSTM")


def long_example(length):
    """Inputs, and a mask with gaps at both ends and a row without a real step."""
    random = np.random.default_rng(length)
    mask = random.random((B, length)) < 0.6
    mask[1, : length // 2 + 1], mask[2] = False, False
    return random.normal(size=(B, length, F)), mask


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("collect", [True, False], ids=["collect", "last"])
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "bare"])
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("name", ["export", "touch"])
def test_blocks_of_steps_and_what_is_left_are_the_whole(
    monkeypatch, name, large, masked, collect, known
):
    """A cell whose two states are of different widths, eagerly and in a graph of any length."""
    monkeypatch.setattr(loops, "_LARGE_IN_TFLITE", 0 if large else 10**9)
    layer = PROJECTED.layer(
        U, **PROJECTED.options, return_sequences=collect, return_state=True, dtype="float64"
    )
    layer.build((None, None, F))
    layer.set_weights(PROJECTED.weights())
    states = PROJECTED.states()

    def run(x, mask):
        return layer(x, initial_state=states, mask=mask if masked else None)

    with lowering(name):
        if not known:
            specs = tf.TensorSpec((B, None, F), "float64"), tf.TensorSpec((B, None), tf.bool)
            run = tf.function(run, input_signature=specs)
        found = [run(*map(tf.constant, long_example(length))) for length in LENGTHS]
    for length, (outputs, *final) in zip(LENGTHS, found, strict=True):
        x, mask = long_example(length)
        step = PROJECTED.oracle_step(PROJECTED.weights())
        expected, last, ends = loop.run(step, x, states, mask if masked else None)
        expected = [expected if collect else last, *ends]
        for one, other in zip([outputs, *final], expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12, err_msg=str(length))


def operations(length=5):
    """What the graph of one LSTM is made of, as things stand."""
    layer = LSTM(U, return_sequences=True)
    layer.build((None, None, 4))
    graph = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec((None, length, 4)))
    return Counter(re.findall(r'\bop: "(\w+)"', str(graph.graph.as_graph_def())))


def traced(name, length=5):
    with lowering(name):
        return operations(length)


LOOPS = {"While", "StatelessWhile"}


def turning(found):
    """How many loops there are."""
    return sum(count for op, count in found.items() if op in LOOPS)


def test_each_lowering_traces_its_own_loop():
    train, export, unroll = (traced(name, 20) for name in ("default", "export", "unroll"))
    assert turning(train)
    assert any(op.startswith("TensorList") for op in train)
    assert turning(export)
    assert not any(op.startswith("TensorList") for op in [*export, *unroll])
    assert not turning(unroll)


@pytest.mark.parametrize("name", ["export", "touch"])
@pytest.mark.parametrize(
    ("length", "small", "large"),
    [
        (1, (1, 0), (1, 1)),
        (15, (15, 0), (1, 1)),
        (16, (8, 1), (1, 1)),
        (17, (9, 2), (1, 1)),
        (31, (9, 2), (1, 1)),
        (32, (8, 1), (1, 2)),
        (33, (9, 2), (2, 3)),
        (None, (9, 2), (2, 3)),
    ],
)
def test_how_many_steps_are_written_out(monkeypatch, name, length, small, large):
    """In blocks of 8; with large weights a loop within blocks of 16, and each step once a loop."""
    for limit, (steps, loops_of_it) in ((10**9, small), (0, large)):
        monkeypatch.setattr(loops, "_LARGE_IN_TFLITE", limit)
        found = traced(name, length)
        assert (found["Tanh"], turning(found)) == (2 * steps, loops_of_it)


def carried_as_they_came(graph):
    """The sequences that a loop of a graph, or of one of its bodies, gives back unchanged."""
    found = []
    for op in graph.get_operations():
        if op.type in LOOPS:
            body = graph._get_function(op.get_attr("body").name).graph
            for came, goes in zip(body.inputs, body.outputs, strict=True):
                goes = goes.op.inputs[0] if goes.op.type == "Identity" else goes
                found += [came.name] if goes is came and came.shape.rank == 3 else []
            found += carried_as_they_came(body)
    return found


@pytest.mark.parametrize("limit", [0, 10**9], ids=["large", "small"])
def test_touch_carries_no_sequence_unchanged(monkeypatch, limit):
    """TFLite's calibration for int8 crashes at one."""
    monkeypatch.setattr(loops, "_LARGE_IN_TFLITE", limit)
    layer = LSTM(U, return_sequences=True)
    layer.build((None, None, 4))
    found = {}
    for name in ("export", "touch"):
        with lowering(name):
            graph = tf.function(lambda x, mask: layer(x, mask=mask)).get_concrete_function(
                tf.TensorSpec((2, None, 4)), tf.TensorSpec((2, None), tf.bool)
            )
        found[name] = carried_as_they_came(graph.graph)
    assert found["export"]
    assert found["touch"] == []


def test_the_choice_ends_with_its_block():
    with lowering("unroll"):
        with pytest.raises(RuntimeError, match="inside"), lowering("export"):
            raise RuntimeError("inside")
        assert not turning(operations())
    assert any(op.startswith("TensorList") for op in operations())


def test_a_function_chooses_for_each_layer():
    """By the cell, what it is carried with, and whether its final states are wanted."""
    asked = []

    def rule(cell, given, final):
        asked.append((cell.units, tuple(given.x.shape), len(given.mask), final))
        return "unroll" if cell.units == 2 else "export"

    x, mask = sequences().astype("float32"), MASKS["left"]
    narrow, wide = LSTM(2, return_sequences=True), LSTM(3, return_state=True)
    with lowering(rule):
        wide(narrow(x, mask=mask).numpy())
    assert asked == [(2, x.shape, 1, False), (3, (*x.shape[:2], 2), 0, True)]


def test_unknown_lowering_is_refused():
    words = "lowering must be one of default, plain, export, touch, fused, unroll; got 'fast'"
    with pytest.raises(ValueError, match=words):
        lowering("fast").__enter__()
