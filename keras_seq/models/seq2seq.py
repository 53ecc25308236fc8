"""`Seq2Seq`: an encoder and a decoder, trained on pairs and searched with."""

import numbers
from typing import Any

import keras
from keras import ops

from keras_seq.decoding import Found, Greedy, Search, repeat_rows
from keras_seq.models.encoders import source_spec
from keras_seq.models.own_loss import OwnLoss, count_each
from keras_seq.models.token_loss import smoothed_cross_entropy

PADDING = 0


@keras.saving.register_keras_serializable("keras_seq")
class Seq2Seq(OwnLoss):
    r"""From a source sequence to a target sequence.

    $$p(y \mid x) = \prod_t p(y_t \mid y_{<t}, \mathrm{encoder}(x))$$

    Trained by teacher forcing: each step reads the true token before it. The loss is the mean over
    real target tokens of the cross entropy with smoothed labels,

    $$-\sum_v q_v \log p_v, \qquad q = (1 - \epsilon)\, \mathrm{onehot}(y_t) + \epsilon / V;$$

    padding counts neither in it nor in the metrics, and a batch weighs by its number of tokens in
    the figures of an epoch. `compile(optimizer=...)` needs no loss.

    With scheduled sampling each token that a step reads in training is, with that probability, one
    drawn from the model's own prediction instead. The predictions are those of a first pass over
    the true tokens, so that every decoder stays as fast as it is.

    Args:
        encoder: From ids (B, S) to an `Encoded`; one that reads something else, such as images,
            tells its shape and type as `source_spec`, a `keras.KerasTensor`.
        decoder: A `Decoder`.
        start: Id that every target begins with.
        end: Id that every target ends with.
        label_smoothing: $\epsilon$, in [0, 1).
        scheduled_sampling: The probability above, in [0, 1].
        share_embeddings: Whether source and target tokens have the same vectors; needs one
            vocabulary for both.
        seed: Seed of scheduled sampling.
        **kwargs: What every Keras model takes.

    Call arguments:
        inputs: `{"source": (B, S), "target": (B, T)}`, ids padded with 0 on the right; targets
            from start to end. `fit` takes pairs (source, target) of them too.
        training: Whether dropout is active.

    Returns:
        Logits (B, T - 1, V), float32: of each target token after the first.

    Raises:
        ValueError: Rates out of range; start, end and padding (0) that are not three ids; shared
            vectors of different sizes; inputs that are no source and target.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import BahdanauDecoder, RecurrentEncoder, Seq2Seq
        >>> encoder = RecurrentEncoder(vocabulary_size=12, units=8, bidirectional=True)
        >>> model = Seq2Seq(encoder, BahdanauDecoder(vocabulary_size=10, units=8))
        >>> model.compile(optimizer="adam")
        >>> source, target = np.array([[5, 7, 4]]), np.array([[2, 9, 8, 3]])
        >>> history = model.fit(source, target, verbose=0)
        >>> model.decode(source, max_length=6).tokens.shape
        TensorShape([1, 1, 6])

    Reference:
        Smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision"
        (2015, arXiv 1512.00567), section 7. Scheduled sampling: Bengio et al. (2015, arXiv
        1506.03099); in two passes: Duckworth et al., "Parallel scheduled sampling" (2019, arXiv
        1906.04331).
    """

    def __init__(
        self,
        encoder,
        decoder,
        *,
        start=2,
        end=3,
        label_smoothing=0.0,
        scheduled_sampling=0.0,
        share_embeddings=False,
        seed=None,
        **kwargs,
    ):
        if not 0 <= label_smoothing < 1 or not 0 <= scheduled_sampling <= 1:
            raise ValueError(
                "label_smoothing must be in [0, 1) and scheduled_sampling in [0, 1]; got "
                f"{label_smoothing!r} and {scheduled_sampling!r}."
            )
        if len({PADDING, start, end}) < 3 or min(start, end) < 0:
            raise ValueError(
                f"start and end must be two ids above {PADDING}, which is padding; got {start!r} "
                f"and {end!r}. Give each of them an id of its own."
            )
        if getattr(decoder, "end", end) != end:
            raise ValueError(
                f"{decoder.name} was made with end={decoder.end}, the model with end={end}: give "
                "both the same."
            )
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.start, self.end = encoder, decoder, start, end
        self.label_smoothing, self.scheduled_sampling = label_smoothing, scheduled_sampling
        self.share_embeddings, self.seed = share_embeddings, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        if share_embeddings:
            _check_shareable(encoder, decoder)
            decoder.embedding.built = True  # Keras keeps the one that goes, and would wait for it
            decoder.embedding = encoder.embedding
        self.loss_of_tokens = keras.metrics.Mean(name="loss")
        self.accuracy = keras.metrics.Mean(name="accuracy")

    def build(self, input_shape=None):
        """Builds encoder and decoder, for any batch and length."""
        ids = keras.KerasTensor((None, None), "int32")
        self.decoder(ids, self.encoder(source_spec(self.encoder)))
        self.built = True

    def call(self, inputs, training=False):
        """See the class."""
        source, target = _source_and_target(inputs)
        read = target[:, :-1]
        encoded = self.encoder(source, training=training)
        if training and self.scheduled_sampling:
            read = self._sampled(read, encoded)
        return self.decoder(read, encoded, training=training)

    def _sampled(self, read, encoded):
        """Some of the tokens drawn from what the model predicts for their place."""
        # Not as in training, where a decoder may add a loss, which would count twice.
        logits = ops.stop_gradient(self.decoder(read, encoded, training=False))
        draw = keras.random.categorical
        rows, steps = ops.shape(read)
        flat = ops.reshape(logits, (-1, ops.shape(logits)[-1]))
        drawn = draw(flat, 1, "int32", seed=self.seed_generator)
        drawn = ops.reshape(drawn, (rows, steps))
        drawn = ops.concatenate([read[:, :1], ops.cast(drawn[:, :-1], read.dtype)], axis=1)
        chosen = keras.random.uniform((rows, steps), seed=self.seed_generator)
        own = ops.logical_and(chosen < self.scheduled_sampling, read != PADDING)
        return ops.where(own, drawn, read)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean over the real tokens of a batch; see the class."""
        if sample_weight is not None:
            raise ValueError("A Seq2Seq takes no sample weights: every real token weighs the same.")
        target = x["target"][:, 1:]
        real = ops.cast(target != PADDING, "float32")
        losses = smoothed_cross_entropy(y_pred, target, self.label_smoothing)
        loss = ops.sum(losses * real) / ops.maximum(ops.sum(real), 1)
        count_each(self.loss_of_tokens, losses, real)
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, loss.dtype)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Loss and accuracy of the tokens so far."""
        target = x["target"][:, 1:]
        likeliest = ops.cast(ops.argmax(y_pred, axis=-1), target.dtype)
        right = ops.cast(ops.equal(likeliest, target), "float32")
        count_each(self.accuracy, right, target != PADDING)
        return self.get_metrics_result()

    @property
    def metrics(self):
        """Of tokens: loss and accuracy."""
        return [self.loss_of_tokens, self.accuracy]

    def train_step(self, *arguments):
        """One step on a dict of ids, or on a pair of them."""
        *state, data = arguments
        return super().train_step(*state, _as_inputs(data))

    def test_step(self, *arguments):
        """The figures of a dict of ids, or of a pair of them."""
        *state, data = arguments
        return super().test_step(*state, _as_inputs(data))

    def decode(self, source: Any, search: Any = None, *, max_length=64, **options) -> Found:
        """Target sequences for source sequences; call it inside a compiled function to be fast.

        Args:
            source: Ids (B, S), padded with 0 on the right, or what else the encoder reads.
            search: `Greedy()`, `Sampling(...)` or `Beam(...)` of `keras_seq.decoding`.
            max_length: The most tokens of a target, the end among them.
            options: What the search takes: `with_attention=True`.

        Returns:
            The sequences found, without start, each up to its end.

        Raises:
            ValueError: No search, or a `max_length` below 1; what the search refuses.
        """
        search = Greedy() if search is None else search
        if not isinstance(search, Search):
            raise ValueError(
                "search must be one of keras_seq.decoding, such as Greedy() or Beam(4); got "
                f"{search!r}."
            )
        if not isinstance(max_length, numbers.Integral) or max_length < 1:
            raise ValueError(
                f"max_length must be a whole number of at least 1; got {max_length!r}."
            )
        max_length = int(max_length)
        if not self.built:
            self.build()
        encoded = self.encoder(source)
        memory = self.decoder.prepare(encoded)
        state = self.decoder.initial_state(memory, max_length)
        memory = repeat_rows(memory, search.width)

        def step(tokens, state):
            return self.decoder.step(tokens, state, memory)

        return search(
            step,
            state,
            start=self.start,
            end=self.end,
            max_length=max_length,
            padding=PADDING,
            forbidden=(PADDING, self.start),
            source_mask=encoded.mask,
            **options,
        )

    def get_config(self):
        """The configuration, encoder's and decoder's included."""
        names = ("start", "end", "label_smoothing", "scheduled_sampling", "share_embeddings")
        parts = {name: _unbuilt(getattr(self, name)) for name in ("encoder", "decoder")}
        own = {name: getattr(self, name) for name in (*names, "seed")}
        return {**super().get_config(), **parts, **own}

    @classmethod
    def from_config(cls, config):
        """The model of a configuration."""
        config = dict(config)
        for name in ("encoder", "decoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _as_inputs(data):
    """A pair (source, target) as the dict that the model takes."""
    if not isinstance(data, (tuple, list)) or len(data) < 2 or data[1] is None:
        return data
    if len(data) > 2 and data[2] is not None:
        raise ValueError("A Seq2Seq takes no sample weights: every real token weighs the same.")
    return ({"source": data[0], "target": data[1]},)


def _source_and_target(inputs):
    if not isinstance(inputs, dict) or not {"source", "target"} <= set(inputs):
        what = f"a dict of {sorted(inputs)}" if isinstance(inputs, dict) else "a tensor alone"
        raise ValueError(
            'A Seq2Seq is called with {"source": …, "target": …}, and fitted on that or on a pair '
            f"(source, target); got {what}. To write targets for a source, call decode(source)."
        )
    return inputs["source"], inputs["target"]


def _unbuilt(layer):
    """The configuration of a layer that loading leaves unbuilt, for it may have to share first."""
    config = keras.saving.serialize_keras_object(layer)
    return {name: value for name, value in config.items() if name != "build_config"}


def _check_shareable(encoder, decoder):
    sizes = [(e.vocabulary_size, e.units) for e in (encoder.embedding, decoder.embedding)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            "Shared token vectors need one vocabulary and one width; got (ids, width) "
            f"{sizes[0]} in the encoder and {sizes[1]} in the decoder."
        )
    if decoder.built:
        raise ValueError(
            f"{decoder.name} is built and has token vectors of its own: share_embeddings=True "
            "needs a decoder that was not called before."
        )
