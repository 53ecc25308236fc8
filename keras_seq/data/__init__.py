"""Texts with labels or translations, images with captions: from their source to batches.

**Classification.** `load_texts` turns a source (the built-in corpus, TensorFlow Datasets, files)
into a `TextDataset` with a training, a validation and a test part. `Tokenizer.fit` learns the
vocabulary of the training part, `Tokenizer.encode` turns texts into ragged ids, and
`bucketed_batches` turns these into padded batches of few fixed shapes. `bag_of_words_accuracy` is
the baseline to beat.

**Translation.** `load_pairs` gives a `ParallelDataset` in the same way, `TextCodec` turns texts
into ids of words, subwords or characters and ids back into texts, and `pair_batches` makes batches
of both sides. `fitting` and `cut_sequences` are for what is too long. `word_by_word_accuracy` is
the baseline to beat.

**Language models.** `load_language` gives running text in the same three parts, `Symbols` turns it
into ids of characters or words and back, and `chunk_batches` cuts it into chunks that go on where
those before them ended. `n_gram_loss` is the baseline to beat.

**Labels for frames.** `load_frames` gives a `FrameDataset` of `FrameSequence`s, `training_windows`
cuts long ones, and `frame_batches` makes batches of them. `moving_shapes` draws the built-in clips.

**Captioning.** `load_captions` gives a `CaptionDataset` of pictures, or of features that another
network has made of them (`ImageFeatures`); `plain_caption` brings captions to the words that count,
and `caption_batches` makes batches of images and captions. `read_picture` and `decode_pictures` are
for pictures that come later.
"""

from keras_seq.data.bag_of_words import bag_of_words_accuracy
from keras_seq.data.batching import bucketed_batches, pad_ragged
from keras_seq.data.caption_batching import caption_batches
from keras_seq.data.caption_sources import load_captions
from keras_seq.data.captions import CaptionDataset, CaptionedImages, plain_caption
from keras_seq.data.chunk_batches import chunk_batches
from keras_seq.data.dataset import DataError, LabelledTexts, TextDataset, split
from keras_seq.data.frame_batching import frame_batches
from keras_seq.data.frame_sources import load_frames
from keras_seq.data.frames import FrameDataset, FrameSequence, training_windows
from keras_seq.data.generated_pair import generate_pairs
from keras_seq.data.image_features import ImageFeatures
from keras_seq.data.language_texts import load_language
from keras_seq.data.moving_shapes import moving_shapes
from keras_seq.data.n_grams import n_gram_loss
from keras_seq.data.pair_batching import FittingPairs, cut_sequences, fitting, pair_batches
from keras_seq.data.parallel import ParallelDataset, ParallelTexts, split_pairs
from keras_seq.data.parallel_sources import load_pairs
from keras_seq.data.pictures import PictureFiles, decode_pictures, read_picture
from keras_seq.data.reviews import (
    BAG_OF_WORDS_CEILING,
    generate_reviews,
    generate_reviews_with_kinds,
)
from keras_seq.data.running_text import LanguageTexts
from keras_seq.data.shape_pictures import generate_shape_pictures
from keras_seq.data.sources import load_texts
from keras_seq.data.symbols import Symbols
from keras_seq.data.text_codec import TextCodec
from keras_seq.data.tokenizer import Tokenizer
from keras_seq.data.word_by_word import word_by_word_accuracy

__all__ = [
    "BAG_OF_WORDS_CEILING",
    "CaptionDataset",
    "CaptionedImages",
    "DataError",
    "FittingPairs",
    "FrameDataset",
    "FrameSequence",
    "ImageFeatures",
    "LabelledTexts",
    "LanguageTexts",
    "ParallelDataset",
    "ParallelTexts",
    "PictureFiles",
    "Symbols",
    "TextCodec",
    "TextDataset",
    "Tokenizer",
    "bag_of_words_accuracy",
    "bucketed_batches",
    "caption_batches",
    "chunk_batches",
    "cut_sequences",
    "decode_pictures",
    "fitting",
    "frame_batches",
    "generate_pairs",
    "generate_reviews",
    "generate_reviews_with_kinds",
    "generate_shape_pictures",
    "load_captions",
    "load_frames",
    "load_language",
    "load_pairs",
    "load_texts",
    "moving_shapes",
    "n_gram_loss",
    "pad_ragged",
    "pair_batches",
    "plain_caption",
    "read_picture",
    "split",
    "split_pairs",
    "training_windows",
    "word_by_word_accuracy",
]
