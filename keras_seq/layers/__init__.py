"""Layers: one sequence. The recurrent layers, their time loop and what stands around them."""

from keras_seq.layers.bidirectional import Bidirectional
from keras_seq.layers.drop_in import GRU, LSTM, SimpleRNN
from keras_seq.layers.engine import lowering
from keras_seq.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from keras_seq.layers.recurrent import Recurrent
from keras_seq.layers.time_distributed import TimeDistributed
from keras_seq.layers.word_dropout import WordDropout

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Recurrent",
    "SimpleRNN",
    "TimeDistributed",
    "WordDropout",
    "lowering",
]
