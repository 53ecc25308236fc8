"""Gates and states of a recurrent layer over time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.cells import Gates
from keras_seq.inspect.arguments import recurrent, sequence
from keras_seq.inspect.around import Around, run_in_graph, runner
from keras_seq.inspect.columns import Call, Products, find_gates
from keras_seq.layers import Recurrent


@dataclass(frozen=True, eq=False)
class Record:
    """Every gate and every state of a recurrent layer over a batch of sequences.

    Arrays are in the order of the sequence as it was given: `[:, t]` belongs to `inputs[:, t]`. So
    it is in a layer that reads backwards, too: its state at t is the one after reading the steps
    from the last down to t.

    Attributes:
        gates: Each gate by the name that the cell has for it, (B, T, U). NaN where the mask is
            False: no gate acts on a masked step.
        states: Each state by its name, (B, T, width), after the step. At a masked step the state is
            that of the step before; before the first real step it is the initial state.
        mask: Boolean (B, T), or None.
        layer: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import record
        >>> from keras_seq.layers import GRU
        >>> found = record(GRU(4, name="gru"), np.ones((2, 3, 5)))
        >>> found.names
        ('gate z', 'gate r', 'gate h', 'state h')
        >>> found.gates["z"].shape
        (2, 3, 4)
    """

    gates: dict[str, np.ndarray]
    states: dict[str, np.ndarray]
    mask: np.ndarray | None = None
    layer: str = field(default="")

    @property
    def names(self) -> tuple[str, ...]:
        """What is recorded, gates first: "gate i", …, "state h", …."""
        return tuple(self.arrays)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by `names`; a cell may have a gate and a state of the same letter."""
        gates = {f"gate {name}": values for name, values in self.gates.items()}
        return gates | {f"state {name}": values for name, values in self.states.items()}


