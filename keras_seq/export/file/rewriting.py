"""Changes a .tflite as a whole: taken apart, given tensors and ops, packed again."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_TYPES = {
    np.dtype("float32"): schema.TensorType.FLOAT32,
    np.dtype("int32"): schema.TensorType.INT32,
    np.dtype("int8"): schema.TensorType.INT8,
    np.dtype("bool"): schema.TensorType.BOOL,
}


class Rewriting:
    """The parts of a .tflite, to be changed.

    Args:
        content: The bytes of a .tflite file without attached files.

    Attributes:
        model: The file's `ModelT`.
    """

    def __init__(self, content: bytes):
        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))

    def packed(self) -> bytes:
        """The bytes of the changed file, without what no op and no tensor uses."""
        self._drop_unused_codes()
        self._drop_unused_buffers()
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def tensor(self, graph: Any, dtype: str, shape: Any) -> int:
        """Adds a tensor to a graph; gives its number."""
        tensor = schema.TensorT()
        tensor.name = b"keras_seq_%d" % len(graph.tensors)
        tensor.type, tensor.shape, tensor.hasRank = _TYPES[np.dtype(dtype)], list(shape), True
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def constant(self, graph: Any, values: np.ndarray) -> int:
        """Adds a tensor with values to a graph; gives its number."""
        number = self.tensor(graph, values.dtype.name, values.shape)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        graph.tensors[number].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return number

    def op(self, builtin: str, inputs: list[int], outputs: list[int]) -> Any:
        """Makes an op, such as "SELECT_V2"; where it goes is the caller's affair."""
        op = schema.OperatorT()
        op.opcodeIndex = self.code(builtin)
        op.inputs, op.outputs = inputs, outputs
        name = "".join(part.capitalize() for part in builtin.split("_")) + "Options"
        op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        op.builtinOptions = getattr(schema, name + "T")()
        return op

    def copy(self, graph: Any, source: int, target: int) -> Any:
        """Makes an op that copies a tensor.

        TFLite has none that does just this, and most may write to where they read.
        """
        true = self.constant(graph, np.array(True))
        return self.op("SELECT_V2", [true, source, source], [target])

    def code(self, builtin: str) -> int:
        """The number of a builtin's entry in the file's list of ops."""
        wanted = getattr(schema.BuiltinOperator, builtin)
        for number, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == wanted:
                return number
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = wanted, min(wanted, 127)
        code.version = 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def _ops(self) -> list[Any]:
        return [op for graph in self.model.subgraphs for op in graph.operators or []]

    def _drop_unused_codes(self) -> None:
        used = sorted({op.opcodeIndex for op in self._ops()})
        new = {old: number for number, old in enumerate(used)}
        self.model.operatorCodes = [self.model.operatorCodes[number] for number in used]
        for op in self._ops():
            op.opcodeIndex = new[op.opcodeIndex]

    def _drop_unused_buffers(self) -> None:
        for graph in self.model.subgraphs:
            read = [op.inputs for op in graph.operators or [] if op.inputs is not None]
            kept = {int(n) for numbers in (*read, graph.outputs) for n in numbers}
            for number, tensor in enumerate(graph.tensors):
                tensor.buffer = tensor.buffer if number in kept else 0
        used = {tensor.buffer for graph in self.model.subgraphs for tensor in graph.tensors}
        used |= {entry.buffer for entry in self.model.metadata or []}
        for number, buffer in enumerate(self.model.buffers):
            if number not in used:
                buffer.data = None


def with_distinct_outputs(content: bytes) -> bytes:
    """Gives every output of a signature a tensor of its own.

    Where two outputs, or an output and an input, are one tensor, some runtimes lose a value.

    Args:
        content: The bytes of a .tflite file without attached files.
    """
    rewriting = Rewriting(content)
    changed = False
    for signature in rewriting.model.signatureDefs or []:
        graph = rewriting.model.subgraphs[signature.subgraphIndex]
        seen = set(map(int, graph.inputs))
        for output in signature.outputs or []:
            if output.tensorIndex in seen:
                old = graph.tensors[output.tensorIndex]
                new = rewriting.tensor(graph, "float32", old.shape)
                graph.tensors[new].type = old.type
                graph.tensors[new].shapeSignature = old.shapeSignature
                graph.tensors[new].quantization = old.quantization
                graph.operators.append(rewriting.copy(graph, output.tensorIndex, new))
                graph.outputs = [*map(int, graph.outputs), new]
                output.tensorIndex, changed = new, True
            seen.add(output.tensorIndex)
        named = [output.tensorIndex for output in signature.outputs or []]
        graph.outputs = [n for n in dict.fromkeys(map(int, graph.outputs)) if n in named]
    return rewriting.packed() if changed else content
