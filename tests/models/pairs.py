"""What the tests of encoders and decoders share: ids, and every kind of pair."""

import keras
import numpy as np
from layers.attending import array, randomise

from keras_seq.models import (
    BahdanauDecoder,
    ChoDecoder,
    LuongDecoder,
    RecurrentEncoder,
    ShowAttendTellDecoder,
    SutskeverDecoder,
    TransformerDecoder,
    TransformerEncoder,
)

SOURCES, TARGETS, U, E = 12, 10, 4, 3  # ids, and the widths of states and of token vectors
LENGTHS, STEPS = (6, 3, 1, 5), 5


def _ids():
    random = np.random.default_rng(5)
    source = random.integers(4, SOURCES, (len(LENGTHS), max(LENGTHS)))
    for row, length in enumerate(LENGTHS):
        source[row, length:] = 0
    tokens = random.integers(4, TARGETS, (len(LENGTHS), STEPS))
    tokens[:, 0] = 2
    return source.astype("int32"), tokens.astype("int32")


SOURCE, TOKENS = _ids()


def _recurrent(decoder, encoder, decoder_options):
    def pair(**more):
        made = RecurrentEncoder(SOURCES, U, embedding_units=E, **encoder, **more)
        return made, decoder(TARGETS, U, embedding_units=E, **decoder_options, **more)

    return pair


def _transformers(**options):
    def pair(**more):
        shared = {"layers": 2, "heads": 2, "hidden_units": 7, "dropout": 0.0, **options, **more}
        both = {name: value for name, value in shared.items() if name != "tied"}
        return TransformerEncoder(SOURCES, 6, **both), TransformerDecoder(TARGETS, 6, **shared)

    return pair


def _mixed(decoder, **options):
    def pair(**more):
        encoder = TransformerEncoder(SOURCES, 6, layers=1, heads=2, **{"dropout": 0.0, **more})
        return encoder, decoder(TARGETS, U, embedding_units=E, **options, **more)

    return pair


BOTH_WAYS = {"bidirectional": True}
LSTM, PEEPHOLES = {"cell": "lstm"}, {"cell": "peephole_lstm"}
# Each makes an encoder and a decoder; options that both have, such as dtype, may be given.
PAIRS = {
    "bahdanau": _recurrent(BahdanauDecoder, BOTH_WAYS, {"attention_units": 5}),
    "bahdanau_coverage": _recurrent(
        BahdanauDecoder, {**LSTM, "layers": 2}, {**LSTM, "layers": 2, "coverage": True}
    ),
    "bahdanau_peepholes": _recurrent(
        BahdanauDecoder, {**PEEPHOLES, **BOTH_WAYS}, {**PEEPHOLES, "tied": False}
    ),
    "luong": _recurrent(LuongDecoder, {**LSTM, "layers": 2}, {"layers": 2, "bridge": "copy"}),
    "luong_dot": _recurrent(LuongDecoder, {}, {"cell": "gru", "score": "dot", "tied": False}),
    "luong_at_once": _recurrent(
        LuongDecoder,
        {**PEEPHOLES, **BOTH_WAYS},
        {**PEEPHOLES, "layers": 2, "score": "concat", "input_feeding": False},
    ),
    "luong_monotonic": _recurrent(
        LuongDecoder, BOTH_WAYS, {"window": "monotonic", "half_width": 1}
    ),
    "luong_monotonic_at_once": _recurrent(
        LuongDecoder, {}, {"window": "monotonic", "half_width": 1, "input_feeding": False}
    ),
    "luong_predictive": _recurrent(
        LuongDecoder, {"layers": 2}, {"cell": "gru", "window": "predictive", "half_width": 2}
    ),
    "cho": _recurrent(ChoDecoder, {}, {}),
    "cho_peepholes": _recurrent(
        ChoDecoder, {**LSTM, **BOTH_WAYS, "layers": 2}, {**PEEPHOLES, "layers": 2, "tied": False}
    ),
    "show_attend_tell": _recurrent(
        ShowAttendTellDecoder, {**LSTM, **BOTH_WAYS}, {"attention_units": 5}
    ),
    "show_attend_tell_layers": _recurrent(
        ShowAttendTellDecoder, {}, {"cell": "gru", "layers": 2, "tied": False}
    ),
    "sutskever": _recurrent(
        SutskeverDecoder, {**LSTM, "layers": 2, "reverse": True}, {"layers": 2}
    ),
    "sutskever_bridged": _recurrent(
        SutskeverDecoder, BOTH_WAYS, {"layers": 2, "bridge": "dense", "tied": False}
    ),
    "transformer": _transformers(),
    "transformer_post": _transformers(normalization="post", positions="learned", tied=False),
    "bahdanau_on_transformer": _mixed(BahdanauDecoder, **LSTM),
    "cho_on_transformer": _mixed(ChoDecoder, layers=2),
}
# One of each decoder, for what does not hang on options.
DECODERS = ("bahdanau", "luong", "cho", "show_attend_tell", "sutskever", "transformer")


def made(name, scale=0.5, **options):
    """The pair, built, with random weights."""
    encoder, decoder = PAIRS[name](**options)
    decoder(TOKENS, encoder(SOURCE))
    randomise(encoder, seed=1, scale=scale)
    randomise(decoder, seed=2, scale=scale)
    return encoder, decoder


def encoded_by(encoder, source=SOURCE, **call):
    """What it gives, without the masks that Keras hangs on tensors: these must not be needed."""
    return keras.tree.map_structure(keras.ops.copy, encoder(source, **call))


def logits_of(pair, source=SOURCE, tokens=TOKENS, **call):
    """Of a known target, as float64 NumPy."""
    encoder, decoder = pair
    return array(decoder(tokens, encoded_by(encoder, source, **call), **call))


def stepped(pair, source=SOURCE, tokens=TOKENS):
    """Logits (B, T, V) and attention weights (B, T, S), or None, by a loop over `step`."""
    encoder, decoder = pair
    memory = decoder.prepare(encoded_by(encoder, source))
    state, logits, looks = decoder.initial_state(memory, tokens.shape[1]), [], []
    for t in range(tokens.shape[1]):
        structure = keras.tree.map_structure(lambda x: (x.shape, x.dtype), state)
        found, state = decoder.step(keras.ops.convert_to_tensor(tokens[:, t]), state, memory)
        assert keras.tree.map_structure(lambda x: (x.shape, x.dtype), state) == structure
        logits.append(array(found))
        looks.append(state.get("attention"))
    found = None if looks[0] is None else np.stack([array(look) for look in looks], 1)
    return np.stack(logits, 1), found
