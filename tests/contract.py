"""One list of cases: every public cell and recurrent layer, its options, oracle and namesake."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
from oracle import cells as oracle
from oracle import relatives

from keras_seq import cells, layers

B, T, F, U = 3, 5, 4, 3

# Public names that no case runs, and why.
EXEMPT = {
    "Cell": "abstract: what all cells share; test_custom_cell.py writes a cell of its own",
    "LinearCell": "abstract: a Cell without recurrent product",
    "MaxMagnitude": "a constraint: test_relatives.py",
    "GatedCell": "abstract: a Cell with one option more",
    "Gates": "what a cell's products are handed over in: test_gates.py",
    "CellLayer": "abstract: a Recurrent layer that makes its cell",
    "Recurrent": "runs any cell: test_recurrent.py runs it over the cell of every case",
    "Bidirectional": "wraps a layer: test_bidirectional.py wraps the layer of every case",
    "TimeDistributed": "wraps any layer: test_time_distributed.py",
    "GlobalAveragePooling1D": "not recurrent: test_pooling.py",
    "GlobalMaxPooling1D": "not recurrent: test_pooling.py",
    "AttentionMemory": "what attention looks at: test_attention.py",
    "BahdanauAttention": "not recurrent: test_attention.py",
    "DotProductAttention": "not recurrent: test_attention.py",
    "LuongAttention": "not recurrent: test_attention.py",
    "MultiHeadAttention": "not recurrent: test_multi_head.py",
    "LearnedPositions": "not recurrent: test_transformer.py",
    "SinusoidalPositions": "not recurrent: test_transformer.py",
    "TransformerDecoderBlock": "not recurrent: test_transformer.py",
    "TransformerEncoderBlock": "not recurrent: test_transformer.py",
    "TokenEmbedding": "not recurrent: test_token_embedding.py",
    "Stack": "holds layers: test_stack.py",
    "WordDropout": "not recurrent: test_word_dropout.py",
    "lowering": "a context manager: test_lowering.py",
    "recurrent_layer": "a function: test_named.py",
    "recurrent_layers": "a function: test_named.py",
}


@dataclass(frozen=True)
class Case:
    """A cell with its layer, and the two things they are held against: oracle and namesake."""

    name: str
    cell: type
    layer: type
    keras_layer: type | None
    step: Callable  # the oracle's
    options: dict = field(default_factory=dict)
    main: bool = False  # whether the longer tests run it too
    recurrent: tuple | None = None  # shape of the recurrent kernel, if not (U, G·U); () for none
    own: dict = field(default_factory=dict)  # shapes of the weights of its own
    widths: tuple | None = None  # of the states, if not U

    @property
    def gates(self):
        return len(self.cell.gates)

    def states(self):
        """Random initial states (B, U), float64."""
        random = np.random.default_rng(8)
        widths = self.widths or (U,) * len(self.cell.states)
        return [random.normal(size=(B, width)) for width in widths]

    def shapes(self, inputs=F):
        """Of each weight, in the order of `get_weights`, by the oracle's names."""
        columns = self.gates * U
        shapes: dict = {"kernel": (inputs, columns)}
        if self.recurrent != ():
            shapes["recurrent"] = self.recurrent or (U, columns)
        two = self.cell is cells.LayerNormGRUCell
        two = two or (self.cell is cells.GRUCell and self.options.get("reset_after", True))
        shapes |= {"bias": (2, columns) if two else (columns,), **self.own}
        biased = self.options.get("use_bias", True)
        return {name: s for name, s in shapes.items() if biased or "bias" not in name}

    def weights(self, inputs=F, seed=7):
        """Random weights in the order of `get_weights`, float64, no two gates alike."""
        random = np.random.default_rng(seed)
        return [random.normal(scale=0.6, size=shape) for shape in self.shapes(inputs).values()]

    def oracle_step(self, weights):
        """The oracle's step (x_t, states) -> states with these weights."""
        known = {k: v for k, v in self.options.items() if k.endswith(("activation", "epsilon"))}
        return partial(self.step, **dict(zip(self.shapes(), weights, strict=True)), **known)


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


def relative(name, step, options=None, suffix="", **shapes):
    """A case without a namesake in Keras."""
    kinds = getattr(cells, f"{name}Cell"), getattr(layers, name)
    options = options or {}
    return Case(name + suffix, *kinds, None, step, options, main=not suffix, **shapes)


