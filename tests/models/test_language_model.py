"""`LanguageModel`: its logits, its loss, and the states it keeps from chunk to chunk."""

import keras
import numpy as np
import pytest
from layers.attending import array, randomise
from oracle import cells as oracle
from oracle.loop import run

from keras_seq.models import LanguageModel

V, E, U = 7, 3, 4
RANDOM = np.random.default_rng(11)
IDS = RANDOM.integers(0, V, (3, 6)).astype("int32")
TEXT = RANDOM.integers(0, V, 40)
ON_JAX = keras.backend.backend() == "jax"
keeps_states = pytest.mark.skipif(ON_JAX, reason="on JAX fit and evaluate keep no states")


def chunk_batches(*arguments):
    """Those of `keras_seq.data`, which needs TensorFlow."""
    from keras_seq import data

    return data.chunk_batches(*arguments)


def model_of(scale=0.9, compiled=True, **options):
    options = {"units": U, "embedding_units": E, "cell": "gru", **options}
    model = LanguageModel(V, **options)
    model.build()
    randomise(model, seed=1, scale=scale)
    if compiled:
        # Eagerly: tracing takes longer than all that is computed here.
        model.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def layer_by_hand(layer, x, cell):
    weights = [array(weight) for weight in (layer.cell.kernel, layer.cell.recurrent_kernel)]
    weights.append(array(layer.cell.bias))
    states = tuple(np.zeros((len(x), U)) for _ in layer.cell.states)
    outputs, *_ = run(lambda x_t, h: getattr(oracle, cell)(x_t, h, *weights), x, states)
    return outputs


def logits_by_hand(model, ids, cell):
    """In float64."""
    if model.embedding is None:
        x = np.eye(V)[ids]
    else:
        x = array(model.embedding.embeddings)[ids] * np.sqrt(model.embedding.units)
    for layer in model.recurrent:
        x = layer_by_hand(layer, x, cell)
    if model.logits is not None:
        return x @ array(model.logits.kernel) + array(model.logits.bias)
    if model.projection is not None:
        x = x @ array(model.projection.kernel)
    return x @ array(model.embedding.embeddings).T + array(model.bias)


