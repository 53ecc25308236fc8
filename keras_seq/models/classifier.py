"""Many to one: a recurrent classifier of token sequences."""

from typing import Any

import keras
from keras import ops

from keras_seq.layers import (
    Bidirectional,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    WordDropout,
    recurrent_layer,
)
from keras_seq.models.seeds import seeds_from

POOLINGS = ("max", "mean", "max+mean", "last")


def sequence_classifier(
    vocabulary_size: int,
    classes: int,
    *,
    cell: str = "gru",
    units: int = 64,
    layers: int = 1,
    bidirectional: bool = True,
    embedding_units: int = 128,
    pooling: str = "max",
    dropout: float = 0.5,
    embedding_dropout: float = 0.3,
    word_dropout: float = 0.0,
    seed: int | None = None,
    name: str = "sequence_classifier",
) -> keras.Model:
    r"""A recurrent network that reads token ids and gives the probability of each class.

    $$h_{1:T} = \mathrm{RNN}(E_{x_1}, \dots, E_{x_T}), \qquad
      p = \mathrm{softmax}(V^\top \mathrm{pool}(h_{1:T}) + a)$$

    Args:
        vocabulary_size: V, the number of ids; 0 is padding and 1 the unknown word.
        classes: C, the number of classes, at least 2.
        cell: Name of a recurrent layer: "gru", "lstm", "peephole_lstm" and all others that
            `keras_seq.layers.recurrent_layers` lists.
        units: U, the size of the state of each direction.
        layers: Number of recurrent layers on one another.
        bidirectional: Whether each layer reads in both directions.
        embedding_units: Size of the word vectors; 0 for one-hot input instead (only for a small V,
            as each step then holds V numbers).
        pooling: What is kept of all steps: their "max", "mean", "max+mean", or the "last" state.
        dropout: Rate before the last layer and between recurrent layers.
        embedding_dropout: Rate at which features of the word vectors are dropped, for the whole
            sequence at once.
        word_dropout: Rate at which words become unknown in training.
        seed: Seed of the dropouts.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: input `ids`, integer (B, T), padded with 0 on the right; output
        `probabilities`, (B, C), which sum to one. Padding changes nothing.

    Raises:
        ValueError: An unknown cell or pooling, or sizes that make no network.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import sequence_classifier
        >>> model = sequence_classifier(vocabulary_size=50, classes=2, units=8)
        >>> tuple(model(np.array([[4, 7, 9, 0], [3, 0, 0, 0]])).shape)
        (2, 2)
    """
    try:
        make = recurrent_layer(cell)
    except ValueError as error:
        raise ValueError(f"cell: {error}") from None
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}.")
    if vocabulary_size < 3 or classes < 2 or layers < 1 or embedding_units < 0:
        raise ValueError(
            "sequence_classifier needs vocabulary_size >= 3 (padding, unknown, a word), "
            f"classes >= 2, layers >= 1 and embedding_units >= 0; got {vocabulary_size}, "
            f"{classes}, {layers} and {embedding_units}."
        )
    seeds = seeds_from(seed)

    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = ops.not_equal(ids, 0)
    words = WordDropout(word_dropout, seed=next(seeds))(ids) if word_dropout else ids
    x = _embed(words, vocabulary_size, embedding_units)
    if embedding_dropout:
        x = keras.layers.SpatialDropout1D(embedding_dropout, seed=next(seeds))(x)
    for layer in range(layers):
        if layer and dropout:
            x = keras.layers.Dropout(dropout, seed=next(seeds))(x)
        sequences = layer < layers - 1 or pooling != "last"
        recurrent = make(units, return_sequences=sequences)
        x = (Bidirectional(recurrent) if bidirectional else recurrent)(x, mask=mask)
    x = _pool(x, mask, pooling)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=next(seeds))(x)
    # Probabilities stay in float32 whatever the policy: a sum of halves is not one.
    outputs = keras.layers.Dense(
        classes, activation="softmax", dtype="float32", name="probabilities"
    )(x)
    return keras.Model(ids, outputs, name=name)


def _embed(ids: Any, vocabulary_size: int, embedding_units: int) -> Any:
    if not embedding_units:
        return ops.one_hot(ids, vocabulary_size)
    return keras.layers.Embedding(vocabulary_size, embedding_units, name="embedding")(ids)


def _pool(x: Any, mask: Any, pooling: str) -> Any:
    pools = {"max": GlobalMaxPooling1D, "mean": GlobalAveragePooling1D}
    parts = [pools[part]()(x, mask=mask) for part in pooling.split("+") if part in pools]
    if not parts:
        return x
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
