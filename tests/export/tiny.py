"""The smallest .tflite files, converted from plain functions."""

import tempfile

import tensorflow as tf

X = tf.TensorSpec((1, 4), tf.float32, "x")


def convert(*functions, inputs=(X,), optimize=False):
    """The bytes of a .tflite with a signature for each function; a single one is the default.

    `optimize` is True for int8 weights, and the rows that it gives for int8 arithmetic.
    """
    names = ["serving_default"] if len(functions) == 1 else [f.__name__ for f in functions]
    module = tf.Module()
    module.functions = [tf.function(function, input_signature=inputs) for function in functions]
    return _convert(module, dict(zip(names, module.functions, strict=True)), optimize)


def convert_counter():
    """The bytes of a .tflite that adds up what it is given, in a resource variable."""
    module = tf.Module()
    module.total = tf.Variable(tf.zeros((1, 4)))

    def add(x):
        return {"y": module.total.assign_add(x) * 1.0}

    def reset():
        return {"z": module.total.assign(tf.zeros((1, 4))) * 1.0}

    module.add = tf.function(add, input_signature=[X])
    module.reset = tf.function(reset, input_signature=[])
    return _convert(module, {"add": module.add, "reset": module.reset}, optimize=False)


def _convert(module, functions, optimize):
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[*functions])
        converter.experimental_enable_resource_variables = True
        if optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if callable(optimize):
            converter.representative_dataset = optimize
        return converter.convert()
