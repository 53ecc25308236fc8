"""Finds the gates in the graph of a step: which tensors hold them, however the step is written.

Forward through the graph goes, for each column of each tensor, what it is made of: columns of the
input product, columns of a recurrent product, activated values, states. An activation whose input
has columns of one gate is that gate.
"""

from typing import NamedTuple

import tensorflow as tf

from keras_seq.inspect.origins import Origins, any_of

# An activation is a call of the cell's own, or one of these operations.
_ACTIVATIONS = {
    *("Elu", "LeakyRelu", "Relu", "Relu6", "Selu"),
    *("Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh"),
}
_PRODUCTS = {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "MatMul"}
_REDUCTIONS = {"Max", "Mean", "Min", "Prod", "Sum"}
# What they give is a sum of what they take, or a part of it.
_SUMS = {"Add", "AddN", "AddV2", "BiasAdd", "Cast", "Identity", "Sub"}
_PARTS = {"ExpandDims", "Reshape", "Slice", "Split", "SplitV", "Squeeze", "StridedSlice"}
_RISING = {"Exp", "Log", "Log1p", "Softplus"}


class Call(NamedTuple):
    """A call of an activation.

    Attributes:
        value: What it was given.
        result: What it gave.
        inside: Numbers of its operations in the graph, without that of the result.
    """

    value: tf.Tensor
    result: tf.Tensor
    inside: range


class Products(NamedTuple):
    """Products of some gates side by side.

    Attributes:
        product: (B, N·U).
        gates: The numbers of the N gates.
        recurrent: Whether it is a recurrent product, or that of the input.
    """

    product: tf.Tensor
    gates: tuple[int, ...]
    recurrent: bool


def find_gates(
    graph: tf.Graph, start: int, products: list[Products], states: tuple, calls: list[Call]
) -> list[tf.Tensor]:
    """The gates of a step that has just been traced.

    Args:
        graph: The graph.
        start: Number of the first operation of the step.
        products: The input product of all gates first, then the recurrent products.
        states: The states before the step.
        calls: The calls of the cell's activations.

    Returns:
        For each gate (B, U): the result of the outermost activation of its products, of several
        the first; where there is none, the last sum of its products.
    """
    walk = _Walk(products, states, [call for call in calls if call.value.graph is graph])
    for number, op in enumerate(graph.get_operations()[start:], start):
        walk.past(number, op)
    return [walk.gate(number) for number in range(walk.gates)]


class _Found(NamedTuple):
    """Some columns of a tensor."""

    tensor: tf.Tensor
    columns: slice

    def cut(self):
        whole = self.columns == slice(0, self.tensor.shape[-1])
        return self.tensor if whole else self.tensor[:, self.columns]


