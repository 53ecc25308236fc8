"""`CellLayer`: from a cell class to a layer with one flat list of options."""

import inspect
import operator

import keras

from keras_seq.cells.options import options, serialized
from keras_seq.layers.recurrent import Recurrent

# The order of positional arguments in keras.layers; what is not named here comes after these.
_ORDER = (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "unit_forget_bias",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "reset_after",
    "use_cudnn",
)

_FLAT = inspect.Parameter.POSITIONAL_OR_KEYWORD


class CellLayer(Recurrent):
    """A `Recurrent` layer that makes its cell from `cell_class`.

    Its constructor takes the options of the cell and those of `Recurrent` in one flat list, in the
    order of `keras.layers`, and each is an attribute of the layer. A subclass names its
    `cell_class` and is done.
    """

    cell_class: type

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _flat_signature(cls.cell_class)
        for name in options(cls.cell_class):
            setattr(cls, name, property(operator.attrgetter(f"cell.{name}")))

    def __init__(self, *args, **kwargs):
        given = type(self).__signature__.bind(*args, **kwargs).arguments
        given.update(given.pop("kwargs", {}))
        given.pop("implementation", None)  # Keras' choice between two ways to the same values
        use_cudnn = given.pop("use_cudnn", "auto")
        if use_cudnn not in (False, "auto"):
            raise ValueError(
                f'use_cudnn must be "auto" or False, got {use_cudnn!r}: these layers run on their '
                "own loop, not on cuDNN."
            )
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


def _flat_signature(cell_class: type) -> inspect.Signature:
    """The options of the cell and of `Recurrent`, in the order of `keras.layers`."""
    own = options(Recurrent, keras.layers.RNN)
    del own["cell"]
    extra = {
        "activity_regularizer": inspect.Parameter("activity_regularizer", _FLAT, default=None),
        "use_cudnn": inspect.Parameter("use_cudnn", _FLAT, default="auto"),
    }
    merged = {**options(cell_class), **own, **extra}
    rank = {name: i for i, name in enumerate(_ORDER)}
    names = sorted(merged, key=lambda name: rank.get(name, len(rank)))
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*(merged[name].replace(kind=_FLAT) for name in names), rest])
