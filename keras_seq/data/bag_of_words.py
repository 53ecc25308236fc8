"""What word counts alone can tell: the baseline that a sequence model has to beat."""

import keras
import tensorflow as tf

from keras_seq.data.batching import bucketed_batches
from keras_seq.data.dataset import LabelledTexts
from keras_seq.data.tokenizer import Tokenizer

_BATCH_SIZE = 128
_STEPS = 1_200  # enough for 8,000 short reviews and for 25,000 long ones
_LEARNING_RATE = 0.005


def bag_of_words_accuracy(
    train: LabelledTexts, test: LabelledTexts, tokenizer: Tokenizer, seed: int = 0
) -> float:
    """Fits a logistic regression on log-scaled token counts and gives its accuracy.

    Args:
        train: What it is fitted on.
        test: What it is scored on.
        tokenizer: The vocabulary; texts are cut as it says.
        seed: Draws the order of training; the same seed gives the same result.

    Returns:
        The share of the test texts whose class it names.

    Raises:
        ValueError: One of the two parts is empty.

    Example:
        >>> from keras_seq.data import LabelledTexts, Tokenizer, bag_of_words_accuracy
        >>> texts = ["good film", "bad film", "good book", "bad book"]
        >>> examples = LabelledTexts(texts, [1, 0, 1, 0])
        >>> bag_of_words_accuracy(examples, examples, Tokenizer.fit(texts))
        1.0
    """
    classes = int(max(train.labels.max(initial=0), test.labels.max(initial=0))) + 1
    # The problem is convex: zeros are as good a start as any, and no seed is needed for them.
    model = keras.Sequential(
        [
            keras.Input((len(tokenizer) - 1,)),
            keras.layers.Dense(classes, kernel_initializer="zeros"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, _STEPS)
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # compiling costs more time than these few steps take
    )
    batches = _count_batches(train, tokenizer, shuffle_seed=seed).repeat()
    model.fit(batches, steps_per_epoch=_STEPS, shuffle=False, verbose=0)  # they come shuffled
    scores = model.evaluate(_count_batches(test, tokenizer), verbose=0, return_dict=True)
    return scores["accuracy"]


def _count_batches(
    examples: LabelledTexts, tokenizer: Tokenizer, shuffle_seed: int | None = None
) -> tf.data.Dataset:
    """Gives batches of log-scaled counts, float32 (B, ids - 1), with labels (B,)."""

    def count(padded: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = len(tokenizer)
        counts = tf.math.bincount(padded, minlength=size, maxlength=size, axis=-1)
        return tf.math.log1p(tf.cast(counts[:, 1:], tf.float32)), labels  # id 0 is padding

    # Counted batch by batch: the counts of 25,000 texts at once would take gigabytes.
    return bucketed_batches(
        tokenizer.encode(examples.texts),
        examples.labels,
        bucket_lengths=(tokenizer.max_length,),
        batch_size=_BATCH_SIZE,
        shuffle_seed=shuffle_seed,
    ).map(count, num_parallel_calls=2)
