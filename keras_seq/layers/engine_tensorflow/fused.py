"""The time loop as one op: a placeholder that TFLite's converter keeps whole.

TFLite has an op for a whole LSTM and one for a whole simple RNN. The converter turns a function
with the attribute `tfl_fusable_op` into a custom op whose inputs are the function's arguments;
`keras_seq.export.fused` then rewrites that op to the builtin one. What the function computes in
TensorFlow is of the right shapes and nothing else: it is for the converter alone.
"""

import tensorflow as tf
from keras import activations, ops

from keras_seq import cells
from keras_seq.cells import Cell
from keras_seq.cells.peephole import PeepholeCell
from keras_seq.layers.loops import Given

PREFIX = "keras_seq_fused_"
# A gate that the cell has not is one that is always open: σ(30) is 1 in float32.
_OPEN = 30.0
# Exact types: a subclass may have other equations.
_LSTMS = (
    cells.LSTMCell,
    cells.NoPeepholeLSTMCell,
    cells.PeepholeLSTMCell,
    cells.NoInputGateLSTMCell,
    cells.NoForgetGateLSTMCell,
    cells.NoOutputGateLSTMCell,
    cells.CoupledLSTMCell,
    cells.CoupledPeepholeLSTMCell,
    cells.ProjectedLSTMCell,
)
_COUPLED = (cells.CoupledLSTMCell, cells.CoupledPeepholeLSTMCell)


def why_not(cell: Cell) -> str | None:
    """Says why TFLite's fused ops cannot carry a cell; None if one can."""
    if type(cell) is cells.SimpleRNNCell:
        if cell.activation not in (activations.tanh, activations.relu):
            return "TFLite's fused RNN knows tanh and relu alone"
    elif type(cell) not in _LSTMS:
        return f"TFLite has no fused op with the equations of {type(cell).__name__}"
    elif cell.activation is not activations.tanh:
        return "TFLite's fused LSTM has the activation tanh alone"
    elif cell.recurrent_activation is not activations.sigmoid:
        return "TFLite's fused LSTM has sigmoid gates alone"
    return None


def run_fused(cell: Cell, given: Given, collect: bool):
    """Carries a cell through time by a placeholder of the fused op.

    Masked steps are moved to the end, behind the real ones, and the outputs back to their places:
    the op knows no masks.

    Args:
        cell: A cell that `why_not` has nothing against.
        given: What it is carried with; the batch size is fixed, and there is at most one mask.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (B, T, U) (None if not collected), and the final states;
        with a mask, only the first of these is right.
    """
    x, h = given.x, given.states[0]
    if not given.mask:
        outputs, *others = _placeholder(cell, x, given.states)
        return outputs if collect else None, (outputs[:, -1], *others)
    real = given.mask[0][..., 0]
    steps = tf.broadcast_to(tf.range(tf.shape(x)[1]), tf.shape(real))
    order = tf.argsort(tf.where(real, steps, steps + tf.shape(x)[1]), axis=1)
    outputs, *others = _placeholder(cell, tf.gather(x, order, batch_dims=1), given.states)
    outputs = tf.concat([tf.expand_dims(h, 1), outputs], axis=1)
    seen = tf.cumsum(tf.cast(real, tf.int32), axis=1)
    if not collect:
        seen = seen[:, -1:]
    outputs = tf.gather(outputs, seen, batch_dims=1)
    return outputs if collect else None, (outputs[:, -1], *others)


def _placeholder(cell, x, states):
    """The outputs (B, T, U) and the final states but for the first, which is the last output."""
    if type(cell) is cells.SimpleRNNCell:
        kind, inputs = "rnn", _rnn_inputs(cell)
        first_state, activation = 4, cell.activation.__name__
    else:
        kind, inputs = "lstm", _lstm_inputs(cell)
        first_state, activation = 18, "tanh"
    inputs = {0: x, **inputs, **{first_state + n: state for n, state in enumerate(states)}}
    places = ",".join(map(str, inputs))
    batch, steps, width = x.shape[0], x.shape[1], states[0].shape[-1]

    @tf.function(
        autograph=False,
        experimental_implements=(
            f'name: "{PREFIX}{kind}" '
            'attr { key: "tfl_fusable_op" value { b: true } } '
            f'attr {{ key: "places" value {{ s: "{places}" }} }} '
            f'attr {{ key: "activation" value {{ s: "{activation}" }} }}'
        ),
    )
    def fused(x, *others):
        outputs = tf.zeros((batch, tf.shape(x)[1], width)) + others[-len(states)][:, None]
        return (tf.ensure_shape(outputs, (batch, steps, width)), *others[-len(states) :][1:])

    return fused(*(tf.convert_to_tensor(value) for value in inputs.values()))


def _rnn_inputs(cell):
    bias = ops.zeros((cell.units,)) if cell.bias is None else cell.bias
    return {
        1: ops.transpose(cell.kernel),
        2: ops.transpose(cell.recurrent_kernel),
        3: bias,
    }


def _lstm_inputs(cell):
    """The weights by their places: four kernels, recurrent kernels, three peepholes, four biases.

    A coupled cell has no input gate in TFLite's eyes: i is what f leaves.
    """
    units, inputs = cell.units, {}
    kernels, recurrents = _blocks(cell, cell.kernel), _blocks(cell, cell.recurrent_kernel)
    biases = {} if cell.bias is None else _blocks(cell, cell.bias)
    peepholes = {}
    if isinstance(cell, PeepholeCell):
        peepholes = dict(zip(cell.peepholes, cell.peephole_weights(), strict=True))
    coupled = isinstance(cell, _COUPLED)
    for place, gate in enumerate(("i", "f", "c", "o")):
        if coupled and gate == "i":
            continue
        of, sign = ("i", -1.0) if coupled and gate == "f" else (gate, 1.0)
        missing = ops.full((units,), 0.0 if of in kernels else _OPEN)
        zeros = [ops.zeros((columns, units)) for columns in (cell.kernel.shape[0], cell.widths[0])]
        inputs[1 + place] = sign * ops.transpose(kernels.get(of, zeros[0]))
        inputs[5 + place] = sign * ops.transpose(recurrents.get(of, zeros[1]))
        inputs[12 + place] = sign * biases.get(of, missing)
        if peepholes and gate != "c":
            inputs[9 + min(place, 2)] = sign * peepholes.get(of, ops.zeros((units,)))
    if isinstance(cell, cells.ProjectedLSTMCell):
        inputs[16] = ops.transpose(cell.projection_kernel)
    return inputs


def _blocks(cell, weight):
    """The columns of each gate, by its name."""
    return dict(zip(cell.gates, ops.split(weight, len(cell.gates), axis=-1), strict=True))
