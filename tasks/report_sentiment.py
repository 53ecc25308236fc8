"""Sections of the report of a run that labels texts."""

import keras
import numpy as np
import tensorflow as tf

from keras_seq.data import TextDataset, Tokenizer
from tasks.report import Quote, Quotes, Section, Text, shortened
from tasks.report_classes import calibration_section, classes_section, texts_section
from tasks.report_gates import gates

# An example of about so many tokens has room on a page; of a longer one a part is read.
_WANTED_TOKENS, _MOST_TOKENS = 20, 40


def probabilities_of(model: keras.Model, batches: tf.data.Dataset) -> np.ndarray:
    """(N, C): the probability of each class for every text, in the order of the texts.

    Args:
        model: Takes ids, gives probabilities.
        batches: Ids, labels and row numbers.
    """
    rows = np.concatenate([rows.numpy() for _, _, rows in batches])
    found = model.predict(batches.map(lambda ids, labels, rows: ids), verbose=0)
    ordered = np.empty_like(found)
    ordered[rows] = found
    return ordered


def sections(
    texts: TextDataset, tokenizer: Tokenizer, probabilities: np.ndarray, model: keras.Model
) -> list[Section]:
    """What the report shows of the predictions on the test part.

    Args:
        texts: The data.
        tokenizer: What the model was trained with.
        probabilities: (N, C), what the model gives for the test part.
        model: The model.
    """
    test, names = texts.test, texts.label_names
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return [
        classes_section(test.labels, predicted, names),
        calibration_section(confidences, predicted == test.labels),
        texts_section(test.texts, test.labels, predicted, confidences, names),
        *_gates_section(texts, tokenizer, model),
    ]


def _gates_section(texts, tokenizer, model):
    lengths = np.array(tokenizer.count(texts.test.texts))
    lengths = np.where(lengths > 0, lengths, lengths.max() + 1)  # nothing to read in the empty
    row = int(np.abs(lengths - _WANTED_TOKENS).argmin())
    text = texts.test.texts[row]
    ragged = tokenizer(tf.constant([text]))
    ids = tokenizer.pad(ragged, min(int(ragged.row_lengths()[0]), _MOST_TOKENS))[0].numpy()
    [tokens] = tokenizer.decode(ids)
    pictures = gates(model, ids, tokens)
    if pictures is None:
        return []
    probabilities = keras.ops.convert_to_numpy(model(ids, training=False))[0]
    best = int(probabilities.argmax())
    facts = [
        f"true: {texts.label_names[texts.test.labels[row]]}",
        f"predicted: {texts.label_names[best]}",
        f"probability {probabilities[best]:.3f}",
        f"test text {row + 1:,}",
    ]
    if len(tokens) < lengths[row]:
        side = "last" if tokenizer.keep == "end" else "first"
        facts.append(f"read for this picture: the {side} {len(tokens)} of {lengths[row]:,} tokens")
    words = Text(
        "What the first recurrent layer does at each token of one short text of the test part."
    )
    quote = Quotes("The text", [Quote(shortened(text), facts)])
    return [Section("Gates", (words, quote, pictures))]
