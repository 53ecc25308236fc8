"""Text from a language model, symbol by symbol, and how much a text surprises it."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from keras_seq.data import Symbols
from keras_seq.decoding import restrict
from keras_seq.layers import lowering
from keras_seq.models import LanguageModel
from tasks.training import averaged

_CHUNK = 128  # symbols read at once
_IMPOSSIBLE = -1e9
# Of samples in training. A model that is trained on carried states has hardly seen a text begin:
# at 1 it may draw what never was, and then goes on from there.
_TEMPERATURE = 0.8


class Writer:
    """Goes on with a text, a symbol at a time, each drawn from what the model expects.

    Args:
        model: The model; if its weights change, so does what is written.
        symbols: Its symbols; the unknown one is never written.
        temperature: Below 1 likely symbols get likelier; 0 takes the likeliest each time.
        top_k: Of how many of the likeliest symbols is drawn; None: all.
        top_p: Which sum of probabilities the likeliest symbols reach, of which is drawn; None: 1.
    """

    def __init__(
        self,
        model: LanguageModel,
        symbols: Symbols,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ):
        self.model, self.symbols, self.temperature = model, symbols, temperature
        names = model.initial_states(1)
        states = {name: tf.TensorSpec(state.shape, state.dtype) for name, state in names.items()}

        def traced(length: int | None, how: str):
            spec = tf.TensorSpec((1, length), tf.int32)

            @tf.function(input_signature=[spec, states], autograph=False)
            def run(ids, states):
                with lowering(how):
                    logits, states = model.step(ids, states)
                values = logits[:, -1]
                if symbols.unknown:
                    values = tf.where(tf.range(len(symbols)) == 0, _IMPOSSIBLE, values)
                if temperature:
                    values = restrict(values, temperature, top_k, top_p)
                return values[0], states

            return run

        # Nothing is compiled for a prompt of any length, and one step needs no loop.
        self._read, self._step = traced(None, "plain"), traced(1, "unroll")

    def __call__(
        self, prompt: str, length: int, seed: int | Sequence[int] | None = None
    ) -> Iterator[str]:
        """Writes what may follow a prompt.

        Args:
            prompt: Any text of known symbols, "" for none. It is read as the beginning of a line.
            length: How many symbols to write.
            seed: Draws the symbols; None for others each time.

        Yields:
            The text of each symbol as it is drawn.
        """
        ids = self.symbols.encode(prompt).tolist()
        last = ids[-1] if ids else None
        random = np.random.default_rng(seed)
        run, read, states = self._read, [self.symbols.start, *ids], self.model.initial_states(1)
        for _ in range(length):
            values, states = run(tf.constant([read], tf.int32), states)
            number = self._chosen(values.numpy(), random)
            yield from self.symbols.pieces([number], before=last)
            run, read, last = self._step, [number], number

    def _chosen(self, values: np.ndarray, random: np.random.Generator) -> int:
        if not self.temperature:
            return int(values.argmax())
        sums = np.cumsum(np.exp(values.astype("float64") - values.max()))
        return int(np.searchsorted(sums, random.random() * sums[-1], side="right"))


def surprises(model: LanguageModel, ids: np.ndarray) -> np.ndarray:
    """How much each symbol of a text surprises a model that has read those before it.

    Args:
        model: The model.
        ids: The text, integers of shape (N,), N at least 2.

    Returns:
        Of each symbol but the first the negative logarithm of its probability, in bits, float64 of
        shape (N - 1,).
    """
    names = model.initial_states(1)
    states = {name: tf.TensorSpec(state.shape, state.dtype) for name, state in names.items()}
    chunk = tf.TensorSpec((1, _CHUNK), tf.int32)

    @tf.function(input_signature=[chunk, chunk, states], autograph=False)
    def read(ids, targets, states):
        logits, states = model.step(ids, states)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)[0], states

    count = len(ids) - 1
    ids = np.pad(np.asarray(ids, np.int32), (0, -count % _CHUNK))
    found, state = [], model.initial_states(1)
    for start in range(0, count, _CHUNK):
        window = ids[np.newaxis, start : start + _CHUNK + 1]
        losses, state = read(window[:, :-1], window[:, 1:], state)
        found.append(losses.numpy().astype("float64"))
    return np.concatenate(found)[:count] / np.log(2)


class Samples(keras.callbacks.Callback):
    """Prints what the model writes while it is trained, from nothing.

    Args:
        symbols: Its symbols.
        console: Where to print.
        length: Symbols of a sample.
        every: Steps after which a sample is printed within an epoch; 0: at the end of epochs alone.
        seed: Draws the samples, each another one.
    """

    def __init__(self, symbols: Symbols, console: Console, *, length: int, every: int, seed: int):
        super().__init__()
        self.symbols, self.console = symbols, console
        self.length, self.every, self.seed = length, every, seed
        self.epoch = 0
        self.writer: Writer | None = None

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers which epoch it is."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        """A sample, if so many steps are over."""
        if self.every and (batch + 1) % self.every == 0:
            self._show(f"sample after step {batch + 1:,} of epoch {self.epoch}", batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        """A sample."""
        self._show(f"sample after epoch {self.epoch}", 0)

    def _show(self, title, step):
        if self.writer is None:
            self.writer = Writer(self.model, self.symbols, temperature=_TEMPERATURE)
        with averaged(self.model):
            text = "".join(self.writer("", self.length, seed=(self.seed, self.epoch, step)))
        # A sign that a terminal does not know must not end the training.
        encoding = getattr(self.console.file, "encoding", None) or "utf-8"
        text = text.encode(encoding, errors="replace").decode(encoding)
        self.console.print(f"{title}:", style="dim", highlight=False)
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
