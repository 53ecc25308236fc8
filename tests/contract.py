"""One list of cases: every public cell and recurrent layer, its options, oracle and namesake."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
from oracle import cells as oracle

from keras_seq import cells, layers

B, T, F, U = 3, 5, 4, 3

# Public names that no case runs, and why.
EXEMPT = {
    "Cell": "abstract: what all cells share; test_custom_cell.py writes a cell of its own",
    "GatedCell": "abstract: a Cell with one option more",
    "Gates": "what a cell's products are handed over in: test_gates.py",
    "Recurrent": "runs any cell: test_recurrent.py runs it over the cell of every case",
    "Bidirectional": "wraps a layer: test_bidirectional.py wraps the layer of every case",
    "TimeDistributed": "wraps any layer: test_time_distributed.py",
    "GlobalAveragePooling1D": "not recurrent: test_pooling.py",
    "GlobalMaxPooling1D": "not recurrent: test_pooling.py",
    "WordDropout": "not recurrent: test_word_dropout.py",
    "lowering": "a context manager: test_lowering.py",
}


@dataclass(frozen=True)
class Case:
    """A cell with its layer, and the two things they are held against."""

    name: str
    cell: type
    layer: type
    keras_layer: type
    step: Callable  # the oracle's
    options: dict = field(default_factory=dict)
    main: bool = False  # whether the longer tests run it too

    @property
    def gates(self):
        return len(self.cell.gates)

    def states(self):
        """Random initial states (B, U), float64."""
        random = np.random.default_rng(8)
        return [random.normal(size=(B, U)) for _ in self.cell.states]

    def weights(self, inputs=F, seed=7):
        """Random weights in the order of `get_weights`, float64, no two gates alike."""
        random, columns = np.random.default_rng(seed), self.gates * U
        shapes = [(inputs, columns), (U, columns)]
        if self.options.get("use_bias", True):
            two = self.cell is cells.GRUCell and self.options.get("reset_after", True)
            shapes.append((2, columns) if two else (columns,))
        return [random.normal(scale=0.6, size=shape) for shape in shapes]

    def oracle_step(self, weights):
        """The oracle's step (x_t, states) -> states with these weights."""
        activations = {k: v for k, v in self.options.items() if k.endswith("activation")}
        bias = weights[2] if len(weights) == 3 else None
        step = partial(self.step, kernel=weights[0], recurrent=weights[1], bias=bias)
        return partial(step, **activations)


def sequences(seed=6):
    """Random inputs (B, T, F), float64."""
    return np.random.default_rng(seed).normal(size=(B, T, F))


SIMPLE_RNN = (cells.SimpleRNNCell, layers.SimpleRNN, keras.layers.SimpleRNN, oracle.simple_rnn)
LSTM = (cells.LSTMCell, layers.LSTM, keras.layers.LSTM, oracle.lstm)
GRU = (cells.GRUCell, layers.GRU, keras.layers.GRU, oracle.gru)
GRU_BEFORE = (*GRU[:3], oracle.gru_reset_before)
_OTHERS = {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}

CASES = [
    Case("simple_rnn", *SIMPLE_RNN, main=True),
    Case("simple_rnn_relu", *SIMPLE_RNN, {"activation": "relu"}),
    Case("simple_rnn_no_bias", *SIMPLE_RNN, {"use_bias": False}),
    Case("lstm", *LSTM, main=True),
    Case("lstm_activations", *LSTM, {**_OTHERS, "unit_forget_bias": False}),
    Case("lstm_no_bias", *LSTM, {"use_bias": False}),
    Case("gru", *GRU, main=True),
    Case("gru_activations", *GRU, _OTHERS),
    Case("gru_no_bias", *GRU, {"use_bias": False}),
    Case("gru_reset_before", *GRU_BEFORE, {"reset_after": False}, main=True),
    Case("gru_reset_before_activations", *GRU_BEFORE, {"reset_after": False, **_OTHERS}),
    Case("gru_reset_before_no_bias", *GRU_BEFORE, {"reset_after": False, "use_bias": False}),
]
MAIN_CASES = [case for case in CASES if case.main]

MASKS = {
    "none": None,
    "right": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "left": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]],
    "scattered": [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1]],
    "empty_row": [[1, 1, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]],
}
MASKS = {name: None if m is None else np.array(m, bool) for name, m in MASKS.items()}
