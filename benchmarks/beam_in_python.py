"""The peer of the search in the graph: a beam kept in NumPy around one compiled step.

What is written where no search is at hand: two compiled functions, one that reads the source and
one that makes a step of all hypotheses of all rows, and a loop of Python between. It is written
well: the step reorders the states itself and gives the likeliest continuations only, so that
neither states nor logits are copied to NumPy, and is traced for all lengths once. It finds what
`keras_seq.decoding.Beam` finds, by the same rules.
"""

import keras
import numpy as np
import tensorflow as tf

from keras_seq.decoding import repeat_rows
from keras_seq.models import Seq2Seq

IMPOSSIBLE = np.float32(-1e9)
PADDING = 0


class BeamInPython:
    """A beam search over a model, with its bookkeeping in NumPy.

    Args:
        model: The model.
        width: How many hypotheses are followed for each row.
        length_penalty: As that of `Beam`.
        max_length: The most tokens of a target.
    """

    def __init__(self, model: Seq2Seq, *, width: int, length_penalty: float, max_length: int):
        self.width, self.length_penalty, self.max_length = width, length_penalty, max_length
        self.start, self.end = model.start, model.end

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
        def read(ids):
            memory = model.decoder.prepare(model.encoder(ids))
            state = model.decoder.initial_state(memory, max_length)
            return repeat_rows(memory, width), repeat_rows(state, width)

        # Relaxed: sizes that differ between two calls are unknown ones in the graph from then on.
        @tf.function(reduce_retracing=True, autograph=False)
        def step(tokens, rows, state, memory):
            state = keras.tree.map_structure(lambda leaf: tf.gather(leaf, rows), state)
            logits, state = model.decoder.step(tokens, state, memory)
            ids = tf.range(tf.shape(logits)[1])
            forbidden = (ids == PADDING) | (ids == model.start)
            logp = tf.nn.log_softmax(tf.where(forbidden, IMPOSSIBLE, logits))
            return *tf.math.top_k(logp, 2 * width), state

        self._read, self._step = read, step

    def __call__(self, ids: tf.Tensor) -> np.ndarray:
        """The best sequence of each row, (B, L), padded behind its end."""
        count, width, length = ids.shape[0], self.width, self.max_length
        memory, state = self._read(ids)
        first_of_row = np.arange(count, dtype="int32")[:, np.newaxis] * width
        live = np.full((count, width), IMPOSSIBLE)
        live[:, 0] = 0.0
        texts = np.zeros((count, width, length), "int32")
        ended, ended_texts = np.full((count, width), IMPOSSIBLE), texts.copy()
        last = np.full(count * width, self.start, "int32")
        parents = np.tile(np.arange(width, dtype="int32"), (count, 1))
        for t in range(length):
            rows = (first_of_row + parents).reshape(-1)
            logp, tokens, state = self._step(tf.constant(last), tf.constant(rows), state, memory)
            shape = (count, width, 2 * width)
            total = np.maximum(live[..., np.newaxis] + logp.numpy().reshape(shape), IMPOSSIBLE)
            total = total.reshape(count, -1)
            places = _best(total, 2 * width)
            total = np.take_along_axis(total, places, 1)
            tokens = np.take_along_axis(tokens.numpy().reshape(count, -1), places, 1)
            parents = places // (2 * width)
            grown = np.take_along_axis(texts, parents[..., np.newaxis], 1)
            grown[:, :, t] = tokens

            ends = tokens == self.end
            likely = ends & (np.arange(2 * width) < width)  # ends count in the better half alone
            scores = np.where(likely, self._scores(total, t + 1), IMPOSSIBLE)
            ended = np.concatenate([ended, scores], 1)
            ended_texts = np.concatenate([ended_texts, grown], 1)
            kept = _best(ended, width)
            ended = np.take_along_axis(ended, kept, 1)
            ended_texts = np.take_along_axis(ended_texts, kept[..., np.newaxis], 1)

            total = np.where(ends, IMPOSSIBLE, total)
            alive = _best(total, width)
            live = np.take_along_axis(total, alive, 1)
            texts = np.take_along_axis(grown, alive[..., np.newaxis], 1)
            parents = np.take_along_axis(parents, alive, 1).astype("int32")
            last = np.take_along_axis(tokens, alive, 1).reshape(-1)
            if not (self._scores(live[:, 0], length) > ended[:, 0]).any():
                break  # no live hypothesis can still become the best
        some_ended = ended[:, :1] > IMPOSSIBLE / 2
        return np.where(some_ended, ended_texts[:, 0], texts[:, 0])

    def _scores(self, logp: np.ndarray, length: int) -> np.ndarray:
        penalty = np.float32(((5.0 + length) / 6.0) ** self.length_penalty)
        return np.where(logp > IMPOSSIBLE / 2, logp / penalty, IMPOSSIBLE)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """The places of the highest scores of each row, of equals the first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]
