"""Layers around the recurrent ones of a frame tagger: pictures to vectors, lengths to a mask."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_seq")
class FrameCNN(keras.layers.Layer):
    r"""Makes a vector of each picture of a video: convolutions that halve it, then a linear layer.

    $$x_t = W^\top \mathrm{flat}(c_L(\cdots c_1(v_t))) + b, \qquad
      c_l(v) = \mathrm{relu}(K_l * v + b_l)$$

    All pictures go through the convolutions at once, as the rows of one batch, so that an exported
    file has them once, whatever the number of frames.

    Args:
        units: Width of the vectors.
        filters: Of each convolution, 3 × 3 with a stride of 2, the number of its channels.
        **kwargs: What every Keras layer takes.

    Call arguments:
        frames: (B, T, H, W, C).

    Returns:
        (B, T, units).

    Raises:
        ValueError: No filters, sizes below 1, or frames that are no pictures.

    Example:
        >>> import keras
        >>> from keras_seq.models import FrameCNN
        >>> tuple(FrameCNN(8)(keras.ops.ones((2, 3, 16, 16, 1))).shape)
        (2, 3, 8)
    """

    def __init__(self, units, filters=(8, 16), **kwargs):
        if units < 1 or not filters or min(filters) < 1:
            raise ValueError(
                "pictures need units and filters of at least 1, one number for each convolution; "
                f"got units={units!r}, filters={filters!r}."
            )
        super().__init__(**kwargs)
        self.units, self.filters = units, tuple(filters)
        own = {"activation": "relu", "dtype": self.dtype_policy}
        self.convolutions = [
            keras.layers.Conv2D(channels, 3, strides=2, padding="same", name=f"conv_{n}", **own)
            for n, channels in enumerate(self.filters)
        ]
        self.flat = keras.layers.Flatten(dtype=self.dtype_policy)
        # Without ReLU: units that never fire would lose for good what the convolutions have found.
        self.dense = keras.layers.Dense(units, name="dense", dtype=self.dtype_policy)

    def build(self, frames_shape):
        """Builds the layers for pictures of one size."""
        if len(frames_shape) != 5:
            raise ValueError(f"Pictures are (B, T, H, W, C); got the shape {tuple(frames_shape)}.")
        shape = (None, *frames_shape[2:])
        for layer in (*self.convolutions, self.flat, self.dense):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, frames):
        """See the class."""
        shape = ops.shape(frames)
        x = ops.reshape(frames, (-1, *shape[2:]))
        for layer in (*self.convolutions, self.flat, self.dense):
            x = layer(x)
        return ops.reshape(x, (shape[0], shape[1], self.units))

    def compute_output_shape(self, frames_shape):
        """(B, T, H, W, C) to (B, T, units)."""
        return (*frames_shape[:2], self.units)

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "units": self.units, "filters": list(self.filters)}


@keras.saving.register_keras_serializable("keras_seq")
class LengthMask(keras.layers.Layer):
    """Says which frames of a padded batch are real.

    Call arguments:
        frames: (B, T, …), padded on the right.
        lengths: Integers (B,), how many frames of each row are real.

    Returns:
        Boolean (B, T), True = real data.

    Example:
        >>> from keras import ops
        >>> from keras_seq.models import LengthMask
        >>> print(ops.convert_to_numpy(LengthMask()(ops.ones((2, 3, 5)), ops.array([3, 1]))))
        [[ True  True  True]
         [ True False False]]
    """

    def call(self, frames, lengths):
        """See the class."""
        steps = ops.arange(ops.shape(frames)[1], dtype="int32")
        return ops.expand_dims(steps, 0) < ops.expand_dims(ops.cast(lengths, "int32"), 1)

    def compute_output_spec(self, frames, lengths):
        """Boolean (B, T)."""
        return keras.KerasTensor(frames.shape[:2], "bool")


@keras.saving.register_keras_serializable("keras_seq")
class AddColumns(keras.layers.Layer):
    r"""Adds features of a frame to what is predicted of them, $y_d = c_d + v_{k_d}$.

    Args:
        columns: k, the feature that each number is added to.
        **kwargs: What every Keras layer takes.

    Call arguments:
        changes: (B, T, D).
        features: (B, T, F).

    Returns:
        (B, T, D).

    Example:
        >>> from keras import ops
        >>> from keras_seq.models import AddColumns
        >>> features = ops.array([[[1.0, 2.0, 4.0]]])
        >>> print(ops.convert_to_numpy(AddColumns([2, 0])(ops.ones((1, 1, 2)), features)))
        [[[5. 2.]]]
    """

    def __init__(self, columns, **kwargs):
        super().__init__(**kwargs)
        self.columns = [int(column) for column in columns]

    def call(self, changes, features):
        """See the class."""
        # Slices: a gather by constants costs an export several ops.
        picked = [features[..., column : column + 1] for column in self.columns]
        return changes + (ops.concatenate(picked, axis=-1) if len(picked) > 1 else picked[0])

    def compute_output_shape(self, changes_shape, features_shape):
        """That of the changes."""
        return changes_shape

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "columns": self.columns}
