"""`CellLayer`: from a cell class to a layer with one flat list of options."""

import inspect
import operator
import re

import keras

from keras_seq.cells.options import options, serialized
from keras_seq.layers.recurrent import Recurrent


class CellLayer(Recurrent):
    """A `Recurrent` layer that makes its cell from `cell_class`.

    Its constructor takes the options of the cell and those of `Recurrent` in one flat list, in the
    order of `keras.layers`, and each is an attribute of the layer. A subclass names its
    `cell_class` and is done.

    Example:
        >>> import keras
        >>> from keras_seq.cells import LSTMCell
        >>> from keras_seq.layers import CellLayer
        >>> class Memory(CellLayer):
        ...     cell_class = LSTMCell
        >>> tuple(Memory(4, recurrent_dropout=0.1)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class: type
    on_cudnn = False  # whether cuDNN has such a layer

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "cell_class"):
            return
        cls.__signature__ = _OfTheClass(_flat_signature(cls.cell_class, cls.__name__))
        for name in options(cls.cell_class):
            setattr(cls, name, property(operator.attrgetter(f"cell.{name}")))

    def __init__(self, *args, **kwargs):
        given = type(self).__signature__.bind(*args, **kwargs).arguments
        given.update(given.pop("kwargs", {}))
        given.pop("implementation", None)  # Keras' choice between two ways to the same values
        use_cudnn = given.pop("use_cudnn", "auto")
        if use_cudnn not in (True, False, "auto"):
            raise ValueError(f'use_cudnn must be "auto", True or False; got {use_cudnn!r}.')
        if use_cudnn is True and not self.on_cudnn:
            raise ValueError(
                f'use_cudnn must be "auto" or False, got True: cuDNN has no {type(self).__name__}.'
            )
        cell_options = {n: given.pop(n) for n in options(self.cell_class) if n in given}
        shared = {n: given[n] for n in ("dtype", "trainable") if n in given}
        # A name without a counter, so that paths of weights do not hang on what was built before.
        cell = self.cell_class(**cell_options, **shared, name=snake_case(self.cell_class.__name__))
        super().__init__(cell, **given)
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


class _OfTheClass:
    """A signature that the class has and its instances have not: calling those is another thing."""

    def __init__(self, signature: inspect.Signature):
        self.signature = signature

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return self.signature


def _flat_signature(cell_class: type, layer_name: str) -> inspect.Signature:
    """The options of the cell and of `Recurrent`, in the order of the namesake in Keras."""
    flat = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = options(Recurrent, keras.layers.RNN)
    del own["cell"]
    extra = {
        "activity_regularizer": inspect.Parameter("activity_regularizer", flat, default=None),
        "use_cudnn": inspect.Parameter("use_cudnn", flat, default="auto"),
    }
    merged = {**options(cell_class), **own, **extra}
    namesake = getattr(keras.layers, layer_name, keras.layers.LSTM)
    order = [name for name in inspect.signature(namesake).parameters if name in merged]
    order += [name for name in merged if name not in order]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*(merged[name].replace(kind=flat) for name in order), rest])


def snake_case(name: str) -> str:
    """`LSTMCell` to `lstm_cell`, as Keras names layers."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
