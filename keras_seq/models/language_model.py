"""`LanguageModel`: the next symbol of a text from those before it."""

import contextlib
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_seq.layers import TokenEmbedding, recurrent_layer
from keras_seq.layers.carried import CarriedStates, carrying
from keras_seq.models.kept_states import KeptStates
from keras_seq.models.own_loss import OwnLoss, count_each
from keras_seq.models.seeds import seeds_from
from keras_seq.models.token_loss import smoothed_cross_entropy

_MEASURES = {
    "bits_per_character": lambda loss: loss / math.log(2),
    "perplexity": ops.exp,
}


@keras.saving.register_keras_serializable("keras_seq")
class LanguageModel(OwnLoss):
    r"""Recurrent layers that predict each symbol of a text from all those before it.

    $$h_t = \mathrm{RNN}(\sqrt{W}\, E_{x_t}, h_{t-1}), \qquad
      p(x_{t+1} \mid x_1, \dots, x_t) = \mathrm{softmax}(V h_t + b)$$

    with token vectors of width W, and $V = E P$ where the weights are tied; P is there if a state
    and a token vector differ in width.

    Trained by truncated back-propagation through time. In `fit` and `evaluate` each row of a batch
    goes on with the states that the same row of the batch before has left, as
    `keras_seq.data.chunk_batches` lays a text out; gradients end where a batch begins. States are
    zero when an epoch or an evaluation begins (`train_on_batch` begins one each time). A call of
    the model starts from zero states, and takes any batch and length: what is kept belongs to
    `fit` and `evaluate`, not to the layers, so that the model needs no other form to be saved or
    exported.

    The loss is the mean cross entropy of the symbols that count, in nats. In the figures of an
    epoch each symbol weighs the same. `compile(optimizer=...)` needs no loss.

    Args:
        vocabulary_size: V, the number of ids.
        cell: Name of a recurrent layer: "lstm", "gru", and all others that
            `keras_seq.layers.recurrent_layers` lists.
        units: U, the size of the state of each layer.
        layers: Number of recurrent layers on one another.
        embedding_units: W, the width of the token vectors; 0 for one-hot input, if V is small.
        tied: Whether the logits have the matrix of the token vectors.
        dropout: Rate between the recurrent layers and before the logits.
        embedding_dropout: Rate on the token vectors.
        loss_steps: How many of the last steps of each chunk count in training; 0: all. The others
            only bring the states up to date.
        streams: The most rows of a batch whose states are kept in `fit` and `evaluate`; 0: none
            are, and each batch starts from zero.
        measure: A figure beside the loss: "bits_per_character" or "perplexity".
        seed: Seed of the dropouts.
        **kwargs: What every Keras model takes.

    Call arguments:
        ids: Integers below V, (B, T).
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32: those at step t are of the symbol after it.

    Raises:
        ValueError: An unknown cell or measure, or options that make no model; a batch of more rows
            than `streams`; `fit` or `evaluate` with `streams` on JAX, where nothing can be kept.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import chunk_batches
        >>> from keras_seq.models import LanguageModel
        >>> model = LanguageModel(vocabulary_size=5, units=8, embedding_units=4, streams=2)
        >>> model.compile(optimizer="adam")
        >>> batches = chunk_batches(np.arange(200) % 5, batch_size=2, length=10)
        >>> history = model.fit(batches, shuffle=False, verbose=0)
        >>> logits, states = model.step(np.array([[0, 1, 2]]), model.initial_states(1))
        >>> tuple(logits.shape), sorted(states)
        ((1, 3, 5), ['lstm_1_c', 'lstm_1_h'])

    Reference:
        Mikolov et al., "Recurrent neural network based language model" (2010); Graves, "Generating
        sequences with recurrent neural networks" (2013, arXiv 1308.0850). Dropout: Zaremba,
        Sutskever and Vinyals, "Recurrent neural network regularization" (2014, arXiv 1409.2329).
        Tied weights: Press and Wolf (2017, arXiv 1608.05859).
    """

    def __init__(
        self,
        vocabulary_size,
        *,
        cell="lstm",
        units=256,
        layers=1,
        embedding_units=64,
        tied=False,
        dropout=0.0,
        embedding_dropout=0.0,
        loss_steps=0,
        streams=0,
        measure=None,
        seed=None,
        **kwargs,
    ):
        try:
            make = recurrent_layer(cell)
        except ValueError as error:
            raise ValueError(f"cell: {error}") from None
        if vocabulary_size < 2 or layers < 1 or min(embedding_units, loss_steps, streams) < 0:
            raise ValueError(
                "A language model needs vocabulary_size >= 2, layers >= 1 and embedding_units, "
                f"loss_steps and streams >= 0; got {vocabulary_size}, {layers}, "
                f"{embedding_units}, {loss_steps} and {streams}."
            )
        if tied and not embedding_units:
            raise ValueError(
                "tied=True shares the matrix of the token vectors, and embedding_units=0 makes "
                "none: give them a width, or leave the weights untied."
            )
        if measure not in (None, *_MEASURES):
            raise ValueError(f"measure must be one of {', '.join(_MEASURES)}; got {measure!r}.")
        super().__init__(**kwargs)
        self.vocabulary_size, self.cell, self.units = vocabulary_size, cell, units
        self.embedding_units, self.tied, self.seed = embedding_units, tied, seed
        self.dropout, self.embedding_dropout = dropout, embedding_dropout
        self.loss_steps, self.streams, self.measure = loss_steps, streams, measure
        seeds, own = seeds_from(seed), {"dtype": self.dtype_policy}
        self.embedding = None
        if embedding_units:
            self.embedding = TokenEmbedding(
                vocabulary_size, embedding_units, name="embedding", **own
            )
        # Before each recurrent layer, and before the logits.
        self.dropouts = [
            keras.layers.Dropout(rate, seed=next(seeds), **own)
            for rate in (embedding_dropout, *[dropout] * layers)
        ]
        self.recurrent = [
            make(units, return_sequences=True, name=f"{cell}_{number}", **own)
            for number in range(1, layers + 1)
        ]
        # In float32 whatever the policy, for losses and probabilities.
        self.projection = self.logits = None
        if not tied:
            self.logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")
        self.bias = self._kept = None
        self.loss_of_symbols = keras.metrics.Mean(name="loss")

    def build(self, input_shape=None):
        """Builds the layers, for any batch and length."""
        width = self.embedding_units or self.vocabulary_size
        if self.embedding is not None:
            self.embedding.build((None, None))
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = layer.cell.output_size
        if self.logits is not None:
            self.logits.build((None, None, width))
        else:
            if width != self.embedding_units:
                own = {"use_bias": False, "dtype": self.dtype_policy}
                self.projection = keras.layers.Dense(self.embedding_units, name="projection", **own)
                self.projection.build((None, None, width))
            self.bias = self.add_weight(
                shape=(self.vocabulary_size,), initializer="zeros", autocast=False, name="bias"
            )
        if self.streams:
            self._kept = KeptStates(self.recurrent, self.streams)
        self.built = True

    def call(self, ids, training=False):
        """See the class."""
        if self.embedding is None:
            x = ops.one_hot(ids, self.vocabulary_size, dtype=self.compute_dtype)
        else:
            x = self.embedding(ids)
        first, *others = self.dropouts
        x = first(x, training=training)
        for layer, dropout in zip(self.recurrent, others, strict=True):
            x = dropout(layer(x, training=training), training=training)
        if self.logits is not None:
            return self.logits(x)
        x = x if self.projection is None else self.projection(x)
        assert self.embedding is not None  # tied weights are those of token vectors
        return self.embedding.logits(ops.cast(x, "float32")) + ops.cast(self.bias, "float32")

    def initial_states(self, rows: int) -> dict[str, Any]:
        """The states before a text begins, zeros (rows, U), by name.

        Args:
            rows: How many texts are read side by side.
        """
        return {
            f"{layer.name}_{state}": ops.zeros((rows, width), layer.compute_dtype)
            for layer in self.recurrent
            for state, width in zip(layer.cell.states, layer.cell.widths, strict=True)
        }

    def step(self, ids: Any, states: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Goes on with a text, by one symbol or many; compile it to be fast.

        Args:
            ids: The next ids, (B, T).
            states: What an earlier step has left, or `initial_states(B)`.

        Returns:
            Logits (B, T, V), and the states after these ids.
        """
        with carrying(CarriedStates(dict(states))) as carried:
            logits = self(ids, training=False)
        return logits, dict(carried.final)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean over the symbols of a batch that count; see the class."""
        losses = smoothed_cross_entropy(y_pred, y)
        weights = ops.ones_like(losses)
        if sample_weight is not None:
            weights = ops.cast(sample_weight, "float32")
        if training and self.loss_steps:
            steps = ops.shape(losses)[1]
            counts = ops.arange(steps) >= steps - self.loss_steps
            weights = weights * ops.cast(counts, "float32")
        count_each(self.loss_of_symbols, losses, weights)
        loss = ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1)
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, loss.dtype)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The figures of the symbols so far."""
        return self.get_metrics_result()

    def get_metrics_result(self):
        """The loss, and the measure that is made of it."""
        loss = self.loss_of_symbols.result()
        more = {self.measure: _MEASURES[self.measure](loss)} if self.measure else {}
        return {"loss": loss, **more}

    @property
    def metrics(self):
        """The loss of symbols."""
        return [self.loss_of_symbols]

    def reset_metrics(self):
        """Begins a new epoch or evaluation: figures and kept states are as at the beginning."""
        super().reset_metrics()
        if self._kept is not None:
            self._kept.reset()

    def train_step(self, *arguments):
        """One step on a chunk, from the states that the chunk before has left."""
        with self._keeping():
            return super().train_step(*arguments)

    def test_step(self, *arguments):
        """The figures of a chunk, from the states that the chunk before has left."""
        with self._keeping():
            return super().test_step(*arguments)

    def _keeping(self):
        if self._kept is None:
            return contextlib.nullcontext()
        if keras.backend.backend() == "jax":
            raise ValueError(
                f"On JAX no states are kept in fit and evaluate; got streams={self.streams}. Give "
                "streams=0, with longer chunks, or use the TensorFlow backend."
            )
        return carrying(self._kept)

    def get_config(self):
        """The configuration."""
        names = (
            *("vocabulary_size", "cell", "units", "embedding_units", "tied", "dropout"),
            *("embedding_dropout", "loss_steps", "streams", "measure", "seed"),
        )
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "layers": len(self.recurrent)}
