"""Models: whole networks, made of this library's layers."""

from keras_seq.models.backbone_encoder import BackboneEncoder
from keras_seq.models.classifier import sequence_classifier
from keras_seq.models.decoders import (
    BahdanauDecoder,
    ChoDecoder,
    Decoder,
    LuongDecoder,
    Maxout,
    RecurrentDecoder,
    ShowAttendTellDecoder,
    SutskeverDecoder,
    TransformerDecoder,
)
from keras_seq.models.encoders import Encoded, RecurrentEncoder
from keras_seq.models.frame_figures import FrameLoss, FrameMean
from keras_seq.models.frame_parts import AddColumns, FrameCNN, LengthMask
from keras_seq.models.frame_tagger import frame_tagger
from keras_seq.models.image_captioner import CAPTION_DECODERS, image_captioner
from keras_seq.models.image_encoder import FeatureEncoder, ImageEncoder, SmallImageEncoder
from keras_seq.models.language_model import LanguageModel
from keras_seq.models.seq2seq import Seq2Seq
from keras_seq.models.sequence_to_sequence import ARCHITECTURES, sequence_to_sequence
from keras_seq.models.set2set import Set2Set
from keras_seq.models.transformer_encoder import TransformerEncoder

__all__ = [
    "ARCHITECTURES",
    "CAPTION_DECODERS",
    "AddColumns",
    "BackboneEncoder",
    "BahdanauDecoder",
    "ChoDecoder",
    "Decoder",
    "Encoded",
    "FeatureEncoder",
    "FrameCNN",
    "FrameLoss",
    "FrameMean",
    "ImageEncoder",
    "LanguageModel",
    "LengthMask",
    "LuongDecoder",
    "Maxout",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "Seq2Seq",
    "Set2Set",
    "ShowAttendTellDecoder",
    "SmallImageEncoder",
    "SutskeverDecoder",
    "TransformerDecoder",
    "TransformerEncoder",
    "frame_tagger",
    "image_captioner",
    "sequence_classifier",
    "sequence_to_sequence",
]
