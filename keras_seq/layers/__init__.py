"""Layers: one sequence. The recurrent layers, their time loop and what stands around them."""

from keras_seq.layers.bidirectional import Bidirectional
from keras_seq.layers.cell_layer import CellLayer
from keras_seq.layers.drop_in import GRU, LSTM, SimpleRNN
from keras_seq.layers.engine import lowering
from keras_seq.layers.gru_variants import MUT1, MUT2, MUT3, LayerNormGRU, MinimalGatedUnit
from keras_seq.layers.ind_rnn import IndRNN
from keras_seq.layers.lstm_search_space import (
    CoupledPeepholeLSTM,
    FullGateRecurrenceLSTM,
    NoForgetGateLSTM,
    NoInputActivationLSTM,
    NoInputGateLSTM,
    NoOutputActivationLSTM,
    NoOutputGateLSTM,
    NoPeepholeLSTM,
)
from keras_seq.layers.lstm_variants import (
    CoupledLSTM,
    DepthGatedLSTM,
    LayerNormLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
)
from keras_seq.layers.min_rnns import MinGRU, MinLSTM
from keras_seq.layers.named import recurrent_layer, recurrent_layers
from keras_seq.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from keras_seq.layers.recurrent import Recurrent
from keras_seq.layers.stack import Stack
from keras_seq.layers.time_distributed import TimeDistributed
from keras_seq.layers.word_dropout import WordDropout

__all__ = [
    "GRU",
    "LSTM",
    "MUT1",
    "MUT2",
    "MUT3",
    "Bidirectional",
    "CellLayer",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "DepthGatedLSTM",
    "FullGateRecurrenceLSTM",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "IndRNN",
    "LayerNormGRU",
    "LayerNormLSTM",
    "MinGRU",
    "MinLSTM",
    "MinimalGatedUnit",
    "NoForgetGateLSTM",
    "NoInputActivationLSTM",
    "NoInputGateLSTM",
    "NoOutputActivationLSTM",
    "NoOutputGateLSTM",
    "NoPeepholeLSTM",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "Recurrent",
    "SimpleRNN",
    "Stack",
    "TimeDistributed",
    "WordDropout",
    "lowering",
    "recurrent_layer",
    "recurrent_layers",
]
