"""Rewrites placeholders of the time loop in a .tflite to TFLite's fused recurrent ops.

`keras_seq.layers.engine_tensorflow.fused` puts the placeholders into a model, and the converter
leaves them as custom ops. The fused ops keep their states in variable tensors from one run to the
next; here each starts every run from a copy of the initial state that the model gives.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_seq.export.file.rewriting import Rewriting
from keras_seq.layers.engine_tensorflow.fused import PREFIX

_INPUTS = {"lstm": 24, "rnn": 5}
_STATES = {"lstm": (18, 19), "rnn": (4,)}
_OPTIONS = {
    "lstm": ("UnidirectionalSequenceLSTMOptions", schema.UnidirectionalSequenceLSTMOptionsT),
    "rnn": ("SequenceRNNOptions", schema.SequenceRNNOptionsT),
}
# Kernels, recurrent kernels, peepholes and projection: what int8 has to have of one type.
_WEIGHTS = {"lstm": (*range(1, 12), 16), "rnn": (1, 2)}
_ACTIVATIONS = {
    "tanh": schema.ActivationFunctionType.TANH,
    "relu": schema.ActivationFunctionType.RELU,
}


def with_fused_ops(content: bytes, int8_weights: bool = False) -> bytes:
    """Rewrites every placeholder in a .tflite; without any, it stays as it is.

    Args:
        content: The bytes of a .tflite file without attached files.
        int8_weights: Whether to round the weights of the fused ops to int8, a scale each; states
            and arithmetic outside the products stay in float32.

    Returns:
        The bytes of the rewritten file.
    """
    rewriting = Rewriting(content)
    kinds = [_kind(code) for code in rewriting.model.operatorCodes]
    if not any(kinds):
        return content
    for graph in rewriting.model.subgraphs:
        used = {int(tensor) for op in graph.operators or [] for tensor in _numbers(op.inputs)}
        used |= {int(tensor) for tensor in graph.outputs}
        operators = []
        for op in graph.operators or []:
            if kind := kinds[op.opcodeIndex]:
                operators += _Placeholder(rewriting, graph, op, kind).fused(used, int8_weights)
            else:
                operators.append(op)
        graph.operators = operators
    return rewriting.packed()


def _kind(code):
    name = code.customCode.decode() if code.customCode else ""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else None


def _numbers(tensors):
    return [] if tensors is None else tensors


class _Placeholder:
    """A custom op that stands for a fused one."""

    def __init__(self, rewriting, graph, op, kind):
        self.rewriting, self.graph, self.op, self.kind = rewriting, graph, op, kind
        self.options = flexbuffers.Loads(bytes(bytearray(op.customOptions)))

    def fused(self, used, int8_weights):
        """The fused op, between copies of its initial and of its final states."""
        op, kind = self.op, self.kind
        inputs = [-1] * _INPUTS[kind]
        places = map(int, self.options["places"].split(","))
        for place, tensor in zip(places, op.inputs, strict=True):
            inputs[place] = int(tensor)
        before, after = [], []
        for place in _STATES[kind]:
            ops, inputs[place] = self._state(inputs[place])
            before += ops
        output, *finals = map(int, op.outputs)
        if finals and finals[0] in used:
            after = self._copied_after(output, inputs[_STATES[kind][-1]], finals[0])
        for place in _WEIGHTS[kind] if int8_weights else ():
            if inputs[place] >= 0:
                inputs[place] = self._rounded(inputs[place])
        op.inputs, op.outputs, op.customOptions = inputs, [output], None
        name, options = _OPTIONS[kind]
        op.opcodeIndex = self.rewriting.code(f"UNIDIRECTIONAL_SEQUENCE_{kind.upper()}")
        op.builtinOptionsType, op.builtinOptions = getattr(schema.BuiltinOptions, name), options()
        op.builtinOptions.fusedActivationFunction = _ACTIVATIONS[self.options["activation"]]
        return [*before, op, *after]

    def _state(self, initial):
        """The ops that set a variable tensor to an initial state, and the tensor."""
        rewriting, graph = self.rewriting, self.graph
        shape = graph.tensors[initial].shape
        sizes = rewriting.constant(graph, np.array(shape, np.int32))
        sized = rewriting.tensor(graph, "float32", shape)
        state = rewriting.tensor(graph, "float32", shape)
        graph.tensors[state].isVariable = True
        # What is read from a variable has no size before the first run; the fused op wants one.
        reshape = rewriting.op("RESHAPE", [initial, sizes], [sized])
        return [reshape, rewriting.copy(graph, sized, state)], state

    def _copied_after(self, output, state, copy):
        """Ops that copy a state that the fused op has left in its tensor.

        They read the op's output too, or else a delegate might run them before it.
        """
        rank = self.rewriting.tensor(self.graph, "int32", [])
        true = self.rewriting.tensor(self.graph, "bool", [])
        return [
            self.rewriting.op("RANK", [output], [rank]),
            self.rewriting.op("EQUAL", [rank, rank], [true]),
            self.rewriting.op("SELECT_V2", [true, state, state], [copy]),
        ]

    def _rounded(self, number):
        """A copy of a constant tensor in int8."""
        old = self.graph.tensors[number]
        values = np.frombuffer(bytes(self.rewriting.model.buffers[old.buffer].data), np.float32)
        scale = float(np.abs(values).max(initial=0)) / 127 or 1.0
        rounded = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
        new = self.rewriting.constant(self.graph, rounded.reshape(old.shape))
        self.graph.tensors[new].quantization = schema.QuantizationParametersT()
        self.graph.tensors[new].quantization.scale = [scale]
        self.graph.tensors[new].quantization.zeroPoint = [0]
        return new
