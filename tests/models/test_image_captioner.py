"""Models from images to captions: both decoders, searches, saving; the penalty on attention."""

import keras
import numpy as np
import pytest
from keras import ops
from layers.attending import array, randomise

from keras_seq.decoding import Beam
from keras_seq.models import (
    FeatureEncoder,
    RecurrentEncoder,
    Seq2Seq,
    ShowAttendTellDecoder,
    SmallImageEncoder,
    SutskeverDecoder,
    image_captioner,
)

VOCABULARY, LENGTH = 12, 6
RANDOM = np.random.default_rng(2)
# A colour in each quarter: noise would be much the same in all.
IMAGES = RANDOM.integers(0, 256, (5, 2, 2, 3)).repeat(4, 1).repeat(4, 2).astype("uint8")
TARGETS = RANDOM.integers(4, VOCABULARY, (5, 6)).astype("int32")
TARGETS[:, 0] = 2
for _row, _length in enumerate((6, 4, 3, 6, 2)):
    TARGETS[_row, _length - 1] = 3
    TARGETS[_row, _length:] = 0
SIZES = {"units": 7, "embedding_units": 5, "dropout": 0.0}


def captioner(decoder="attention", **options):
    encoder = SmallImageEncoder((8, 8, 3), 6, filters=(4, 5, 6))
    model = image_captioner(VOCABULARY, encoder, decoder=decoder, **{**SIZES, **options})
    model.build()
    return randomise(model, scale=0.7)


@pytest.mark.parametrize("decoder", ["attention", "initial_state"])
def test_captions_depend_on_the_image_and_models_are_saved(decoder, tmp_path):
    model = captioner(decoder)
    inputs = {"source": IMAGES, "target": TARGETS}
    logits = array(model(inputs))
    assert logits.shape == (5, 5, VOCABULARY)
    other = array(model({**inputs, "source": IMAGES[::-1]}))
    assert np.abs(logits - other)[[0, 1, 3, 4]].max((1, 2)).min() > 1e-3
    found = model.decode(IMAGES, Beam(3), max_length=LENGTH)
    assert len({tuple(row) for row in np.asarray(found.tokens)[:, 0]}) > 1
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.encoder.grid == (2, 2)
    np.testing.assert_allclose(loaded(inputs), logits, atol=1e-6)
    again = loaded.decode(IMAGES, Beam(3), max_length=LENGTH)
    np.testing.assert_array_equal(again.tokens, found.tokens)


def test_attention_is_over_the_places_of_the_image():
    found = captioner().decode(IMAGES, max_length=LENGTH, with_attention=True)
    weights, lengths = array(found.attention)[:, 0], np.asarray(found.lengths)[:, 0]
    assert weights.shape == (5, LENGTH, 4)
    real = np.arange(LENGTH) < lengths[:, None]
    np.testing.assert_allclose(weights.sum(-1), real, atol=1e-5)
    with pytest.raises(ValueError, match="look"):
        captioner("initial_state").decode(IMAGES, max_length=LENGTH, with_attention=True)


