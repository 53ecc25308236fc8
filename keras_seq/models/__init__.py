"""Models: whole networks, made of this library's layers."""

from keras_seq.models.classifier import sequence_classifier
from keras_seq.models.decoders import (
    BahdanauDecoder,
    ChoDecoder,
    Decoder,
    LuongDecoder,
    Maxout,
    RecurrentDecoder,
    SutskeverDecoder,
    TransformerDecoder,
)
from keras_seq.models.encoders import Encoded, RecurrentEncoder
from keras_seq.models.frame_figures import FrameLoss, FrameMean
from keras_seq.models.frame_parts import AddColumns, FrameCNN, LengthMask
from keras_seq.models.frame_tagger import frame_tagger
from keras_seq.models.language_model import LanguageModel
from keras_seq.models.seq2seq import Seq2Seq
from keras_seq.models.sequence_to_sequence import ARCHITECTURES, sequence_to_sequence
from keras_seq.models.set2set import Set2Set
from keras_seq.models.transformer_encoder import TransformerEncoder

__all__ = [
    "ARCHITECTURES",
    "AddColumns",
    "BahdanauDecoder",
    "ChoDecoder",
    "Decoder",
    "Encoded",
    "FrameCNN",
    "FrameLoss",
    "FrameMean",
    "LanguageModel",
    "LengthMask",
    "LuongDecoder",
    "Maxout",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "Seq2Seq",
    "Set2Set",
    "SutskeverDecoder",
    "TransformerDecoder",
    "TransformerEncoder",
    "frame_tagger",
    "sequence_classifier",
    "sequence_to_sequence",
]
