"""Beam search against lists, and against all sequences that there are."""

import keras
import numpy as np
import pytest
from keras import ops
from oracle import search as oracle

from keras_seq.decoding import Beam, Greedy, beam_search

from .translator import END, START, Translator, assert_same, rows_of

LENGTH = 8


def each_row(network, search, forbidden=()):
    """Of each row what may follow, and the score of tokens."""
    for row in range(network.rows):
        distribution = network.distribution(row, START, forbidden)

        def scored(tokens, distribution=distribution, row=row):
            penalties = (search.length_penalty, search.coverage_penalty)
            return oracle.score(distribution, tokens, *penalties, network.mask[row])

        yield distribution, scored


@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("beta", [0.0, 0.3])
@pytest.mark.parametrize("early_stop", [True, False])
def test_equals_lists(alpha, beta, early_stop):
    for seed in range(4):
        network = oracle.TinyTranslator(seed, vocabulary=9)
        search = Beam(4, 3, alpha, beta, early_stop)
        found = Translator(network).search(
            search, max_length=LENGTH, forbidden=(0, START), padding=1, with_attention=True
        )
        expected = [
            oracle.beam(distribution, END, LENGTH, 4, 3, scored)
            for distribution, scored in each_row(network, search, (0, START))
        ]
        assert_same(found, expected)
        for row, hypotheses in enumerate(expected):
            distribution = network.distribution(row, START, (0, START))
            for place, (tokens, _) in enumerate(hypotheses):
                weights = oracle.attention(distribution, tokens)
                weights = np.pad(weights, ((0, LENGTH - len(tokens)), (0, 0)))
                np.testing.assert_allclose(found.attention[row, place], weights, atol=1e-5)
                assert np.all(found.tokens[row, place, len(tokens) :] == 1)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.4)])
def test_a_wide_beam_finds_what_is_best_of_all(alpha, beta):
    """4 tokens and 4 steps: 40 sequences that end and 81 that are cut."""
    network = oracle.TinyTranslator(7, vocabulary=4, rows=3, sharpness=2.0)
    search = Beam(108, 60, alpha, beta)
    found = Translator(network).search(search, max_length=4)
    expected = [
        oracle.every_sequence(distribution, 4, END, 4, scored)[:60]
        for distribution, scored in each_row(network, search)
    ]
    assert_same(found, expected)
    assert sum(tokens[-1] == END for tokens, _ in expected[0]) == 40


def test_fewer_sequences_than_asked_for():
    """Three tokens, of which one is forbidden: four sequences that end, and one that is cut."""
    network = oracle.TinyTranslator(1, vocabulary=3, rows=3)
    search = Beam(8, 8, 0.6)
    found = Translator(network).search(search, max_length=4, forbidden=(0,), with_attention=True)
    expected = [
        oracle.every_sequence(distribution, 3, END, 4, scored)
        for distribution, scored in each_row(network, search, (0,))
    ]
    assert [len(row) for row in expected] == [5, 5, 5]
    assert_same(found, expected)
    assert np.all(found.lengths[:, 5:] == 0)
    assert np.all(found.scores[:, 5:] == -1e9)
    assert np.all(found.tokens[:, 5:] == 0)
    assert not np.any(found.attention[:, 5:])


def test_one_token_that_is_the_end():
    found = beam_search(
        lambda tokens, state: (ops.zeros((6, 1)), state),
        (),
        start=np.array([0, 0]),
        end=0,
        max_length=2,
        width=3,
        n_best=3,
    )
    np.testing.assert_array_equal(found.lengths, [[1, 0, 0]] * 2)


