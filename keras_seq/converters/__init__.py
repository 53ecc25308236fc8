"""Converters: layers and models of Keras and PyTorch made ours, and ours made theirs."""

from keras_seq.converters.keras_layers import from_keras, to_keras
from keras_seq.converters.torch_reader import from_torch
from keras_seq.converters.torch_writer import to_torch

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]
