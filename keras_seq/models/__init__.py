"""Models: whole networks, made of this library's layers."""

from keras_seq.models.classifier import sequence_classifier

__all__ = ["sequence_classifier"]
