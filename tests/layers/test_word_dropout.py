"""Word dropout: how many words, which words, and when."""

import keras
import numpy as np
import pytest

from keras_seq.layers import WordDropout

IDS = np.random.default_rng(3).integers(2, 50, size=(40, 250))
IDS[:, 200:] = 0


def dropped(layer, ids=IDS, training=True):
    return keras.ops.convert_to_numpy(layer(ids, training=training))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_is_that_of_real_words(rate):
    """8000 words: five standard deviations around the rate."""
    found = dropped(WordDropout(rate, seed=1))
    changed = found != IDS
    assert np.all(found[changed] == 1)
    real = IDS != 0
    deviation = np.sqrt(rate * (1 - rate) / real.sum())
    assert abs(changed[real].mean() - rate) < 5 * deviation


def test_each_word_is_drawn_by_itself():
    found = dropped(WordDropout(0.5, seed=2)) != IDS
    for axis in (0, 1):
        shares = found[:, :200].mean(axis=axis)
        assert 0.1 < shares.min() < shares.max() < 0.9
        assert len(np.unique(shares)) > 5


def test_padding_stays():
    assert not np.any(dropped(WordDropout(0.99, seed=3))[:, 200:])
    other = dropped(WordDropout(0.99, padding=7, unknown=3, seed=3))
    np.testing.assert_array_equal(other == 7, IDS == 7)
    assert np.any(other[:, 200:] == 3)


def test_inference_changes_nothing():
    layer = WordDropout(0.9, seed=4)
    np.testing.assert_array_equal(dropped(layer, training=False), IDS)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(IDS)), IDS)
    np.testing.assert_array_equal(dropped(WordDropout(0.0)), IDS)


def test_seed_decides_and_each_call_draws_anew():
    one, same, other = (WordDropout(0.5, seed=seed) for seed in (5, 5, 6))
    first = dropped(one)
    np.testing.assert_array_equal(first, dropped(same))
    assert np.any(first != dropped(other))
    second = dropped(one)
    assert np.any(first != second)
    np.testing.assert_array_equal(second, dropped(same))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_ids_keep_their_type_and_size(dtype, policy):
    """A large id would not survive a way through half precision."""
    ids = keras.ops.convert_to_tensor(np.full((2, 3), 70_001), dtype)
    layer = WordDropout(0.5, unknown=70_003, seed=1, dtype=policy)
    for training in (False, True):
        found = layer(ids, training=training)
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        assert set(np.unique(found)) <= {70_001, 70_003}


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2])
def test_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        WordDropout(rate)


def test_configuration_makes_an_equal_layer():
    layer = WordDropout(0.25, unknown=9, padding=4, seed=8, name="mine")
    again = WordDropout.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(dropped(again), dropped(layer))


def test_in_a_model():
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, WordDropout(0.5, seed=1)(inputs))
    assert model.output.shape == (None, None)
    assert model.output.dtype == "int32"
    np.testing.assert_array_equal(model.predict(IDS, verbose=0), IDS)
    assert np.any(np.array(model(IDS, training=True)) != IDS)
