"""`TransformerEncoder` and `TransformerDecoder`: the encoder's values, options, limits."""

import keras
import numpy as np
import pytest
from layers.attending import array, randomise

from keras_seq.models import TransformerDecoder, TransformerEncoder

from .by_oracle import expected_encoding, expected_logits
from .pairs import LENGTHS, SOURCE, SOURCES, TARGETS, TOKENS

OPTIONS = {
    "pre": {},
    "post": {"normalization": "post"},
    "learned": {"positions": "learned", "max_length": 9, "layers": 3},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
SMALL = {"units": 6, "layers": 1, "heads": 2, "dropout": 0.0}


def made(kind=TransformerEncoder, **options):
    return kind(SOURCES if kind is TransformerEncoder else TARGETS, **{**SMALL, **options})


def encoder(**options):
    model = made(**options)
    model(SOURCE)
    return randomise(model)


@each_option
def test_values_equal_the_oracle_row_by_row(options):
    model = encoder(**options)
    encoded = model(SOURCE)
    assert encoded.states == ()
    np.testing.assert_array_equal(encoded.mask, SOURCE != 0)
    wide = model(np.pad(SOURCE, ((0, 0), (0, 2)))).values
    for row, length in enumerate(LENGTHS):
        expected, _ = expected_encoding(model, SOURCE[row, :length])
        for values in (encoded.values, wide):
            np.testing.assert_allclose(array(values)[row, :length], expected, atol=1e-5)


@each_option
def test_the_order_of_the_source_counts(options):
    """Without positions an encoder would give the same values in another order."""
    model = encoder(**options)
    row = SOURCE[:1]
    turned = array(model(row[:, ::-1]).values)[:, ::-1]
    assert np.abs(turned - array(model(row).values)).max() > 0.01


def test_hidden_units_are_four_times_the_width_unless_given():
    for kind in (TransformerEncoder, TransformerDecoder):
        for given, width in ((None, 24), (5, 5)):
            model = made(kind, hidden_units=given)
            again = kind.from_config(model.get_config())
            for one in (model, again):
                assert one.blocks[0].feed_forward.hidden.units == width


def test_a_decoder_of_another_width_than_its_encoder():
    """The memory is 4 wide, the decoder 6: the attention to it projects."""
    source = TransformerEncoder(SOURCES, 4, layers=1, heads=2, dropout=0.0)
    decoder = made(TransformerDecoder, activation="relu")
    decoder(TOKENS, source(SOURCE))
    pair = randomise(source), randomise(decoder)
    logits = array(decoder(TOKENS, source(SOURCE)))
    for row, length in enumerate(LENGTHS):
        expected, _ = expected_logits(pair, SOURCE[row, :length], TOKENS[row])
        np.testing.assert_allclose(logits[row], expected, atol=2e-5)


def test_learned_positions_end():
    options = {"positions": "learned", "max_length": 6}
    source, decoder = made(**options), made(TransformerDecoder, **options)
    encoded = source(SOURCE)
    decoder(TOKENS, encoded)
    with pytest.raises(ValueError, match="max_length=6 positions; got 8 steps"):
        source(np.pad(SOURCE, ((0, 0), (0, 2))))
    with pytest.raises(ValueError, match="max_length=6 positions; got 8 steps"):
        decoder(np.pad(TOKENS, ((0, 0), (0, 3))), encoded)
    memory = decoder.prepare(encoded)
    decoder.initial_state(memory, 6)
    with pytest.raises(ValueError, match="6 positions, too few for 7 steps"):
        decoder.initial_state(memory, 7)
    made(TransformerDecoder)(TOKENS, encoded)  # sinusoids go on


@pytest.mark.parametrize("kind", [TransformerEncoder, TransformerDecoder])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": 0}, "at least one layer; got layers=0"),
        ({"positions": "rotary"}, "sinusoidal, learned; got 'rotary'"),
        ({"normalization": "middle"}, "pre, post; got 'middle'"),
        ({"heads": 0}, "heads must be at least 1; got 0"),
        ({"dropout": 1.0}, "1.0"),
    ],
    ids=str,
)
def test_bad_options_are_refused(kind, options, words):
    with pytest.raises(ValueError, match=words):
        made(kind, **options)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="4 heads do not divide values of width 6"):
        made(heads=4)(SOURCE)


def test_dropout_is_on_the_token_vectors_too():
    model = made(dropout=0.5, seed=1)
    plain = array(model(SOURCE).values)
    for block in model.blocks:
        for layer in block._flatten_layers():
            for name in ("dropout", "rate"):
                if hasattr(layer, name):
                    setattr(layer, name, 0.0)
    assert np.abs(array(model(SOURCE, training=True).values) - plain).max() > 0.01
    model.drop.rate = 0.0
    np.testing.assert_allclose(array(model(SOURCE, training=True).values), plain, atol=1e-6)
    assert keras.backend.standardize_dtype(model(SOURCE).values.dtype) == "float32"