class _Walk:
    """From the products through the operations of a step, in the order they were made in."""

    def __init__(self, products, states, calls):
        self.gates = len(products[0].gates)
        self.block = products[0].product.shape[-1] // self.gates
        self.calls = {call.result.ref(): call for call in calls}
        self.inside = {number for call in calls for number in call.inside}
        roots = [(p.product, Origins.of_product(self.gates, self.block, p)) for p in products]
        roots += [(state, Origins.of_state(self.gates, state.shape[-1])) for state in states]
        self.roots = {tensor.ref(): origins for tensor, origins in roots}
        self.origins: dict = {}
        # Of each gate: the activations, and the sums with whether both products are in them.
        self.activated: list[list[_Found]] = [[] for _ in range(self.gates)]
        self.sums: list[list[tuple[bool, _Found]]] = [[] for _ in range(self.gates)]

    def past(self, number, op):
        """Goes past one operation. What is inside of an activation is not looked at."""
        for tensor in () if number in self.inside else op.outputs:
            if not tensor.dtype.is_floating or not tensor.shape.rank or not tensor.shape[-1]:
                continue
            origins = self.roots.get(tensor.ref()) or self._of(op, tensor)
            if origins is not None and origins.known():
                self.origins[tensor.ref()] = origins
                self._note_sums(tensor, origins)

    def gate(self, number) -> tf.Tensor:
        """What holds the gate."""
        if self.activated[number]:
            return self.activated[number][0].cut()
        best = max(both for both, _ in self.sums[number])
        return [found for both, found in self.sums[number] if both == best][-1].cut()

    def _note_sums(self, tensor, origins):
        if tensor.shape.rank != 2 or not origins.is_sum():
            return
        for gate in range(self.gates):
            columns = origins.columns_of(gate, self.block)
            if columns and origins.has_input(gate):
                self.sums[gate].append((origins.has_recurrent(gate), _Found(tensor, columns)))

    def _of(self, op, tensor):
        call = self.calls.get(tensor.ref())
        if call or _is_activation(op):
            return self._activation(call.value if call else op.inputs[0], tensor)
        width = tensor.shape[-1]
        if op.type == "ConcatV2":
            return self._side_by_side(op, width)
        given = [self.origins.get(t.ref()) for t in op.inputs]
        signs = [
            -1 if op.type == "Neg" or (op.type == "Sub" and n) else 1 for n in range(len(given))
        ]
        known = [o if sign > 0 else o.negative() for o, sign in zip(given, signs, strict=True) if o]
        if not known:
            return None
        if op.type in _PARTS and (begin := _first_column(op, tensor)) is not None:
            return known[0].part(begin, width)
        if op.type in _PRODUCTS or any(o.width not in (1, width) for o in known):
            # The mean of columns is no gate's; of other things nobody knows which column is where.
            return None if op.type in _REDUCTIONS else any_of([o.blurred(width) for o in known])
        if op.type in ("Mul", "RealDiv") and len(known) == 2:
            a, b = known
            known = [a.multiplied_by(b), b.multiplied_by(a)]
        found = any_of([Origins(self.gates, width), *known])
        if op.type in _SUMS:
            return found
        if op.type in ("Mul", "RealDiv"):
            return found.of_any_sign()
        return found.bent() if op.type in {*_RISING, "Neg"} else found.bent().of_any_sign()

    def _activation(self, value, result):
        given, width = self.origins.get(value.ref()), result.shape[-1]
        if given is None:
            return None
        made = Origins.of_activation(self.gates, width)
        for gate in range(self.gates) if given.width == width and result.shape.rank == 2 else ():
            columns = given.columns_of(gate, self.block)
            if columns:
                if given.has_activated(gate):  # tanh(R h + tanh(W x)): the outer one is meant
                    self.activated[gate].clear()
                self.activated[gate].append(_Found(result, columns))
                made.activates(gate, columns)
        return made

    def _side_by_side(self, op, width):
        *tensors, axis = op.inputs
        parts = [self.origins.get(t.ref()) or Origins(self.gates, t.shape[-1]) for t in tensors]
        if tf.get_static_value(axis) in (-1, op.outputs[0].shape.rank - 1):
            return Origins.side_by_side(parts)
        return any_of(parts)


def _is_activation(op) -> bool:
    # The logarithm of a sigmoid, -softplus(-a), is a step on the way to another activation.
    log_sigmoid = op.type == "Softplus" and op.inputs[0].op.type == "Neg"
    return op.type in _ACTIVATIONS and not log_sigmoid


def _first_column(op, tensor) -> int | None:
    """Where the columns of a part begin in the whole; None if nobody knows."""
    whole = op.inputs[1 if op.type == "Split" else 0]
    if tensor.shape[-1] == whole.shape[-1]:
        return 0
    if op.type in ("Split", "SplitV"):
        before = op.outputs[: tensor.value_index]
        return sum(t.shape[-1] for t in before)
    if op.type not in ("Slice", "StridedSlice"):
        return None
    begin = tf.get_static_value(op.inputs[1])
    if begin is None:
        return None
    if op.type == "StridedSlice":
        last = 1 << (len(begin) - 1)
        if op.get_attr("shrink_axis_mask") & last:
            return None
        if op.get_attr("begin_mask") & last:
            return 0
    return int(begin[-1]) % whole.shape[-1]
