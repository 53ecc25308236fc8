"""Decoders in the compiled loops: values and gradients of the plain loop, and who takes them."""

import keras
import numpy as np
import pytest

from keras_seq.layers import lowering

from .pairs import SOURCE, TARGETS, TOKENS, logits_of, made

if keras.backend.backend() != "tensorflow":
    pytest.skip("the compiled loops are TensorFlow's", allow_module_level=True)

import tensorflow as tf

from keras_seq.layers.engine_tensorflow import fast, parts, pieces

IDS = tf.TensorSpec((None, None), "int32")


@pytest.fixture
def taken(monkeypatch):
    """Whether each loop of a decoder went the fast way."""
    found, run = [], fast.run_fast_steps
    monkeypatch.setattr(fast, "_LEAST_OF_STEPS", 0)

    def watched(*arguments):
        results = run(*arguments)
        found.append(results is not None)
        return results

    monkeypatch.setattr(fast, "run_fast_steps", watched)
    return found


def differentiated(pair, tokens, how, signature=None, twice=False):
    """Logits and the gradients of all weights, from a graph."""
    encoder, decoder = pair
    weights = [w for layer in pair for w in layer.trainable_weights]
    factor = np.random.default_rng(1).normal(size=(*tokens.shape, TARGETS)).astype("float32")

    def first(source, tokens, factor):
        with tf.GradientTape() as tape:
            logits = decoder(tokens, encoder(source))
            value = tf.reduce_sum(tf.sin(logits) * factor)
        gradients = tape.gradient(value, [w.value for w in weights])
        return logits, [tf.convert_to_tensor(g) for g in gradients]

    def second(source, tokens, factor):
        with tf.GradientTape() as tape:
            logits, gradients = first(source, tokens, factor)
            value = tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients])
        gradients = tape.gradient(value, [w.value for w in weights])
        return logits, [tf.convert_to_tensor(g) for g in gradients]

    graph = tf.function(second if twice else first, input_signature=signature)
    with lowering(how):
        return graph(tf.constant(SOURCE), tf.constant(tokens), tf.constant(factor))


def assert_same(found, expected, within):
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    for ours, theirs in zip(found[1], expected[1], strict=True):
        largest = np.abs(theirs).max()
        assert largest > 1e-6
        np.testing.assert_allclose(ours, theirs, atol=within * largest)


@pytest.mark.parametrize(
    ("name", "known", "dealt"),
    [
        ("bahdanau", True, False),
        ("bahdanau_coverage", False, True),
        ("luong", True, True),
        pytest.param("luong_predictive", False, True, marks=pytest.mark.long),
        pytest.param("show_attend_tell", False, True, marks=pytest.mark.long),
    ],
)
def test_as_the_plain_loop(name, known, dealt, taken, monkeypatch):
    if dealt:  # the rows to two cores, and steps of unknown number as 4 and 1
        monkeypatch.setattr(parts, "cores", lambda: 2)
        monkeypatch.setattr(fast, "_LEAST_ROWS", 1)
        monkeypatch.setattr(pieces, "_LENGTHS", (2, 4))
    pair = made(name)
    tokens = np.random.default_rng(3).integers(4, TARGETS, (len(SOURCE), 5)).astype("int32")
    taken.clear()  # building is no graph
    signature = None if known else [IDS, IDS, tf.TensorSpec((None, None, TARGETS))]
    found = differentiated(pair, tokens, "default", signature)
    assert taken == [True]
    assert_same(found, differentiated(pair, tokens, "plain"), 1e-4)


@pytest.mark.long
def test_gradients_of_gradients(taken):
    pair, tokens = made("bahdanau"), SOURCE[:, :3] % TARGETS
    taken.clear()
    found = differentiated(pair, tokens, "default", twice=True)
    assert taken == [True]
    assert_same(found, differentiated(pair, tokens, "plain", twice=True), 1e-3)


def test_what_counts_steps_goes_by_the_plain_loop(taken):
    """A state of whole numbers."""
    encoder, decoder = pair = made("luong_monotonic")
    taken.clear()
    graph = tf.function(lambda s, t: decoder(t, encoder(s)))
    found = graph(SOURCE, TOKENS)
    assert taken == [False]
    np.testing.assert_allclose(found, logits_of(pair), rtol=1e-5, atol=1e-6)


def test_small_steps_go_by_the_plain_loop(taken, monkeypatch):
    monkeypatch.setattr(fast, "_LEAST_OF_STEPS", 10**6)
    encoder, decoder = pair = made("bahdanau")
    taken.clear()
    found = tf.function(lambda s, t: decoder(t, encoder(s)))(SOURCE, TOKENS)
    assert taken == [False]
    np.testing.assert_allclose(found, logits_of(pair), rtol=1e-5, atol=1e-6)


def test_without_a_step(taken):
    encoder, decoder = made("bahdanau")
    graph = tf.function(lambda s, t: decoder(t, encoder(s)), input_signature=[IDS, IDS])
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one time step"):
        graph(SOURCE, np.zeros((len(SOURCE), 0), "int32"))
