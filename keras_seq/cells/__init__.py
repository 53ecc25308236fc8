"""Cells: one step of each recurrent network, written as its paper's equations."""

from keras_seq.cells.cell import Cell, GatedCell
from keras_seq.cells.constraints import MaxMagnitude
from keras_seq.cells.depth_gated import DepthGatedLSTMCell
from keras_seq.cells.gates import Gates
from keras_seq.cells.gru import GRUCell
from keras_seq.cells.ind_rnn import IndRNNCell
from keras_seq.cells.layer_norm import LayerNormGRUCell, LayerNormLSTMCell
from keras_seq.cells.linear_cell import LinearCell
from keras_seq.cells.lstm import LSTMCell
from keras_seq.cells.lstm_search_space import (
    CoupledPeepholeLSTMCell,
    FullGateRecurrenceLSTMCell,
    NoForgetGateLSTMCell,
    NoInputActivationLSTMCell,
    NoInputGateLSTMCell,
    NoOutputActivationLSTMCell,
    NoOutputGateLSTMCell,
    NoPeepholeLSTMCell,
)
from keras_seq.cells.lstm_variants import CoupledLSTMCell, ProjectedLSTMCell
from keras_seq.cells.min_gru import MinGRUCell
from keras_seq.cells.min_lstm import MinLSTMCell
from keras_seq.cells.minimal_gated_unit import MinimalGatedUnitCell
from keras_seq.cells.mutated import MUT1Cell, MUT2Cell, MUT3Cell
from keras_seq.cells.peephole import PeepholeLSTMCell
from keras_seq.cells.simple_rnn import SimpleRNNCell

__all__ = [
    "Cell",
    "CoupledLSTMCell",
    "CoupledPeepholeLSTMCell",
    "DepthGatedLSTMCell",
    "FullGateRecurrenceLSTMCell",
    "GRUCell",
    "GatedCell",
    "Gates",
    "IndRNNCell",
    "LSTMCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LinearCell",
    "MUT1Cell",
    "MUT2Cell",
    "MUT3Cell",
    "MaxMagnitude",
    "MinGRUCell",
    "MinLSTMCell",
    "MinimalGatedUnitCell",
    "NoForgetGateLSTMCell",
    "NoInputActivationLSTMCell",
    "NoInputGateLSTMCell",
    "NoOutputActivationLSTMCell",
    "NoOutputGateLSTMCell",
    "NoPeepholeLSTMCell",
    "PeepholeLSTMCell",
    "ProjectedLSTMCell",
    "SimpleRNNCell",
]
