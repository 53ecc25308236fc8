"""What LiteRT.js computes from an export, and that it tells what it cannot run."""

import numpy as np
import portable
import pytest
import tensorflow as tf
from node import NodeError, litert_js

from keras_seq.export import to_tflite
from keras_seq.export.runtime import TFLiteModel

# How the model is exported, and how far other runtimes may be from the interpreter. The scales of
# "dynamic" are found at run time, and a last digit decides how a number is rounded.
FORMS = {
    "float32": ({"mode": "loop"}, 1e-6),
    "unrolled": ({"mode": "unroll"}, 1e-6),
    "float16": ({"mode": "loop", "quantize": "float16"}, 2e-6),
    "dynamic": ({"mode": "loop", "quantize": "dynamic"}, 2e-3),
    "int8": ({"mode": "loop", "quantize": "int8"}, 1e-2),
}


@pytest.fixture(scope="module")
def model():
    return portable.build()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("portable") / "model.tflite"
    portable.export(model, path, mode="loop")
    return path


@pytest.mark.parametrize("form", FORMS)
def test_recurrent_layers_give_the_same_values_in_every_runtime(model, tmp_path, form):
    options, tolerance = FORMS[form]
    path = tmp_path / "model.tflite"
    report = portable.export(model, path, **options)
    assert report.portability == []
    interpreter, compiled = TFLiteModel(path), portable.Compiled(path)
    inputs = portable.inputs(8)
    for arrays, outputs in zip(inputs, litert_js(path, inputs), strict=True):
        expected = interpreter(arrays)
        assert portable.largest_difference(outputs, expected) <= tolerance
        assert portable.largest_difference(compiled(arrays), expected) <= tolerance
        if "quantize" not in options:
            keras_values = model(arrays, training=False)
            assert portable.largest_difference(outputs, keras_values) <= tolerance


def test_the_sentiment_model_gives_keras_values(sentiment):
    tokenizer = sentiment.tokenizer
    ids = tokenizer.pad(tokenizer(tf.constant(sentiment.samples)), sentiment.length)[0].numpy()
    outputs = litert_js(sentiment.file, [{"ids": row} for row in ids])
    actual = np.stack([output["probabilities"] for output in outputs])
    assert actual.std() > 0.1  # both classes are among them
    np.testing.assert_allclose(actual, sentiment.model(ids), rtol=0, atol=1e-5)


def test_dynamic_sizes_are_refused(model, tmp_path):
    path = tmp_path / "model.tflite"
    report = to_tflite(model, path, check_inputs=portable.inputs(2))
    assert report.portability
    with pytest.raises(NodeError, match="not static"):
        litert_js(path, portable.inputs(1))


def test_an_op_that_fails_is_an_error_and_not_a_number(exported):
    # LiteRT.js itself prints a line and returns what lay in memory.
    inputs = portable.inputs(1)
    inputs[0]["ids"][0, 0] = 1_000_000
    with pytest.raises(NodeError, match=r"ERROR.*gather index out of bounds"):
        litert_js(exported, inputs)


def test_arrays_that_do_not_fit_are_refused(exported):
    (arrays,) = portable.inputs(1)
    with pytest.raises(NodeError, match=r'"ids" of shape \[1,40\].* takes 40 numbers; got 39'):
        litert_js(exported, [{**arrays, "ids": arrays["ids"][:, 1:]}])
    with pytest.raises(NodeError, match=r'"frames".* takes 120 numbers; got none'):
        litert_js(exported, [{"ids": arrays["ids"]}])


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"<!doctype html>" * 9])
def test_a_damaged_file_is_refused(exported, tmp_path, damage):
    path = tmp_path / "model.tflite"
    path.write_bytes(damage(exported.read_bytes()))
    with pytest.raises(NodeError, match="Failed to load model"):
        litert_js(path, portable.inputs(1))
