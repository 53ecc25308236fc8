"""What may be drawn, how often it is drawn, and what its score is."""

import keras
import numpy as np
import pytest
from keras import ops
from oracle import search as oracle

from keras_seq.decoding import Greedy, Sampling, restrict, sample

from .translator import END, START, Translator, assert_same, rows_of

RESTRICTIONS = [
    {},
    {"temperature": 0.5},
    {"top_k": 3},
    {"top_p": 0.7},
    {"temperature": 2.0, "top_k": 4, "top_p": 0.6},
]


@pytest.mark.parametrize("options", [*RESTRICTIONS, {"top_k": 99, "top_p": 1.0}], ids=str)
def test_restricted_to_the_same_tokens_as_in_numpy(options):
    logits = np.random.default_rng(1).normal(size=(50, 8)).astype("float32")
    expected = [oracle.restricted(row, **options) for row in logits]
    found = restrict(logits, **options)
    np.testing.assert_allclose(ops.softmax(found), expected, atol=1e-6)
    left_out = np.array(expected) == 0
    assert np.all(found.numpy()[left_out] == -1e9)
    assert left_out.any() == bool(
        {"top_k", "top_p"} & {k for k, v in options.items() if v < 50 and v != 1}
    )


@pytest.mark.parametrize("options", [{"top_k": 3}, {"top_p": 0.55}, {"top_k": 1}], ids=str)
def test_ties_stay_together(options):
    """Logits of three values, so that there are ties where the line is drawn."""
    logits = np.random.default_rng(2).integers(0, 3, (60, 7)).astype("float32")
    expected = [oracle.restricted(row, **options) for row in logits]
    np.testing.assert_allclose(ops.softmax(restrict(logits, **options)), expected, atol=1e-6)


@pytest.mark.parametrize("options", RESTRICTIONS, ids=str)
def test_frequencies(options):
    """Pairs of tokens, counted: the sum of chi squared stays within what chance allows."""
    network = oracle.TinyTranslator(4, vocabulary=6, rows=1, sharpness=1.0)
    translator, draws = Translator(network), 20_000
    given = {name: np.repeat(x, draws, axis=0) for name, x in translator.given().items()}
    found = translator.search(Sampling(**options, seed=11), given, max_length=2)
    distribution = network.distribution(0, START)
    expected = np.zeros((6, 6))  # of pairs; the end alone stands before padding, which is 0
    first = oracle.restricted(distribution(())[0], **options)
    for v, p in enumerate(first):
        second = oracle.restricted(distribution((v,))[0], **options)
        expected[v] = p * (np.arange(6) == 0 if v == END else second)
    tokens, scores = found.tokens[:, 0].numpy(), found.scores[:, 0].numpy()
    counts = np.zeros((6, 6))
    np.add.at(counts, tuple(tokens.T), 1)
    assert counts.sum() == counts[expected > 0].sum()
    means, counts = draws * expected[expected > 0], counts[expected > 0]
    chi_squared, freedom = np.sum((counts - means) ** 2 / means), len(means) - 1
    assert chi_squared < freedom + 4 * np.sqrt(2 * freedom)
    np.testing.assert_allclose(scores, np.log(expected[tuple(tokens.T)]), atol=1e-4)
    np.testing.assert_array_equal(found.lengths[:, 0], np.where(tokens[:, 0] == END, 1, 2))


def test_seeds_and_generators():
    translator = Translator(oracle.TinyTranslator(0))

    def drawn(seed):
        return rows_of(translator.search(Sampling(seed=seed), max_length=9))

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    generator = keras.random.SeedGenerator(3)
    assert drawn(generator) != drawn(generator)
    assert drawn(None) != drawn(None)


def test_noise_decides_by_the_running_sum():
    network, random = oracle.TinyTranslator(0, rows=6), np.random.default_rng(5)
    noise = random.random((6, 9)).astype("float32")
    expected = []
    for row in range(6):
        distribution, tokens, total = network.distribution(row, START), [], 0.0
        while len(tokens) < 9 and END not in tokens:
            p = oracle.restricted(distribution(tuple(tokens))[0], 0.8, top_k=4)
            u = noise[row, len(tokens)]
            tokens.append(int(np.argmax(np.cumsum(p) > u)))
            total += np.log(p[tokens[-1]])
        expected.append([(tokens, total)])
    for temperature in (0.8, ops.convert_to_tensor(0.8)):
        search = Sampling(temperature, top_k=4, noise=noise)
        assert_same(Translator(network).search(search, max_length=9), expected)


@pytest.mark.parametrize("u", [0.0, 0.3, 1 - 2**-24, 1.0])
def test_nothing_outside_the_set_is_drawn(u):
    """Not even by numbers at the ends, where the first and the last token are left out."""
    likely = np.array([[-1.0, 2.0, -3.0, 2.0, -1.5]] * 3, "float32")
    found = sample(
        lambda tokens, state: (ops.convert_to_tensor(likely), state),
        (),
        start=np.zeros(3),
        end=4,
        max_length=2,
        top_k=2,
        noise=np.full((3, 2), u, "float32"),
    )
    assert set(found.tokens.numpy().ravel().tolist()) <= {1, 3}


def test_a_number_on_the_line_draws_the_token_behind_it():
    even = ops.zeros((1, 4))
    found = sample(
        lambda tokens, state: (even, state),
        (),
        start=np.zeros(1),
        end=3,
        max_length=4,
        noise=np.array([[0.0, 0.25, 0.5, 0.75]], "float32"),
    )
    assert found.tokens[0, 0].numpy().tolist() == [0, 1, 2, 3]


def test_one_token_kept_is_greedy():
    translator = Translator(oracle.TinyTranslator(2))
    greedy = translator.search(Greedy(), max_length=9)
    for search in (Sampling(top_k=1, seed=1), Sampling(top_p=1e-6, seed=1)):
        found = translator.search(search, max_length=9)
        np.testing.assert_array_equal(found.tokens, greedy.tokens)
        np.testing.assert_allclose(found.scores, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0; got 0.0"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1; got 0"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\]; got 0.0"),
        ({"top_p": 1.1}, "top_p"),
        ({"seed": 1, "noise": np.zeros((1, 1))}, "seed must be None where noise is given"),
    ],
)
def test_what_it_refuses(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**wrong)
    if "seed" not in wrong:
        with pytest.raises(ValueError, match=message):
            restrict(np.zeros((1, 3)), **wrong)


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (3,)])
def test_noise_of_another_shape(shape):
    step = (lambda tokens, state: (ops.one_hot(tokens, 4), state), ops.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"noise must be \(B, 3\), here of 2 rows.*got the shape"):
        sample(*step, start=np.array([1, 1]), end=2, max_length=3, noise=np.zeros(shape))


def test_numbers_of_numpy_are_numbers():
    step = (lambda tokens, state: (ops.one_hot(tokens, 4), state), ())
    options = {"start": np.array([1]), "end": np.int64(2), "max_length": np.int32(3)}
    assert sample(*step, top_k=np.int64(1), **options).tokens.shape == (1, 1, 3)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        Sampling(np.float32(0))


def test_an_end_that_is_forbidden():
    step = (lambda tokens, state: (ops.one_hot(tokens, 4), state), ())
    with pytest.raises(ValueError, match=r"end must be none of the forbidden ids \[0, 2\]; got 2"):
        sample(*step, start=np.array([1]), end=2, max_length=3, forbidden=(0, 2))
