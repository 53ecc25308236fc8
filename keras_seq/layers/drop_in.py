"""`SimpleRNN`, `LSTM` and `GRU`: what their namesakes in `keras.layers` are, on this loop."""

import inspect

import keras

from keras_seq.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_seq.cells.options import options, serialized
from keras_seq.layers.recurrent import Recurrent

# The order of positional arguments in keras.layers; what is not named here comes after these.
_ORDER = """
    units activation recurrent_activation use_bias kernel_initializer recurrent_initializer
    bias_initializer unit_forget_bias kernel_regularizer recurrent_regularizer bias_regularizer
    activity_regularizer kernel_constraint recurrent_constraint bias_constraint dropout
    recurrent_dropout seed return_sequences return_state go_backwards stateful unroll reset_after
    use_cudnn
""".split()


class CellLayer(Recurrent):
    """A `Recurrent` layer that makes its cell from `cell_class`.

    Its constructor takes the options of the cell and those of `Recurrent` in one flat list, in the
    order of `keras.layers`, and each is an attribute of the layer. A subclass names its
    `cell_class` and is done.
    """

    cell_class: type

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cell_options = options(cls.cell_class)
        own = {name: p for name, p in options(Recurrent, keras.layers.RNN).items() if name != "cell"}
        extra = {
            "activity_regularizer": inspect.Parameter("activity_regularizer", 1, default=None),
            "use_cudnn": inspect.Parameter("use_cudnn", 1, default="auto"),
        }
        merged = {**cell_options, **own, **extra}
        rank = {name: i for i, name in enumerate(_ORDER)}
        names = sorted(merged, key=lambda name: rank.get(name, len(rank)))
        flat = [
            merged[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names
        ]
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        cls.__signature__ = inspect.Signature([*flat, rest])
        for name in cell_options:
            setattr(cls, name, property(lambda self, name=name: getattr(self.cell, name)))

    def __init__(self, *args, **kwargs):
        given = type(self).__signature__.bind(*args, **kwargs).arguments
        given.update(given.pop("kwargs", {}))
        given.pop("implementation", None)  # Keras' choice between two ways to the same values
        use_cudnn = given.pop("use_cudnn", "auto")
        if use_cudnn not in (True, False, "auto"):
            raise ValueError(f'use_cudnn must be True, False or "auto", got {use_cudnn!r}.')
        cell_options = {n: given.pop(n) for n in options(self.cell_class) if n in given}
        shared = {n: given[n] for n in ("dtype", "trainable") if n in given}
        super().__init__(self.cell_class(**cell_options, **shared), **given)
        self.use_cudnn = use_cudnn

    def get_config(self):
        """The flat configuration, which that of the `keras.layers` namesake is too."""
        config = super().get_config()
        del config["cell"]
        own = {name: serialized(name, getattr(self, name)) for name in options(self.cell_class)}
        regularizer = serialized("activity_regularizer", self.activity_regularizer)
        return {**config, **own, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config):
        """The layer of a configuration, be it ours or that of the `keras.layers` namesake."""
        return cls(**config)


_CALL = """
    Call arguments, masks, dropout, states and errors are those of `Recurrent`. Constructor
    arguments, their order, the weights (`get_weights`, `set_weights`) and the results are those of
    `keras.layers.{0}`: replacing the import changes speed and export, nothing else.

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.{0}Cell` and of `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import {0}
        >>> layer = {0}(4, return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        See `keras_seq.cells.{0}Cell`.
"""


@keras.saving.register_keras_serializable("keras_seq")
class SimpleRNN(CellLayer):
    __doc__ = r"""The vanilla recurrent layer, $h_t = \tanh(W^\top x_t + b + R^\top h_{t-1})$.
    """ + _CALL.format("SimpleRNN")
    cell_class = SimpleRNNCell


@keras.saving.register_keras_serializable("keras_seq")
class LSTM(CellLayer):
    __doc__ = r"""Long short-term memory: $c_t = f c_{t-1} + i g$, $h_t = o \tanh(c_t)$.
    """ + _CALL.format("LSTM")
    cell_class = LSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class GRU(CellLayer):
    __doc__ = r"""Gated recurrent unit: $h_t = z h_{t-1} + (1 - z) n$, both reset conventions.
    """ + _CALL.format("GRU")
    cell_class = GRUCell
