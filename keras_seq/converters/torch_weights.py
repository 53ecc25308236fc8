"""The weights of one direction: ours, and what `torch.nn` calls and orders otherwise."""

from typing import Any

import keras
import numpy as np

from keras_seq import cells

Arrays = dict[str, np.ndarray]

# Their gates are blocks of rows, ours of columns, in this order: i, f, g, o are our i, f, c, o, but
# r, z, n are our z, r, h. To exchange two is its own reverse.
_ORDER: dict[type, tuple[int, ...]] = {cells.SimpleRNNCell: (0,), cells.GRUCell: (1, 0, 2)}
_ORDER_OF_LSTMS = (0, 1, 2, 3)


def ours(cell_class: type, theirs: Arrays) -> list[np.ndarray]:
    """Their weights as ours, in the order of `get_weights`.

    Args:
        cell_class: The class of our cell.
        theirs: Arrays by torch's names without layer and direction: `weight_ih`, `weight_hh`, and
            where there are any `bias_ih`, `bias_hh` and `weight_hr`.
    """
    weights = [_exchanged(cell_class, theirs[name]).T for name in ("weight_ih", "weight_hh")]
    if "bias_ih" in theirs:
        biases = [_exchanged(cell_class, theirs[name]) for name in ("bias_ih", "bias_hh")]
        # Only where the reset gate stands between them do two biases say more than their sum.
        weights.append(np.stack(biases) if cell_class is cells.GRUCell else biases[0] + biases[1])
    if "weight_hr" in theirs:
        weights.append(theirs["weight_hr"].T)
    return weights


def theirs(cell: Any) -> Arrays:
    """The weights of our cell by torch's names, the reverse of `ours`."""
    kind = type(cell)
    found = {
        "weight_ih": _exchanged(kind, _array(cell.kernel).T),
        "weight_hh": _exchanged(kind, _array(cell.recurrent_kernel).T),
    }
    if cell.use_bias:
        bias = _array(cell.bias)
        biases = bias if kind is cells.GRUCell else (bias, np.zeros_like(bias))
        found["bias_ih"], found["bias_hh"] = (_exchanged(kind, row) for row in biases)
    if kind is cells.ProjectedLSTMCell:
        found["weight_hr"] = _array(cell.projection_kernel).T
    return found


def _exchanged(cell_class: type, array: np.ndarray) -> np.ndarray:
    """The blocks of rows in the other library's order."""
    order = _ORDER.get(cell_class, _ORDER_OF_LSTMS)
    blocks = np.split(array, len(order))
    return np.concatenate([blocks[place] for place in order])


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)
