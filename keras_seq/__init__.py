"""Recurrent and attention models for Keras 3: trained fast, exported whole, streamed step by step.

Import the part you need: `keras_seq.cells`, `keras_seq.layers`, `keras_seq.models`,
`keras_seq.data` or `keras_seq.export`. The first three run on every Keras backend; the last two
need TensorFlow.
"""

__version__ = "0.1.0"
