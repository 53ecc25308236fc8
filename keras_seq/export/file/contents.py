"""What a .tflite model consists of, read off the objects of its schema."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers.table import Table


def _names(enum: type) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if isinstance(code, int)}


_OPS = _names(schema.BuiltinOperator)
_DTYPES = _names(schema.TensorType)
_CUSTOM = schema.BuiltinOperator.CUSTOM
_INTEGERS = ("INT8", "UINT8", "INT16", "INT4", "INT2", "UINT4")
# These only change the type of what passes through them.
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its dtype and shape, with -1 where a dimension is dynamic."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ", ".join("?" if size < 0 else str(size) for size in self.shape)
        return f"{self.dtype.lower()} [{sizes}]"


@dataclass(frozen=True)
class SignatureInfo:
    """The inputs and outputs of one signature, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


@dataclass(frozen=True)
class GraphInfo:
    """One subgraph: the main graph, another signature's, or the body of a loop.

    Attributes:
        name: Its name; the converter tells the layer of a loop in it.
        ops: How often each op occurs in it.
    """

    name: str
    ops: dict[str, int]


@dataclass(frozen=True)
class Quantization:
    """What is computed or kept in integers.

    Attributes:
        tensors: How many tensors have a scale.
        int8_ops: How often each op gives quantised integers: it computes in them.
        hybrid_ops: How often each op gives floats of quantised constants: weights alone are small.
    """

    tensors: int
    int8_ops: dict[str, int]
    hybrid_ops: dict[str, int]


@dataclass(frozen=True)
class Contents:
    """What the model in a .tflite file consists of.

    Attributes:
        ops: How often each builtin op occurs, over all subgraphs.
        op_versions: The version that each builtin op needs.
        custom_ops: How often each op occurs that is not a builtin, Flex ops among them.
        signatures: Inputs and outputs by signature name.
        inputs: The inputs of the main graph.
        outputs: The outputs of the main graph.
        variable_tensors: The tensors that keep their value from one run to the next.
        graphs: The subgraphs, the main one first.
        weights: The bytes of the constants, by dtype; one that several tensors share counts once.
        shared_buffers: How many constants several tensors share.
        quantization: What is computed or kept in integers.
        description: What the converter says of the model.
        producer: The TensorFlow version that converted it; empty if it does not say.
        min_runtime: The oldest runtime that it is meant for, as the converter sees it.
        metadata: The bytes of each metadata entry, by name.
    """

    ops: dict[str, int]
    op_versions: dict[str, int]
    custom_ops: dict[str, int]
    signatures: dict[str, SignatureInfo]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    variable_tensors: tuple[str, ...]
    graphs: tuple[GraphInfo, ...]
    weights: dict[str, int]
    shared_buffers: int
    quantization: Quantization
    description: str
    producer: str
    min_runtime: str
    metadata: dict[str, int]

    def ends(self) -> dict[str, SignatureInfo]:
        """Inputs and outputs by signature; of the main graph, as "", where there is none."""
        if self.signatures:
            return self.signatures
        inputs = {tensor.name: tensor for tensor in self.inputs}
        return {"": SignatureInfo(inputs, {tensor.name: tensor for tensor in self.outputs})}


def contents_of(data: bytes) -> dict[str, Any]:
    """The fields of `Contents`, read off the bytes of a .tflite file."""
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graphs, main = model.subgraphs, model.subgraphs[0]
    custom, versions = Counter[str](), dict[str, int]()
    for _, op in _operators(model):
        code = model.operatorCodes[op.opcodeIndex]
        name, builtin = _op_name(code)
        if builtin:
            versions[name] = max(code.version, versions.get(name, 1))
        else:
            custom[name] += 1
    counts = Counter(_name_of(model, op) for _, op in _operators(model))
    weights, shared = _constants(model)
    entries = _metadata(model)
    return {
        "ops": {name: counts[name] for name in sorted(versions)},
        "op_versions": dict(sorted(versions.items())),
        "custom_ops": dict(sorted(custom.items())),
        "signatures": {
            _text(definition.signatureKey): _signature(definition, graphs)
            for definition in model.signatureDefs or []
        },
        "inputs": tuple(_tensor(main.tensors[i]) for i in main.inputs),
        "outputs": tuple(_tensor(main.tensors[i]) for i in main.outputs),
        "variable_tensors": tuple(_text(t.name) for t in _tensors(model) if t.isVariable),
        "graphs": tuple(
            GraphInfo(
                _text(graph.name),
                _sorted_counts(_name_of(model, op) for op in graph.operators or []),
            )
            for graph in graphs
        ),
        "weights": weights,
        "shared_buffers": shared,
        "quantization": _quantization(model),
        "description": _text(model.description),
        "producer": _producer(entries.get("CONVERSION_METADATA", b"")),
        "min_runtime": entries.get("min_runtime_version", b"").rstrip(b"\0").decode(),
        "metadata": {name: len(content) for name, content in sorted(entries.items())},
    }


