"""Encoders of images: what stands at each place of one becomes a value that a decoder looks at."""

import keras
from keras import ops

from keras_seq.models.encoders import Encoded
from keras_seq.models.seeds import seeds_from


class ImageEncoder(keras.layers.Layer):
    r"""What encoders of images share.

    $$v_p = \mathrm{relu}(W x_p + e_p + b)$$

    with the features x of each place p, and a vector e that is learned for the place: without it
    nothing would tell a decoder where something is.

    A subclass gives `look`, from the source to features (B, rows, columns, C), and `build_look`,
    which builds what that takes.

    Args:
        source_shape: (H, W, C), that of one image.
        units: D, the width of the values.
        dropout: Rate on the values.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        source: (B, H, W, C).
        training: Whether dropout is active.

    Returns:
        `Encoded`: values (B, rows · columns, D), row by row; a mask that is True throughout; no
        states, so that a decoder's first state comes from the mean of the values.

    Raises:
        ValueError: A shape that is no image's, or images of another shape.
    """

    source_dtype = "uint8"

    def __init__(self, source_shape, units, *, dropout=0.0, seed=None, **kwargs):
        source_shape = tuple(source_shape)
        if len(source_shape) != 3 or not all(type(n) is int and n > 0 for n in source_shape):
            raise ValueError(
                f"source_shape must be (height, width, channels), each at least 1; got "
                f"{source_shape}."
            )
        super().__init__(**kwargs)
        self.source_shape, self.units = source_shape, units
        self.dropout, self.seed = dropout, seed
        own = {"dtype": self.dtype_policy}
        self.projection = keras.layers.Dense(
            units, kernel_initializer="he_normal", name="projection", **own
        )
        seeds = seeds_from(seed)
        self.drop_features, self.drop = (
            keras.layers.Dropout(dropout, seed=next(seeds), name=f"dropout_{what}", **own)
            for what in ("features", "values")
        )
        self.drop_features.built = True  # it has no weights, and not every encoder calls it
        self.grid = (0, 0)  # rows and columns of places, known once it is built

    @property
    def source_spec(self) -> keras.KerasTensor:
        """What it reads."""
        return keras.KerasTensor((None, *self.source_shape), self.source_dtype)

    def build(self, source_shape):
        """Builds the network that looks, the projection and the vectors of places."""
        _, rows, columns, width = self.build_look((None, *self.source_shape))
        self.grid = (rows, columns)
        self.projection.build((None, None, width))
        self.positions = self.add_weight(
            shape=(rows * columns, self.units),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="positions",
        )
        self.built = True

    def build_look(self, shape) -> tuple:
        """Builds what `look` takes, and gives the shape of the features."""
        raise NotImplementedError

    def look(self, source, training=False):
        """The features of each place, (B, rows, columns, C)."""
        raise NotImplementedError

    def call(self, source, training=False):
        """See the class."""
        if tuple(source.shape[1:]) != self.source_shape:
            raise ValueError(
                f"{self.name} reads images of the shape {self.source_shape}; got "
                f"{tuple(source.shape[1:])}. Bring them to one size first."
            )
        x = self.look(source, training)
        x = ops.reshape(x, (-1, self.grid[0] * self.grid[1], x.shape[-1]))
        values = ops.relu(self.projection(x) + ops.cast(self.positions, self.compute_dtype))
        mask = ops.ones(ops.shape(values)[:2], "bool")
        return Encoded(self.drop(values, training=training), mask)

    def get_config(self):
        """The configuration."""
        names = ("source_shape", "units", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("keras_seq")
class SmallImageEncoder(ImageEncoder):
    """A small convolutional network, to be trained with the decoder from the start.

    Each layer is a convolution of 3 × 3, batch normalization and relu. Each halves both sides, but
    for the last, so that there are places enough to look at.

    Args:
        source_shape: (H, W, C), that of one image.
        units: D, the width of the values.
        filters: Of each convolution.
        **kwargs: See `ImageEncoder`.

    Call arguments:
        source: Images (B, H, W, C), numbers from 0 to 255.
        training: Whether dropout is active, and batches are normalized by their own figures.

    Returns:
        `Encoded`: values (B, rows · columns, D), a mask that is True throughout, no states.

    Raises:
        ValueError: No filters, or what `ImageEncoder` refuses.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import SmallImageEncoder
        >>> encoder = SmallImageEncoder((32, 32, 3), 16, filters=(8, 8, 8))
        >>> tuple(encoder(np.zeros((2, 32, 32, 3), "uint8")).values.shape), encoder.grid
        ((2, 64, 16), (8, 8))

    Reference:
        Ioffe & Szegedy, "Batch normalization" (2015, arXiv 1502.03167).
    """

    def __init__(self, source_shape, units, *, filters=(32, 64, 128), **kwargs):
        if not filters or min(filters) < 1:
            raise ValueError(f"filters must be numbers of at least 1; got {tuple(filters)}.")
        super().__init__(source_shape, units, **kwargs)
        self.filters = tuple(filters)
        own = {"dtype": self.dtype_policy}
        self.convolutions = [
            keras.layers.Conv2D(
                count,
                3,
                strides=1 if number == len(self.filters) else 2,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"convolution_{number}",
                **own,
            )
            for number, count in enumerate(self.filters, start=1)
        ]
        # Trainings are short here: the figures of all batches must follow soon.
        self.norms = [
            keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}", **own)
            for number in range(1, len(self.filters) + 1)
        ]

    def build_look(self, shape):
        """See `ImageEncoder`."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)
        return shape

    def look(self, source, training=False):
        """See `ImageEncoder`."""
        x = ops.cast(source, self.compute_dtype) / 127.5 - 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = ops.relu(norm(convolution(x), training=training))
        return x

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("keras_seq")
class FeatureEncoder(ImageEncoder):
    """Takes features that another network has made of images before.

    Args:
        source_shape: (rows, columns, C), that of the features of one image; (1, 1, C) of one vector
            for the whole image.
        units: D, the width of the values.
        dropout: Rate on the features and on the values.
        **kwargs: See `ImageEncoder`.

    Call arguments:
        source: Features (B, rows, columns, C).
        training: Whether dropout is active.

    Returns:
        `Encoded`: values (B, rows · columns, D), a mask that is True throughout, no states.

    Raises:
        ValueError: What `ImageEncoder` refuses.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import FeatureEncoder
        >>> encoder = FeatureEncoder((7, 7, 20), 8)
        >>> tuple(encoder(np.ones((2, 7, 7, 20))).values.shape)
        (2, 49, 8)
    """

    source_dtype = "float32"

    def build_look(self, shape):
        """See `ImageEncoder`."""
        return shape

    def look(self, source, training=False):
        """See `ImageEncoder`."""
        return self.drop_features(ops.cast(source, self.compute_dtype), training=training)
