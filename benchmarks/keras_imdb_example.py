"""The peer: what Keras' own IMDB example builds, on the reviews that our task reads.

Embedding 128, two bidirectional LSTMs of 64 units, 200 words, the 20,000 most frequent words,
padding on the left, no mask, batches of 32, Adam, two epochs.
"""

import argparse
import json
import time

import keras

from keras_seq.data import Tokenizer, load_texts

WORDS, LENGTH, EPOCHS, BATCH = 20_000, 200, 2, 32


def run(source: str, seed: int) -> dict[str, float]:
    """Trains and tests. Returns accuracy, seconds and size."""
    texts = load_texts(source, seed=seed)
    tokenizer = Tokenizer.fit(texts.train.texts, max_words=WORDS, max_length=LENGTH, keep="end")

    def arrays(part):
        ids = tokenizer.encode(part.texts).to_list()
        return keras.utils.pad_sequences(ids, LENGTH, padding="pre"), part.labels

    train, validation, test = map(arrays, (texts.train, texts.validation, texts.test))
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(len(tokenizer), 128),
            keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True)),
            keras.layers.Bidirectional(keras.layers.LSTM(64)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    seconds = time.perf_counter() - started
    evaluate = {"batch_size": 256, "verbose": 0, "return_dict": True}
    return {
        "validation_accuracy": model.evaluate(*validation, **evaluate)["accuracy"],
        "test_accuracy": model.evaluate(*test, **evaluate)["accuracy"],
        "train_seconds": seconds,
        "epochs": EPOCHS,
        "parameters": model.count_params(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="tfds:imdb_reviews")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="JSON file to write")
    options = parser.parse_args()
    metrics = run(options.data, options.seed)
    with open(options.output, "w", encoding="utf-8") as file:
        json.dump(metrics, file, indent=2)
