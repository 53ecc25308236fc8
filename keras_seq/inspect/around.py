"""A cell around a cell, so that the library's own time loop carries more than states."""

import tensorflow as tf

from keras_seq.cells import Cell
from keras_seq.layers import Recurrent, lowering
from keras_seq.layers.zoneout import WithZoneout


class Around(Cell):
    """What two cells that watch another have in common: its products are theirs.

    A subclass says in `widths` what it carries and writes `step`.

    Args:
        layer: The layer whose cell is watched; neither is changed.
    """

    def __init__(self, layer: Recurrent):
        cell = layer.cell
        # What Keras would take from its counters of names and from Python's global generator, for
        # the seeds of initializers, others would find gone.
        super().__init__(
            cell.units,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            dtype=cell.dtype_policy,
            name=f"around_{cell.name}",
        )
        self.cell, self.gates, self._rates = cell, cell.gates, layer.zoneout_rates

    @property
    def kernel(self):
        """That of the cell."""
        return self.cell.kernel

    @property
    def recurrent_gates(self):
        """Those of the cell."""
        return self.cell.recurrent_gates

    def build(self, input_shape):
        """The cell is built."""

    def step_of(self, cell: Cell, x, states, recur) -> tuple:
        """A step of the cell, or of one that stands for it, as the layer does it in inference."""
        done = WithZoneout(cell, self._rates) if any(self._rates) else cell
        return tuple(done.step(x, states, recur))

    def project(self, inputs, *gates):
        """The cell's input product."""
        return self.cell.project(inputs, *gates)

    def recur(self, h, *gates):
        """The cell's recurrent product."""
        return self.cell.recur(h, *gates)


def runner(around: Around, layer: Recurrent):
    """A function (inputs, states, mask) that runs the cell as the layer would, in inference.

    Args:
        around: The cell around the layer's.
        layer: The layer; its direction and its types are those of the run.

    Returns:
        A function to be called in a graph, `lowering` and all; it gives the first state after every
        step, (B, T, W), in the order of reading.
    """
    loop = Recurrent(
        around,
        return_sequences=True,
        go_backwards=layer.go_backwards,
        seed=0,  # see above
        dtype=layer.dtype_policy,
        name=f"around_{layer.name}",
    )

    def run(inputs, states, mask=None):
        with lowering("plain"):
            return loop(inputs, initial_state=states, mask=mask, training=False)

    return run


def run_in_graph(function, *arguments):
    """Traces a function of tensors into a TensorFlow graph, once, and runs it.

    Args:
        function: The function; its Python code is not looked at.
        *arguments: Lists of arrays.

    Returns:
        What it returns, as tensors.
    """
    tensors = [[tf.convert_to_tensor(array) for array in argument] for argument in arguments]
    # A `tf.function` that is called would warn of being made anew for each layer.
    return tf.function(function, autograph=False).get_concrete_function(*tensors)(*tensors)
