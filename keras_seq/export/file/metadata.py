"""What a .tflite says of itself, in the form that TFLite's task libraries read.

The form is the published schema of TFLite's model metadata, a flatbuffer of its own in the entry
TFLITE_METADATA. The files that it speaks of are attached to the model as `attachments` does it.
"""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_seq.export.errors import ExportError
from keras_seq.export.file.contents import metadata_entries
from keras_seq.export.file.flatbuffer import DAMAGE, damaged, read_tflite
from keras_seq.export.file.metadata_tables import (
    AssociatedFile,
    GraphMetadata,
    Metadata,
    TensorMetadata,
    pack,
    unpack,
)

ENTRY = "TFLITE_METADATA"


def with_metadata(
    model_bytes: bytes,
    *,
    name: str,
    description: str = "",
    version: str = "",
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    files: Mapping[str, str | None] | None = None,
) -> bytes:
    """Returns a .tflite that says what it is; metadata that it had before is replaced.

    Args:
        model_bytes: The bytes of a .tflite file without attached files.
        name: The name of the model.
        description: What it is for.
        version: Its version.
        inputs: Descriptions by input name.
        outputs: Descriptions by output name.
        files: By file name the input or output that the file belongs to: one of an input is its
            vocabulary, one of an output its labels; None for the model as a whole.

    Raises:
        ExportError: The model has no input or output of a name that is given.

    Example:
        >>> import keras, pathlib, tempfile
        >>> from keras_seq.export import to_tflite
        >>> ids = keras.Input((4,), dtype="int32", name="ids")
        >>> scores = keras.layers.Dense(2, name="scores")(keras.layers.Embedding(9, 2)(ids))
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.tflite")
        >>> report = to_tflite(keras.Model(ids, scores), path)
        >>> told = with_metadata(path.read_bytes(), name="tagger", files={"words.txt": "ids"})
        >>> _ = path.write_bytes(told)
        >>> read_metadata(path).graphs[0].inputs[0].files
        (AssociatedFile(name='words.txt', kind='vocabulary'),)
    """
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model_bytes, 0))
    graphs = _graphs(model)
    inputs, outputs, files = inputs or {}, outputs or {}, files or {}
    input_names = {name for _, names, _ in graphs for name in names}
    output_names = {name for _, _, names in graphs for name in names}
    owners = [owner for owner in files.values() if owner is not None]
    _check("input", inputs, input_names)
    _check("output", outputs, output_names)
    _check("input or output", owners, input_names | output_names)

    def tensor(name: str, descriptions: Mapping[str, str], kind: str) -> TensorMetadata:
        mine = tuple(AssociatedFile(file, kind) for file, owner in files.items() if owner == name)
        return TensorMetadata(name, descriptions.get(name, ""), mine)

    metadata = Metadata(
        name=name,
        description=description,
        version=version,
        graphs=tuple(
            GraphMetadata(
                key,
                tuple(tensor(end, inputs, "vocabulary") for end in ins),
                tuple(tensor(end, outputs, "labels") for end in outs),
            )
            for key, ins, outs in graphs
        ),
        files=tuple(AssociatedFile(f, "other") for f, owner in files.items() if owner is None),
    )
    _put(model, pack(metadata))
    builder = flatbuffers.Builder(len(model_bytes) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def read_metadata(path: str | PathLike[str]) -> Metadata | None:
    """Reads what a .tflite says of itself.

    Args:
        path: A .tflite file, its metadata written here or by another tool.

    Returns:
        The metadata; None if it has none.

    Raises:
        ExportError: The file cannot be read, is not a .tflite, or is cut off.

    Example:
        >>> read_metadata("model.tflite").description  # doctest: +SKIP
        'Reviews, good or bad'
    """
    data = read_tflite(path)
    try:
        content = metadata_entries(data).get(ENTRY)
        return unpack(content) if content else None
    except DAMAGE as error:
        raise damaged(path, data, error) from error


def _graphs(model: Any) -> list[tuple[str, list[str], list[str]]]:
    """Of each graph its signature, and the names of its inputs and outputs in their order."""
    definitions = {definition.subgraphIndex: definition for definition in model.signatureDefs or []}

    def names(graph: Any, definition: Any, role: str) -> list[str]:
        named = {end.tensorIndex: end.name for end in getattr(definition, role, None) or []}
        return [named.get(int(i), graph.tensors[i].name).decode() for i in getattr(graph, role)]

    found = []
    for number, graph in enumerate(model.subgraphs[: max(definitions, default=0) + 1]):
        definition = definitions.get(number)
        key = definition.signatureKey.decode() if definition else ""
        found.append((key, names(graph, definition, "inputs"), names(graph, definition, "outputs")))
    return found


def _check(role: str, given: Any, known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise ExportError(
                f"Metadata was given for {name!r}; the model has no {role} of that name, only "
                f"{', '.join(sorted(known))}."
            )


def _put(model: Any, content: bytes) -> None:
    """Fills the metadata entry of the model, or adds one."""
    name = ENTRY.encode()
    entry = next((entry for entry in model.metadata or [] if entry.name == name), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*(model.metadata or []), entry]
    model.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
