"""Rounded numbers: how small the file, and how near the values."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType
from contract import CASES, EXEMPT, RELATIVES

from keras_seq import cells
from keras_seq.export import ExportError, tflite, to_tflite
from keras_seq.export.check import Case, Tolerance, compare
from keras_seq.export.quantize import tolerance_of, with_sound_scales
from keras_seq.layers import loops

from . import tiny
from .examples import (
    WIDE_LENGTH,
    WIDE_ROWS,
    interpreted,
    make_wide,
    padded_ids,
    randomise,
    wide_batches,
)

# Of the spread of an output: the mean difference of a file that is as it should be. One that gives
# nothing but the mean of its values differs by 0.6 to 1.
NEAR = {"float16": 0.003, "dynamic": 0.05, "int8": 0.2}


@pytest.fixture(scope="module")
def wide():
    model = make_wide()
    (inputs,) = wide_batches(1, seed=50)
    return model, inputs, {n: np.array(v) for n, v in model(inputs, training=False).items()}


@pytest.fixture(scope="module")
def exported(wide, tmp_path_factory):
    """By quantisation and mode: the file and its report. Each is converted when it is asked for."""
    made = {}

    def export(quantize, mode):
        if (quantize, mode) not in made:
            path = tmp_path_factory.mktemp("wide") / "model.tflite"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loops, "_LARGE_IN_TFLITE", 72 * 4 * 72)  # a loop in the loop
                made[quantize, mode] = (
                    path,
                    to_tflite(
                        wide[0],
                        path,
                        mode=mode,
                        quantize=quantize,
                        batch_size=WIDE_ROWS,
                        length=None if mode == "fused" else WIDE_LENGTH,
                        representative_data=wide_batches(8) if quantize == "int8" else None,
                        check_inputs=wide_batches(1, seed=30),
                    ),
                )
        return made[quantize, mode]

    return export


FORMS = {
    "auto": {"wide": "loop", "narrow": "unroll", "last": "unroll"},
    "fused": {"wide": "fused", "narrow": "loop", "last": "fused"},
}
FILES = [("float16", "auto"), ("dynamic", "auto"), ("int8", "auto")]
FILES += [("float16", "fused"), ("int8", "fused")]
each_file = pytest.mark.parametrize(("quantize", "mode"), FILES)


def distance(found, expected):
    """The mean difference as a part of how far the values lie from their own mean."""
    return np.abs(found - expected).mean() / np.abs(expected - expected.mean()).mean()


@each_file
def test_the_values_are_near(wide, exported, quantize, mode):
    _, inputs, expected = wide
    path, report = exported(quantize, mode)
    assert report.forms == FORMS[mode]
    assert report.quantize == quantize
    for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        found = interpreted(path, resolver)(**inputs)
        for name, value in expected.items():
            assert found[name].dtype == np.float32
            assert distance(found[name], value) < NEAR[quantize], (name, resolver)


def flatbuffer(path):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def types_of(path, builtin):
    """How often an op has which types of input: values, then weights; and of output."""
    model, found = flatbuffer(path), Counter()
    names = {n: k for k, n in vars(schema.TensorType).items() if isinstance(n, int)}
    for graph in model.subgraphs:
        for op in graph.operators or []:
            if model.operatorCodes[op.opcodeIndex].builtinCode == builtin:
                ends = *op.inputs[:2], op.outputs[0]
                found[tuple(names[graph.tensors[end].type] for end in ends)] += 1
    return found


@each_file
def test_a_weight_takes_two_bytes_or_one(wide, exported, quantize, mode):
    path, report = exported(quantize, mode)
    data = [bytes(buffer.data) for buffer in flatbuffer(path).buffers if buffer.data is not None]
    held = sum(len(values) for values in data if any(values))
    expected = wide[0].count_params() * (2 if quantize == "float16" else 1)
    assert expected * 0.95 < held < expected * 1.1 + 3000
    assert report.file.size > held


FULLY_CONNECTED = schema.BuiltinOperator.FULLY_CONNECTED


def test_which_numbers_the_products_are_of(exported):
    whole = types_of(exported("int8", "auto")[0], FULLY_CONNECTED)
    assert set(whole) == {("INT8", "INT8", "INT8")}
    weights = types_of(exported("dynamic", "auto")[0], FULLY_CONNECTED)
    assert set(weights) == {("FLOAT32", "INT8", "FLOAT32"), ("FLOAT32", "FLOAT32", "FLOAT32")}
    halves = types_of(exported("float16", "auto")[0], FULLY_CONNECTED)
    assert set(halves) == {("FLOAT32", "FLOAT32", "FLOAT32")}
    for kind in ("LSTM", "RNN"):
        fused = getattr(schema.BuiltinOperator, f"UNIDIRECTIONAL_SEQUENCE_{kind}")
        # An LSTM has the kernel of its input gate here.
        of = types_of(exported("int8", "fused")[0], fused)
        assert of == {("FLOAT32", "INT8", "FLOAT32"): 1}


def test_inputs_and_outputs_stay_what_they_were(exported):
    _, report = exported("int8", "auto")
    ends = report.file.signatures["serving_default"]
    assert {n: t.dtype for n, t in ends.inputs.items()} == {"ids": "INT32", "frames": "FLOAT32"}
    assert {t.dtype for t in ends.outputs.values()} == {"FLOAT32"}


MAIN = [case for case in [*CASES, *RELATIVES] if case.main]
# Their variance is the mean of small squares, for which 256 levels are too few.
NORMALISED = {"LayerNormLSTM", "LayerNormGRU"}


@pytest.fixture(scope="module")
def all_cells(tmp_path_factory):
    """A loop over every cell of the library in int8: the calibration must not crash at one."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    outputs = {case.name: case.layer(4, **case.options)(x, mask=mask) for case in MAIN}
    model = randomise(keras.Model(ids, outputs))
    path = tmp_path_factory.mktemp("cells") / "model.tflite"
    report = to_tflite(
        model,
        path,
        mode="loop",
        quantize="int8",
        representative_data=[padded_ids(16, 24, seed=s) for s in (1, 2)],
        check_inputs=[padded_ids(2, 5)],
        tolerance=2.0,
    )
    ids = padded_ids(8, 19, seed=77)
    return model(ids, training=False), interpreted(path)(ids=ids), report


