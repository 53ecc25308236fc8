"""Cells: one step of each recurrent network, written as its paper's equations."""

from keras_seq.cells.cell import Cell, GatedCell
from keras_seq.cells.gates import Gates
from keras_seq.cells.gru import GRUCell
from keras_seq.cells.lstm import LSTMCell
from keras_seq.cells.simple_rnn import SimpleRNNCell

__all__ = ["Cell", "GRUCell", "GatedCell", "Gates", "LSTMCell", "SimpleRNNCell"]
