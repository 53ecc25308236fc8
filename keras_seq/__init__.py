"""Recurrent networks for Keras 3: cells written as equations, exports proven equal.

Import the part you need: `keras_seq.cells`, `keras_seq.layers`, `keras_seq.models`,
`keras_seq.converters`, `keras_seq.inspect`, `keras_seq.data` or `keras_seq.export`. The first three
are written in `keras.ops`, and tested on TensorFlow and JAX; the last three need TensorFlow.
"""

__version__ = "0.1.0"
