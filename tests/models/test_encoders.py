"""`RecurrentEncoder`: against the oracle, padding, types and errors."""

import keras
import numpy as np
import pytest
from layers.attending import array, randomise

from keras_seq.models import RecurrentEncoder

from .by_oracle import expected_encoding
from .pairs import LENGTHS, SOURCE, SOURCES, E, U

OPTIONS = {
    "gru": {},
    "gru_both_ways": {"layers": 2, "bidirectional": True},
    "lstm_reversed": {"cell": "lstm", "layers": 2, "reverse": True},
    "lstm_both_ways": {"cell": "lstm", "bidirectional": True},
    "peepholes": {"cell": "peephole_lstm", "layers": 2},
    "peepholes_both_ways": {"cell": "peephole_lstm", "layers": 2, "bidirectional": True},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def made(**options):
    encoder = RecurrentEncoder(SOURCES, U, embedding_units=E, **options)
    encoder(SOURCE)
    return randomise(encoder)


def states_of(encoded):
    return [[array(state) for state in of_layer] for of_layer in encoded.states]


@each_option
def test_equals_the_oracle_row_by_row(options):
    encoder = made(**options)
    encoded = encoder(SOURCE)
    values, states = array(encoded.values), states_of(encoded)
    assert values.shape == (*SOURCE.shape, encoder.width)
    np.testing.assert_array_equal(encoded.mask, SOURCE != 0)
    for row, length in enumerate(LENGTHS):
        expected, finals = expected_encoding(encoder, SOURCE[row, :length])
        np.testing.assert_allclose(values[row, :length], expected, atol=2e-6)
        assert len(states) == len(finals)
        for of_layer, right in zip(states, finals, strict=True):
            np.testing.assert_allclose([s[row] for s in of_layer], right, atol=2e-6)


@each_option
def test_more_padding_and_other_rows_change_nothing(options):
    encoder = made(**options)
    before = encoder(SOURCE)
    wide, few = encoder(np.pad(SOURCE, ((0, 0), (0, 4)))), encoder(SOURCE[1:3, :3])
    for after, rows in ((wide, slice(None)), (few, slice(1, 3))):
        real = SOURCE[rows, : after.values.shape[1]] != 0
        steps = real.shape[1]
        found = array(after.values)[:, :steps][real]
        np.testing.assert_allclose(found, array(before.values)[rows, :steps][real], atol=1e-6)
        for old, new in zip(states_of(before), states_of(after), strict=True):
            for a, b in zip(old, new, strict=True):
                np.testing.assert_allclose(b, a[rows], atol=1e-6)


@each_option
def test_types_and_configurations(options):
    full = made(**options)
    half = made(**options, dtype="mixed_float16")
    encoded = half(SOURCE)
    for x in keras.tree.flatten((encoded.values, encoded.states)):
        assert keras.backend.standardize_dtype(x.dtype) == "float16"
    for layer in half._flatten_layers():
        assert layer.dtype_policy.name == "mixed_float16", layer.path
    real = SOURCE != 0
    np.testing.assert_allclose(
        array(encoded.values)[real], array(full(SOURCE).values)[real], atol=0.02
    )
    again = RecurrentEncoder.from_config(full.get_config())
    assert again.get_config() == full.get_config()
    again(SOURCE)
    again.set_weights(full.get_weights())
    np.testing.assert_array_equal(again(SOURCE).values, full(SOURCE).values)


def test_dropout_is_of_training_and_of_its_seed():
    options = {"layers": 2, "dropout": 0.4}
    encoder, again, other = (made(**options, seed=seed) for seed in (5, 5, 6))
    plain = array(made(layers=2)(SOURCE).values)
    np.testing.assert_array_equal(encoder(SOURCE).values, plain)
    dropped = array(encoder(SOURCE, training=True).values)
    np.testing.assert_array_equal(dropped, again(SOURCE, training=True).values)
    for unlike in (plain, array(other(SOURCE, training=True).values)):
        assert np.abs(dropped - unlike).max() > 0.1
    # Each place by itself: token vectors, between layers, values.
    for place in encoder.drops:
        for drop in encoder.drops:
            drop.rate = 0.4 if drop is place else 0.0
        changed = array(encoder(SOURCE, training=True).values)
        assert np.abs(changed - plain).max() > 0.05, place.name


def test_a_row_of_padding_alone_gives_zero_states():
    ids = np.zeros((2, 4), "int32")
    ids[0, :2] = 5, 7
    for options in OPTIONS.values():
        encoded = made(**options)(ids)
        assert not np.any(array(encoded.mask)[1])
        for of_layer in states_of(encoded):
            for state in of_layer:
                assert np.any(state[0])
                assert not np.any(state[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": 0}, "at least one layer; got layers=0"),
        ({"reverse": True, "bidirectional": True}, "reads the reversed source as well"),
        ({"cell": "grü"}, "There is no recurrent layer 'grü'. Did you mean 'gru'"),
        ({"embedding_units": 0}, "at least 1; got 12 and 0"),
        ({"units": 0}, "units must be a positive integer"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RecurrentEncoder(SOURCES, **{"units": U, **options})
