"""Models that bring their own loss and metrics."""

import keras
from keras import ops


def count_each(metric, values, weights):
    """Counts each value by its weight; Keras alone would take means over time first."""
    metric.update_state(ops.reshape(values, (-1,)), sample_weight=ops.reshape(weights, (-1,)))


class OwnLoss(keras.Model):
    """A model that is compiled with an optimizer alone; subclasses have loss and metrics."""

    def compile(self, *arguments, **options):
        """As every Keras model, but that the loss and the metrics are its own; builds it too.

        On JAX Keras would otherwise build from the first half of a pair alone.

        Raises:
            ValueError: A loss or metrics are given.
        """
        theirs = ("loss", "loss_weights", "metrics", "weighted_metrics")
        given = [name for name in theirs if options.get(name) is not None]
        given += ["a second argument"] * (len(arguments) > 1)
        if given:
            raise ValueError(
                f"A {type(self).__name__} has its own loss and metrics, of tokens; got "
                f"{', '.join(given)}. Compile it with compile(optimizer=...) alone."
            )
        super().compile(*arguments, **options)
        if not self.built:
            self.build()

    def compile_from_config(self, config):
        """Compiles a loaded model; Keras leaves this to models with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)
