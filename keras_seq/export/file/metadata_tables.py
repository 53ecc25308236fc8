"""The tables of TFLite's model metadata (identifier M001), as dataclasses, packed and unpacked.

The schema has many more fields; those here are the ones that a sequence model has something to say
in. Others that a file holds are passed over.
"""

from dataclasses import dataclass
from typing import Any

import flatbuffers
from flatbuffers.number_types import Int8Flags
from flatbuffers.table import Table

IDENTIFIER = b"M001"


@dataclass(frozen=True)
class AssociatedFile:
    """A file that belongs to the model or to one of its tensors.

    Attributes:
        name: Its name among the attached files.
        kind: "vocabulary", "labels", "other"; files that others wrote may say more.
    """

    name: str
    kind: str


@dataclass(frozen=True)
class TensorMetadata:
    """An input or output: its name in the signature, a description, its files."""

    name: str
    description: str = ""
    files: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class GraphMetadata:
    """A graph, by the name of its signature: inputs and outputs in the order of the graph."""

    name: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


@dataclass(frozen=True)
class Metadata:
    """What a model says of itself.

    Attributes:
        name: Its name.
        description: What it is for.
        version: Its version.
        graphs: Its graphs, the main one first, up to the last that has a signature.
        files: The files of the model as a whole.
        min_parser_version: The oldest version of the schema that knows all that is said.
    """

    name: str
    description: str
    version: str
    graphs: tuple[GraphMetadata, ...]
    files: tuple[AssociatedFile, ...]
    min_parser_version: str = "1.0.1"  # the first that knows vocabularies


# The place of each field in its table of the schema.
_PLACES: dict[type, dict[str, int]] = {
    Metadata: {
        "name": 0,
        "description": 1,
        "version": 2,
        "graphs": 3,
        "files": 6,
        "min_parser_version": 7,
    },
    GraphMetadata: {"name": 0, "inputs": 2, "outputs": 3},
    TensorMetadata: {"name": 0, "description": 1, "files": 6},
    AssociatedFile: {"name": 0, "kind": 2},
}
# What the fields hold that are no strings: tables of a type, or a number for a word.
_ITEMS: dict[str, type] = {
    "graphs": GraphMetadata,
    "inputs": TensorMetadata,
    "outputs": TensorMetadata,
    "files": AssociatedFile,
}
_KINDS = ("other", "descriptions", "labels", "value labels", "scores", "vocabulary", "index")


def pack(metadata: Metadata) -> bytes:
    """Writes metadata as a flatbuffer."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, metadata), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def unpack(content: bytes) -> Metadata:
    """Reads metadata that `pack` or another tool wrote.

    Raises:
        ValueError: It has another identifier. Damaged content raises whatever it leads to.
    """
    if content[4:8] != IDENTIFIER:
        raise ValueError(f"expected {IDENTIFIER!r}, got {content[4:8]!r}")
    start = flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0)
    return _read(Metadata, Table(content, start))


def _write(builder: flatbuffers.Builder, item: Any) -> int:
    # What a table points to is written before it.
    places = _PLACES[type(item)]
    offsets: dict[int, int] = {}
    for field, place in places.items():
        value = getattr(item, field)
        if isinstance(value, tuple):
            tables = [_write(builder, one) for one in value]
            builder.StartVector(4, len(tables), 4)
            for table in reversed(tables):
                builder.PrependUOffsetTRelative(table)
            offsets[place] = builder.EndVector()
        elif field != "kind":
            offsets[place] = builder.CreateString(value)
    builder.StartObject(max(places.values()) + 1)
    for place, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(place, offset, 0)
    if "kind" in places:
        builder.PrependInt8Slot(places["kind"], _KINDS.index(item.kind), 0)
    return builder.EndObject()


def _read(kind: type, table: Table) -> Any:
    values: dict[str, Any] = {}
    for field, place in _PLACES[kind].items():
        at = table.Offset(4 + 2 * place)  # 0 if the table leaves the field out
        if field in _ITEMS:
            start, count = (table.Vector(at), table.VectorLen(at)) if at else (0, 0)
            tables = [Table(table.Bytes, table.Indirect(start + 4 * i)) for i in range(count)]
            values[field] = tuple(_read(_ITEMS[field], one) for one in tables)
        elif field == "kind":
            number = table.Get(Int8Flags, at + table.Pos) if at else 0
            values[field] = _KINDS[number] if 0 <= number < len(_KINDS) else _KINDS[0]
        else:
            values[field] = table.String(at + table.Pos).decode() if at else ""
    return kind(**values)
