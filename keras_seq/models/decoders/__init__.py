"""Decoders: networks that predict a target token by token from an encoded source."""

from keras_seq.models.decoders.bahdanau import BahdanauDecoder
from keras_seq.models.decoders.cho import ChoDecoder
from keras_seq.models.decoders.decoder import Decoder
from keras_seq.models.decoders.luong import LuongDecoder
from keras_seq.models.decoders.maxout import Maxout
from keras_seq.models.decoders.recurrent import RecurrentDecoder
from keras_seq.models.decoders.show_attend_tell import ShowAttendTellDecoder
from keras_seq.models.decoders.sutskever import SutskeverDecoder
from keras_seq.models.decoders.transformer import TransformerDecoder

__all__ = [
    "BahdanauDecoder",
    "ChoDecoder",
    "Decoder",
    "LuongDecoder",
    "Maxout",
    "RecurrentDecoder",
    "ShowAttendTellDecoder",
    "SutskeverDecoder",
    "TransformerDecoder",
]
