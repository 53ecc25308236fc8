"""Greedy search against lists, and what all searches share: how they are called."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from oracle import search as oracle

from keras_seq.decoding import Beam, Greedy, Sampling, greedy_search, repeat_rows

from .translator import END, START, Translator, assert_same, rows_of

LENGTH = 9


def expected_greedy(network, length=LENGTH, forbidden=(), start=None):
    rows = []
    for row in range(network.rows):
        first = START if start is None else int(start[row])
        distribution = network.distribution(row, first, forbidden)
        tokens = oracle.greedy(distribution, END, length)
        rows.append([(tokens, oracle.log_probability(distribution, tokens))])
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_equals_lists(seed):
    network = oracle.TinyTranslator(seed, rows=5)
    translator = Translator(network)
    expected = expected_greedy(network)
    found = translator.search(Greedy(), max_length=LENGTH, with_attention=True)
    assert_same(found, expected)
    # Every step was needed by one row at least.
    assert translator.steps == max(len(row[0][0]) for row in expected)
    assert found.tokens.shape == (5, 1, LENGTH)
    assert found.attention.shape == (5, 1, LENGTH, 6)
    for row, [(tokens, _)] in enumerate(expected):
        weights = oracle.attention(network.distribution(row, START), tokens)
        weights = np.pad(weights, ((0, LENGTH - len(tokens)), (0, 0)))
        np.testing.assert_allclose(found.attention[row, 0], weights, atol=1e-5)


def test_rows_end_at_different_times_and_some_never():
    """Else the tests around this one would say less than they seem to."""
    lengths = [len(r[0][0]) for s in range(6) for r in expected_greedy(oracle.TinyTranslator(s))]
    assert len(set(lengths)) > 3
    assert any(
        r[0][0][-1] != END for s in range(6) for r in expected_greedy(oracle.TinyTranslator(s))
    )


def test_padding_stands_behind_the_end_and_the_sequence_is_cut():
    for seed in range(6):
        found = Translator(oracle.TinyTranslator(seed)).search(
            Greedy(), max_length=LENGTH, padding=6
        )
        assert found.attention is None
        for tokens, length in zip(found.tokens[:, 0].numpy(), found.lengths[:, 0], strict=True):
            assert np.all(tokens[length:] == 6)
            assert END not in tokens[: length - 1]
            assert tokens[length - 1] == END or length == LENGTH


def test_start_of_each_row_and_forbidden_tokens():
    network = oracle.TinyTranslator(3)
    start, forbidden = np.array([3, 1, 0, 6]), (0, 1, 4)
    found = Translator(network).search(
        Greedy(), start=start, forbidden=forbidden, max_length=LENGTH
    )
    assert_same(found, expected_greedy(network, forbidden=forbidden, start=start))
    assert not set(forbidden) & {t for row in rows_of(found) for t in row[0][0]}
    assert rows_of(found) != rows_of(Translator(network).search(Greedy(), max_length=LENGTH))


@pytest.mark.parametrize("search", [Greedy(), Sampling(seed=3), Beam(width=3, n_best=2)], ids=str)
def test_where_nothing_ends_a_sequence_all_are_cut(search):
    translator = Translator(oracle.TinyTranslator(1))
    found = translator.search(search, end=None, max_length=4)
    assert np.all(found.lengths == 4)
    found = translator.search(search, end=None, max_length=4, forbidden=[END])
    assert not np.any(found.tokens == END)
    with pytest.raises(ValueError, match="end must be none of the forbidden ids"):
        translator.search(search, max_length=4, forbidden=[END])


@pytest.mark.parametrize("search", [Greedy(), Beam(width=3, n_best=2)], ids=str)
def test_rows_do_not_touch_each_other(search):
    translator = Translator(oracle.TinyTranslator(5))
    task = {"max_length": LENGTH, "with_attention": True}
    together = translator.search(search, **task)
    for row in range(4):
        alone = translator.search(search, translator.given(slice(row, row + 1)), **task)
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], all_of_them[row], atol=1e-5)


@pytest.mark.parametrize(
    "search", [Greedy(), Sampling(top_p=0.9, seed=1), Beam(4, 2, 0.6, 0.2)], ids=str
)
def test_in_a_graph_with_unknown_sizes(search):
    translator = Translator(oracle.TinyTranslator(2))
    task = {"max_length": LENGTH, "with_attention": True}

    @tf.function(
        input_signature=[
            {
                "first": tf.TensorSpec((None, 20)),
                "memory": tf.TensorSpec((None, None, 20)),
                "mask": tf.TensorSpec((None, None), tf.bool),
            }
        ]
    )
    def searched(given):
        return translator.search(search, given, **task)

    for rows in (slice(0, 4), slice(1, 3)):
        given = translator.given(rows)
        if isinstance(search, Sampling):  # other numbers for another shape
            eager = translator.search(search, given, **task)
        else:
            eager = translator.search(search, **task)
            eager = [x[rows] for x in eager]
        for one, other in zip(searched(given), eager, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_of_a_step(dtype):
    """Sums are made in float32, and a state keeps the type that it began with."""
    table = ops.cast(np.random.default_rng(1).normal(size=(5, 5)), dtype)

    def step(tokens, state):
        assert state["h"].dtype == tf.float32
        return ops.take(table, tokens, axis=0), {"h": ops.cast(state["h"], dtype)}

    state = {"h": ops.zeros((1, 2))}
    exact = ops.convert_to_numpy(ops.cast(table, "float64"))
    found = greedy_search(step, state, start=3, end=None, max_length=50, forbidden=(4,))
    token, total = 3, 0.0
    for chosen in found.tokens[0, 0].numpy():
        logp = oracle.log_softmax(exact[token][:4])
        assert chosen == np.argmax(logp)
        token, total = chosen, total + logp[chosen]
    np.testing.assert_allclose(found.scores[0, 0], total, rtol=1e-5)


def test_repeat_rows():
    random = np.random.default_rng(0)
    given = {"a": (random.normal(size=(3, 2, 4)), random.random((3, 2)) > 0.5), "b": np.arange(3)}
    found = repeat_rows(given, 3)
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_array_equal(x, np.repeat(y, 3, axis=0)), found, given
    )
    assert found["a"][1].dtype == tf.bool
    assert repeat_rows(given, 1) is given


STEP = (lambda tokens, state: (ops.one_hot(tokens, 4), state), {"h": ops.zeros((2, 3))})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_length": 0}, "max_length must be a whole number of at least 1; got 0"),
        ({"max_length": 2.0}, "max_length"),
        ({"end": -1}, "end must be the id of a token"),
        ({"padding": -1}, "padding must be"),
        ({"forbidden": (1, -2)}, "forbidden must be"),
        ({"forbidden": (4,)}, "logits for 4 tokens"),
        ({"end": 4}, "logits for 4 tokens"),
        ({"start": np.zeros((2, 1))}, r"got the shape \(2, 1\)"),
        ({"with_attention": True}, r"attention.*got dict\['h'\]"),
    ],
)
def test_what_a_call_refuses(wrong, message):
    task = {"start": 1, "end": 2, "max_length": 3, **wrong}
    with pytest.raises(ValueError, match=message):
        greedy_search(*STEP, **task)


def test_what_is_asked_of_a_step():
    task = {"start": 1, "end": 2, "max_length": 3}
    with pytest.raises(ValueError, match="state holds nothing"):
        greedy_search(STEP[0], (), **task)
    with pytest.raises(ValueError, match="another structure"):
        greedy_search(lambda tokens, state: (ops.one_hot(tokens, 4), {}), STEP[1], **task)
    with pytest.raises(ValueError, match=r"logits \(N, V\).*\(2, 1, 4\)"):
        greedy_search(lambda tokens, state: (ops.ones((2, 1, 4)), state), STEP[1], **task)
