"""One step of a cell and one step of its gradient, cut from one graph.

Both are traced together, for any number of rows, and then taken apart by what they depend on:

* what comes from the weights alone is computed once, before the loop (`prepare`);
* what the gradient takes from the step - the gates, mostly - is what the forward loop saves for the
  backward loop, and nothing else is: no activation is computed twice, no product is kept in vain;
* the gradient of a matrix that the step multiplies by is one product over all steps, after the
  loop; autodiff would add one of the size of the matrix at every step. Gradients of other constants
  (biases, gains, peepholes) are summed in the backward loop.

None of this asks how the equations are written.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_seq.layers.engine_tensorflow.subgraph import (
    Subgraph,
    ancestors,
    cheap_source,
    descendants,
    of_shapes_alone,
    unwrapped,
)
from keras_seq.layers.loops import masked


class Inputs(NamedTuple):
    """What a step reads.

    Attributes:
        x: Projected input of the step, (b, G·U).
        mask: (b, 1) or (b, width): none, one for all states, or one for each.
        states: The states before the step, each (b, width).
        fixed: What all steps read without a gradient, (b, …): of a cell, masks of the recurrent
            input, none, one, or one a gate.
        memory: What all steps read with one, (b, …).
        weights: Values of the variables.
    """

    x: Any
    mask: tuple
    states: tuple
    fixed: tuple
    memory: tuple
    weights: tuple


class Step:
    """The step of a recurrence and its gradient.

    Args:
        recurrence: The recurrence, see `recurrence.py`.
        variables: Those of its variables that are weights.
        example: Tensors, or their specifications, like those that a step will read.

    Attributes:
        variables: The weights that are read, in the step or in projecting.
        matrices: What the step multiplies by.
        x: The projected input: a symbol with dtype and shape, as are those that follow.
        saved: What the forward loop saves.
        products: Outputs of the products with constants.
        shared: Which product has the gradient of x for its own, if one has.

    Raises:
        NotImplementedError: The step cannot be traced by itself: it reads or writes more than its
            inputs, or is wrong.
    """

    def __init__(self, recurrence, variables: list, example: Inputs):
        graph = tf.Graph()
        with graph.as_default():
            weights = tuple(_placeholder(w.dtype, w.shape) for w in example.weights)
            given = tf.nest.map_structure(_any_rows, example)._replace(weights=weights)
            d_new = tuple(_any_rows(state) for state in example.states)
            with tf.GradientTape() as tape:
                tape.watch((given.x, given.states, given.memory, weights))
                new = _traced(recurrence, variables, given)
            self.variables, given = recurrence.read(variables, given, ancestors(new))
            self._find_constants(graph, given, new)
            sources = [given.x, *given.states, *self._summed, *self.products]
            gradients = tape.gradient(new, sources, d_new, unconnected_gradients="zero")
        self.x, self._states = given.x, len(new)
        self._cut(graph, given, new, d_new, gradients)

    def _find_constants(self, graph, given, new):
        """What the steps share, and the products with it."""
        varying = descendants([given.x, *given.mask, *given.states])
        trained = descendants([*given.weights, *given.memory])
        constant = descendants([*given.weights, *given.memory, *given.fixed]) - varying
        of_step = varying & ancestors(new)
        readers: dict = {}
        for op in graph.get_operations():
            for place, tensor in enumerate(op.inputs):
                if op in of_step and tensor.op in constant:
                    readers.setdefault(tensor.ref(), []).append((op, place))
        self._varying, self._constant = varying, constant
        self._constants = [ref.deref() for ref in readers]
        matrices = {ref: all(map(_is_product, reads)) for ref, reads in readers.items()}
        self.matrices = [ref.deref() for ref in readers if matrices[ref]]
        self._summed = [
            ref.deref() for ref in readers if not matrices[ref] and ref.deref().op in trained
        ]
        self._products = [op for ref in readers if matrices[ref] for op, _ in readers[ref]]
        self.products = [op.outputs[0] for op in self._products]

    def _cut(self, graph, given, new, d_new, gradients):
        changing, before = [given.x, *given.mask, *given.states], ancestors(new)
        after = ancestors(gradients) - before - {tensor.op for tensor in changing}
        constants = {tensor.ref(): tensor for tensor in self._constants}
        save, transposed = {}, {}
        shapes: dict = {}
        for op in (op for op in graph.get_operations() if op in after):
            for tensor in op.inputs:
                if tensor.op in self._varying and tensor.op not in after:
                    if op.type in ("Shape", "ShapeN"):
                        shapes |= {shape.ref(): shape for shape in op.outputs}
                    elif of_shapes_alone(tensor, changing):
                        shapes[tensor.ref()] = tensor
                    else:
                        source = cheap_source(tensor, self._varying)
                        save[source.ref()] = source
                elif tensor.op in self._constant:
                    constants[tensor.ref()] = tensor
            if _transposes_second(op) and op.inputs[1].ref() in constants:
                with graph.as_default():
                    transposed[op.name] = tf.transpose(op.inputs[1])
        for tensor in gradients + [op.inputs[0] for op in self._products]:
            if tensor.op not in after:
                save[tensor.ref()] = tensor
        places = {ref: place for place, ref in enumerate(save)}
        self.saved, self._constants = list(save.values()), list(constants.values())
        self._factors = [places[op.inputs[0].ref()] for op in self._products]
        d_x, d_products = gradients[0], gradients[len(gradients) - len(self.products) :]
        same = [unwrapped(d) is unwrapped(d_x) for d in d_products]
        self.shared = same.index(True) if True in same else None

        fixed = [*given.weights, *given.memory, *given.fixed]
        # As functions, for no gradient tape sees what is put into a graph.
        self._prepare = tf.function(Subgraph(graph, fixed, self._constants), autograph=False)
        self._transpose = tf.function(
            Subgraph(graph, self._constants, list(transposed.values())), autograph=False
        )
        self._forward = Subgraph(graph, changing + self._constants, [*new, *self.saved])
        self._shapes = Subgraph(graph, changing + self._constants, list(shapes.values()))
        self._like = [given.x, *given.mask]
        feeds = [*self.saved, *self._constants, *transposed.values(), *d_new]
        self._backward = Subgraph(graph, feeds + list(shapes.values()), gradients, transposed)

    def prepare(self, given: Inputs) -> tuple:
        """What all steps share."""
        return tuple(self._prepare([*given.weights, *given.memory, *given.fixed]))

    def forward(self, x, mask: tuple, states: tuple, constants: tuple) -> tuple[tuple, tuple]:
        """The new states, and what is saved for `backward`."""
        found = self._forward([x, *mask, *states, *constants])
        return tuple(found[: self._states]), tuple(found[self._states :])

    def prepare_backward(self, constants: tuple) -> tuple:
        """What all steps of the gradient share."""
        return (*constants, *self._transpose(list(constants)))

    def backward(self, saved: tuple, shared: tuple, d_new: tuple) -> tuple:
        """The gradients of x, of the states, of what is summed, and of the products.

        Args:
            saved: What `forward` saved.
            shared: What `prepare_backward` gave.
            d_new: The gradients of the new states.
        """
        rows = tf.shape(d_new[0])[:1]
        # Of a step on nothing, of which the compiler keeps the shapes alone.
        nothing = [tf.zeros(tf.concat([rows, t.shape[1:]], 0), t.dtype) for t in self._like]
        nothing += [tf.zeros_like(d) for d in d_new]
        shapes = self._shapes([*nothing, *shared[: len(self._constants)]])
        found = self._backward([*saved, *shared, *d_new, *shapes])
        own, products = 1 + self._states, len(found) - len(self.products)
        return found[0], tuple(found[1:own]), tuple(found[own:products]), tuple(found[products:])

    def zeros(self, constants: tuple) -> tuple[tuple, tuple]:
        """Where the gradients of what is summed, and of the matrices, are added up."""
        given = {t.ref(): c for t, c in zip(self._constants, constants, strict=True)}
        both = (self._summed, self.matrices)
        summed, matrices = (tuple(_sum_of(given[t.ref()]) for t in tensors) for tensors in both)
        return summed, matrices

    def add_products(self, sums: tuple, saved: tuple, d_products: tuple) -> tuple:
        """Adds what the products of many steps give to the gradients of the matrices.

        Args:
            sums: The gradients so far.
            saved: What `forward` saved at these steps, each (T, b, …).
            d_products: The gradients of the products at these steps.
        """
        total = {matrix.ref(): d for matrix, d in zip(self.matrices, sums, strict=True)}
        for op, place, d in zip(self._products, self._factors, d_products, strict=True):
            height, width = op.inputs[1].shape
            left, right = tf.reshape(saved[place], (-1, height)), tf.reshape(d, (-1, width))
            product = tf.matmul(left, right, transpose_a=True)
            total[op.inputs[1].ref()] += tf.cast(product, total[op.inputs[1].ref()].dtype)
        return tuple(total.values())

    def of_constants(self, summed: tuple, matrices: tuple) -> list:
        """The gradient of each constant; None for those that no weight is behind."""
        keys = [tensor.ref() for tensor in self._summed + self.matrices]
        found = dict(zip(keys, summed + matrices, strict=True))
        return [
            tf.cast(found[t.ref()], t.dtype) if t.ref() in found else None for t in self._constants
        ]


def _traced(recurrence, variables, given):
    scope = keras.StatelessScope(list(zip(variables, given.weights, strict=True)))
    before = [scope.get_current_value(v) for v in recurrence.variables]
    try:
        with scope:
            new = recurrence.step(given.x, given.states, given.fixed, given.memory)
    except Exception as error:  # an error of the step's own shows where it runs plainly
        raise NotImplementedError(f"{recurrence.name} cannot be traced by itself.") from error
    after = [scope.get_current_value(v) for v in recurrence.variables]
    if any(a is not b for a, b in zip(after, before, strict=True)):
        raise NotImplementedError(f"{recurrence.name} writes to its variables.")
    return masked(new, given.states, given.mask)


def _is_product(read) -> bool:
    """Whether an operation, at one of its inputs, multiplies by it as a matrix."""
    op, place = read
    return op.type == "MatMul" and place == 1 and not (_transposes(op, "a") or _transposes(op, "b"))


def _transposes_second(op) -> bool:
    """Whether it is a product that transposes as it goes, and so is slow."""
    return op.type == "MatMul" and _transposes(op, "b") and not _transposes(op, "a")


def _transposes(op, factor: str) -> bool:
    return op.get_attr(f"transpose_{factor}")


def _any_rows(like):
    return _placeholder(like.dtype, [None, *like.shape[1:]])


def _placeholder(dtype, shape):
    return tf.compat.v1.placeholder(dtype, shape)


def _sum_of(like):
    """Where gradients of many steps are added up: at least in float32."""
    return tf.zeros_like(like, tf.float64 if like.dtype == tf.float64 else tf.float32)