def metadata_entries(data: bytes) -> dict[str, bytes]:
    """The metadata of a .tflite file, by the name of the entry."""
    return _metadata(schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)))


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def _sorted_counts(names: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _operators(model: Any) -> Iterator[tuple[Any, Any]]:
    return ((graph, op) for graph in model.subgraphs for op in graph.operators or [])


def _tensors(model: Any) -> Iterator[Any]:
    return (tensor for graph in model.subgraphs for tensor in graph.tensors or [])


def _op_name(code: Any) -> tuple[str, bool]:
    """The name of an op, and whether it is a builtin."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == _CUSTOM:
        return _text(code.customCode), False
    return _OPS.get(number, f"BUILTIN_{number}"), True


def _name_of(model: Any, op: Any) -> str:
    return _op_name(model.operatorCodes[op.opcodeIndex])[0]


def _constants(model: Any) -> tuple[dict[str, int], int]:
    """The bytes of the constants by dtype, and how many of them several tensors share."""
    uses = Counter(tensor.buffer for tensor in _tensors(model))
    dtypes = {tensor.buffer: _dtype(tensor) for tensor in _tensors(model)}
    sizes, shared = Counter[str](), 0
    for number, buffer in enumerate(model.buffers or []):
        # A model of more than 2 GB keeps its constants behind the flatbuffer: then `size` counts.
        size = len(buffer.data) if buffer.data is not None else int(buffer.size)
        if number in dtypes and size:
            sizes[dtypes[number]] += size
            shared += uses[number] > 1
    return dict(sizes.most_common()), shared


def _quantization(model: Any) -> Quantization:
    int8_ops, hybrid_ops = Counter[str](), Counter[str]()
    for graph, op in _operators(model):
        name = _name_of(model, op)
        if name in _CONVERSIONS:
            continue
        outputs = [graph.tensors[i] for i in _indices(op.outputs)]
        inputs = [graph.tensors[i] for i in _indices(op.inputs)]
        if any(_is_quantized(tensor) for tensor in outputs):
            int8_ops[name] += 1
        elif any(_is_quantized(t) and model.buffers[t.buffer].data is not None for t in inputs):
            hybrid_ops[name] += 1
    return Quantization(
        tensors=sum(_is_quantized(tensor) for tensor in _tensors(model)),
        int8_ops=dict(sorted(int8_ops.items())),
        hybrid_ops=dict(sorted(hybrid_ops.items())),
    )


def _indices(tensors: Any) -> list[int]:
    # -1 stands for an optional input that is not there.
    return [int(i) for i in (tensors if tensors is not None else ()) if i >= 0]


def _is_quantized(tensor: Any) -> bool:
    scales = tensor.quantization.scale if tensor.quantization is not None else None
    return _dtype(tensor) in _INTEGERS and scales is not None and len(scales) > 0


def _metadata(model: Any) -> dict[str, bytes]:
    contents = {
        _text(entry.name): model.buffers[entry.buffer].data for entry in model.metadata or []
    }
    return {n: b"" if value is None else bytes(bytearray(value)) for n, value in contents.items()}


def _producer(content: bytes) -> str:
    """TensorFlow's version, in the first field of the first table of its CONVERSION_METADATA."""
    if not content:
        return ""
    table = Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
    if not (field := table.Offset(4)):
        return ""
    table = Table(content, table.Indirect(field + table.Pos))
    field = table.Offset(4)
    return f"TensorFlow {table.String(field + table.Pos).decode()}" if field else ""


def _signature(definition: Any, graphs: list[Any]) -> SignatureInfo:
    tensors = graphs[definition.subgraphIndex].tensors

    def named(maps: list[Any] | None) -> dict[str, TensorInfo]:
        return {_text(m.name): _tensor(tensors[m.tensorIndex]) for m in maps or []}

    return SignatureInfo(inputs=named(definition.inputs), outputs=named(definition.outputs))


def _dtype(tensor: Any) -> str:
    return _DTYPES.get(tensor.type, f"TYPE_{tensor.type}")


def _tensor(tensor: Any) -> TensorInfo:
    # `shapeSignature` is present only where a dimension is dynamic; `shape` then says 1 there.
    shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return TensorInfo(
        name=_text(tensor.name),
        dtype=_dtype(tensor),
        shape=tuple(int(size) for size in (shape if shape is not None else ())),
    )
