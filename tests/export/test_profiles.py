"""What the linter says; what it lets through runs in LiteRT's CompiledModel."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter

from keras_seq.export import TFLiteFile
from keras_seq.export.file.contents import TensorInfo
from keras_seq.export.file.op_versions import HIGHEST
from keras_seq.export.file.profiles import findings, profile_of

from . import tiny


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Reads the bytes of a .tflite as the file that holds them."""

    def read(content):
        path = tmp_path_factory.mktemp("profiles") / "model.tflite"
        path.write_bytes(content)
        return TFLiteFile.read(path)

    return read


@pytest.fixture(scope="module")
def double(read):
    return read(tiny.convert(lambda x: {"y": 2 * x}))


def _with(file, role, **changes):
    """The file with another input or output."""
    ends = file.signatures["serving_default"]
    name, tensor = next(iter(getattr(ends, role).items()))
    ends = replace(ends, **{role: {name: replace(tensor, **changes)}})
    return replace(file, signatures={"serving_default": ends})


def _in_compiled_model(path, signature, **arrays):
    """What CompiledModel gives; each call of the result is another run of the one model."""
    model = CompiledModel.from_file(str(path))
    names = model.get_signature_list()[signature]
    inputs = {n: model.create_input_buffer_by_name(signature, n) for n in names["inputs"]}
    outputs = {n: model.create_output_buffer_by_name(signature, n) for n in names["outputs"]}
    shapes = {n: d["shape"] for n, d in model.get_output_tensor_details(signature).items()}
    for name, buffer in inputs.items():
        buffer.write(arrays[name])

    def run():
        model.run_by_name(signature, inputs, outputs)
        sizes = {name: int(np.prod(shapes[name])) for name in outputs}
        return {n: b.read(sizes[n], np.float32).reshape(shapes[n]) for n, b in outputs.items()}

    return run


def test_a_portable_file(double):
    assert findings(double) == double.portability() == []
    assert profile_of(double) == "portable"


@pytest.mark.parametrize(
    ("role", "changes", "words"),
    [
        ("inputs", {"shape": (-1, 4)}, "input x has a dynamic shape (-1, 4): export with batch_"),
        ("inputs", {"shape": (1, -1)}, "(1, -1): export with length="),
        ("inputs", {"shape": (-1, -1)}, "export with batch_size= and length="),
        ("outputs", {"shape": (-1,)}, "output y has a dynamic shape (-1,): pad it"),
        ("inputs", {"dtype": "INT64"}, "input x is int64, which browsers and CompiledModel"),
        ("outputs", {"dtype": "INT64"}, "output y is int64"),
        ("inputs", {"dtype": "BOOL"}, "input x is bool, which LiteRT.js refuses"),
        ("outputs", {"dtype": "INT8"}, "output y is int8, which LiteRT.js refuses"),
    ],
)
def test_ends_that_not_every_runtime_takes(double, role, changes, words):
    file = _with(double, role, **changes)
    (finding,) = findings(file)
    assert words in finding
    assert profile_of(file) == "interpreter"


@pytest.mark.parametrize("dtype", ["INT32", "UINT8"])
def test_ends_that_every_runtime_takes(double, dtype):
    assert profile_of(_with(double, "inputs", dtype=dtype)) == "portable"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variable_tensors": ("state",)}, "take none: state; export with mode="),
        ({"op_versions": {"FULLY_CONNECTED": 12}}, "op FULLY_CONNECTED has version 12"),
        ({"op_versions": {"GATHER": 6}}, "know it up to 5: compute it otherwise"),
        ({"op_versions": {"STABLEHLO_ADD": 1}}, "op STABLEHLO_ADD is unknown"),
    ],
)
def test_ops_that_not_every_runtime_knows(double, changes, words):
    (finding,) = findings(replace(double, **changes))
    assert words in finding
    assert profile_of(replace(double, **changes)) == "interpreter"


def test_custom_ops_are_no_profile_at_all(double):
    file = replace(double, custom_ops={"FlexTensorListReserve": 1})
    assert profile_of(file) == "custom"
    assert "FlexTensorListReserve" in findings(file)[0]


def test_findings_name_the_signature_where_there_are_several(double):
    ends = double.signatures["serving_default"]
    ends = replace(ends, inputs={"x": TensorInfo("x", "FLOAT32", (1, -1))})
    file = replace(double, signatures={"step": ends, "reset": replace(ends, inputs={})})
    assert any("input x of step has a dynamic shape" in finding for finding in findings(file))


def test_an_output_that_is_another_tensor_by_another_name(read):
    """CompiledModel gives garbage for the one and loses the other, and says nothing."""
    same = read(tiny.convert(lambda x: {"y": 2 * x, "z": x}))
    assert "output z is the same tensor as x" in findings(same)[0]
    twice = read(tiny.convert(lambda x: {"y": 2 * x, "z": tf.identity(2 * x)}))
    assert "is the same tensor as" in findings(twice)[0]


def test_a_size_that_the_values_decide(read):
    file = read(tiny.convert(lambda x: {"y": tf.boolean_mask(x, x > 0)}))
    assert "output y has a dynamic shape (-1,): pad it" in findings(file)[0]


def test_weights_with_a_scale_for_each_row(read):
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), tf.float32)
    spec = tf.TensorSpec((1, 64), tf.float32, "x")
    content = tiny.convert(lambda x: {"y": x @ weights}, inputs=[spec], optimize=True)
    (finding,) = findings(read(content))
    assert "op FULLY_CONNECTED has version 12" in finding
    assert 'quantize under profile="portable"' in finding


def test_resource_variables_are_portable(read):
    file = read(tiny.convert_counter())
    assert {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"} & set(file.ops)
    assert profile_of(file) == "portable"
    x = np.array([[1, 2, 3, 4]], "float32")
    interpreter = Interpreter(str(file.path)).get_signature_runner("add")
    compiled = _in_compiled_model(file.path, "add", x=x)
    for times in (1, 2, 3):
        np.testing.assert_array_equal(interpreter(x=x)["y"], times * x)
        np.testing.assert_array_equal(compiled()["y"], times * x)


def test_dynamic_shapes_between_static_ends_are_portable(read):
    def grow(x):
        shapes = (tf.TensorShape(()), tf.TensorShape((None, 4)))
        _, rows = tf.while_loop(
            lambda i, rows: i < 3,
            lambda i, rows: (i + 1, tf.concat([rows, x], 0)),
            (0, x),
            shape_invariants=shapes,
        )
        return {"y": tf.reduce_sum(rows, 0)}

    file = read(tiny.convert(grow))
    assert profile_of(file) == "portable"
    x = np.array([[1, 2, 3, 4]], "float32")
    run = _in_compiled_model(file.path, "serving_default", x=x)
    np.testing.assert_array_equal(run()["y"], 4 * x[0])


def test_the_table_names_ops_of_the_schema():
    assert set(HIGHEST) <= set(vars(schema.BuiltinOperator))
    assert HIGHEST["FULLY_CONNECTED"] == 9
    assert not [name for name in HIGHEST if name.startswith("STABLEHLO")]
