"""Rewrites placeholders of the time loop in a .tflite to TFLite's fused recurrent ops.

`keras_seq.layers.engine_tensorflow.fused` puts the placeholders into a model, and the converter
leaves them as custom ops. The fused ops keep their states in variable tensors from one run to the
next; here each starts every run from a copy of the initial state that the model gives.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_seq.layers.engine_tensorflow.fused import PREFIX

_Op = schema.BuiltinOperator
_INPUTS = {"lstm": 24, "rnn": 5}
_FIRST_STATE = {"lstm": 18, "rnn": 4}
_ACTIVATIONS = {"tanh": schema.ActivationFunctionType.TANH, "relu": schema.ActivationFunctionType.RELU}


def with_fused_ops(content: bytes) -> bytes:
    """Rewrites every placeholder in a .tflite; without any, it stays as it is.

    Args:
        content: The bytes of a .tflite file without attached files.

    Returns:
        The bytes of the rewritten file.
    """
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    kinds = [_kind(code) for code in model.operatorCodes]
    if not any(kinds):
        return content
    for graph in model.subgraphs:
        graph.operators = [
            new
            for op in graph.operators or []
            for new in (
                _rewritten(model, graph, op, kinds[op.opcodeIndex])
                if op.opcodeIndex < len(kinds) and kinds[op.opcodeIndex]
                else [op]
            )
        ]
    _drop_unused_codes(model)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _kind(code):
    name = code.customCode.decode() if code.customCode else ""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else None


def _rewritten(model, graph, op, kind):
    """The fused op, after the copies of its initial states."""
    options = flexbuffers.Loads(bytes(bytearray(op.customOptions)))
    places = [int(place) for place in options["places"].split(",")]
    inputs = [-1] * _INPUTS[kind]
    for place, tensor in zip(places, op.inputs, strict=True):
        inputs[place] = int(tensor)
    copies, finals = [], []
    for place in range(_FIRST_STATE[kind], _FIRST_STATE[kind] + len(op.outputs) - 1):
        copy, state = _state(model, graph, inputs[place])
        copies.append(copy)
        finals.append(state)
        inputs[place] = state
    # After the op has run, its state tensors hold the final states.
    _rename(model, graph, dict(zip(map(int, op.outputs[1:]), finals, strict=True)))
    op.inputs, op.outputs, op.customOptions = inputs, [int(op.outputs[0])], None
    activation = _ACTIVATIONS[options["activation"]]
    if kind == "lstm":
        op.opcodeIndex = _code(model, _Op.UNIDIRECTIONAL_SEQUENCE_LSTM, 1)
        op.builtinOptions = schema.UnidirectionalSequenceLSTMOptionsT()
        op.builtinOptionsType = schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    else:
        op.opcodeIndex = _code(model, _Op.UNIDIRECTIONAL_SEQUENCE_RNN, 1)
        op.builtinOptions = schema.SequenceRNNOptionsT()
        op.builtinOptionsType = schema.BuiltinOptions.SequenceRNNOptions
    op.builtinOptions.fusedActivationFunction = activation
    return [*copies, op]


def _state(model, graph, initial):
    """A variable tensor, and the op that sets it to the initial state: adds nothing to it."""
    state = schema.TensorT()
    state.shape = list(graph.tensors[initial].shape)
    state.type, state.isVariable, state.hasRank = schema.TensorType.FLOAT32, True, True
    state.name = b"keras_seq_state_%d" % len(graph.tensors)
    state.buffer = 0
    graph.tensors.append(state)
    number = len(graph.tensors) - 1
    copy = schema.OperatorT()
    copy.opcodeIndex = _code(model, _Op.ADD, 1)
    copy.inputs, copy.outputs = [initial, _zero(model, graph)], [number]
    copy.builtinOptions, copy.builtinOptionsType = schema.AddOptionsT(), schema.BuiltinOptions.AddOptions
    return copy, number


def _zero(model, graph):
    buffer = schema.BufferT()
    buffer.data = np.zeros(4, np.uint8)
    model.buffers.append(buffer)
    zero = schema.TensorT()
    zero.shape, zero.type, zero.hasRank = [], schema.TensorType.FLOAT32, True
    zero.buffer, zero.name = len(model.buffers) - 1, b"keras_seq_zero"
    graph.tensors.append(zero)
    return len(graph.tensors) - 1


def _rename(model, graph, new):
    def named(tensors):
        return [new.get(int(tensor), int(tensor)) for tensor in tensors]

    for op in graph.operators or []:
        op.inputs = named(op.inputs if op.inputs is not None else [])
    graph.outputs = named(graph.outputs)
    for signature in model.signatureDefs or []:
        if model.subgraphs[signature.subgraphIndex] is graph:
            for output in signature.outputs or []:
                output.tensorIndex = new.get(output.tensorIndex, output.tensorIndex)


def _code(model, builtin, version):
    for number, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _drop_unused_codes(model):
    used = sorted({op.opcodeIndex for graph in model.subgraphs for op in graph.operators or []})
    new = {old: number for number, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[number] for number in used]
    for graph in model.subgraphs:
        for op in graph.operators or []:
            op.opcodeIndex = new[op.opcodeIndex]
