"""`Seq2Seq`: its loss and metrics against NumPy, scheduled sampling, sharing, searching, errors."""

import keras
import numpy as np
import pytest
from keras import ops
from layers.attending import array

from keras_seq.decoding import Beam
from keras_seq.models import BahdanauDecoder, Decoder, Encoded, RecurrentEncoder, Seq2Seq

from .pairs import DECODERS, SOURCE, SOURCES, TARGETS, made

RANDOM = np.random.default_rng(7)
N = 10  # pairs: in batches of 4 the last one has 2
SOURCES_OF_ALL = RANDOM.integers(4, SOURCES, (N, 5)).astype("int32")
TARGETS_OF_ALL = RANDOM.integers(4, TARGETS, (N, 6)).astype("int32")
TARGETS_OF_ALL[:, 0] = 2
for _row, _length in enumerate((6, 6, 5, 6, 3, 2, 3, 2, 4, 2)):  # the batches differ in tokens
    TARGETS_OF_ALL[_row, _length - 1] = 3
    TARGETS_OF_ALL[_row, _length:] = 0
    SOURCES_OF_ALL[_row, 1 + _row % 5 :] = 0


def model_of(name="bahdanau", compiled=True, **options):
    model = Seq2Seq(*made(name, scale=1.0), **options)
    if compiled:
        # Eagerly: tracing takes longer than all that is computed here.
        model.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def expected_figures(logits, target, smoothing=0.0):
    """The mean loss of the tokens and the share of them that is right, token by token."""
    losses, right = [], []
    for row, ids in zip(logits, target, strict=True):
        for scores, y in zip(row, ids[1:], strict=True):
            if y == 0:
                continue
            p = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
            q = np.full(len(p), smoothing / len(p))
            q[y] += 1 - smoothing
            losses.append(-np.sum(q * np.log(p)))
            right.append(np.argmax(scores) == y)
    return np.mean(losses), np.mean(right)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_figures_of_an_epoch_are_means_over_tokens(smoothing):
    model = model_of(label_smoothing=smoothing)
    data = {"source": SOURCES_OF_ALL, "target": TARGETS_OF_ALL}
    logits = array(model(data))
    assert logits.shape == (N, 5, TARGETS)
    loss, accuracy = expected_figures(logits, TARGETS_OF_ALL, smoothing)
    by_batch = [expected_figures(logits[i : i + 4], TARGETS_OF_ALL[i : i + 4]) for i in (0, 4, 8)]
    assert abs(np.mean([figures[1] for figures in by_batch]) - accuracy) > 1e-3
    found = model.evaluate(data, batch_size=4, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy"}
    np.testing.assert_allclose([found["loss"], found["accuracy"]], [loss, accuracy], rtol=1e-5)
    # The rate is zero, so the figures of training are the same; and a pair is as good as a dict.
    for x, y in ((data, None), (SOURCES_OF_ALL, TARGETS_OF_ALL)):
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        for epoch in range(2):
            assert history["loss"][epoch] == pytest.approx(loss, rel=1e-5)
            assert history["accuracy"][epoch] == pytest.approx(accuracy, rel=1e-5)
    pair = (SOURCES_OF_ALL[:4], TARGETS_OF_ALL[:4])
    history = model.fit(data, batch_size=4, validation_data=pair, verbose=0).history
    loss, accuracy = expected_figures(logits[:4], TARGETS_OF_ALL[:4], smoothing)
    assert history["val_loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history["val_accuracy"][0] == pytest.approx(accuracy, rel=1e-5)


def test_the_loss_that_is_trained_is_the_mean_of_the_batch_and_the_penalties():
    model = model_of(label_smoothing=0.2)
    x = {"source": SOURCES_OF_ALL, "target": TARGETS_OF_ALL}
    logits = model(x)
    loss, _ = expected_figures(array(logits), TARGETS_OF_ALL, 0.2)
    assert float(model.compute_loss(x, y_pred=logits)) == pytest.approx(loss, rel=1e-5)
    empty = {**x, "target": np.where(np.arange(6) == 0, 2, 0)[None].repeat(N, 0)}
    assert float(model.compute_loss(empty, y_pred=logits)) == 0
    encoder, decoder = made("bahdanau")
    encoder.embedding.activity_regularizer = keras.regularizers.L2(0.5)
    model = Seq2Seq(encoder, decoder)
    logits = model(x)
    (penalty,) = model.losses
    loss, _ = expected_figures(array(logits), TARGETS_OF_ALL)
    found = float(model.compute_loss(x, y_pred=logits))
    assert found == pytest.approx(loss + float(penalty), rel=1e-5)
    assert float(penalty) > 0.1


class Recording(Decoder):
    """Says at step t that the next token is t + 4, whatever it reads, and keeps what it read."""

    vocabulary_size, embedding = TARGETS, None

    def __init__(self):
        super().__init__()
        self.read = []

    def call(self, tokens, encoded, training=False):
        self.read.append(tokens)
        steps = ops.arange(tokens.shape[1]) + 4
        logits = 1e4 * ops.one_hot(steps, self.vocabulary_size)
        return ops.tile(ops.expand_dims(logits, 0), (tokens.shape[0], 1, 1))


class NoEncoder(keras.layers.Layer):
    def call(self, ids, training=False):
        return Encoded(ops.cast(ids, "float32"), ids != 0)


def read_with(rate, training=True):
    decoder = Recording()
    model = Seq2Seq(NoEncoder(), decoder, scheduled_sampling=rate, seed=1)
    model.built = True
    target = np.full((200, 6), 9)
    target[:, 0], target[::2, 4:] = 2, 0
    model({"source": target, "target": target}, training=training)
    return target[:, :-1], array(ops.cast(decoder.read[-1], "int32")).astype(int)


def test_scheduled_sampling():
    """Token t + 1 is drawn from what was predicted after token t; padding stays, and the first."""
    for rate, training in ((0.0, True), (1.0, False)):
        gold, read = read_with(rate, training)
        np.testing.assert_array_equal(read, gold)
    gold, read = read_with(1.0)
    own = np.where(gold == 0, 0, [[2, 4, 5, 6, 7]])
    np.testing.assert_array_equal(read, own)
    gold, read = read_with(0.3)
    assert np.all((read == gold) | (read == own))
    places = (gold != own) & (gold != 0)
    assert 0.22 < (read == own)[places].mean() < 0.38
    # Each place by itself, not row by row or step by step.
    drawn = (read == own)[1::2, 1:]
    assert 0.1 < drawn.mean(0).min() < drawn.mean(0).max() < 0.5
    assert drawn.mean(1).max() - drawn.mean(1).min() > 0.3


def test_scheduled_sampling_draws_by_the_predictions():
    """Of even logits every token comes about as often."""

    class Even(Recording):
        def call(self, tokens, encoded, training=False):
            return 0.0 * super().call(tokens, encoded, training)

    decoder = Even()
    model = Seq2Seq(NoEncoder(), decoder, scheduled_sampling=1.0, seed=1)
    model.built = True
    target = np.full((1000, 4), 9)
    model({"source": target, "target": target}, training=True)
    drawn = array(ops.cast(decoder.read[-1], "int32")).astype(int)[:, 1:]
    share = np.bincount(drawn.ravel(), minlength=TARGETS) / drawn.size
    assert 0.07 < share.min() < share.max() < 0.13


def test_sampled_tokens_carry_no_gradient_and_train():
    for rate in (0.5, 1.0):
        model = model_of("cho", scheduled_sampling=rate, seed=3)
        model.compile(optimizer=keras.optimizers.Adam(0.02), run_eagerly=True)
        losses = model.fit(
            SOURCES_OF_ALL, TARGETS_OF_ALL, batch_size=N, epochs=8, verbose=0
        ).history["loss"]
        assert np.all(np.isfinite(losses))
        assert losses[-1] < 0.9 * losses[0]


def pair_of_one_vocabulary(ids=TARGETS, units=5):
    encoder = RecurrentEncoder(TARGETS, 4, embedding_units=5)
    return encoder, BahdanauDecoder(ids, 4, embedding_units=units)


def test_shared_embeddings_are_one_variable():
    apart, shared = (
        Seq2Seq(*pair_of_one_vocabulary(), share_embeddings=share) for share in (False, True)
    )
    ids = TARGETS_OF_ALL
    for model in (apart, shared):
        model({"source": ids, "target": ids})
    assert len(shared.weights) == len(apart.weights) - 1
    assert shared.decoder.embedding is shared.encoder.embedding
    assert shared.count_params() == apart.count_params() - TARGETS * 5
    assert len({id(w) for w in shared.trainable_variables}) == len(shared.trainable_variables)
    before = array(shared({"source": ids, "target": ids}))
    encoder = array(shared.encoder(ids).values)
    shared.decoder.embedding.embeddings.assign_add(np.ones((TARGETS, 5)))
    assert np.abs(array(shared.encoder(ids).values) - encoder).max() > 0.01
    assert np.abs(array(shared({"source": ids, "target": ids})) - before).max() > 0.01
    # All is built, also for backends that would otherwise try to build from half of a pair.
    assert all(layer.built for layer in shared._flatten_layers())
    again = Seq2Seq.from_config(shared.get_config())
    assert again.decoder.embedding is again.encoder.embedding
    for pair in (pair_of_one_vocabulary(ids=TARGETS + 1), pair_of_one_vocabulary(units=6)):
        with pytest.raises(
            ValueError, match=r"need one vocabulary and one width; got .* \(10, 5\)"
        ):
            Seq2Seq(*pair, share_embeddings=True)


def test_a_decoder_that_is_built_already_cannot_share():
    encoder, decoder = pair_of_one_vocabulary()
    decoder(TARGETS_OF_ALL, encoder(TARGETS_OF_ALL))
    with pytest.raises(ValueError, match="needs a decoder that was not called before"):
        Seq2Seq(encoder, decoder, share_embeddings=True)


@pytest.mark.parametrize("name", DECODERS)
def test_decoding_equals_a_loop_over_steps(name):
    model = model_of(name, compiled=False, start=2, end=3)
    encoded = model.encoder(SOURCE)
    memory = model.decoder.prepare(encoded)
    state, token = model.decoder.initial_state(memory, 8), np.full(len(SOURCE), 2)
    ended, scores, expected = np.zeros(len(SOURCE), bool), np.zeros(len(SOURCE)), []
    for _ in range(8):
        logits, state = model.decoder.step(ops.convert_to_tensor(token, "int32"), state, memory)
        logits = array(logits)
        logits[:, [0, 2]] = -np.inf  # padding and the start are no answers
        best = logits.max(1) - np.log(np.exp(logits).sum(1))
        scores += np.where(ended, 0, best)
        token = np.where(ended, 0, logits.argmax(1))
        ended |= token == 3
        expected.append(token)
    found = model.decode(SOURCE, max_length=8)
    np.testing.assert_array_equal(found.tokens[:, 0], np.stack(expected, 1))
    np.testing.assert_allclose(found.scores[:, 0], scores, atol=1e-4)
    beam = model.decode(SOURCE, Beam(width=3, n_best=3), max_length=8)
    assert beam.tokens.shape == (len(SOURCE), 3, 8)
    one = model.decode(
        SOURCE[1:2, :3], Beam(width=3, n_best=3), max_length=8
    )  # other rows, less padding
    np.testing.assert_array_equal(one.tokens[0], beam.tokens[1])


def test_decoding_needs_no_training_before():
    """An unbuilt model is built, and then stays as it is."""
    model = Seq2Seq(*pair_of_one_vocabulary())
    found = model.decode(TARGETS_OF_ALL, max_length=5, with_attention=True)
    assert model.built
    assert found.attention.shape == (N, 1, 5, 6)
    again = model.decode(TARGETS_OF_ALL, max_length=5)
    np.testing.assert_array_equal(found.tokens, again.tokens)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\)"),
        ({"label_smoothing": -0.1}, "got -0.1 and 0.0"),
        ({"scheduled_sampling": 1.1}, "got 0.0 and 1.1"),
        ({"scheduled_sampling": -0.5}, "got 0.0 and -0.5"),
        ({"start": 4, "end": 4}, "two ids above 0, which is padding; got 4 and 4"),
        ({"end": 0}, "got 2 and 0"),
        ({"start": -1}, "got -1 and 3"),
    ],
    ids=str,
)
def test_bad_numbers_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Seq2Seq(*pair_of_one_vocabulary(), **options)