OPTIONS = {
    "plain": {},
    "one-hot": {"embedding_units": 0, "cell": "lstm"},
    "two layers": {"layers": 2, "cell": "lstm"},
    "tied": {"tied": True},
    "tied, of one width": {"tied": True, "embedding_units": U, "layers": 2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_logits_are_those_of_the_equations(options):
    model = model_of(compiled=False, **options)
    found = array(model(IDS))
    assert found.shape == (3, 6, V)
    np.testing.assert_allclose(found, logits_by_hand(model, IDS, model.cell), rtol=1e-4, atol=1e-5)
    assert (model.projection is not None) == (model.tied and model.embedding_units != U)


def nats(logits, targets):
    """Of each target, (…)."""
    logits = logits - logits.max(-1, keepdims=True)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(logp, targets[..., None], -1)[..., 0]


def whole_losses(model, streams):
    """Of each target, each stream read in one call."""
    parts = np.array_split(np.arange(len(TEXT) - 1), streams)
    assert streams == 1 or len({len(part) for part in parts}) == 1
    rows = np.array([TEXT[part[0] : part[-1] + 2] for part in parts])
    return nats(array(model(rows[:, :-1])), rows[:, 1:])


@keeps_states
@pytest.mark.parametrize(
    ("cell", "layers", "streams", "length"), [("gru", 1, 1, 7), ("lstm", 2, 3, 5)]
)
def test_chunks_are_the_whole_text(cell, layers, streams, length):
    """The mean over all symbols, whatever the chunks, the last of which is padded."""
    model = model_of(cell=cell, streams=4, layers=layers)
    wanted = whole_losses(model, streams)
    batches = chunk_batches(TEXT, streams, length)
    found = model.evaluate(batches, verbose=0, return_dict=True)
    assert found == {"loss": pytest.approx(wanted.mean(), rel=1e-5)}
    # Each evaluation begins anew, and so does an epoch.
    assert model.evaluate(batches, verbose=0, return_dict=True) == found
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx([wanted.mean()] * 2, rel=1e-5)
    # The chunks by themselves know less: the check above would see lost states.
    model = model_of(cell=cell, streams=0, layers=layers)
    alone = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
    assert abs(alone - wanted.mean()) > 1e-3


@keeps_states
def test_fewer_rows_leave_the_states_of_others():
    """Validation may have fewer streams than training."""
    model = model_of(streams=3)
    batches = chunk_batches(TEXT, 3, 5)
    first, second, *_ = list(batches)
    for chunk in (first, None, first, tuple(part[:1] for part in second), second):
        if chunk is None:
            model.reset_metrics()  # so that the first of these is of no account
        else:
            figures = model.test_step(chunk)
    rows = np.concatenate([first[0], second[0]], axis=1)
    # Row 0 has read its second chunk twice, the others once.
    twice = np.concatenate([rows[:1], second[0][:1]], axis=1)
    found = [
        nats(array(model(first[0])), first[1].numpy()),
        nats(array(model(rows[:1])), np.concatenate([first[1], second[1]], 1)[:1])[:, 5:],
        nats(array(model(twice)), np.tile(second[1], 3)[:1])[:, 10:],
        nats(array(model(rows[1:])), np.concatenate([first[1], second[1]], 1)[1:])[:, 5:],
    ]
    wanted = np.concatenate([part.ravel() for part in found]).mean()
    assert float(figures["loss"]) == pytest.approx(wanted, rel=1e-5)


@keeps_states
def test_more_rows_than_streams():
    with pytest.raises(ValueError, match=r"3 rows, .* kept for 2: .* streams=3"):
        model_of(streams=2).evaluate(chunk_batches(TEXT, 3, 5), verbose=0)


@pytest.mark.skipif(not ON_JAX, reason="of JAX")
def test_states_are_not_lost_without_a_word():
    with pytest.raises(ValueError, match="On JAX no states are kept"):
        model_of(streams=3).evaluate(IDS, IDS, verbose=0)


@keeps_states
def test_gradients_end_where_a_chunk_begins():
    """Two steps of SGD, against gradients of each chunk from states that are constants."""
    import tensorflow as tf

    first, second = list(chunk_batches(TEXT[:21], 2, 5))
    model, other = model_of(streams=2), model_of(compiled=False)
    model.compile(optimizer=keras.optimizers.SGD(0.5), run_eagerly=True)
    before = model.get_weights()
    states = other.initial_states(2)
    for inputs, targets, weights in (first, second):
        model.train_step((inputs, targets, weights))
        with tf.GradientTape() as tape:
            logits, states = other.step(inputs, states)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
        states = {name: tf.constant(state.numpy()) for name, state in states.items()}
        gradients = tape.gradient(loss, other.trainable_weights)
        for weight, gradient in zip(other.trainable_weights, gradients, strict=True):
            weight.assign_sub(0.5 * tf.convert_to_tensor(gradient))
    for old, a, b in zip(before, other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
        assert np.abs(b - old).max() > 1e-3


@pytest.mark.parametrize("loss_steps", [0, 2])
def test_the_last_steps_alone_may_count_in_training(loss_steps):
    model = model_of(loss_steps=loss_steps)
    targets, weights = (IDS + 3) % V, np.ones(IDS.shape, "float32")
    weights[[0, 1, 2], [5, 1, 4]] = 0  # of those that count, and of the others
    losses = nats(array(model(IDS)), targets)
    counted = weights.copy()
    counted[:, : 6 - (loss_steps or 6)] = 0
    history = model.fit(IDS, targets, sample_weight=weights, batch_size=3, verbose=0).history
    assert history["loss"] == [pytest.approx(np.average(losses, weights=counted), rel=1e-5)]
    found = model.evaluate(IDS, targets, sample_weight=weights, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(np.average(losses, weights=weights), rel=1e-5)


def test_what_does_not_count_has_no_gradient():
    """A step of training is one on the last steps' mean, not on a part of the whole sum."""
    targets = (IDS + 3) % V
    whole, last = model_of(loss_steps=2), model_of()
    weights = np.zeros(IDS.shape, "float32")
    weights[:, 4:] = 1
    for model, given in ((whole, None), (last, weights)):
        model.compile(optimizer=keras.optimizers.SGD(0.3), run_eagerly=True)
        model.fit(IDS, targets, sample_weight=given, batch_size=3, verbose=0)
    for a, b, c in zip(
        last.get_weights(), whole.get_weights(), model_of().get_weights(), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
        assert np.abs(b - c).max() > 1e-4


@pytest.mark.parametrize(
    ("measure", "of"), [("bits_per_character", lambda n: n / np.log(2)), ("perplexity", np.exp)]
)
def test_the_measure_is_that_of_the_mean_loss(measure, of):
    model = model_of(measure=measure)
    found = model.evaluate(IDS, IDS[:, ::-1], batch_size=1, verbose=0, return_dict=True)
    wanted = nats(array(model(IDS)), IDS[:, ::-1]).mean()
    assert found == {
        "loss": pytest.approx(wanted, rel=1e-5),
        measure: pytest.approx(of(wanted), rel=1e-5),
    }


@pytest.mark.parametrize("sizes", [[1] * 6, [2, 3, 1], [6]])
def test_steps_are_the_whole(sizes):
    model = model_of(compiled=False, layers=2, cell="lstm", tied=True)
    states, found = model.initial_states(3), []
    assert sorted(states) == ["lstm_1_c", "lstm_1_h", "lstm_2_c", "lstm_2_h"]
    for chunk in np.split(IDS, np.cumsum(sizes)[:-1], axis=1):
        logits, states = model.step(chunk, states)
        found.append(array(logits))
    np.testing.assert_allclose(np.concatenate(found, 1), array(model(IDS)), rtol=1e-5, atol=1e-5)
    # A call begins anew whatever was read before.
    np.testing.assert_array_equal(array(model(IDS)), array(model(IDS)))


@keeps_states
def test_kept_states_are_no_weights(tmp_path):
    model = model_of(streams=3, layers=2, tied=True, dropout=0.2, embedding_dropout=0.1, seed=3)
    plain = model_of(layers=2, tied=True)
    assert [w.shape for w in model.weights] == [w.shape for w in plain.weights]
    batches = chunk_batches(TEXT, 3, 5)
    figures = model.evaluate(batches, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(b, a)
    np.testing.assert_array_equal(array(loaded(IDS)), array(model(IDS)))
    assert loaded.get_config() == model.get_config()
    loaded.compile(optimizer="adam", run_eagerly=True)
    assert loaded.evaluate(batches, verbose=0, return_dict=True) == figures
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.evaluate(batches, verbose=0, return_dict=True) == figures


@keeps_states
def test_chunks_in_half_precision():
    """States are kept and weights stay in float32; the figures are those of float32, nearly."""
    full, model = model_of(), model_of(streams=3, dtype="mixed_float16")
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    assert {layer.compute_dtype for layer in (model.embedding, *model.recurrent)} == {"float16"}
    batches = chunk_batches(TEXT, 3, 5)
    found = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(whole_losses(full, 3).mean(), rel=1e-2)
    losses = model.fit(batches, epochs=5, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}


def test_dropouts_are_of_the_places_they_name():
    vectors = model_of(compiled=False, embedding_dropout=0.5, seed=1)
    outputs = model_of(compiled=False, dropout=0.5, seed=1)
    for model in (vectors, outputs):
        assert not np.allclose(array(model(IDS, training=True)), array(model(IDS)))
        np.testing.assert_array_equal(array(model(IDS)), array(model_of(compiled=False)(IDS)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "lstn"}, r"cell: .*'lstn'. Did you mean 'lstm'"),
        ({"layers": 0}, "layers >= 1"),
        ({"embedding_units": -1}, "embedding_units"),
        ({"embedding_units": 0, "tied": True}, "tied=True .* embedding_units=0"),
        ({"loss_steps": -1}, "loss_steps"),
        ({"streams": -1}, "streams"),
        ({"measure": "bleu"}, "one of bits_per_character, perplexity; got 'bleu'"),
        ({"units": 0}, "units"),
        ({"dropout": 1.5}, "rate"),
    ],
)
def test_options_that_make_no_model(options, words):
    with pytest.raises(ValueError, match=words):
        model_of(compiled=False, **options)


def test_vocabularies_of_one():
    with pytest.raises(ValueError, match="vocabulary_size >= 2"):
        LanguageModel(1)


def test_a_loss_is_not_taken():
    model = model_of(compiled=False)
    with pytest.raises(ValueError, match="its own loss and metrics, of tokens; got loss"):
        model.compile(optimizer="adam", loss="mse")
    with pytest.raises(ValueError, match="a second argument"):
        model.compile("adam", "mse")


@keeps_states
@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"tied": True, "layers": 2}, {"embedding_units": 0}])
def test_learns_a_text_by_heart(options):
    keras.utils.set_random_seed(1)
    batches = chunk_batches(np.random.default_rng(2).integers(0, 20, 200), 4, 25)
    model = LanguageModel(20, units=64, streams=4, **{"embedding_units": 16, **options})
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    before = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
    assert before == pytest.approx(np.log(20), abs=0.3)
    model.fit(batches, epochs=150, verbose=0, shuffle=False)
    assert model.evaluate(batches, verbose=0, return_dict=True)["loss"] < 0.1
