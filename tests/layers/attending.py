"""What the tests of attention share: random weights and inputs, and layers with their oracles."""

from functools import partial

import keras
import numpy as np
from oracle import attention as oracle

from keras_seq import layers

B, T, S, U, D = 4, 3, 5, 4, 6
HALF_WIDTH = 1
MASKS = {
    "none": None,
    "right": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 0]],
    "scattered": [[0, 1, 0, 1, 1], [1, 0, 0, 0, 1], [0, 0, 0, 1, 0], [1, 1, 0, 1, 1]],
    "empty_row": [[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1]],
}
MASKS = {name: None if m is None else np.array(m, bool) for name, m in MASKS.items()}


def randomise(layer, seed=1, scale=0.8):
    """Fills every weight with other numbers: a zero bias would hide a lost one."""
    random = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(scale=scale, size=weight.shape))
    return layer


def normal(*shape, seed=2):
    return np.random.default_rng(seed).normal(size=shape)


def array(x):
    """As float64 or boolean NumPy."""
    x = np.asarray(keras.ops.convert_to_tensor(x))
    return x if x.dtype == bool else x.astype("float64")


def kernel(dense):
    return array(dense.kernel)


def _of_bahdanau(layer, queries, values, mask, start):
    bias = array(layer.query_projection.bias) if layer.use_bias else 0.0
    weights = (kernel(layer.query_projection), kernel(layer.key_projection))

    def score(q, h, _):
        return oracle.additive(q, h, *weights, kernel(layer.score_vector)[:, 0], bias)

    return oracle.attend(score, queries, values, mask)


def _of_luong(layer, queries, values, mask, start):
    if layer.score == "dot":
        score = oracle.dot
    elif layer.score == "general":
        score = partial(oracle.general, weight=kernel(layer.query_projection))
    else:
        weight = np.vstack([kernel(layer.query_projection), kernel(layer.key_projection)])
        vector = kernel(layer.score_vector)[:, 0]
        score = partial(oracle.concat, weight=weight, vector=vector)
    center = None
    if layer.window == "monotonic":
        starts = np.broadcast_to(start, (len(queries),))

        def center(b, t, real):
            return starts[b] + t

    if layer.window == "predictive":
        weight = kernel(layer.position_projection)
        vector = kernel(layer.position_vector)[:, 0]

        def center(b, t, real):
            return oracle.predicted_center(queries[b, t], weight, vector, real)

    return oracle.attend(
        lambda q, h, _: score(q, h),
        queries,
        values,
        mask,
        center,
        layer.half_width,
        bell=layer.window == "predictive",
    )


def _of_dot_product(layer, queries, values, mask, start):
    scale = layer.scale or queries.shape[-1] ** -0.5
    return oracle.attend(lambda q, h, _: oracle.dot(q, h, scale), queries, values, mask)


ORACLES = {
    layers.BahdanauAttention: _of_bahdanau,
    layers.LuongAttention: _of_luong,
    layers.DotProductAttention: _of_dot_product,
}


def expected_of(layer, queries, values, mask=None, start=0):
    """The oracle's contexts and weights, with the weights of the layer."""
    return ORACLES[type(layer)](layer, queries, values, mask, start)


def _luong(score, window, units):
    return partial(layers.LuongAttention, score, window=window, half_width=HALF_WIDTH, units=units)


SINGLE = {
    "bahdanau": partial(layers.BahdanauAttention, 7),
    "bahdanau_no_bias": partial(layers.BahdanauAttention, 7, use_bias=False),
    "dot_product": layers.DotProductAttention,
    "dot_product_scaled": partial(layers.DotProductAttention, scale=0.9),
    "luong_dot": _luong("dot", "global", None),
    "luong_general": _luong("general", "global", None),
    "luong_concat": _luong("concat", "global", 7),
    "luong_dot_monotonic": _luong("dot", "monotonic", None),
    "luong_general_monotonic": _luong("general", "monotonic", None),
    "luong_concat_monotonic": _luong("concat", "monotonic", 7),
    "luong_dot_predictive": _luong("dot", "predictive", None),
    "luong_general_predictive": _luong("general", "predictive", 7),
    "luong_concat_predictive": _luong("concat", "predictive", 7),
}


def width(name):
    """Of the values: that of the query where the two are multiplied."""
    return U if "dot" in name else D


def windowed(name):
    return name.endswith(("monotonic", "predictive"))


def place(name, position):
    """The call argument that only some layers take."""
    return {"position": position} if name.endswith("monotonic") else {}


def made(name, dtype="float64"):
    """The layer, built and with random weights, and queries and values for it."""
    layer = SINGLE[name](dtype=dtype)
    layer.build((None, None, U), (None, None, width(name)))
    return randomise(layer), normal(B, T, U), normal(B, S, width(name), seed=3)