@pytest.mark.parametrize("seed", range(5))
def test_width_one_is_greedy(seed):
    translator = Translator(oracle.TinyTranslator(seed, rows=8))
    task = {"max_length": LENGTH, "with_attention": True}
    greedy, beam = (translator.search(search, **task) for search in (Greedy(), Beam(1)))
    assert len({len(tokens) for [(tokens, _)] in rows_of(greedy)}) > 1
    for one, other in zip(greedy, beam, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_best_come_first_and_differ():
    for seed in range(5):
        found = Translator(oracle.TinyTranslator(seed)).search(
            Beam(6, 6, length_penalty=0.8), max_length=LENGTH
        )
        for row in rows_of(found):
            assert len({tuple(tokens) for tokens, _ in row}) == 6
            for group in (True, False):
                scores = [score for tokens, score in row if (tokens[-1] == END) == group]
                assert scores == sorted(scores, reverse=True)
            ended = [tokens[-1] == END for tokens, _ in row]
            assert ended == sorted(ended, reverse=True)


@pytest.mark.parametrize("change", [{"length_penalty": 2.0}, {"coverage_penalty": 1.0}], ids=str)
def test_penalties_change_the_winner(change):
    """`test_equals_lists` says that it changes to the right one."""
    changed, longer = 0, 0
    for seed in range(5):
        translator = Translator(oracle.TinyTranslator(seed))
        plain = translator.search(Beam(5), max_length=LENGTH)
        other = translator.search(Beam(5, **change), max_length=LENGTH)
        changed += int(np.sum(np.any(plain.tokens != other.tokens, axis=-1)))
        longer += int(np.sum(other.lengths - plain.lengths))
    assert changed > 3
    assert longer > 0


def test_padding_of_the_source_costs_nothing():
    """With the mask the same as without the padding; without it the score would be lower."""
    network = oracle.TinyTranslator(2, rows=1)
    translator, search = Translator(network), Beam(3, coverage_penalty=0.5)
    given = translator.given()
    given["mask"][:] = True
    expected = rows_of(translator.search(search, given, max_length=LENGTH))
    padded = {"first": given["first"]}
    padded["memory"] = np.pad(given["memory"], ((0, 0), (0, 3), (0, 0)), constant_values=9.0)
    padded["mask"] = np.pad(given["mask"], ((0, 0), (0, 3)))
    assert_same(translator.search(search, padded, max_length=LENGTH), expected)
    blind = translator.search(search, padded, max_length=LENGTH, source_mask=None)
    assert rows_of(blind)[0][0][1] < expected[0][0][1] - 1


def test_early_stop_saves_steps_and_changes_nothing():
    saved = 0
    for seed in range(12):
        translator = Translator(oracle.TinyTranslator(seed, rows=2))
        alpha, beta, best = [(0.0, 0.0, 1), (2.0, 0.0, 3), (3.0, 0.3, 1)][seed % 3]
        task = {"max_length": 12, "with_attention": True}
        fast = translator.search(Beam(3, best, alpha, beta), **task)
        steps = translator.steps
        slow = translator.search(Beam(3, best, alpha, beta, early_stop=False), **task)
        assert translator.steps == 12
        saved += 12 - steps
        keras.tree.map_structure(np.testing.assert_array_equal, fast, slow)
    assert saved > 20


def test_early_stop_waits_for_what_only_length_makes_better():
    """An end of probability 0.55, and 0.45 for a sequence that is certain from then on."""
    likely = np.array([[0.0, 0.45, 0.55], [1e-6, 1.0, 0.0], [0.0, 0.0, 1.0]])
    first, middle, last = np.log(likely + 1e-30)

    def step(tokens, state):
        table = ops.convert_to_tensor(np.stack([first, *[middle] * 8, last]), "float32")
        return ops.take(table, state, axis=0), state + 1

    task = {"start": 0, "end": 2, "max_length": 10}
    found = beam_search(step, ops.zeros(1, "int32"), **task, width=2, length_penalty=1.0)
    assert found.lengths[0, 0] == 10
    np.testing.assert_allclose(found.scores[0, 0], np.log(0.45) / (15 / 6), rtol=1e-4)
    found = beam_search(step, ops.zeros(1, "int32"), **task, width=2)
    assert found.lengths[0, 0] == 1


def test_impossible_tokens_of_a_model_are_never_found():
    """Minus infinity, or a number that a model masks with."""
    real = np.array([[True, False, True], [False, False, False], [True, True, False]])
    # Far from zero, too, where what is masked is not as far from what is real.
    for lowest, shift in ((-np.inf, 0.0), (-1e9, 0.0), (-1e30, 0.0), (-1e9, -1e4)):
        logits = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]) + shift
        table = ops.convert_to_tensor(np.where(real, logits, lowest), "float32")
        found = beam_search(
            lambda tokens, state, table=table: (ops.take(table, tokens, axis=0), state),
            (),
            start=np.array([0]),
            end=2,
            max_length=2,
            width=4,
            n_best=4,
        )
        assert [tokens for tokens, _ in rows_of(found)[0]] == [[2], [0, 2], [0, 0]]
        p = np.exp(1) / (1 + np.exp(1))
        expected = np.log([p, p * (1 - p), (1 - p) ** 2])
        np.testing.assert_allclose(found.scores[0, :3], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width must be a whole number of at least 1; got 0"),
        ({"width": 2.0}, "width"),
        ({"n_best": 6}, "n_best must be a whole number from 1 to the width, 5; got 6"),
        ({"n_best": 0}, "n_best"),
        ({"length_penalty": -0.1}, "length_penalty must be 0 or more"),
        ({"coverage_penalty": -1}, "coverage_penalty must be 0 or more"),
    ],
)
def test_what_it_refuses(wrong, message):
    with pytest.raises(ValueError, match=message):
        Beam(**wrong)


def test_a_coverage_penalty_needs_attention():
    step = (lambda tokens, state: (ops.one_hot(tokens, 4), state), ops.zeros((2, 3)))
    with pytest.raises(ValueError, match='under "attention"'):
        beam_search(*step, start=1, end=2, max_length=3, coverage_penalty=0.1)


def test_whatever_the_type_of_numbers_is_by_default():
    network = oracle.TinyTranslator(2, vocabulary=9)
    usual = Translator(network).search(Beam(3, 2, 0.6), max_length=5, with_attention=True)
    before = keras.backend.floatx()
    try:
        for name in ("float64", "float16"):
            keras.backend.set_floatx(name)
            for search in (Beam(3, 2, 0.6), Beam(3, 2, 0.6, 0.2), Greedy()):
                found = Translator(network).search(search, max_length=5, with_attention=True)
                assert {keras.backend.standardize_dtype(found[n].dtype) for n in (1, 3)} == {
                    "float32"
                }
                if search == Beam(3, 2, 0.6):
                    np.testing.assert_array_equal(found.tokens, usual.tokens)
                    np.testing.assert_allclose(found.scores, usual.scores, atol=1e-5)
    finally:
        keras.backend.set_floatx(before)
