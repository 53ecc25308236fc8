"""The oracle's network as a step in keras.ops."""

import numpy as np
from keras import ops

from keras_seq.decoding import repeat_rows

START, END = 1, 2


class Translator:
    """A step over the network of `oracle.search`, for its rows or for those that are given."""

    def __init__(self, network):
        self.network = network
        names = ("embedding", "recurrent", "context", "output")
        self.weights = {n: ops.convert_to_tensor(getattr(network, n), "float32") for n in names}

    def given(self, rows=slice(None)):
        """First states, memory and mask, as arrays by name."""
        names = ("first", "memory", "mask")
        found = {name: getattr(self.network, name)[rows] for name in names}
        return {k: v if v.dtype == bool else v.astype("float32") for k, v in found.items()}

    def search(self, search, given=None, **task):
        """Runs a search; the network's start and end unless others are given."""
        given = {k: ops.convert_to_tensor(v) for k, v in (given or self.given()).items()}
        memory, mask = repeat_rows((given["memory"], given["mask"]), search.width)
        weights = self.weights
        self.steps = 0  # counted where nothing is traced

        def step(tokens, state):
            self.steps += 1
            (h,) = state["h"]
            fit = ops.squeeze(ops.matmul(memory, ops.expand_dims(h, -1)), -1)
            attention = ops.softmax(ops.where(mask, fit, -1e9))
            context = ops.squeeze(ops.matmul(ops.expand_dims(attention, 1), memory), 1)
            x = ops.take(weights["embedding"], tokens, axis=0)
            x = x + ops.matmul(h, weights["recurrent"]) + ops.matmul(context, weights["context"])
            h = ops.tanh(x)
            return ops.matmul(h, weights["output"]), {"h": (h,), "attention": attention}

        state = {"h": (given["first"],), "attention": ops.zeros_like(given["memory"][:, :, 0])}
        task = {"start": START, "end": END, "source_mask": given["mask"], **task}
        return search(step, state, **task)


def rows_of(found):
    """Of each row the list of (tokens up to and with the end, score), as far as there are any."""
    tokens, scores, lengths = (ops.convert_to_numpy(x) for x in found[:3])
    return [
        [(t[:n].tolist(), float(s)) for t, s, n in zip(*row, strict=True) if n]
        for row in zip(tokens, scores, lengths, strict=True)
    ]


def assert_same(found, expected, tolerance=2e-5):
    """Rows of (tokens, score): the same tokens in the same order, and close scores."""
    for row, right in zip(rows_of(found), expected, strict=True):
        assert [tokens for tokens, _ in row] == [tokens for tokens, _ in right]
        np.testing.assert_allclose(
            [score for _, score in row], [score for _, score in right], rtol=1e-5, atol=tolerance
        )
