"""Layers: one sequence. Recurrent layers, their time loop, attention, and what is around them."""

from keras_seq.layers.attention import (
    AttentionMemory,
    BahdanauAttention,
    DotProductAttention,
    LuongAttention,
    MultiHeadAttention,
)
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
from keras_seq.layers.token_embedding import TokenEmbedding
from keras_seq.layers.transformer import (
    LearnedPositions,
    SinusoidalPositions,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from keras_seq.layers.word_dropout import WordDropout

__all__ = [
    "GRU",
    "LSTM",
    "MUT1",
    "MUT2",
    "MUT3",
    "AttentionMemory",
    "BahdanauAttention",
    "Bidirectional",
    "CellLayer",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "DepthGatedLSTM",
    "DotProductAttention",
    "FullGateRecurrenceLSTM",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "IndRNN",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LearnedPositions",
    "LuongAttention",
    "MinGRU",
    "MinLSTM",
    "MinimalGatedUnit",
    "MultiHeadAttention",
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
    "SinusoidalPositions",
    "Stack",
    "TimeDistributed",
    "TokenEmbedding",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "WordDropout",
    "lowering",
    "recurrent_layer",
    "recurrent_layers",
]
