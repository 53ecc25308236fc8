"""Models from an image to a caption, by the name of their decoder, as a user types it."""

import keras

from keras_seq.models.decoders import ShowAttendTellDecoder, SutskeverDecoder
from keras_seq.models.seeds import seeds_from
from keras_seq.models.seq2seq import Seq2Seq

CAPTION_DECODERS = ("attention", "initial_state")


def image_captioner(
    vocabulary_size: int,
    encoder: keras.layers.Layer,
    *,
    decoder: str = "attention",
    units: int = 512,
    layers: int = 1,
    cell: str = "lstm",
    embedding_units: int = 256,
    attention_units: int | None = None,
    attention_penalty: float = 0.0,
    dropout: float = 0.3,
    label_smoothing: float = 0.0,
    tied: bool = True,
    seed: int | None = None,
) -> Seq2Seq:
    """An encoder of images and a decoder that writes captions.

    =============== ======================= ======================================================
    decoder         class                   what it knows of the image
    =============== ======================= ======================================================
    "attention"     `ShowAttendTellDecoder` looks at its places anew before each word
    "initial_state" `SutskeverDecoder`      the mean of its places, as its first state
    =============== ======================= ======================================================

    Args:
        vocabulary_size: V, the number of ids of words.
        encoder: A `SmallImageEncoder`, `BackboneEncoder` or `FeatureEncoder`, or another layer from
            images to an `Encoded` that tells its `source_spec`.
        decoder: One of the above.
        units: Size of the decoder's states.
        layers: Recurrent layers of the decoder.
        cell: Name of a recurrent layer, see `keras_seq.layers.recurrent_layers`.
        embedding_units: Width of the word vectors.
        attention_units: Width of the attention's network; `units` if None.
        attention_penalty: See `ShowAttendTellDecoder`.
        dropout: Rate in the decoder; that of the encoder is its own.
        label_smoothing: See `Seq2Seq`.
        tied: Whether the logits have the matrix of the word vectors.
        seed: Seed of all that the decoder draws in training.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: An unknown decoder, or options that make no model.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import SmallImageEncoder, image_captioner
        >>> encoder = SmallImageEncoder((32, 32, 3), 16, filters=(8, 8, 8))
        >>> model = image_captioner(20, encoder, units=8, embedding_units=4)
        >>> images = np.zeros((2, 32, 32, 3), "uint8")
        >>> model.decode(images, max_length=6).tokens.shape
        TensorShape([2, 1, 6])

    Reference:
        "attention": Xu et al. (2015), arXiv 1502.03044. "initial_state": as Vinyals et al., "Show
        and tell: a neural image caption generator" (2014, arXiv 1411.4555), where the image is
        read as the first word instead.
    """
    if decoder not in CAPTION_DECODERS:
        raise ValueError(f"decoder must be one of {', '.join(CAPTION_DECODERS)}; got {decoder!r}.")
    seeds = seeds_from(seed)
    options = {
        "cell": cell,
        "layers": layers,
        "embedding_units": embedding_units,
        "dropout": dropout,
        "tied": tied,
        "seed": next(seeds),
    }
    if decoder == "attention":
        looks = {"attention_units": attention_units, "attention_penalty": attention_penalty}
        made = ShowAttendTellDecoder(vocabulary_size, units, **looks, **options)
    elif attention_penalty or attention_units:
        raise ValueError(
            "attention_units and attention_penalty are for decoder='attention'; leave them out for "
            "one that does not look."
        )
    else:
        made = SutskeverDecoder(vocabulary_size, units, bridge="dense", **options)
    return Seq2Seq(encoder, made, label_smoothing=label_smoothing, seed=next(seeds))
