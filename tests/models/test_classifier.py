"""`sequence_classifier`: probabilities, padding, every option, seeds, saving, learning."""

import keras
import numpy as np
import pytest

from keras_seq.models import sequence_classifier

CELLS = ("simple_rnn", "lstm", "gru")
POOLINGS = ("max", "mean", "max+mean", "last")
V = 20
IDS = np.random.default_rng(2).integers(1, V, size=(5, 7))
for _row, _length in enumerate((7, 5, 3, 1, 0)):
    IDS[_row, _length:] = 0


def small(**options):
    keras.utils.set_random_seed(3)
    options = {"cell": "gru", "units": 4, "embedding_units": 6, **options}
    return sequence_classifier(V, options.pop("classes", 3), **options)


def probabilities(model, ids=IDS, **call):
    return keras.ops.convert_to_numpy(model(ids, **call))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_and_padding(cell, pooling, bidirectional):
    """They sum to one, and more padding changes nothing: with every cell and pooling."""
    model = small(cell=cell, pooling=pooling, bidirectional=bidirectional, layers=2)
    found = probabilities(model)
    assert found.shape == (5, 3)
    assert found.min() > 0
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-6
    wider = np.pad(IDS, ((0, 0), (0, 4)))
    np.testing.assert_allclose(probabilities(model, wider), found, atol=1e-6)
    # A row alone, without padding, is the same row in its batch.
    for row, length in ((1, 5), (3, 1)):
        alone = probabilities(model, IDS[row : row + 1, :length])
        np.testing.assert_allclose(alone[0], found[row], atol=1e-6)


def test_words_of_padding_do_not_matter_to_what_comes_before():
    """The embedding of id 0 may be anything."""
    model = small(layers=2)
    expected = probabilities(model)
    embedding = model.get_layer("embedding")
    table = embedding.get_weights()[0]
    table[0] = 50.0
    embedding.set_weights([table])
    np.testing.assert_allclose(probabilities(model), expected, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_hot_equals_an_identity_embedding(pooling):
    one_hot = small(embedding_units=0, pooling=pooling)
    embedded = small(embedding_units=V, pooling=pooling)
    assert len(embedded.weights) == len(one_hot.weights) + 1
    embedded.set_weights([np.eye(V), *one_hot.get_weights()])
    np.testing.assert_allclose(probabilities(embedded), probabilities(one_hot), atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_number_of_weights(layers, bidirectional):
    """GRU, reset after: 3 * (F*U + U*U + 2*U) each way; the second layer reads both ways."""
    ways, u = 2 if bidirectional else 1, 4
    recurrent = sum(ways * 3 * (f * u + u * u + 2 * u) for f in [6, *[ways * u] * (layers - 1)])
    for pooling, parts in (("max", 1), ("max+mean", 2), ("last", 1)):
        model = small(layers=layers, bidirectional=bidirectional, pooling=pooling)
        dense = (parts * ways * u + 1) * 3
        assert model.count_params() == V * 6 + recurrent + dense


def test_poolings_are_what_they_are_called():
    """The four heads over the same states, computed again in NumPy."""
    base = small(pooling="last", bidirectional=False)
    states = small(pooling="max", bidirectional=False)
    states.set_weights(base.get_weights())
    recurrent = next(layer for layer in states.layers if layer.name.startswith("gru"))
    sequences = keras.Model(states.input, recurrent.output)(IDS)
    h, (kernel, bias) = np.array(sequences), base.get_layer("probabilities").get_weights()
    for row, length in enumerate((7, 5, 3, 1)):
        real = h[row, :length]
        pools = {"max": real.max(0), "mean": real.mean(0), "last": real[-1]}
        for pooling, pooled in pools.items():
            model = small(pooling=pooling, bidirectional=False)
            model.set_weights(base.get_weights())
            logits = pooled @ kernel + bias
            expected = np.exp(logits) / np.exp(logits).sum()
            np.testing.assert_allclose(probabilities(model)[row], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "transformer"}, "There is no recurrent layer 'transformer'"),
        ({"pooling": "median"}, "pooling must be one of max, mean"),
        ({"classes": 1}, "classes >= 2"),
        ({"layers": 0}, "layers >= 1"),
        ({"embedding_units": -1}, "embedding_units >= 0"),
        ({"units": 0}, "units must be a positive integer"),
        ({"dropout": 1.5}, "1.5"),
        ({"embedding_dropout": -0.5}, "-0.5"),
        ({"word_dropout": 1.0}, r"rate must be in \[0, 1\)"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_bad_vocabulary_is_refused():
    with pytest.raises(ValueError, match="vocabulary_size >= 3"):
        sequence_classifier(2, 2)


DROPOUTS = {
    "dropout": {"dropout": 0.5, "embedding_dropout": 0.0},
    "embedding_dropout": {"dropout": 0.0, "embedding_dropout": 0.5},
    "word_dropout": {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.5},
    "all": {"dropout": 0.3, "embedding_dropout": 0.3, "word_dropout": 0.3, "layers": 2},
}


@pytest.mark.parametrize("options", DROPOUTS.values(), ids=DROPOUTS)
def test_seed_decides_every_dropout(options):
    def trained(seed):
        model = small(**options, seed=seed)
        return [probabilities(model, training=True) for _ in range(2)]

    first, again, other = trained(1), trained(1), trained(2)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first[0], first[1], atol=1e-3), "each call draws anew"
    assert not np.allclose(first, other, atol=1e-3), "another seed, other draws"


def test_each_dropout_has_a_seed_of_its_own():
    model = small(**DROPOUTS["all"], seed=4)
    seeds = [layer.seed for layer in model.layers if getattr(layer, "seed", None) is not None]
    assert len(seeds) == len(set(seeds)) == 4


def test_inference_drops_nothing():
    model, without = small(**DROPOUTS["all"]), small(dropout=0, embedding_dropout=0, layers=2)
    without.set_weights(model.get_weights())
    np.testing.assert_allclose(probabilities(model), probabilities(without), atol=1e-6)


def test_half_precision_gives_probabilities_in_float32():
    kept = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = small(layers=2, pooling="max+mean")
    finally:
        keras.config.set_dtype_policy(kept)
    found = probabilities(model)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    full = small(layers=2, pooling="max+mean")
    full.set_weights(model.get_weights())
    np.testing.assert_allclose(found, probabilities(full), atol=0.02)


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    models = {
        "gru": small(word_dropout=0.2, seed=1),
        "lstm": small(cell="lstm", layers=2, pooling="max+mean"),
        "one_hot": small(cell="simple_rnn", embedding_units=0, bidirectional=False, pooling="last"),
    }
    found = predict_in_fresh_process(models, dict.fromkeys(models, IDS))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], probabilities(model), atol=1e-6, err_msg=name)


def test_configuration_makes_an_equal_model():
    model = small(word_dropout=0.2, layers=2, name="mine")
    again = keras.Model.from_config(model.get_config())
    assert again.name == "mine"
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(probabilities(again), probabilities(model))
    assert again.input.dtype == "int32"
    assert again.input.shape == (None, None)


@pytest.mark.long
def test_overfits_one_small_batch():
    model = small(units=8, dropout=0, embedding_dropout=0, seed=1)
    labels = np.array([0, 2, 1, 2, 0])
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    data = np.repeat(IDS, 20, axis=0), np.repeat(labels, 20)
    model.fit(*data, batch_size=5 * 4, epochs=15, verbose=0)
    assert model.evaluate(IDS, labels, verbose=0) < 0.05