def record(layer, inputs, mask=None, initial_state=None) -> Any:
    r"""Records every gate and every state of a recurrent layer, in inference.

    A gate is what the cell's equations make of its block of the products: for the LSTM

    $$i = \sigma(W_i^\top x_t + b_i + R_i^\top h_{t-1})$$

    and so on for f, c and o, where "c" is the candidate $g$; for the GRU z, r and h, the last being
    the candidate $n$. They are found in the graph of one step, so the cell needs no word about it:
    its own activations count, and sigmoid, tanh, relu, softmax, softplus, softsign, elu or selu
    written out in the equations. Of activations inside one another the outer one is meant, of
    several the first; one that hangs on the blocks of several gates belongs to the block that it
    rises with (so the normalised f and i of the minimal LSTM are told apart). A block that goes
    through no activation, or that a gate multiplies before, is recorded as it enters:
    $W^\top x_t + b + R^\top h_{t-1}$.

    Args:
        layer: Any `Recurrent` layer, with a cell of one's own too, or a `Bidirectional` around one.
            A layer that nobody has called yet is built. Its states, if it is stateful, stay.
        inputs: (B, T, F).
        mask: Boolean (B, T), True = real data.
        initial_state: The states before the first step, as the layer takes them; if not given,
            those from which the layer would start.

    Returns:
        A `Record`; for a `Bidirectional` a dictionary of two, "forward" and "backward", both in the
        order of the sequence as it was given.

    Raises:
        TypeError: `layer` is not a recurrent layer of this library.
        ValueError: `inputs`, `mask` or `initial_state` have other shapes.
        NotImplementedError: The backend is not TensorFlow.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import record
        >>> from keras_seq.layers import LSTM
        >>> found = record(LSTM(4), np.zeros((2, 3, 5)))
        >>> print(found.gates["f"][0, 0].round(3))  # its bias starts at one
        [0.731 0.731 0.731 0.731]
    """
    if isinstance(layer, keras.layers.Bidirectional):
        halves = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        states = [] if initial_state is None else list(initial_state)
        own = {"forward": states[: len(states) // 2], "backward": states[len(states) // 2 :]}
        return {n: record(half, inputs, mask, own[n] or None) for n, half in halves.items()}
    layer = recurrent(layer, "record", ", or a `Bidirectional` around one")
    given = sequence(layer, inputs, mask, initial_state)
    recorder = _Recorder(layer)
    start = recorder.start(given.states)
    run = runner(recorder, layer)
    masks = [] if given.mask is None else [given.mask]
    values = run_in_graph(
        lambda x, states, masks: run(*x, states, *masks),
        [given.inputs],
        [start, *given.states],
        masks,
    ).numpy()
    return _as_record(layer, values, start, given.mask)


def _as_record(layer: Recurrent, values, start, mask) -> Record:
    """Takes apart what the recorder put side by side, in the order of reading."""
    cell, flip = layer.cell, slice(None, None, -1 if layer.go_backwards else None)
    wide = np.float32 if values.dtype.itemsize < 4 else values.dtype  # NumPy has no bfloat16
    values, start = values[:, flip].astype(wide), start.astype(wide)
    if mask is not None:
        real = mask[:, flip]
        # Keras puts out zeros before the first real step; the states are those of the beginning.
        begun = np.logical_or.accumulate(real, axis=1)[:, flip]
        values = np.where(begun[..., None], values, start[:, None])
    widths = [*cell.widths, *[cell.units] * len(cell.gates)]
    parts = np.split(values, np.cumsum(widths)[:-1], axis=-1)
    states = dict(zip(cell.states, parts, strict=False))
    gates = dict(zip(cell.gates, parts[len(states) :], strict=True))
    if mask is not None:
        gates = {name: np.where(mask[..., None], gate, np.nan) for name, gate in gates.items()}
    return Record(gates, states, mask, layer.name)


class _Recorder(Around):
    """Carries what it saw of the last step, all states and gates side by side, as first state."""

    @property
    def widths(self):
        """The columns of all states and gates together, then of each state."""
        own = self.cell.widths
        return sum(own) + len(self.gates) * self.units, *own

    def start(self, states):
        """What is carried before the first step."""
        unseen = np.zeros((len(states[0]), len(self.gates) * self.units), states[0].dtype)
        return np.concatenate([*states, unseen], axis=-1)

    def step(self, x, states, recur):
        """One step of the cell, and what was seen of it."""
        new, gates = _watched(self, x, states[1:], recur)
        return tf.concat([*new, *gates], axis=-1), *new


def _watched(around: Around, x: Gates, states: tuple, recur: Callable):
    """Does a step in a graph and finds the gates there.

    Returns:
        The new states and the gates, each (B, U).
    """
    graph = tf.compat.v1.get_default_graph()
    start, cell = _size(graph), around.cell
    calls: list[Call] = []

    def recorded(activation):
        def call(value, *args, **kwargs):
            value, here = tf.convert_to_tensor(value), tf.compat.v1.get_default_graph()
            first = _size(here)
            result = activation(value, *args, **kwargs)
            inside = range(first, _size(here))
            calls.append(Call(value, tf.identity(result), inside))
            return calls[-1].result

        return call

    # Its twin has the same weights and other activations: nothing is changed in the cell itself,
    # which may be in use elsewhere at the same time.
    twin = object.__new__(type(cell))
    twin.__dict__.update(cell.__dict__)
    own = {n: value for n, value in cell.__dict__.items() if n.endswith("activation")}
    twin.__dict__.update({n: recorded(value) for n, value in own.items() if callable(value)})

    x = Gates(tf.identity(x.product), x.count)
    states = tuple(map(tf.identity, states))
    products = [Products(x.product, tuple(range(x.count)), recurrent=False)]

    def recur_recorded(h, *gates):
        found = recur(h, *gates)
        names = gates or cell.recurrent_gates
        found = Gates(tf.identity(found.product), found.count)
        numbers = tuple(cell.gates.index(name) for name in names)
        products.append(Products(found.product, numbers, recurrent=True))
        return found

    new = around.step_of(twin, x, states, recur_recorded)
    return new, find_gates(graph, start, products, states, calls)


def _size(graph) -> int:
    """How many operations a graph has."""
    return len(graph.get_operations())
