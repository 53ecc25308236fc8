"""Tiny models that write sequences; under their random weights some end early and some late."""

import json

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_seq import models
from keras_seq.decoding import Beam, Greedy
from keras_seq.export import read_files

from .examples import padded_ids

SOURCES, TARGETS, LENGTH = 30, 20, 7
END = 3


def _recurrent(cell, **options):
    return models.RecurrentEncoder(SOURCES, 6, cell=cell, embedding_units=5, **options)


def _bahdanau():
    decoder = models.BahdanauDecoder(TARGETS, 7, embedding_units=5)
    return _recurrent("gru", bidirectional=True), decoder


def _luong():
    return _recurrent("lstm"), models.LuongDecoder(TARGETS, 6, embedding_units=5)


def _cho():
    return _recurrent("gru"), models.ChoDecoder(TARGETS, 7, embedding_units=5)


def _sutskever():
    encoder = _recurrent("lstm", layers=2, reverse=True)
    return encoder, models.SutskeverDecoder(TARGETS, 6, layers=2, embedding_units=5)


def _transformer():
    options = {"layers": 2, "heads": 2, "dropout": 0.0}
    encoder = models.TransformerEncoder(SOURCES, 8, **options)
    return encoder, models.TransformerDecoder(TARGETS, 8, **options)


# By name: the parts, a seed and a size of the weights, and what is added to the logit of the end.
_MADE = {
    "bahdanau": (_bahdanau, 3, 0.9, 1.4),
    "luong": (_luong, 2, 1.2, 2.1),
    "cho": (_cho, 4, 0.4, 0.0),
    "sutskever": (_sutskever, 2, 1.2, 0.7),
    "transformer": (_transformer, 1, 0.8, 1.4),
}
NAMES = tuple(_MADE)
SEARCHES = {"greedy": Greedy(), "beam": Beam(4, 2, length_penalty=0.6)}


def translator(name):
    """The model of a name."""
    parts, seed, scale, to_end = _MADE[name]
    return randomised(models.Seq2Seq(*parts(), name=name), seed, scale, to_end)


def randomised(model, seed, scale, to_end):
    """The model with random weights of that size, and so much more for the end."""
    model.build()
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        size = scale if len(weight.shape) > 1 else 0.2  # what is read decides, not the bias
        weight.assign(rng.normal(scale=size, size=weight.shape))
    bias = model.decoder.bias.numpy()
    bias[END] += to_end
    model.decoder.bias.assign(bias)
    return model


def decoder(model, search, **options):
    """`model.decode` for sources of any size, as a graph: eagerly each step takes as long."""
    ids = tf.TensorSpec((None, None), "int32")
    return tf.function(
        lambda source: model.decode(source, search, max_length=LENGTH, **options),
        input_signature=[ids],
    )


def sources(rows, length, seed=0):
    """Source ids, some rows of which end early."""
    return padded_ids(rows, length, SOURCES, seed)


def greedy_outside(path, source):
    """Greedy search as an app would write it, over `encode` and `decode_step` of a file.

    Returns:
        The tokens of each row, up to the end and with it.
    """
    rules = json.loads(read_files(path)["decoding.json"])
    interpreter = Interpreter(str(path))
    encode, step = map(interpreter.get_signature_runner, ("encode", "decode_step"))
    carried = encode(source=source)
    tokens = np.full(len(source), rules["start"], "int32")
    rows = [[] for _ in source]
    for _ in range(rules["max_length"]):
        found = step(token=tokens, **carried)
        carried |= {name: found[name] for name in carried if name in found}
        logits = found["logits"]
        logits[:, rules["forbidden"]] = -np.inf
        tokens = logits.argmax(axis=1).astype("int32")
        for row, token in zip(rows, tokens, strict=True):
            if rules["end"] not in row:
                row.append(int(token))
    return rows
