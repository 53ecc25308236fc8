"""The gradients of the fast way against what knows nothing of TensorFlow.

That is back-propagation through time written by hand, and differences of the values themselves.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, B, F, T, U, sequences
from oracle import bptt

from keras_seq.layers import GRU, LSTM, LayerNormLSTM, PeepholeLSTM, SimpleRNN, engine

from .against import assert_equal, mixture_weights

CELLS = {
    "simple_rnn": (SimpleRNN, bptt.SimpleRNN),
    "lstm": (LSTM, bptt.LSTM),
    "gru": (GRU, bptt.GRU),
    "peephole_lstm": (PeepholeLSTM, bptt.LSTM),
}
LAYERS = {name: layer for name, (layer, _) in CELLS.items()}
LAYERS |= {"layer_norm_lstm": LayerNormLSTM, "gru_reset_before": GRU}
REAL_MASKS = {name: mask for name, mask in MASKS.items() if mask is not None}
every_cell = pytest.mark.parametrize("name", CELLS)
in_both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])


@pytest.fixture(autouse=True)
def no_other_way(monkeypatch):
    """Whatever does not go the fast way fails."""
    monkeypatch.setattr(engine, "run_loop", None)


def layer_of(name, dtype="float64", **options):
    """A layer with random weights."""
    if name == "gru_reset_before":
        options["reset_after"] = False
    layer = LAYERS[name](U, return_state=True, dtype=dtype, **options)
    layer.build((None, None, F))
    random = np.random.default_rng(7)
    layer.set_weights([random.normal(scale=0.6, size=w.shape) for w in layer.weights])
    return layer


def states_of(layer):
    random = np.random.default_rng(8)
    return [random.normal(size=(B, U)) for _ in layer.cell.states]


def graph_of(layer, training, masked=True, steps=None):
    """A function of x, initial states, d's and mask: outputs, and gradients of their weighted sum.

    For any length and batch if the number of steps is not given.
    """
    rows = None if steps is None else B
    state = [tf.TensorSpec((rows, U), layer.dtype) for _ in layer.cell.states]
    x = tf.TensorSpec((rows, steps, F), layer.dtype)
    output = tf.TensorSpec((rows, steps, U) if layer.return_sequences else (rows, U), layer.dtype)
    mask = [tf.TensorSpec((rows, steps), tf.bool)] * masked

    @tf.function(input_signature=[x, state, [output, *state], *mask], autograph=False)
    def run(x, states, weights, mask=None):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = layer(x, initial_state=states, mask=mask, training=training)
        sources = [*(w.value for w in layer.trainable_weights), x, *states]
        return outputs, tape.gradient(outputs, sources, weights)

    def of_numpy(x, states, weights, mask=None):
        x, *given = (tf.constant(v, layer.dtype) for v in (x, *states, *weights))
        mask = [] if mask is None else [tf.constant(mask)]
        results = run(x, given[: len(states)], given[len(states) :], *mask)
        return tf.nest.map_structure(lambda v: v.numpy(), results)

    return of_numpy


def assert_by_hand(name, layer, graph, x, mask=None, drop=None):
    """The graph gives what back-propagation through time by hand gives."""
    states, way = states_of(layer), -1 if layer.go_backwards else 1
    weights = mixture_weights([(B, x.shape[1], U)] + [(B, U)] * len(states))
    d_outputs = weights[0]
    if not layer.return_sequences:  # the last output is the only one
        weights[0] = d_outputs[:, -1]
        d_outputs = d_outputs * (np.arange(x.shape[1]) == x.shape[1] - 1)[:, None]
    expected, gradients = bptt.back_propagate(
        CELLS[name][1],
        [w.astype("float64") for w in layer.get_weights()],
        x[:, ::way],
        states,
        d_outputs,
        weights[1:],
        None if mask is None else mask[:, ::way],
        drop,
    )
    place = -1 - len(states)
    gradients[place] = gradients[place][:, ::way]
    expected[0] = expected[0] if layer.return_sequences else expected[0][:, -1]
    given = () if mask is None else (mask,)
    tolerance = 1e-10 if layer.dtype == "float64" else 1e-5
    assert_equal(graph(x, states, weights, *given), (expected, gradients), tolerance)


@every_cell
@in_both_modes
def test_by_hand(name, training, cut):
    """Any two of mode, type, cut, masked, direction and what is returned meet in every pairing."""
    wide = training ^ cut ^ (list(CELLS).index(name) % 2 == 0)
    dtype = "float64" if wide else "float32"
    masked = training ^ wide
    rate = 0.0 if training else 0.5  # drops nothing in inference
    layer = layer_of(
        name, dtype, go_backwards=cut ^ training, return_sequences=cut ^ wide, dropout=rate
    )
    graph, x = graph_of(layer, training, masked, None if cut else T), sequences()
    for mask in REAL_MASKS.values() if masked else [None]:
        assert_by_hand(name, layer, graph, x, mask)
        if cut and wide:
            assert_by_hand(name, layer, graph, x[:, 1:2], None if mask is None else mask[:, 1:2])


@every_cell
@in_both_modes
def test_one_step_by_hand(name, training):
    layer = layer_of(name, return_sequences=training)
    graph, mask = graph_of(layer, training, steps=1), np.array([[True], [False], [True]])
    assert_by_hand(name, layer, graph, sequences()[:, :1], mask)


@every_cell
def test_dropout_by_hand(name, cut):
    """The masks are drawn as the layer draws them; what they do is worked out by hand."""
    one = (0.4, 0.0) if name in ("lstm", "simple_rnn") else (0.0, 0.4)
    rates = (0.3, 0.4) if cut else one
    layer = layer_of(
        name,
        return_sequences=True,
        go_backwards=cut,
        dropout=rates[0],
        recurrent_dropout=rates[1],
        seed=5,
    )
    seeds, gates = keras.random.SeedGenerator(5), CELLS[name][1].gates
    drawn = gates if rates[1] else 1

    def draw(width, rate):
        ones = np.ones((B, width))
        masks = [keras.random.dropout(ones, rate, seed=seeds) for _ in range(drawn if rate else 0)]
        return np.broadcast_to(np.array(masks or [ones]), (gates, B, width))

    drop = draw(F, rates[0]), draw(U, rates[1])
    assert any(0 < np.mean(masks == 0) < 1 for masks in drop)
    graph = graph_of(layer, True, steps=None if cut else T)
    assert_by_hand(name, layer, graph, sequences(), MASKS["scattered"], drop)


@pytest.mark.parametrize(
    ("name", "cut"), zip(LAYERS, ("whole", "cut") * len(LAYERS), strict=False), indirect=["cut"]
)
def test_finite_differences(name, cut):
    """Central ones of the weighted sum, along random directions of each source by itself."""
    training = list(LAYERS).index(name) // 2 % 2 == 0
    layer = layer_of(name, return_sequences=not training, go_backwards=training)
    graph = graph_of(layer, training, steps=None if cut else T)
    weights, states = layer.get_weights(), states_of(layer)
    sources = [*weights, sequences(), *states]
    shape = (B, T, U) if layer.return_sequences else (B, U)
    d = mixture_weights([shape] + [(B, U)] * len(states))

    def evaluate(values):
        layer.set_weights(values[: len(weights)])
        outputs, gradients = graph(values[len(weights)], values[len(weights) + 1 :], d, mask)
        return sum(np.sum(o * w) for o, w in zip(outputs, d, strict=True)), gradients

    mask, random = MASKS["scattered"], np.random.default_rng(2)
    _, gradients = evaluate(sources)
    for place, gradient in enumerate(gradients):
        for _ in range(3):
            way = random.normal(size=gradient.shape)
            moved = [[*sources] for _ in range(2)]
            for values, step in zip(moved, (1e-5, -1e-5), strict=True):
                values[place] = values[place] + step * way
            above, below = (evaluate(values)[0] for values in moved)
            np.testing.assert_allclose(
                np.sum(gradient * way), (above - below) / 2e-5, rtol=1e-6, err_msg=f"source {place}"
            )


@pytest.mark.parametrize("name", LAYERS)
def test_no_steps_are_refused_where_their_number_is_known(name):
    layer = layer_of(name)
    run = tf.function(lambda x: layer(x), autograph=False)
    for call in (layer, run):
        with pytest.raises(ValueError, match="at least one time step"):
            call(tf.zeros((B, 0, F), "float64"))