@pytest.mark.long
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="fits, which takes minutes elsewhere"
)
def test_what_the_images_say_is_learned():
    """Captions that nothing but the image tells."""
    encoder = SmallImageEncoder((8, 8, 3), 8, filters=(8, 8, 8))
    model = image_captioner(VOCABULARY, encoder, units=16, embedding_units=8, dropout=0.0, seed=1)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(IMAGES, TARGETS, batch_size=5, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.05 < 1 < history["loss"][0]
    tokens = np.asarray(model.decode(IMAGES, max_length=5).tokens)[:, 0]
    np.testing.assert_array_equal(tokens, TARGETS[:, 1:])


def penalised(penalty, kind=ShowAttendTellDecoder, **options):
    """A model on features of 2 × 3 places, with the same weights whatever the penalty."""
    decoder = kind(VOCABULARY, 7, embedding_units=5, attention_penalty=penalty)
    model = Seq2Seq(FeatureEncoder((2, 3, 4), 6), decoder, **options)
    model.build()
    return randomise(model, scale=0.8)


FEATURES = RANDOM.normal(size=(5, 2, 3, 4))


def unevenness(model, tokens):
    """Step by step: the weights of every token that is read, the end and padding left out."""
    decoder = model.decoder
    memory = decoder.prepare(model.encoder(FEATURES))
    state, looked = decoder.initial_state(memory, 5), np.zeros((5, 6))
    for token in tokens.T:
        _, state = decoder.step(ops.convert_to_tensor(token), state, memory)
        looked += array(state["attention"]) * np.isin(token, (0, 3), invert=True)[:, None]
    return np.mean(np.sum((1 - looked) ** 2, axis=1))


def test_the_penalty_is_how_unevenly_places_are_looked_at():
    model, inputs = penalised(0.7), {"source": FEATURES, "target": TARGETS}
    logits = model(inputs, training=True)
    np.testing.assert_allclose(logits, penalised(0.0)(inputs, training=True), atol=1e-5)
    (found,) = model.losses
    expected = 0.7 * unevenness(model, TARGETS[:, :-1])
    assert float(found) == pytest.approx(expected, rel=1e-5)
    loss = float(model.compute_loss(inputs, y_pred=logits))
    plain = penalised(0.0)
    without = float(plain.compute_loss(inputs, y_pred=plain(inputs, training=True)))
    assert loss == pytest.approx(without + expected, rel=1e-5)
    model(inputs)
    assert not model.losses  # of training alone
    again = Seq2Seq.from_config(model.get_config())
    assert again.decoder.attention_penalty == 0.7


def test_the_penalty_counts_once_where_tokens_are_drawn():
    """It is that of the tokens that were read in the end, some of which the model has drawn."""
    read = []

    class Recording(ShowAttendTellDecoder):
        def call(self, tokens, encoded, training=False):
            read.append(tokens)
            return super().call(tokens, encoded, training)

    model = penalised(0.7, Recording, scheduled_sampling=0.5, seed=3)
    model({"source": FEATURES, "target": TARGETS}, training=True)
    (found,) = model.losses
    tokens = ops.convert_to_numpy(read[-1])
    assert np.any(tokens != TARGETS[:, :-1])
    assert float(found) == pytest.approx(0.7 * unevenness(model, tokens), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: captioner("transformer"), "decoder must be one of attention, initial_state"),
        (lambda: captioner("initial_state", attention_penalty=0.1), "does not look"),
        (lambda: captioner(attention_penalty=-1.0), "attention_penalty must be at least 0; got -1"),
        (lambda: captioner(layers=0), "at least one layer"),
        (lambda: captioner(cell="lstn"), "lstn"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_penalty_needs_a_known_number_of_places():
    encoder = RecurrentEncoder(9, 4, embedding_units=3)
    decoder = ShowAttendTellDecoder(VOCABULARY, 7, attention_penalty=0.1)
    with pytest.raises(ValueError, match="how many places"):
        Seq2Seq(encoder, decoder).build()


def test_the_end_is_that_of_the_decoder():
    encoder, decoder = FeatureEncoder((2, 3, 4), 6), ShowAttendTellDecoder(VOCABULARY, 7, end=5)
    for options in ({}, {"end": 4}):
        words = f"was made with end=5, the model with end={options.get('end', 3)}: give both"
        with pytest.raises(ValueError, match=words):
            Seq2Seq(encoder, decoder, **options)
    model = Seq2Seq(encoder, decoder, end=5)
    assert (model.end, model.get_config()["decoder"]["config"]["end"]) == (5, 5)


def test_the_kinds_of_decoders():
    assert isinstance(captioner().decoder, ShowAttendTellDecoder)
    assert isinstance(captioner("initial_state").decoder, SutskeverDecoder)
