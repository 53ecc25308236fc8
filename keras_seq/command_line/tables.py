"""What the command line shows: tables for a person, dictionaries for JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from keras_seq.export.bench import Benchmark
from keras_seq.export.file.attachments import read_files
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.file.metadata import Metadata
from keras_seq.export.file.profiles import findings, profile_of
from keras_seq.export.report import TFLiteReport


def export(report: TFLiteReport) -> RenderableType:
    """The report of `to_tflite`."""
    return _pairs("", report.rows())


def inspect(file: TFLiteFile, metadata: Metadata | None) -> Iterator[RenderableType]:
    """What a .tflite holds, a table for each side of it."""
    yield _pairs("File", _file_rows(file))
    yield _signatures(file)
    yield _ops(file)
    if len(file.graphs) > 1:
        yield _pairs("Graphs", [(graph.name, _count(graph.ops)) for graph in file.graphs])
    yield _pairs("Constants", [(dtype.lower(), _size(n)) for dtype, n in file.weights.items()])
    if metadata is not None:
        yield _pairs("Metadata", _metadata_rows(metadata))
    if file.files:
        contents = read_files(file.path)
        yield _pairs("Attached files", [(name, _size(len(contents[name]))) for name in file.files])
    if found := findings(file):
        yield Text("\nWhy it is not portable", style="bold")
        for finding in found:
            yield Text(f"- {finding}")


def as_json(file: TFLiteFile, metadata: Metadata | None) -> dict[str, Any]:
    """The same, of plain dictionaries, lists, strings and numbers."""
    contents = read_files(file.path)
    return asdict(file) | {
        "path": str(file.path),
        "files": {name: len(contents[name]) for name in file.files},
        "profile": profile_of(file),
        "findings": findings(file),
        "said_of_itself": asdict(metadata) if metadata is not None else None,
    }


def bench(found: Benchmark) -> RenderableType:
    """Times and memory."""
    latency = found.latency
    shapes = ", ".join(f"{name} {list(shape)}" for name, shape in latency.shapes.items())
    times = {
        name: f"{getattr(latency, f'{name}_ms'):.3f} ms"
        for name in ("min", "median", "p90", "p99", "max")
    }
    rows = [
        ("signature", found.signature),
        ("inputs", shapes or "none"),
        ("load", f"{found.load_ms:.3f} ms"),
        ("first run", f"{found.first_ms:.3f} ms"),
        (f"{latency.runs} runs on {latency.threads} thread{'s' * (latency.threads > 1)}", ""),
        *((f"  {name}", value) for name, value in times.items()),
        ("memory", f"{_size(found.memory_bytes)} more, at most, than NumPy and the interpreter"),
    ]
    return _pairs("Benchmark", rows)


def bench_as_json(found: Benchmark) -> dict[str, Any]:
    """The same, of plain dictionaries, lists, strings and numbers."""
    return asdict(found)


def _file_rows(file: TFLiteFile) -> list[tuple[str, str]]:
    quantization = file.quantization
    rows = [
        ("path", str(file.path)),
        ("size", _size(file.size)),
        ("description", file.description),
        ("converted by", file.producer),
        ("oldest runtime", f"{file.min_runtime}, says the converter" if file.min_runtime else ""),
        ("profile", profile_of(file)),
        ("shared constants", str(file.shared_buffers or "")),
        ("quantised tensors", str(quantization.tensors or "")),
        ("variable tensors", str(len(file.variable_tensors) or "")),
    ]
    return [(name, value) for name, value in rows if value]


def _metadata_rows(metadata: Metadata) -> Iterator[tuple[str, str]]:
    for field in ("name", "description", "version"):
        if value := getattr(metadata, field):
            yield field, value
    for graph in metadata.graphs:
        for role, tensors in (("input", graph.inputs), ("output", graph.outputs)):
            for tensor in tensors:
                files = ", ".join(f"{file.kind}: {file.name}" for file in tensor.files)
                told = " ".join(filter(None, (tensor.description, f"({files})" if files else "")))
                if told:
                    yield f"{role} {tensor.name}", told
    if metadata.files:
        yield "files", ", ".join(file.name for file in metadata.files)


def _signatures(file: TFLiteFile) -> Table:
    table = _table("Signatures", "signature", "", "name", "tensor")
    for name, ends in file.ends().items():
        for role, tensors in (("in", ends.inputs), ("out", ends.outputs)):
            for end, tensor in tensors.items():
                table.add_row(*map(escape, (name, role, end, str(tensor))))
                name = ""  # once is enough
    return table


def _ops(file: TFLiteFile) -> Table:
    quantization = file.quantization
    columns: dict[str, dict[str, int]] = {"count": file.ops, "version": file.op_versions}
    columns |= {"in int8": quantization.int8_ops} if quantization.int8_ops else {}
    columns |= {"int8 weights": quantization.hybrid_ops} if quantization.hybrid_ops else {}
    table = _table("Ops", "op", *columns)
    for op in sorted(file.ops, key=lambda op: -file.ops[op]):
        table.add_row(op, *(str(counts.get(op, "")) for counts in columns.values()))
    for op, count in file.custom_ops.items():
        table.add_row(escape(op), str(count), "custom")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=f"\n{title}" if title else None, box=None, pad_edge=False)
    table.title_justify, table.title_style = "left", "bold"
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _pairs(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = _table(title, "", "")
    table.show_header = False
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table


def _count(ops: dict[str, int]) -> str:
    number = sum(ops.values())
    return f"{number} op{'s' * (number != 1)}"


def _size(count: int) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
