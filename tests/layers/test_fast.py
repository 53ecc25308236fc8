"""The fast way of a graph: values and gradients of Keras, however sequence and batch are cut."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MAIN_CASES, MASKS, U, sequences
from keras import ops

from keras_seq.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from keras_seq.layers import GRU, LSTM, Recurrent, lowering
from keras_seq.layers.engine_tensorflow import fast, parts

from .against import assert_equal, evaluate, main_case, mixture, pair


@pytest.fixture
def ways(monkeypatch):
    """Which ways are taken, in order."""
    taken = []
    for name in ("train", "infer"):
        way = getattr(fast, name)
        monkeypatch.setattr(
            fast, name, lambda *a, _way=way, _name=name: taken.append(_name) or _way(*a)
        )
    return taken


def in_graph(layer, x, states, *, dynamic=False, **call):
    """`against.evaluate` in a graph; with `dynamic` for any batch and length."""
    as_type = [tf.constant(v, layer.compute_dtype) for v in (x, *states)]
    shapes = [(None,) * (len(v.shape) - 1) + v.shape[-1:] if dynamic else v.shape for v in as_type]

    @tf.function(
        input_signature=[tf.TensorSpec(s, layer.compute_dtype) for s in shapes], autograph=False
    )
    def run(x, *states):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = tf.nest.flatten(layer(x, initial_state=list(states), **call))
            loss = mixture(outputs, [tf.constant(w) for w in weights])
        sources = [*(w.value for w in layer.trainable_weights), x, *states]
        return outputs, tape.gradient(loss, sources, unconnected_gradients="zero")

    whole = [v.shape for v in tf.nest.flatten(layer(*as_type[:1], initial_state=as_type[1:]))]
    random = np.random.default_rng(9)
    weights = [random.normal(size=shape) for shape in whole]
    outputs, gradients = run(*as_type)
    return [v.numpy() for v in outputs], [g.numpy() for g in gradients]


# Any two of case, mask, mode and cut meet in every pairing.
PAIRINGS = [
    pytest.param(
        *(case, mask, (i // 2 + j // 2) % 2 == 0, ("whole", "cut")[(i + j) % 2]),
        id=f"{case.name}-{name}",
    )
    for i, case in enumerate(MAIN_CASES)
    for j, (name, mask) in enumerate(MASKS.items())
]


@pytest.mark.parametrize(("case", "mask", "training", "cut"), PAIRINGS, indirect=["cut"])
def test_values_and_gradients_are_those_of_keras(case, mask, training, cut, ways):
    options = {"return_sequences": cut, "go_backwards": not cut}
    layer, theirs = pair(case, return_state=True, **options)
    x, states = sequences(), case.states()
    found = in_graph(layer, x, states, dynamic=cut, mask=mask, training=training)
    assert_equal(found, evaluate(theirs, x, states, mask=mask, training=training))
    assert ways == (["train"] if training else ["infer", "train"])


RATES = ({"dropout": 0.4}, {"recurrent_dropout": 0.3}, {"dropout": 0.4, "recurrent_dropout": 0.3})


@main_case
def test_dropout(case, cut, ways):
    rates = RATES[(MAIN_CASES.index(case) + cut) % 3]
    layer, theirs = pair(case, return_sequences=True, seed=5, **rates)
    x, states = sequences(), case.states()
    found = in_graph(layer, x, states, training=True)
    assert_equal(found, evaluate(theirs, x, states, training=True))
    assert ways == ["train"]


@main_case
def test_large_kernels(case, cut, ways, monkeypatch):
    monkeypatch.setattr(fast, "_LARGE_KERNEL", 0)
    layer, theirs = pair(case, return_sequences=True)
    x, states = sequences(), case.states()
    found = in_graph(layer, x, states, mask=MASKS["scattered"])
    assert_equal(found, evaluate(theirs, x, states, mask=MASKS["scattered"]))
    assert ways == ["infer", "train"]


class TripledLSTMCell(LSTMCell):
    """A recurrent product of its own."""

    def recur(self, h, *gates):
        return super().recur(3 * h, *gates)


class TwiceGatedCell(Cell):
    """Several products of different gates and inputs, weights of its own, some of them unused."""

    gates = ("a", "b", "n")
    states = ("h", "c")

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(self.units,), initializer="random_normal", name="s")
        self.idle = self.add_weight(shape=(2,), initializer="random_normal", name="idle")
        self.mix = self.add_weight(shape=(self.units, self.units), name="mix")

    def step(self, x, states, recur):
        h, c = states
        (b,) = recur(h, "b")
        a = ops.sigmoid(x[0] + recur(ops.tanh(c), "a")[0] + self.scale * b)
        n = ops.tanh(x[2] + ops.matmul(a * h, self.mix) + recur(a * c, "n")[0])
        return n * ops.softmax(a + x[1]), ops.mean(n, axis=-1, keepdims=True) * a + c


@pytest.mark.parametrize("cell", [TwiceGatedCell, TripledLSTMCell])
def test_a_cell_with_much_of_its_own(cell, cut, ways):
    training = cut ^ (cell is TwiceGatedCell)
    layer = Recurrent(cell(U), return_sequences=True)
    reference = keras.layers.RNN(layer.cell, return_sequences=True)
    layer.build((None, 5, 4))
    x, states = sequences(), [np.random.default_rng(s).normal(size=(3, U)) for s in range(2)]
    mask = MASKS["scattered"]
    found = in_graph(layer, x, states, dynamic=cut, mask=mask, training=training)
    assert_equal(found, evaluate(reference, x, states, mask=mask, training=training))
    assert ways == (["train"] if training else ["infer", "train"])


class CountingRNNCell(SimpleRNNCell):
    """Reads a number that is not a weight."""

    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight(dtype="int32", initializer="ones", trainable=False, name="n")

    def combine(self, x, r, states):
        return (self.activation(x[0] + r[0]) / ops.cast(1 + self.count, x[0].dtype),)


class NoisyRNNCell(SimpleRNNCell):
    """Draws random numbers as it goes."""

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(3)

    def combine(self, x, r, states):
        noise = keras.random.uniform(ops.shape(r[0]), seed=self.seed_generator)
        return (self.activation(x[0] + r[0]) + 0 * noise,)


class WrittenRNNCell(SimpleRNNCell):
    """Writes to a variable as it goes."""

    def build(self, input_shape):
        super().build(input_shape)
        self.seen = self.add_weight(initializer="zeros", trainable=False, name="seen")

    def combine(self, x, r, states):
        self.seen.assign_add(1.0)
        return (self.activation(x[0] + r[0]),)


@pytest.mark.parametrize("cell", [CountingRNNCell, NoisyRNNCell, WrittenRNNCell])
@pytest.mark.parametrize("training", [True, False])
def test_a_cell_that_does_not_suit_goes_the_plain_way(cell, training, ways):
    layer = Recurrent(cell(U), return_sequences=True)
    reference = keras.layers.RNN(layer.cell, return_sequences=True)
    layer.build((None, 5, 4))
    x, states = sequences(), [np.full((3, U), 0.3)] * len(layer.cell.states)
    found = in_graph(layer, x, states, training=training)
    assert_equal(found, evaluate(reference, x, states, training=training))
    assert not ways


def test_frozen_cells_take_the_fast_way(ways):
    layer = LSTM(U, return_sequences=True)
    layer.build((None, 5, 4))
    expected = evaluate(layer, sequences())
    layer.trainable = False
    found = tf.function(lambda x: layer(x, training=True), autograph=False)(
        sequences().astype("float32")
    )
    np.testing.assert_allclose(found, expected[0][0], atol=1e-6)
    assert ways == ["train"]


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_precision(dtype, cut, ways):
    """Half the digits: as near to float32 as the plain loop is."""
    kind = LSTM if cut ^ (dtype == "mixed_float16") else GRU
    x, states = sequences(), [np.full((3, U), 0.3)] * (2 if kind is LSTM else 1)
    layers = [kind(U, return_sequences=True, dtype=d) for d in (dtype, "float32")]
    for layer in layers:
        layer.build((None, 5, 4))
    layers[1].set_weights(layers[0].get_weights())
    found, expected = (in_graph(layer, x, states, training=True) for layer in layers)
    assert ways == ["train", "train"]
    for a, b in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        scale = np.abs(b).max()
        tolerance = 1e-6 if dtype == "float64" else 0.06
        np.testing.assert_allclose(a.astype("float32") / scale, b / scale, atol=tolerance)


def test_one_trace_and_few_programs_serve_every_length(ways):
    layer = LSTM(U, return_sequences=True)
    layer.build((None, None, 4))

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4))], autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.cell.recurrent_kernel.value)

    for batch, length in ((3, 1), (3, 5), (1, 7), (3, 64), (3, 65), (3, 150)):
        x = tf.random.stateless_normal((batch, length, 4), seed=(1, length))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        expected = tape.gradient(loss, layer.cell.recurrent_kernel.value)
        np.testing.assert_allclose(gradient(x), expected, atol=1e-4, rtol=1e-4)
    assert ways == ["train"]


@pytest.mark.parametrize("training", [True, False])
def test_no_steps_are_refused_when_they_come(training):
    layer = LSTM(U)
    layer.build((None, None, 4))
    signature = [tf.TensorSpec((None, None, 4))]
    run = tf.function(lambda x: layer(x, training=training), signature, autograph=False)
    assert run(tf.zeros((2, 1, 4))).shape == (2, U)
    assert run(tf.zeros((0, 3, 4))).shape == (0, U)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one time step; got T = 0"):
        run(tf.zeros((2, 0, 4)))


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_second_order_gradients(kind, cut, ways):
    training = cut ^ (kind is LSTM)
    layer = kind(U, return_sequences=True)
    layer.build((None, 5, 4))
    x, mask = sequences().astype("float32"), tf.constant(MASKS["scattered"])

    def penalty(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(layer(x, mask=mask, training=training) ** 2)
            norm = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(norm, [x, layer.cell.recurrent_kernel.value])

    with lowering("plain"):
        expected = tf.function(penalty, autograph=False)(x)
    assert not ways
    found = tf.function(penalty, autograph=False)(x)
    assert ways
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_a_tensor_given_twice(training, ways):
    """Both first states are one tensor: each adds its own gradient."""
    layer = LSTM(U, return_sequences=True)
    layer.build((None, 5, 4))
    x = sequences().astype("float32")
    s = tf.constant(np.random.default_rng(4).normal(size=(len(x), U)).astype("float32"))

    def gradients(s):
        with tf.GradientTape() as outer:
            outer.watch(s)
            with tf.GradientTape() as inner:
                inner.watch(s)
                loss = tf.reduce_sum(layer(x, initial_state=[s, s], training=training) ** 2)
            first = inner.gradient(loss, s)
            norm = tf.reduce_sum(first**2)
        return first, outer.gradient(norm, s)

    with lowering("plain"):
        expected = tf.function(gradients, autograph=False)(s)
    found = tf.function(gradients, autograph=False)(s)
    assert ways
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_within_a_program_of_the_user(training, ways):
    layer, theirs = LSTM(U, return_sequences=True), keras.layers.LSTM(U, return_sequences=True)
    for one in (layer, theirs):
        one.build((None, 5, 4))
    theirs.set_weights(layer.get_weights())

    def squares(layer, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=training) ** 2)
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    x = tf.random.stateless_normal((16, 5, 4), seed=(1, 2))
    compiled = tf.function(lambda x: squares(layer, x), jit_compile=True, autograph=False)
    for a, b in zip(compiled(x), squares(theirs, x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert ways


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 12, 16, 17, 48])
def test_a_batch_is_dealt_to_cores(rows, known, monkeypatch):
    monkeypatch.setattr(parts, "cores", lambda: 4)
    x, sizes = tf.random.stateless_normal((rows, 5), seed=(rows, 2)), []

    @tf.function(input_signature=[tf.TensorSpec((rows if known else None, 5))], autograph=False)
    def run(x):
        def note(size):
            sizes.append(int(size))
            return size

        def part(x):
            with tf.control_dependencies([tf.py_function(note, [tf.shape(x)[0]], tf.int32)]):
                return (2 * x,)

        dealt = parts.Parts(rows if known else tf.shape(x)[0], least_rows=4)
        like = [tf.TensorSpec((None, 5))]
        return dealt.gather(dealt.each(part, dealt.deal(x), like)[0])

    np.testing.assert_array_equal(run(x), 2 * x)
    number = {1: 1, 2: 1, 12: 3, 16: 4, 17: 1, 48: 4}[rows]
    assert sizes == [rows // number] * number


def test_an_expert_can_ask_for_the_plain_loop(ways):
    layer = LSTM(U)
    layer.build((None, 5, 4))
    x = sequences().astype("float32")
    with lowering("plain"):
        plain = tf.function(lambda x: layer(x), autograph=False)(x)
    assert not ways
    np.testing.assert_allclose(
        tf.function(lambda x: layer(x), autograph=False)(x), plain, atol=1e-6
    )
    assert ways == ["infer"]


class WrongGRUCell(GRUCell):
    """An error in its equations."""

    def combine(self, x, r, states):
        return (x[0] + r[7],)


def test_an_error_in_a_cell_is_the_error_that_is_seen():
    layer = Recurrent(WrongGRUCell(U))
    layer.build((None, 5, 4))
    with pytest.raises(IndexError):
        tf.function(lambda x: layer(x), autograph=False)(sequences().astype("float32"))
