"""What the tests export: a model with every recurrent layer, a small one, and a tokenizer."""

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_seq import layers

WORDS = ["[PAD]", "[UNK]", "good", "bad", "film", "not"]
LABELS = ["negative", "positive"]
WIDE_LENGTH, WIDE_ROWS = 60, 2


class SpaceTokenizer(tf.Module):
    """The least a tokenizer can be: words between spaces."""

    def __init__(self):
        super().__init__()
        table = tf.lookup.KeyValueTensorInitializer(WORDS, tf.range(len(WORDS)))
        self.table = tf.lookup.StaticHashTable(table, 1)

    def __call__(self, texts):
        return self.table.lookup(tf.strings.split(texts))

    def pad(self, ragged):
        ids = ragged.to_tensor()
        return ids, tf.not_equal(ids, 0)

    def files(self):
        return {"vocabulary.txt": "\n".join(WORDS) + "\n", "tokenizer.json": "{}"}


def randomise(model, seed=1):
    """Fills every weight with other numbers: a zero bias would hide a lost one."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    return model


def make_classifier(seed=1):
    """Ids to two probabilities: no loop, so quick to convert."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(len(WORDS), 4)(ids)
    x = keras.layers.GlobalAveragePooling1D()(x)
    outputs = keras.layers.Dense(2, activation="softmax", name="probabilities")(x)
    return randomise(keras.Model(ids, outputs, name="classifier"), seed)


def make_zoo():
    """Every recurrent layer with a mask, as the outputs of one model."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    stack = layers.GRU(4, return_sequences=True)(x, mask=mask)
    outputs = {
        "lstm": layers.LSTM(5)(x, mask=mask),
        "gru": layers.GRU(5, return_sequences=True)(x, mask=mask),
        "simple_rnn": layers.SimpleRNN(5, go_backwards=True)(x, mask=mask),
        "bidirectional": layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x, mask=mask),
        "stack": layers.LSTM(4)(stack, mask=mask),
        "unmasked": layers.LSTM(3, return_sequences=True)(x),
    }
    return randomise(keras.Model(ids, outputs, name="zoo"))


def padded_ids(rows, length, size=30, seed=0):
    """Ids with rows of several lengths, padded with 0 on the right."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, size, (rows, length)).astype("int32")
    lengths = rng.integers(1, length + 1, (rows, 1))
    return np.where(np.arange(length) < lengths, ids, 0).astype("int32")


def interpreted(path, resolver=OpResolverType.AUTO, signature="serving_default"):
    """A signature of a .tflite as a function; the interpreter is one for all its calls."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    return interpreter.get_signature_runner(signature)


def make_wide():
    """Two wide layers and a narrow one, over ids with a mask and over floats."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    frames = keras.Input((None, 3), name="frames")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(500, 16)(ids)
    wide = layers.LSTM(72, return_sequences=True, name="wide")(x, mask=mask)
    outputs = {
        "wide": wide,
        "narrow": layers.GRU(12, return_sequences=True, name="narrow")(frames),
        "last": keras.layers.Dense(3)(layers.SimpleRNN(66, name="last")(wide)),
    }
    model = keras.Model([ids, frames], outputs)
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        scale = 1.5 / np.sqrt(weight.shape[0]) if len(weight.shape) == 2 else 0.3
        weight.assign(rng.normal(scale=scale, size=weight.shape))
    return model


def wide_batches(count, rows=WIDE_ROWS, seed=0):
    """Inputs of the wide model, the ids padded on the right."""
    rng = np.random.default_rng(seed)
    return [
        {
            "ids": padded_ids(rows, WIDE_LENGTH, 500, seed=seed + n),
            "frames": rng.normal(size=(rows, WIDE_LENGTH, 3)).astype("float32"),
        }
        for n in range(count)
    ]