def test_a_loss_metrics_and_weights_of_others_are_refused():
    model = Seq2Seq(*pair_of_one_vocabulary())
    for options in ({"loss": "mse"}, {"metrics": ["mae"]}):
        with pytest.raises(ValueError, match=f"of tokens; got {next(iter(options))}"):
            model.compile("adam", **options)
    with pytest.raises(ValueError, match="got a second argument"):
        model.compile("adam", "mse")
    model.compile("adam", run_eagerly=True)
    batch = {"source": TARGETS_OF_ALL, "target": TARGETS_OF_ALL}
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.train_on_batch(batch, sample_weight=np.ones(N))


def test_what_is_no_source_and_target_is_told():
    model = Seq2Seq(*pair_of_one_vocabulary())
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit(TARGETS_OF_ALL, TARGETS_OF_ALL, sample_weight=np.ones(N), verbose=0)
    for call, words in (
        (lambda: model(TARGETS_OF_ALL), r"got a tensor alone.*decode\(source\)"),
        (lambda: model({"source": TARGETS_OF_ALL}), r"got a dict of \['source'\]"),
        (lambda: model.decode(TARGETS_OF_ALL, "beam"), r"such as Greedy\(\).*got 'beam'"),
        (lambda: model.decode(TARGETS_OF_ALL, Beam), "search must be one of"),
        (lambda: model.decode(TARGETS_OF_ALL, max_length=0), "max_length .* got 0"),
        (lambda: model.decode(TARGETS_OF_ALL, max_length=6.5), "max_length .* got 6.5"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert model.decode(TARGETS_OF_ALL, max_length=np.int64(2)).tokens.shape[-1] == 2
