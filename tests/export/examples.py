"""What the tests export: a model with every recurrent layer, a small one, and a tokenizer."""

import keras
import numpy as np
import tensorflow as tf

from keras_seq import layers

WORDS = ["[PAD]", "[UNK]", "good", "bad", "film", "not"]
LABELS = ["negative", "positive"]


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
