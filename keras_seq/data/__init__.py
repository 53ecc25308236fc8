"""Labelled texts, from their source to batches that a model is trained on.

`load_texts` turns a source (the built-in corpus, TensorFlow Datasets, files) into a `TextDataset`
with a training, a validation and a test part. `Tokenizer.fit` learns the vocabulary of the
training part, `Tokenizer.encode` turns texts into ragged ids, and `bucketed_batches` turns these
into padded batches of few fixed shapes. `bag_of_words_accuracy` is the baseline to beat.
"""

from keras_seq.data.bag_of_words import bag_of_words_accuracy
from keras_seq.data.batching import bucketed_batches, pad_ragged
from keras_seq.data.dataset import DataError, LabelledTexts, TextDataset, split
from keras_seq.data.reviews import (
    BAG_OF_WORDS_CEILING,
    generate_reviews,
    generate_reviews_with_kinds,
)
from keras_seq.data.sources import load_texts
from keras_seq.data.tokenizer import Tokenizer

__all__ = [
    "BAG_OF_WORDS_CEILING",
    "DataError",
    "LabelledTexts",
    "TextDataset",
    "Tokenizer",
    "bag_of_words_accuracy",
    "bucketed_batches",
    "generate_reviews",
    "generate_reviews_with_kinds",
    "load_texts",
    "pad_ragged",
    "split",
]