@pytest.mark.long
@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
def test_every_cell_in_int8(all_cells, case):
    expected, found, _ = all_cells
    value = expected[case.name].numpy()
    assert distance(found[case.name], value) < (0.9 if case.name in NORMALISED else 0.2)


@pytest.mark.long
def test_every_cell_of_the_library_was_there(all_cells):
    _, _, report = all_cells
    assert {case.cell for case in MAIN} >= {
        kind
        for name in cells.__all__
        if isinstance(kind := getattr(cells, name), type) and name not in EXEMPT
    }
    assert list(report.forms.values()) == ["loop"] * len(MAIN)
    assert report.file.ops["WHILE"] == 2 * len(MAIN)


def test_a_file_too_far_from_the_model_leaves_the_earlier(wide, exported, monkeypatch, tmp_path):
    content, path = exported("int8", "auto")[0].read_bytes(), tmp_path / "model.tflite"
    monkeypatch.setattr(tflite, "convert", lambda *given, **options: content)
    path.write_bytes(b"an earlier export")
    options = {"quantize": "int8", "batch_size": WIDE_ROWS, "length": WIDE_LENGTH}
    options |= {"representative_data": wide_batches(1), "check_inputs": [wide[1]]}
    with pytest.raises(ExportError, match=r"differs on average by .* the tolerance is"):
        to_tflite(wide[0], path, **options, tolerance=1e-4)
    assert path.read_bytes() == b"an earlier export"
    report = to_tflite(wide[0], path, **options)
    assert report.comparison.tolerance.of == "mean"
    assert report.comparison.mean > 1e-4


def test_the_limit_is_on_the_mean_of_rounded_numbers():
    assert tolerance_of(None, None) == Tolerance(1e-5, "largest")
    assert tolerance_of(None, 0.5) == Tolerance(0.5, "largest")
    for quantize in ("float16", "dynamic", "int8"):
        assert tolerance_of(quantize, 0.5) == Tolerance(0.5, "mean")
    assert tolerance_of("float16", None).value < tolerance_of("dynamic", None).value


@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_a_file_that_gives_zeros_is_refused(quantize):
    """Of probabilities of 50 classes, or of normal numbers."""
    random = np.random.default_rng(0)
    for values in (random.normal(size=(40, 50)), random.dirichlet([0.1] * 50, size=40)):
        case = Case({"x": np.zeros((40, 1))}, {"y": values})
        with pytest.raises(ExportError, match="differs on average"):
            compare(lambda _: {"y": np.zeros((40, 50))}, [case], tolerance_of(quantize, None))


def test_what_was_always_zero_gets_a_scale_that_runs():
    def dead(x):
        return {"y": tf.nn.relu(x) * tf.constant([[1.5, 0.5, 2.0, 3.0]])}

    content = tiny.convert(dead, optimize=lambda: ([np.zeros((1, 4), "float32")] for _ in range(9)))
    before, after = (
        [
            tensor.quantization.scale[0]
            for graph in schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)).subgraphs
            for tensor in graph.tensors
            if getattr(tensor.quantization, "scale", None) is not None
        ]
        for data in (content, with_sound_scales(content))
    )
    assert min(before) < 1e-7
    assert min(after) > 1e-7
    assert [a for a, b in zip(after, before, strict=True) if b > 1e-7] == [
        b for b in before if b > 1e-7
    ]
