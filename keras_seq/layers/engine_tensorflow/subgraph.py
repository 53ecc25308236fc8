"""Parts of a TensorFlow graph: found, cut out, and put into other graphs."""

import tensorflow as tf

# Computed anew from the only input that varies rather than saved.
_CHEAP = {"AddV2", "Cast", "Identity", "Mul", "Neg", "Sub"}


class Subgraph:
    """The operations between some tensors of a graph and others that come from them.

    Args:
        graph: The graph.
        feeds: Tensors to be replaced.
        fetches: Tensors to be computed.
        transposed: For some of the matrix products, by name, their second factor transposed.
    """

    def __init__(self, graph, feeds: list, fetches: list, transposed: dict | None = None):
        transposed = transposed or {}
        self._feeds = [tensor.name for tensor in feeds]
        self._fetches = [tensor.name for tensor in fetches]
        self._shapes = [tensor.shape for tensor in fetches]
        fed = {tensor.ref() for tensor in feeds}
        needed, read = set(), set()
        todo = [tensor for tensor in fetches if tensor.ref() not in fed]
        while todo:
            op = todo.pop().op
            if op not in needed:
                needed.add(op)
                inputs = _inputs(op, transposed)
                read |= {tensor.name for tensor in inputs}
                todo += [tensor for tensor in inputs if tensor.ref() not in fed]
        self._read = read.intersection(self._feeds)
        names = {op.name for op in needed}
        self._definition = graph.as_graph_def()
        nodes = [node for node in self._definition.node if node.name in names]
        del self._definition.node[:]
        self._definition.node.extend(nodes)
        for node in self._definition.node:
            node.attr.pop("_class", None)  # where it lies: beside a node that may be left out
            if node.name in transposed:
                node.input[1] = transposed[node.name].op.name
                node.attr["transpose_b"].b = False

    def __call__(self, values: list) -> list:
        """Puts the operations into the current graph.

        Args:
            values: What stands for each of the feeds.

        Returns:
            The fetches.
        """
        # `identity` brings each into the current graph.
        replaced = {n: tf.identity(v) for n, v in zip(self._feeds, values, strict=True)}
        found = tf.graph_util.import_graph_def(
            self._definition,
            input_map={name: replaced[name] for name in self._read},
            return_elements=[name for name in self._fetches if name not in replaced],
            name="step",
        )
        found = iter(found)
        fetched = [replaced[n] if n in replaced else next(found) for n in self._fetches]
        for tensor, shape in zip(fetched, self._shapes, strict=True):
            tensor.set_shape(shape)  # the gradient of broadcasting forgets it
        return fetched


def _inputs(op, transposed):
    return [op.inputs[0], transposed[op.name]] if op.name in transposed else list(op.inputs)


def ancestors(tensors: list) -> set:
    """The operations that the tensors come from."""
    found, todo = set(), [tensor.op for tensor in tensors]
    while todo:
        op = todo.pop()
        if op not in found:
            found.add(op)
            todo += [tensor.op for tensor in op.inputs]
    return found


def descendants(tensors: list) -> set:
    """The operations that come from the tensors, their own included."""
    found, todo = set(), [tensor.op for tensor in tensors]
    while todo:
        op = todo.pop()
        if op not in found:
            found.add(op)
            todo += [user for tensor in op.outputs for user in tensor.consumers()]
    return found


def cheap_source(tensor, varying: set):
    """The tensor that this one is computed from at little cost, from no other that varies."""
    while tensor.op.type in _CHEAP:
        sources = [source for source in tensor.op.inputs if source.op in varying]
        if len(sources) != 1:
            break
        tensor = sources[0]
    return tensor


def of_shapes_alone(tensor, feeds: list) -> bool:
    """Whether the tensor comes from the shapes of the feeds, not from what is in them."""
    if not tensor.dtype.is_integer:
        return False
    fed, todo, seen = {feed.op for feed in feeds}, [tensor.op], set()
    while todo:
        op = todo.pop()
        if op in fed:
            return False
        if op not in seen and op.type not in ("Shape", "ShapeN", "Size", "Rank"):
            seen.add(op)
            todo += [source.op for source in op.inputs]
    return True


def unwrapped(tensor):
    """The tensor without what the gradient of broadcasting puts around where nothing is broad."""
    while True:
        op = tensor.op
        if op.type == "Identity":
            tensor = op.inputs[0]
        elif op.type == "Reshape" and _sums_broadcast(op.inputs[0].op):
            tensor = op.inputs[0].op.inputs[0]
        else:
            return tensor


def _sums_broadcast(op) -> bool:
    return op.type == "Sum" and op.inputs[1].op.type == "BroadcastGradientArgs"
