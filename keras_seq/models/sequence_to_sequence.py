"""Sequence-to-sequence models by the name of their architecture, for options that a user types."""

from typing import Any

from keras_seq.models.decoders import (
    BahdanauDecoder,
    ChoDecoder,
    LuongDecoder,
    SutskeverDecoder,
    TransformerDecoder,
)
from keras_seq.models.encoders import RecurrentEncoder
from keras_seq.models.seeds import seeds_from
from keras_seq.models.seq2seq import Seq2Seq
from keras_seq.models.transformer_encoder import TransformerEncoder

# The cell of each paper. Both encoders without attention read in one direction, as in theirs.
_CELLS = {"sutskever": "lstm", "cho": "gru", "bahdanau": "gru", "luong": "lstm"}
_ONE_WAY = ("sutskever", "cho")
ARCHITECTURES = (*_CELLS, "transformer")


def sequence_to_sequence(
    source_size: int,
    target_size: int,
    *,
    architecture: str = "bahdanau",
    units: int = 512,
    layers: int = 1,
    cell: str | None = None,
    embedding_units: int = 256,
    heads: int = 4,
    hidden_units: int | None = None,
    dropout: float = 0.3,
    label_smoothing: float = 0.1,
    scheduled_sampling: float = 0.0,
    share_embeddings: bool = False,
    tied: bool = True,
    seed: int | None = None,
    **decoder_options: Any,
) -> Seq2Seq:
    """An encoder and a decoder that belong together.

    ============= ======================================== ==================================
    architecture  encoder                                  decoder
    ============= ======================================== ==================================
    "sutskever"   LSTM over the reversed source            `SutskeverDecoder`
    "cho"         GRU                                      `ChoDecoder`
    "bahdanau"    GRU in both directions, half the units   `BahdanauDecoder`
    "luong"       LSTM in both directions, half the units  `LuongDecoder`
    "transformer" `TransformerEncoder`                     `TransformerDecoder`
    ============= ======================================== ==================================

    Args:
        source_size: Number of source ids.
        target_size: Number of target ids.
        architecture: One of the above.
        units: Size of the decoder's states; of a Transformer, the width of its vectors.
        layers: Layers of the encoder and of the decoder.
        cell: Name of a recurrent layer in place of the paper's.
        embedding_units: Width of the token vectors of a recurrent model.
        heads: Of a Transformer.
        hidden_units: Width of a Transformer's inner layers; four times `units` if None.
        dropout: Rate, in encoder and decoder.
        label_smoothing: See `Seq2Seq`.
        scheduled_sampling: See `Seq2Seq`.
        share_embeddings: Whether both sides have the same token vectors.
        tied: Whether the logits have the matrix of the target's token vectors.
        seed: Seed of all that is drawn in training.
        **decoder_options: What the decoder takes beside: `coverage=True`, `input_feeding=False`.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: An unknown architecture, or options that make no model.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import sequence_to_sequence
        >>> model = sequence_to_sequence(30, 20, architecture="luong", units=8, embedding_units=4)
        >>> model.decode(np.array([[5, 7, 0]]), max_length=6).tokens.shape
        TensorShape([1, 1, 6])
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}."
        )
    seeds = seeds_from(seed)
    shared: dict[str, Any] = {"layers": layers, "dropout": dropout}
    if architecture == "transformer":
        if cell is not None:
            raise ValueError(f"A Transformer has no cell, got cell={cell!r}: leave it out.")
        shared |= {"heads": heads, "hidden_units": hidden_units}
        encoder = TransformerEncoder(source_size, units, seed=next(seeds), **shared)
        decoder = TransformerDecoder(
            target_size, units, tied=tied, seed=next(seeds), **shared, **decoder_options
        )
    else:
        one_way = architecture in _ONE_WAY
        if not one_way and units % 2:
            raise ValueError(
                "Each direction of the encoder has half the units, which are then even; got "
                f"{units}."
            )
        shared |= {"cell": cell or _CELLS[architecture], "embedding_units": embedding_units}
        encoder = RecurrentEncoder(
            source_size,
            units if one_way else units // 2,
            bidirectional=not one_way,
            reverse=architecture == "sutskever",
            seed=next(seeds),
            **shared,
        )
        kinds = {
            "sutskever": SutskeverDecoder,
            "cho": ChoDecoder,
            "bahdanau": BahdanauDecoder,
            "luong": LuongDecoder,
        }
        decoder = kinds[architecture](
            target_size, units, tied=tied, seed=next(seeds), **shared, **decoder_options
        )
    return Seq2Seq(
        encoder,
        decoder,
        label_smoothing=label_smoothing,
        scheduled_sampling=scheduled_sampling,
        share_embeddings=share_embeddings,
        seed=next(seeds),
    )
