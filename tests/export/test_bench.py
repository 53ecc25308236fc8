import ast

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.export import ExportError, measure_latency
from keras_seq.export import bench as bench_module
from keras_seq.export.bench import bench

from . import tiny


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "counter.tflite"
    path.write_bytes(tiny.convert_counter())
    return path


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory):
    """Takes ids and frames of any batch and length."""
    path = tmp_path_factory.mktemp("bench") / "dynamic.tflite"
    specs = (
        tf.TensorSpec((None, None), tf.int32, "ids"),
        tf.TensorSpec((None, None, 3), tf.float32, "frames"),
    )

    def pick(ids, frames):
        # An id that the table does not know would fail at run time.
        return {"y": tf.gather(tf.constant([1.0, 2.0]), ids) + tf.reduce_sum(frames, 2)}

    path.write_bytes(tiny.convert(pick, inputs=specs))
    return path


def test_times_and_memory(dynamic):
    found = bench(dynamic, runs=20, batch_size=2, length=5)
    latency = found.latency
    assert found.signature == "serving_default"
    assert latency.shapes == {"ids": (2, 5), "frames": (2, 5, 3)}
    assert 0 < latency.min_ms <= latency.median_ms <= latency.p90_ms
    assert latency.p90_ms <= latency.p99_ms <= latency.max_ms
    assert (latency.runs, latency.threads) == (20, 1)
    assert min(found.load_ms, found.first_ms) > 0
    # The interpreter's own set-up; far from what TensorFlow would add.
    assert 0 < found.memory_bytes < 20e6


def test_memory_is_the_models(tmp_path):
    path = tmp_path / "large.tflite"
    weights = tf.constant(np.random.default_rng(0).normal(size=(2000, 2000)), tf.float32)
    spec = tf.TensorSpec((1, 2000), tf.float32, "x")
    path.write_bytes(tiny.convert(lambda x: {"y": x @ weights}, inputs=[spec]))
    assert 16e6 < bench(path, runs=2).memory_bytes < 60e6


def test_given_inputs_a_signature_and_threads(counter, dynamic):
    found = bench(counter, signature="add", inputs={"x": np.ones((1, 4))}, runs=3, threads=2)
    assert (found.signature, found.latency.threads) == ("add", 2)
    assert bench(counter, signature="reset", runs=3).latency.shapes == {}
    inputs = {"ids": np.zeros((1, 9), "int64"), "frames": np.zeros((1, 9, 3))}
    assert bench(dynamic, inputs=inputs, runs=3).latency.shapes["ids"] == (1, 9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"signature": "ad"}, "no signature 'ad', only add, reset"),
        ({}, "no signature 'serving_default', only add, reset"),
        ({"signature": "add", "runs": 0}, "runs must be at least 1, got 0"),
        ({"signature": "add", "threads": 0}, "threads must be at least 1"),
        ({"signature": "add", "length": 3}, r"fixed sizes \(x float32 \[1, 4\]\): leave length"),
        ({"signature": "add", "inputs": {"y": np.ones((1, 4))}}, r"takes the inputs \['x'\]; got"),
        ({"signature": "add", "inputs": {"x": np.ones((2, 4))}}, r"takes float32 \[1, 4\]; got"),
        ({"signature": "add", "inputs": {"x": np.ones((1, 4))}, "length": 3}, "leave batch and"),
    ],
)
def test_what_makes_no_sense(counter, arguments, words):
    with pytest.raises(ExportError, match=words):
        bench(counter, **arguments)


def test_a_run_that_fails_or_takes_too_long(dynamic):
    inputs = {"ids": np.full((1, 3), 7), "frames": np.zeros((1, 3, 3))}
    with pytest.raises(ExportError, match=r"could not be run on inputs of shapes(.|\n)*gather"):
        bench(dynamic, inputs=inputs, runs=1)
    with pytest.raises(ExportError, match=r"stopped after 0\.01 seconds"):
        bench(dynamic, timeout=0.01)


def test_open_sizes_must_be_positive(dynamic):
    with pytest.raises(ExportError, match="batch_size must be at least 1"):
        bench(dynamic, batch_size=0)


def test_the_program_imports_little():
    """What it imports counts as memory that was there before."""
    tree = ast.parse(bench_module._PROGRAM.read_text(encoding="utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {"json", "sys", "time", "resource", "typing", "collections.abc"}
    assert names - others == {"numpy", "ai_edge_litert.interpreter"}


def test_latency_of_a_signature(counter):
    x = {"x": np.ones((1, 4), "float32")}
    latency = measure_latency(counter, x, runs=5, signature="add", threads=2)
    assert (latency.runs, latency.threads) == (5, 2)
    assert latency.min_ms <= latency.median_ms <= latency.max_ms
    with pytest.raises(ExportError, match="no signature 'serving_default', only add, reset"):
        measure_latency(counter, x)
    with pytest.raises(ValueError, match="threads must be at least 1"):
        measure_latency(counter, x, threads=0)