def odyssey(name, variant, gates="ifo", **more):
    """A variant of the LSTM with peepholes."""
    own = {"peephole": (len(gates), U)} if gates else {}
    step = partial(relatives.odyssey, variant)
    return relative(name, step, own={**own, **more.pop("own", {})}, **more)


_NO_BIAS = {"options": {"use_bias": False}, "suffix": "_no_bias"}
_ACTIVATIONS = {"options": _OTHERS, "suffix": "_activations"}
_NORMS = {"gain": (2, 4 * U), "cell_gain": (U,), "cell_bias": (U,)}
_DEPTH = {
    "peephole": (3, U),
    "kernel_2": (U, 5 * U),
    "recurrent_2": (U, 4 * U),
    "bias_2": (5 * U,),
    "peephole_2": (5, U),
}
_PROJECTED = {"recurrent": (2, 4 * U), "own": {"projection": (U, 2)}, "widths": (2, U)}

# Cells and layers that Keras has not: held against the oracle and `keras.layers.RNN`.
RELATIVES = [
    odyssey("PeepholeLSTM", "V"),
    odyssey("PeepholeLSTM", "V", **_ACTIVATIONS),
    odyssey("PeepholeLSTM", "V", **_NO_BIAS),
    odyssey("NoInputGateLSTM", "NIG", "fo"),
    odyssey("NoForgetGateLSTM", "NFG", "io"),
    odyssey("NoOutputGateLSTM", "NOG", "if"),
    odyssey("NoInputActivationLSTM", "NIAF"),
    odyssey("NoInputActivationLSTM", "NIAF", **_ACTIVATIONS),
    odyssey("NoOutputActivationLSTM", "NOAF"),
    odyssey("NoOutputActivationLSTM", "NOAF", **_ACTIVATIONS),
    odyssey("CoupledPeepholeLSTM", "CIFG", "io"),
    odyssey("NoPeepholeLSTM", "NP", ""),
    odyssey("FullGateRecurrenceLSTM", "FGR", own={"gate_kernel": (3 * U, 3 * U)}),
    relative("CoupledLSTM", relatives.coupled_lstm),
    relative("CoupledLSTM", relatives.coupled_lstm, **_ACTIVATIONS),
    relative("ProjectedLSTM", relatives.projected_lstm, {"projection_units": 2}, **_PROJECTED),
    relative("LayerNormLSTM", relatives.layer_norm_lstm, own=_NORMS),
    relative("LayerNormLSTM", relatives.layer_norm_lstm, own=_NORMS, **_NO_BIAS),
    relative("LayerNormGRU", relatives.layer_norm_gru, own={"gain": (2, 3 * U)}),
    relative(
        "LayerNormGRU",
        relatives.layer_norm_gru,
        {"use_bias": False, "epsilon": 0.3},
        "_no_bias_epsilon",
        own={"gain": (2, 3 * U)},
    ),
    relative("MinimalGatedUnit", relatives.minimal_gated_unit),
    relative("MUT1", partial(relatives.mutated, 1), recurrent=(U, 2 * U)),
    relative("MUT1", partial(relatives.mutated, 1), recurrent=(U, 2 * U), **_NO_BIAS),
    relative("MUT2", partial(relatives.mutated, 2)),
    relative("MUT3", partial(relatives.mutated, 3)),
    relative("MinGRU", relatives.min_gru, recurrent=()),
    relative("MinGRU", relatives.min_gru, {"activation": "tanh"}, "_tanh", recurrent=()),
    relative("MinLSTM", relatives.min_lstm, recurrent=()),
    relative("MinLSTM", relatives.min_lstm, **_NO_BIAS, recurrent=()),
    relative("DepthGatedLSTM", relatives.depth_gated_lstm, own=_DEPTH, widths=(U,) * 4),
    relative(
        "DepthGatedLSTM",
        relatives.depth_gated_lstm,
        {"depth": 3, "use_bias": False},
        "_of_three_no_bias",
        own=_DEPTH | {name.replace("2", "3"): shape for name, shape in _DEPTH.items()},
        widths=(U,) * 6,
    ),
    relative("IndRNN", relatives.ind_rnn, recurrent=(U,)),
    relative("IndRNN", relatives.ind_rnn, {"activation": "tanh"}, "_tanh", recurrent=(U,)),
]

MASKS = {
    "none": None,
    "right": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "left": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]],
    "scattered": [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1]],
    "empty_row": [[1, 1, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]],
}
MASKS = {name: None if m is None else np.array(m, bool) for name, m in MASKS.items()}
