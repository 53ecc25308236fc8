"""Metadata is read back here by other code than wrote it: by the places of the schema's fields."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_seq.export import ExportError, TFLiteFile, read_files
from keras_seq.export.file.attachments import append_files
from keras_seq.export.file.metadata import read_metadata, with_metadata

from . import tiny

TOLD = {
    "name": "tagger",
    "description": "Wörter, gut or bad",
    "version": "1.2",
    "inputs": {"ids": "one id a word"},
    "outputs": {"scores": "gut, bad"},
    "files": {"words.txt": "ids", "labels.txt": "scores", "settings.json": None},
}


def add(ids, frames):
    return {"scores": tf.cast(ids, tf.float32) + frames, "ahead": frames * 2}


@pytest.fixture(scope="module")
def model():
    specs = (tf.TensorSpec((1, 3), tf.int32, "ids"), tf.TensorSpec((1, 3), tf.float32, "frames"))
    return tiny.convert(add, inputs=specs)


@pytest.fixture
def told(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(model, **TOLD))
    return path


def _entry(path):
    data = schema.Model.GetRootAs(path.read_bytes(), 0)
    for i in range(data.MetadataLength()):
        if data.Metadata(i).Name() == b"TFLITE_METADATA":
            return bytes(data.Buffers(data.Metadata(i).Buffer()).DataAsNumpy())
    return None


class Decoder:
    """A table of a flatbuffer, by the offsets that its vtable lists."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    @classmethod
    def root(cls, data):
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _place(self, number):
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, vtable)[0]
        if 4 + 2 * number >= size:
            return 0
        offset = struct.unpack_from("<H", self.data, vtable + 4 + 2 * number)[0]
        return self.at + offset if offset else 0

    def _follow(self, place):
        return place + struct.unpack_from("<I", self.data, place)[0]

    def text(self, number):
        start = self._follow(self._place(number))
        size = struct.unpack_from("<I", self.data, start)[0]
        return self.data[start + 4 : start + 4 + size].decode()

    def byte(self, number):
        place = self._place(number)
        return self.data[place] if place else 0

    def tables(self, number):
        if not (place := self._place(number)):
            return []
        start = self._follow(place)
        count = struct.unpack_from("<I", self.data, start)[0]
        return [Decoder(self.data, self._follow(start + 4 + 4 * i)) for i in range(count)]


def test_the_published_schema_reads_it(told):
    content = _entry(told)
    assert content[4:8] == b"M001"
    root = Decoder.root(content)
    assert [root.text(n) for n in (0, 1, 2)] == ["tagger", "Wörter, gut or bad", "1.2"]
    assert root.text(7) == "1.0.1"
    assert [(file.text(0), file.byte(2)) for file in root.tables(6)] == [("settings.json", 0)]
    (graph,) = root.tables(3)
    inputs = {tensor.text(0): tensor for tensor in graph.tables(2)}
    outputs = {tensor.text(0): tensor for tensor in graph.tables(3)}
    assert inputs["ids"].text(1) == "one id a word"
    vocabulary, labels = 5, 2
    assert [(f.text(0), f.byte(2)) for f in inputs["ids"].tables(6)] == [("words.txt", vocabulary)]
    assert [(f.text(0), f.byte(2)) for f in outputs["scores"].tables(6)] == [("labels.txt", labels)]
    assert inputs["frames"].tables(6) == outputs["ahead"].tables(6) == []


def test_tensors_stand_in_the_order_of_the_graph(told):
    file, (graph,) = TFLiteFile.read(told), read_metadata(told).graphs
    ends = file.signatures["serving_default"]
    assert [ends.inputs[tensor.name] for tensor in graph.inputs] == list(file.inputs)
    assert [ends.outputs[tensor.name] for tensor in graph.outputs] == list(file.outputs)


def test_it_is_read_back(told):
    metadata = read_metadata(told)
    assert (metadata.name, metadata.description, metadata.version) == (
        TOLD["name"],
        TOLD["description"],
        TOLD["version"],
    )
    kinds = {f.name: f.kind for g in metadata.graphs for t in g.inputs + g.outputs for f in t.files}
    assert kinds == {"words.txt": "vocabulary", "labels.txt": "labels"}
    assert [(file.name, file.kind) for file in metadata.files] == [("settings.json", "other")]


def test_the_model_stays_as_it_was(model, told, tmp_path):
    path = tmp_path / "bare.tflite"
    path.write_bytes(model)
    inputs = {"ids": np.array([[3, 1, 2]], "int32"), "frames": np.ones((1, 3), "float32")}
    runs = [Interpreter(str(p)).get_signature_runner()(**inputs) for p in (path, told)]
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
    bare, file = TFLiteFile.read(path), TFLiteFile.read(told)
    assert (bare.ops, bare.weights, bare.signatures) == (file.ops, file.weights, file.signatures)
    assert set(file.metadata) == {*bare.metadata, "TFLITE_METADATA"}
    assert file.producer == bare.producer


def test_attached_files_follow_it(told):
    files = {"words.txt": "a\nb\n", "labels.txt": "gut\nbad\n"}
    told.write_bytes(append_files(told.read_bytes(), files))
    assert read_metadata(told).name == "tagger"
    assert set(read_files(told)) == set(files)


def test_metadata_that_was_there_is_replaced(told):
    told.write_bytes(with_metadata(told.read_bytes(), name="another"))
    metadata = read_metadata(told)
    assert (metadata.name, metadata.version, metadata.files) == ("another", "", ())
    data = schema.Model.GetRootAs(told.read_bytes(), 0)
    names = [data.Metadata(i).Name() for i in range(data.MetadataLength())]
    assert names.count(b"TFLITE_METADATA") == 1


def test_every_signature_has_its_graph(tmp_path):
    path = tmp_path / "counter.tflite"
    path.write_bytes(with_metadata(tiny.convert_counter(), name="n", inputs={"x": "a number"}))
    graphs = {graph.name: graph for graph in read_metadata(path).graphs}
    assert set(graphs) == {"add", "reset"}
    assert [(t.name, t.description) for t in graphs["add"].inputs] == [("x", "a number")]
    assert [t.name for t in graphs["reset"].outputs] == ["z"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inputs": {"id": ""}}, "no input of that name, only frames, ids"),
        ({"outputs": {"ids": ""}}, "no output of that name, only ahead, scores"),
        ({"files": {"words.txt": "words"}}, "no input or output of that name"),
    ],
)
def test_names_that_the_model_does_not_have(model, arguments, words):
    with pytest.raises(ExportError, match=words):
        with_metadata(model, name="n", **arguments)


def test_a_file_without_metadata_and_a_damaged_one(model, told, tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(model)
    assert read_metadata(path) is None
    path.write_bytes(told.read_bytes().replace(b"M001", b"M999"))
    with pytest.raises(ExportError, match="cut off or damaged"):
        read_metadata(path)
    with pytest.raises(ExportError, match="Could not read"):
        read_metadata(tmp_path / "missing.tflite")
