"""Attention: from a query to a weighted mean of the values that it fits."""

from keras_seq.layers.attention.bahdanau import BahdanauAttention
from keras_seq.layers.attention.luong import LuongAttention
from keras_seq.layers.attention.memory import AttentionMemory
from keras_seq.layers.attention.multi_head import MultiHeadAttention
from keras_seq.layers.attention.scaled_dot_product import DotProductAttention

__all__ = [
    "AttentionMemory",
    "BahdanauAttention",
    "DotProductAttention",
    "LuongAttention",
    "MultiHeadAttention",
]
