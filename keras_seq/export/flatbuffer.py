"""Reads what a .tflite file holds: ops, signatures, tensors, attached files."""

import struct
from collections import Counter
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from keras_seq.export.attachments import files_in
from keras_seq.export.errors import ExportError


def _names(enum: type) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if isinstance(code, int)}


_OPS = _names(schema.BuiltinOperator)
_DTYPES = _names(schema.TensorType)
_CUSTOM = schema.BuiltinOperator.CUSTOM


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its dtype and shape, with -1 where a dimension is dynamic."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SignatureInfo:
    """The inputs and outputs of one signature, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


@dataclass(frozen=True)
class TFLiteFile:
    """What a .tflite file holds.

    Attributes:
        path: Where it was read from.
        size: Its size in bytes, attached files included.
        ops: How often each builtin op occurs, over all subgraphs.
        op_versions: The version that each builtin op needs.
        custom_ops: How often each op occurs that is not a builtin, Flex ops among them.
        signatures: Inputs and outputs by signature name.
        inputs: The inputs of the main graph.
        outputs: The outputs of the main graph.
        variable_tensors: The tensors that keep their value from one run to the next.
        files: The names of the attached files.
    """

    path: Path
    size: int
    ops: dict[str, int]
    op_versions: dict[str, int]
    custom_ops: dict[str, int]
    signatures: dict[str, SignatureInfo]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    variable_tensors: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "TFLiteFile":
        """Reads a .tflite file.

        Args:
            path: The file.

        Raises:
            ExportError: The file cannot be read, is not a .tflite, or is cut off.

        Example:
            >>> import pathlib, tempfile
            >>> from keras_seq.export import ExportError, TFLiteFile
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
            >>> _ = path.write_text("not a model")
            >>> TFLiteFile.read(path)
            Traceback (most recent call last):
            ...
            keras_seq.export.errors.ExportError: ... is not a .tflite file: ...
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ExportError(f"Could not read {path}: {error.strerror or error}.") from error
        if data[4:8] != b"TFL3":
            raise ExportError(
                f"{path} is not a .tflite file: expected the identifier 'TFL3' in bytes 4 to 8, "
                f"got {data[4:8]!r} in a file of {len(data)} bytes."
            )
        try:
            return cls._parse(path, data)
        except (struct.error, LookupError, ValueError, TypeError, AttributeError, MemoryError) as e:
            # The schema's reader trusts the offsets it finds: past the end it meets anything.
            raise ExportError(
                f"{path} is cut off or damaged ({type(e).__name__} while reading its "
                f"{len(data)} bytes). Copy or export it again."
            ) from e

    @classmethod
    def _parse(cls, path: Path, data: bytes) -> "TFLiteFile":
        model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        graphs = model.subgraphs
        codes = model.operatorCodes or []
        ops, custom_ops, op_versions = Counter[str](), Counter[str](), dict[str, int]()
        for op in (op for graph in graphs for op in graph.operators or []):
            code = codes[op.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            if number == _CUSTOM:
                custom_ops[code.customCode.decode()] += 1
                continue
            name = _OPS.get(number, f"BUILTIN_{number}")
            ops[name] += 1
            op_versions[name] = max(code.version, op_versions.get(name, 1))
        main = graphs[0]
        return cls(
            path=path,
            size=len(data),
            ops=dict(sorted(ops.items())),
            op_versions=dict(sorted(op_versions.items())),
            custom_ops=dict(sorted(custom_ops.items())),
            signatures={s.signatureKey.decode(): _signature(s, graphs) for s in _defs(model)},
            inputs=tuple(_tensor(main.tensors[i]) for i in main.inputs),
            outputs=tuple(_tensor(main.tensors[i]) for i in main.outputs),
            variable_tensors=tuple(
                tensor.name.decode()
                for graph in graphs
                for tensor in graph.tensors
                if tensor.isVariable
            ),
            files=tuple(files_in(data, path)),
        )

    def portability(self) -> list[str]:
        """Says what keeps the file from running on every TFLite runtime.

        Phones' and browsers' runtimes want fixed shapes, int32 ids, no state kept between
        runs, and builtin ops. The `Interpreter` API takes dynamic shapes and state as well.

        Returns:
            One sentence for each finding; empty if the file is portable.
        """
        findings = []
        for role, name, tensor in self._ends():
            if -1 in tensor.shape:
                findings.append(f"{role} {name} has a dynamic shape {tensor.shape}")
            if tensor.dtype in ("INT64", "UINT64"):
                findings.append(f"{role} {name} is {tensor.dtype.lower()}, not int32")
        if self.variable_tensors:
            findings.append(
                f"{len(self.variable_tensors)} tensors keep state between runs: "
                + ", ".join(self.variable_tensors)
            )
        if self.custom_ops:
            findings.append("ops that are no builtins: " + ", ".join(self.custom_ops))
        return findings

    def _ends(self) -> list[tuple[str, str, TensorInfo]]:
        """Role, name and tensor of all inputs and outputs, by signature where there are any."""
        if self.signatures:
            return [end for signature in self.signatures.values() for end in _ends_of(signature)]
        inputs = {tensor.name: tensor for tensor in self.inputs}
        return _ends_of(SignatureInfo(inputs, {tensor.name: tensor for tensor in self.outputs}))


def _ends_of(signature: SignatureInfo) -> list[tuple[str, str, TensorInfo]]:
    inputs = [("input", name, tensor) for name, tensor in signature.inputs.items()]
    return inputs + [("output", name, tensor) for name, tensor in signature.outputs.items()]


def _defs(model: Any) -> list[Any]:
    return model.signatureDefs or []


def _signature(definition: Any, graphs: list[Any]) -> SignatureInfo:
    tensors = graphs[definition.subgraphIndex].tensors

    def named(maps: list[Any] | None) -> dict[str, TensorInfo]:
        return {m.name.decode(): _tensor(tensors[m.tensorIndex]) for m in maps or []}

    return SignatureInfo(inputs=named(definition.inputs), outputs=named(definition.outputs))


def _tensor(tensor: Any) -> TensorInfo:
    # `shapeSignature` is present only where a dimension is dynamic; `shape` then says 1 there.
    shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return TensorInfo(
        name=tensor.name.decode(),
        dtype=_DTYPES[tensor.type],
        shape=tuple(int(size) for size in (shape if shape is not None else ())),
    )
