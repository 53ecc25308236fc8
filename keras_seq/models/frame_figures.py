"""Loss and figures of predictions for each frame, over the frames that count."""

import keras
from keras import ops

CROSS_ENTROPY, ACCURACY = "cross_entropy", "accuracy"
DIFFERENCES = ("mse", "mae", "huber")
LOSSES = (CROSS_ENTROPY, *DIFFERENCES)
FIGURES = (ACCURACY, *LOSSES)


@keras.saving.register_keras_serializable("keras_seq")
class FrameLoss(keras.losses.Loss):
    r"""The loss of a batch: the mean over the frames whose weight is above 0.

    $$\frac{\sum_{bt} w_{bt}\, \ell(y_{bt}, \hat y_{bt})}{\sum_{bt} w_{bt}}$$

    with, of the error $e = (y - \hat y) / \sigma$ of each number to be predicted, a mean of

    $$e^2 \;\text{(mse)}, \qquad |e| \;\text{(mae)}, \qquad
      \tfrac12 \min(|e|, 1)^2 + \max(|e| - 1, 0) \;\text{(huber)}$$

    or, of probabilities of classes, $-\log p_y$. Keras would divide by all positions, padding
    included.

    Args:
        figure: "cross_entropy", "mse", "mae" or "huber".
        deviation: σ, a number for each that is predicted, so that those of different units weigh
            alike; None for ones.
        name: Of the loss.

    Call arguments:
        y_true: Class numbers (B, T), or finite numbers (B, T, D); any where the weight is 0.
        y_pred: Probabilities (B, T, C), or numbers (B, T, D).
        sample_weight: (B, T), 0 where a frame does not count.

    Returns:
        A scalar.

    Raises:
        ValueError: An unknown figure, or deviations that are not above 0.

    Example:
        >>> from keras import ops
        >>> from keras_seq.models import FrameLoss
        >>> loss = FrameLoss("mae", deviation=[2.0])
        >>> float(loss(ops.array([[[1.0], [9.0]]]), ops.zeros((1, 2, 1)), ops.array([[1.0, 0.0]])))
        0.5

    Reference:
        Huber, "Robust estimation of a location parameter" (1964).
    """

    def __init__(self, figure=CROSS_ENTROPY, deviation=None, name="frame_loss"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.figure, self.deviation = _known(figure, LOSSES), _above_zero(deviation)

    def call(self, y_true, y_pred):
        """The loss of each frame, (B, T)."""
        return figure_of_frames(self.figure, y_true, y_pred, self.deviation)

    def get_config(self):
        """The configuration."""
        return {"figure": self.figure, "deviation": self.deviation, "name": self.name}


@keras.saving.register_keras_serializable("keras_seq")
class FrameMean(keras.metrics.Mean):
    """A figure as the mean over all frames that count, whatever batches they came in.

    Keras' own metrics take the mean over the steps of a batch first, so that frames of a batch of
    short videos weigh more.

    Args:
        figure: "accuracy", or one of those of `FrameLoss`.
        deviation: As for `FrameLoss`.
        name: Of the metric; the figure's if None. A metric named "loss" takes the place of the mean
            over batches that Keras shows.
        **kwargs: What every Keras metric takes.

    Call arguments:
        y_true: Class numbers (B, T), or finite numbers (B, T, D); any where the weight is 0.
        y_pred: Probabilities (B, T, C), or numbers (B, T, D).
        sample_weight: (B, T), 0 where a frame does not count.

    Returns:
        A scalar.

    Raises:
        ValueError: An unknown figure, or deviations that are not above 0.

    Example:
        >>> from keras import ops
        >>> from keras_seq.models import FrameMean
        >>> accuracy = FrameMean("accuracy")
        >>> one, other = ops.array([[[0.1, 0.9]]]), ops.array([[[0.8, 0.2]] * 3])
        >>> accuracy.update_state(ops.array([[1]]), one)
        >>> accuracy.update_state(ops.array([[1, 1, 1]]), other)
        >>> float(accuracy.result())
        0.25
    """

    def __init__(self, figure, deviation=None, name=None, **kwargs):
        super().__init__(name=name or figure, **kwargs)
        self.figure, self.deviation = _known(figure, FIGURES), _above_zero(deviation)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the frames of a batch."""
        values = figure_of_frames(self.figure, y_true, y_pred, self.deviation)
        weights = None if sample_weight is None else ops.reshape(sample_weight, (-1,))
        return super().update_state(ops.reshape(values, (-1,)), sample_weight=weights)

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "figure": self.figure, "deviation": self.deviation}


def figure_of_frames(figure, y_true, y_pred, deviation=None):
    """A figure of each frame, see `FrameLoss`.

    Args:
        figure: One of `FIGURES`.
        y_true: Class numbers (B, T), or numbers (B, T, D).
        y_pred: Probabilities (B, T, C), or numbers (B, T, D).
        deviation: D numbers; None for ones.

    Returns:
        (B, T).
    """
    if figure in (CROSS_ENTROPY, ACCURACY):
        y_true = ops.cast(y_true, "int32")
        if figure == ACCURACY:
            likeliest = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
            return ops.cast(ops.equal(likeliest, y_true), "float32")
        return ops.sparse_categorical_crossentropy(y_true, y_pred)
    error = ops.absolute(ops.cast(y_true, y_pred.dtype) - y_pred)
    if deviation is not None:
        error = error / ops.convert_to_tensor(deviation, dtype=error.dtype)
    if figure == "mse":
        error = ops.square(error)
    elif figure == "huber":
        error = 0.5 * ops.square(ops.minimum(error, 1.0)) + ops.maximum(error - 1.0, 0.0)
    return ops.mean(error, axis=-1)


def _known(figure, known):
    if figure not in known:
        raise ValueError(f"figure must be one of {', '.join(known)}; got {figure!r}.")
    return figure


def _above_zero(deviation):
    if deviation is not None and not all(d > 0 for d in deviation):
        raise ValueError(f"deviation must be numbers above 0; got {[*deviation]}.")
    return deviation
