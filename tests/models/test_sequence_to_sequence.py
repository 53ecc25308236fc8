"""`sequence_to_sequence`: what each name stands for, where options go, and what is refused."""

import inspect

import keras
import numpy as np
import pytest
from layers.attending import array, randomise

from keras_seq import models
from keras_seq.models import ARCHITECTURES, sequence_to_sequence

SOURCE = np.array([[5, 7, 4, 6, 9], [8, 4, 0, 0, 0]])
TARGET = np.array([[2, 9, 8, 5, 3], [2, 7, 3, 0, 0]])
RECURRENT = {  # decoder, cell, both directions, reversed source
    "sutskever": ("SutskeverDecoder", "lstm", False, True),
    "cho": ("ChoDecoder", "gru", False, False),
    "bahdanau": ("BahdanauDecoder", "gru", True, False),
    "luong": ("LuongDecoder", "lstm", True, False),
}


def made(architecture, seed=0, **options):
    small = {"units": 8, "embedding_units": 6, "heads": 2, "dropout": 0.2, "label_smoothing": 0.0}
    return sequence_to_sequence(
        12, 10, architecture=architecture, seed=seed, **{**small, **options}
    )


def test_every_architecture_is_told_of():
    assert set(ARCHITECTURES) == {*RECURRENT, "transformer"}
    for name in ARCHITECTURES:
        assert f'"{name}"' in sequence_to_sequence.__doc__


@pytest.mark.parametrize("architecture", RECURRENT)
def test_recurrent_architectures(architecture):
    kind, cell, both, reverse = RECURRENT[architecture]
    model = made(architecture, layers=2)
    encoder, decoder = model.encoder, model.decoder
    assert type(decoder) is getattr(models, kind)
    assert (encoder.cell, decoder.cell) == (cell, cell)
    assert (encoder.bidirectional, encoder.reverse) == (both, reverse)
    assert (encoder.units, decoder.units) == (4 if both else 8, 8)
    for part in (encoder, decoder):
        assert (part.layers, part.embedding_units, part.dropout) == (2, 6, 0.2)
    assert (encoder.embedding.vocabulary_size, decoder.vocabulary_size) == (12, 10)
    # With both directions joined, what is looked at is as wide as the states that look.
    assert encoder(SOURCE).values.shape == (2, 5, 8)
    other = made(architecture, cell="min_gru", tied=False)
    assert (other.encoder.cell, other.decoder.cell, other.decoder.tied) == (
        "min_gru",
        "min_gru",
        False,
    )


def test_transformer():
    model = made("transformer", layers=2, hidden_units=5, tied=False)
    encoder, decoder = model.encoder, model.decoder
    assert type(encoder) is models.TransformerEncoder
    assert type(decoder) is models.TransformerDecoder
    for part in (encoder, decoder):
        config = part.get_config()
        wanted = {"units": 8, "layers": 2, "heads": 2, "hidden_units": 5, "dropout": 0.2}
        assert {name: config[name] for name in wanted} == wanted
    assert not decoder.tied


def test_options_reach_the_model_and_the_decoder():
    options = {"label_smoothing": 0.3, "scheduled_sampling": 0.4}
    model = sequence_to_sequence(9, 9, units=4, embedding_units=3, share_embeddings=True, **options)
    assert type(model.decoder) is models.BahdanauDecoder
    assert {name: getattr(model, name) for name in options} == options
    assert model.decoder.embedding is model.encoder.embedding
    assert made("bahdanau", coverage=True).decoder.coverage
    assert not made("luong", input_feeding=False).decoder.input_feeding
    defaults = inspect.signature(sequence_to_sequence).parameters
    assert model.decoder.dropout == defaults["dropout"].default == 0.3


def test_the_seed_is_that_of_all_dropout():
    """Two models of one seed draw the same; the parts of a model do not."""

    def outputs(seed, **options):
        model = made("bahdanau", seed=seed, dropout=0.5, **options)
        model.build()
        randomise(model, seed=3)
        data = {"source": keras.ops.array(SOURCE), "target": keras.ops.array(TARGET)}
        return [array(model(data, training=True)) for _ in range(2)]

    first, again, other = outputs(1), outputs(1), outputs(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(b, a)
    assert np.abs(first[0] - first[1]).max() > 1e-2
    assert np.abs(first[0] - other[0]).max() > 1e-2
    model = made("luong", layers=2)
    seeds = [drop.seed for drop in model.decoder.drops] + [model.decoder.seed, model.encoder.seed]
    seeds.append(model.seed)
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_is_saved_with_shared_vectors(architecture, tmp_path):
    model = sequence_to_sequence(
        11,
        11,
        architecture=architecture,
        units=4,
        embedding_units=3,
        heads=2,
        share_embeddings=True,
    )
    model.build()
    randomise(model, seed=5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.decoder.embedding is loaded.encoder.embedding
    assert loaded.count_params() == model.count_params()
    data = {"source": keras.ops.array(SOURCE), "target": keras.ops.array(TARGET)}
    expected = array(model(data))
    assert np.abs(expected[0, 0] - expected[0, 1]).max() > 1e-2
    np.testing.assert_allclose(array(loaded(data)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"architecture": "convolution"},
            "sutskever, cho, bahdanau, luong, transformer; got 'conv",
        ),
        ({"architecture": "bahdanau", "units": 7}, "half the units.*even; got 7"),
        ({"architecture": "cho", "cell": "lstn"}, "lstn"),
        ({"architecture": "cho", "layers": 0}, "at least one layer"),
        ({"architecture": "transformer", "heads": 3}, "3"),
        ({"architecture": "transformer", "cell": "lstm"}, "no cell, got cell='lstm'"),
        ({"architecture": "transformer", "hidden_units": 0}, "hidden_units must be at least 1"),
        ({"architecture": "bahdanau", "label_smoothing": 1.0}, "label_smoothing"),
        ({"architecture": "bahdanau", "share_embeddings": True}, "one vocabulary"),
    ],
)
def test_refused(options, words):
    with pytest.raises(ValueError, match=words):
        made(**options).build()


def test_odd_units_where_one_direction_is_enough():
    model = made("cho", units=7)
    assert model.encoder(SOURCE).values.shape == (2, 5, 7)
