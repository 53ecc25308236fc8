"""Models with every attention layer: saved and loaded, and converted to TFLite's builtin ops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import ops

from keras_seq.layers import (
    BahdanauAttention,
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)

from .attending import SINGLE, array, normal, place, randomise

WIDTH = 6


def functional():
    """Every layer over one sequence, whose rows end in padding of zeros."""
    x = keras.Input((None, WIDTH))
    mask = ops.any(ops.not_equal(x, 0), axis=-1)
    placed = LearnedPositions(30)(SinusoidalPositions()(x))
    encoded = TransformerEncoderBlock(2, 7, seed=1)(placed, mask=mask)
    found = [encoded]
    for make in (*SINGLE.values(), lambda: MultiHeadAttention(2, key_units=3)):
        found.extend(make()(placed, encoded, values_mask=mask))
    block = TransformerDecoderBlock(2, 7, normalization="post")
    found.extend(block(placed, encoded, values_mask=mask, target_mask=mask))
    found = [ops.max(y, axis=1) for y in found]
    return randomise(keras.Model(x, ops.concatenate(found, axis=-1)), scale=0.4)


def padded(rows, length):
    x = normal(rows, length, WIDTH).astype("float32")
    x[0, length - 2 :] = 0
    return x


def test_all_layers_survive_a_file(predict_in_fresh_process):
    model, x = functional(), padded(3, 5)
    found = predict_in_fresh_process({"attention": model}, {"attention": x})
    np.testing.assert_allclose(found["attention"], model(x), atol=1e-6)


@keras.saving.register_keras_serializable("tests")
class Decoding(keras.Model):
    """Every layer as a decoder uses it: a memory prepared once, then step by step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.single = [make() for make in SINGLE.values()]
        self.covering = BahdanauAttention(5, coverage=True)
        self.heads = MultiHeadAttention(2)
        self.block = TransformerDecoderBlock(2, 7)
        self.positions = [SinusoidalPositions(), LearnedPositions(20)]

    def build(self, shapes):
        queries, values, _ = (shapes[name] for name in ("queries", "values", "mask"))
        for layer in (*self.single, self.covering, self.heads, self.block):
            layer.build(queries, values)
        for layer in self.positions:
            layer.build(queries)

    def call(self, inputs):
        queries, values, mask = (inputs[name] for name in ("queries", "values", "mask"))
        layers = [*self.single, self.heads]
        memories = [layer.prepare(values, mask) for layer in layers]
        covered, memory = self.covering.prepare(values, mask), self.block.prepare(values, mask)
        coverage = ops.zeros_like(ops.cast(mask, "float32"))
        cache, outputs = self.block.empty_cache(ops.shape(queries)[0], 12), {}
        for t in range(2):
            q = queries[:, t]
            for layer in self.positions:
                q = layer(q, start=t)
            for name, layer, prepared in zip([*SINGLE, "heads"], layers, memories, strict=True):
                outputs[f"{name}_{t}"], _ = layer(q, prepared, **place(name, t))
            outputs[f"covering_{t}"], weights = self.covering(q, covered, coverage=coverage)
            coverage = coverage + weights
            step = ops.full((ops.shape(queries)[0],), t, "int32")
            outputs[f"block_{t}"], cache, weights = self.block.step(q, memory, cache, step)
            outputs[f"weights_{t}"] = weights
        whole = self.positions[1](self.positions[0](queries))
        for name, layer, prepared in zip([*SINGLE, "heads"], layers, memories, strict=True):
            outputs[name], outputs[f"{name}_weights"] = layer(whole, prepared)
        outputs["block"], _ = self.block(whole, memory)
        return outputs


def inputs(rows, steps, places):
    mask = np.random.default_rng(places).random((rows, places)) > 0.3
    mask[-1] = rows == 1  # the last of many rows is padding alone
    queries, values = normal(rows, steps, WIDTH), normal(rows, places, WIDTH, seed=4)
    given = {"queries": queries.astype("float32"), "values": values.astype("float32")}
    return {**given, "mask": mask}


def decoding():
    model = Decoding()
    model(inputs(2, 3, 4))
    return randomise(model, scale=0.5)


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(array(found[name]), array(value), atol=2e-6, err_msg=name)


def test_a_model_that_prepares_survives_a_file(tmp_path):
    model, given = decoding(), inputs(3, 4, 5)
    model.save(tmp_path / "model.keras")
    assert_equal(keras.models.load_model(tmp_path / "model.keras")(given), model(given))


@pytest.mark.slow
def test_all_layers_convert_to_builtin_ops():
    """One file with dynamic batch and lengths, run at several."""
    model = decoding()
    specification = {
        "queries": tf.TensorSpec((None, None, WIDTH), tf.float32, "queries"),
        "values": tf.TensorSpec((None, None, WIDTH), tf.float32, "values"),
        "mask": tf.TensorSpec((None, None), tf.bool, "mask"),
    }
    run = tf.function(
        lambda queries, values, mask: model({"queries": queries, "values": values, "mask": mask})
    )
    module = tf.Module()
    module.variables_of_keras = [variable.value for variable in model.variables]
    function = run.get_concrete_function(**specification)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    operators = {op["op_name"] for op in interpreter._get_ops_details()}
    assert not [op for op in operators if op.startswith("Flex") or op == "CUSTOM"]
    runner = interpreter.get_signature_runner()
    for sizes in ((1, 2, 3), (3, 5, 7), (2, 3, 1)):
        given = inputs(*sizes)
        assert_equal(runner(**given), model(given))
