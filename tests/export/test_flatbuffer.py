import zipfile

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.export import ExportError, TFLiteFile, read_files
from keras_seq.export.file.attachments import append_files
from keras_seq.export.file.contents import Quantization

from . import tiny


def test_read(zoo):
    file = TFLiteFile.read(zoo[1])
    assert file.size == zoo[1].stat().st_size
    assert file.ops["WHILE"] >= 6
    assert file.ops["LOGISTIC"] >= 6  # the gates, which stand inside the loops only
    assert set(file.op_versions) == set(file.ops)
    assert file.custom_ops == {}
    assert file.variable_tensors == ()
    assert file.files == ()
    signature = file.signatures["serving_default"]
    assert signature.inputs["ids"].dtype == "INT32"
    assert signature.outputs["bidirectional"].shape == (-1, -1, 6)


def test_findings_name_the_dynamic_ends(zoo):
    findings = TFLiteFile.read(zoo[1]).portability()
    cure = "export with batch_size= and length="
    assert f"input ids has a dynamic shape (-1, -1): {cure}" in findings
    assert f"output lstm has a dynamic shape (-1, 5): {cure}" in findings


def test_graphs_and_where_it_comes_from(zoo):
    file = TFLiteFile.read(zoo[1])
    assert file.graphs[0].ops["WHILE"] >= 6
    bodies = [graph for graph in file.graphs if "lstm" in graph.name and "body" in graph.name]
    assert all(graph.ops["LOGISTIC"] >= 1 for graph in bodies)
    assert bodies
    assert sum(sum(graph.ops.values()) for graph in file.graphs) == sum(file.ops.values())
    assert file.producer == f"TensorFlow {tf.__version__}"
    assert file.min_runtime[0].isdigit()
    assert "min_runtime_version" in file.metadata
    assert str(file.signatures["serving_default"].inputs["ids"]) == "int32 [?, ?]"


def test_constants_count_once(zoo):
    model, path, _ = zoo
    file = TFLiteFile.read(path)
    weights = 4 * sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert weights <= file.weights["FLOAT32"] <= weights + 1000
    assert sum(file.weights.values()) < file.size
    assert file.quantization == Quantization(0, {}, {})
    assert file.shared_buffers > 0


def test_what_is_quantised(tmp_path):
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), tf.float32)
    spec = tf.TensorSpec((1, 64), tf.float32, "x")
    path = tmp_path / "hybrid.tflite"
    path.write_bytes(tiny.convert(lambda x: {"y": x @ weights}, inputs=[spec], optimize=True))
    file = TFLiteFile.read(path)
    assert file.weights["INT8"] == 64 * 64
    assert file.quantization == Quantization(1, {}, {"FULLY_CONNECTED": 1})

    def rows():
        return ([np.random.default_rng(i).normal(size=(1, 64)).astype("float32")] for i in range(9))

    content = tiny.convert(lambda x: {"y": x @ weights}, inputs=[spec], optimize=rows)
    path.write_bytes(content)
    quantization = TFLiteFile.read(path).quantization
    assert quantization.int8_ops == {"FULLY_CONNECTED": 1}
    assert quantization.hybrid_ops == {}
    assert quantization.tensors == 3


@pytest.mark.parametrize("part", [0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_a_truncated_model(zoo, tmp_path, part):
    data = zoo[1].read_bytes()
    path = tmp_path / "short.tflite"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ExportError, match=r"short\.tflite is (cut off|not a)"):
        TFLiteFile.read(path)


def test_truncated_attachments(zoo, tmp_path):
    path = tmp_path / "short.tflite"
    whole = append_files(zoo[1].read_bytes(), {"vocabulary.txt": "word\n" * 500})
    path.write_bytes(whole)
    assert TFLiteFile.read(path).files == ("vocabulary.txt",)
    path.write_bytes(whole[:-100])
    for read in (TFLiteFile.read, read_files):
        with pytest.raises(ExportError, match="cut off: it holds the start of attached files"):
            read(path)


def test_damaged_attachments(tmp_path):
    whole = append_files(b"model", {"labels.txt": "positive"})
    path = tmp_path / "damaged.tflite"
    path.write_bytes(whole.replace(b"positive", b"negative"))
    with pytest.raises(ExportError, match="damaged"):
        read_files(path)


def test_attachments_are_a_stored_zip_with_fixed_bytes(tmp_path):
    files = {"labels.txt": "no\nyes\n", "vocabulary.txt": "äöü 好\n"}
    data = append_files(b"model", files)
    assert data == append_files(b"model", files)
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert {item.compress_type for item in archive.infolist()} == {zipfile.ZIP_STORED}
    assert {n: content.decode() for n, content in read_files(path).items()} == files
    assert append_files(b"model", {}) == b"model"


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\x03\x04 and so on", b"x" * 100])
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"is not a \.tflite file"):
        TFLiteFile.read(path)


def test_a_missing_file(tmp_path):
    for read in (TFLiteFile.read, read_files):
        with pytest.raises(ExportError, match="Could not read"):
            read(tmp_path / "missing.tflite")
