"""Every decoder: against the oracle, step by step, and what its logits may depend on."""

import keras
import numpy as np
import pytest
from layers.attending import array

from keras_seq.layers import lowering
from keras_seq.models import Decoder

from .by_oracle import expected_logits
from .pairs import (
    DECODERS,
    LENGTHS,
    PAIRS,
    SOURCE,
    STEPS,
    TARGETS,
    TOKENS,
    logits_of,
    made,
    stepped,
)

each_pair = pytest.mark.parametrize("name", PAIRS)
# For what does not hang on the options of a decoder, but for those of its attention.
each_decoder = pytest.mark.parametrize(
    "name", [*DECODERS, "bahdanau_coverage", "luong_at_once", "luong_predictive"]
)
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="asks TensorFlow's loops or its gradients"
)


@each_pair
def test_logits_equal_the_oracle_whole_and_step_by_step(name):
    pair = made(name)
    found, (by_steps, looks) = logits_of(pair), stepped(pair)
    assert found.shape == (*TOKENS.shape, TARGETS)
    for row, length in enumerate(LENGTHS):
        logits, weights = expected_logits(pair, SOURCE[row, :length], TOKENS[row])
        assert np.abs(logits[1:] - logits[:-1]).max() > 0.01
        np.testing.assert_allclose(found[row], logits, atol=1e-5, err_msg="whole")
        np.testing.assert_allclose(by_steps[row], logits, atol=1e-5, err_msg="step by step")
        if weights is not None:
            np.testing.assert_allclose(looks[row, :, :length], weights, atol=1e-5)
        if looks is not None:
            assert not np.any(looks[row, :, length:])


@each_pair
def test_logits_depend_on_what_they_may(name):
    """On the tokens so far and on the row's own source; not on padding."""
    pair = made(name)
    before = logits_of(pair)
    for t in (1, STEPS - 1):
        changed = TOKENS.copy()
        changed[:, t] = (TOKENS[:, t] - 3) % (TARGETS - 4) + 4
        assert np.all(changed[:, t] != TOKENS[:, t])
        after = logits_of(pair, tokens=changed)
        np.testing.assert_allclose(after[:, :t], before[:, :t], rtol=1e-5, atol=1e-6)
        assert np.all(np.abs(after - before)[:, t:].max(-1) > 1e-4)
    wider = np.pad(SOURCE, ((0, 0), (0, 3)))
    np.testing.assert_allclose(logits_of(pair, wider), before, rtol=1e-5, atol=2e-6)
    for row, length in enumerate(LENGTHS):
        alone = logits_of(pair, SOURCE[row : row + 1, :length], TOKENS[row : row + 1])
        np.testing.assert_allclose(alone[0], before[row], rtol=1e-5, atol=2e-6)
    other = SOURCE.copy()
    other[1, 0] = SOURCE[1, 0] % 7 + 4
    changes = np.abs(logits_of(pair, other) - before).max((1, 2))
    assert changes[1] > 1e-4
    assert np.delete(changes, 1).max() < 2e-6


@on_tensorflow
@pytest.mark.parametrize("name", ["bahdanau", "luong_at_once", "sutskever", "transformer_post"])
def test_every_lowering_gives_the_same(name):
    """Among them graphs that know neither batch nor lengths."""
    import tensorflow as tf

    pair = made(name)
    encoder, decoder = pair
    expected = logits_of(pair)
    ids = tf.TensorSpec((None, None), "int32")
    for how in ("default", "export"):
        with lowering(how):
            graph = tf.function(lambda s, t: decoder(t, encoder(s)), input_signature=[ids, ids])
            np.testing.assert_allclose(
                graph(SOURCE, TOKENS), expected, rtol=1e-5, atol=2e-6, err_msg=how
            )
            found = graph(SOURCE[:1], TOKENS[:1, :2])
            np.testing.assert_allclose(found, expected[:1, :2], rtol=1e-5, atol=2e-6, err_msg=how)


@on_tensorflow
@pytest.mark.parametrize(
    ("how", "steps"), [("plain", 7), ("unroll", 3), ("touch", 5), ("touch", 37)]
)
def test_the_loop_of_any_step(how, steps):
    """Lengths below and above two blocks of an export."""
    import tensorflow as tf

    pair = made("bahdanau_coverage")
    tokens = np.random.default_rng(3).integers(4, TARGETS, (len(SOURCE), steps))
    expected = stepped(pair, tokens=tokens)[0]
    static = tf.TensorSpec(tokens.shape, "int32")
    dynamic = tf.TensorSpec((None, None), "int32")
    encoder, decoder = pair
    for ids in [static] if how == "unroll" else [static, dynamic]:
        with lowering(how):
            graph = tf.function(
                lambda t: decoder(t, encoder(tf.constant(SOURCE))), input_signature=[ids]
            )
            np.testing.assert_allclose(graph(tokens), expected, atol=1e-5)


@on_tensorflow
@pytest.mark.parametrize("name", ["bahdanau_coverage", "luong"])
def test_gradients_of_the_loop_equal_differences(name):
    """Of every weight in float64, the encoder's too, along random directions."""
    import tensorflow as tf

    encoder, decoder = made(name, dtype="float64")
    weights = [w for layer in (encoder, decoder) for w in layer.trainable_weights]
    random = np.random.default_rng(4)
    factor = None

    def value():
        nonlocal factor
        encoded = encoder(SOURCE)
        memory = decoder.prepare(encoded)
        state = decoder.initial_state(memory, STEPS)
        # Not the logits, which are float32.
        features = decoder.advance_all(decoder.embedding(TOKENS), state, memory)
        features = decoder.summed_up(features)
        assert features.dtype == tf.float64
        factor = random.normal(size=features.shape) if factor is None else factor
        return tf.reduce_sum(features * factor)

    with tf.GradientTape() as tape:
        total = value()
    gradients = tape.gradient(total, [w.value for w in weights])
    readout = {"to_logits", "embeddings", "bias"}
    for weight, gradient in zip(weights, gradients, strict=True):
        if gradient is None:
            assert readout & set(weight.path.split("/")), weight.path
            continue
        kept, direction = array(weight), random.normal(size=weight.shape)
        sides = []
        for sign in (1, -1):
            weight.assign(kept + sign * 1e-5 * direction)
            sides.append(float(value()))
        weight.assign(kept)
        difference = (sides[0] - sides[1]) / 2e-5
        gradient = array(tf.convert_to_tensor(gradient))
        assert np.abs(gradient).max() > 1e-6, weight.path
        np.testing.assert_allclose(
            np.sum(gradient * direction), difference, rtol=1e-6, atol=1e-7, err_msg=weight.path
        )


@each_decoder
def test_all_parts_have_the_dtype_of_the_whole(name):
    full = logits_of(made(name))
    for policy, tolerance in (("mixed_float16", 0.02), ("mixed_bfloat16", 0.15)):
        encoder, decoder = pair = made(name, dtype=policy)
        for layer in [*encoder._flatten_layers(), *decoder._flatten_layers()]:
            own = "float32" if layer.name == "score_vector" else policy
            assert layer.dtype_policy.name == own, layer.path
        encoded = encoder(SOURCE)
        assert keras.backend.standardize_dtype(encoded.values.dtype) == policy[6:]
        logits = decoder(TOKENS, encoded)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        scale = np.abs(full).max()
        np.testing.assert_allclose(array(logits), full, atol=tolerance * scale)
        np.testing.assert_allclose(stepped(pair)[0], array(logits), atol=tolerance * scale)


@each_pair
def test_configurations_make_the_same_decoder(name):
    pair = made(name, seed=3, dropout=0.25)
    again = []
    for one in pair:
        config = keras.saving.serialize_keras_object(one)
        again.append(keras.saving.deserialize_keras_object(config))
        assert again[-1].get_config() == one.get_config()
    logits_of(again)
    for old, new in zip(pair, again, strict=True):
        new.set_weights(old.get_weights())
    np.testing.assert_array_equal(logits_of(pair), logits_of(again))


@each_decoder
def test_dropout_is_of_training_and_of_its_seed(name):
    plain = logits_of(made(name))
    pair, again, other = (made(name, dropout=0.3, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_allclose(logits_of(pair), plain, rtol=1e-5, atol=1e-6)
    dropped = logits_of(pair, training=True)
    np.testing.assert_allclose(dropped, logits_of(again, training=True), rtol=1e-5, atol=1e-6)
    for unlike in (plain, logits_of(other, training=True), logits_of(pair, training=True)):
        assert np.abs(dropped - unlike).max() > 0.01


@pytest.mark.parametrize("name", ["bahdanau_coverage", "luong", "luong_at_once", "cho_peepholes"])
def test_dropout_is_at_each_of_its_places(name):
    """Token vectors, between layers (in the loop over steps and without it), features."""
    encoder, decoder = pair = made(name, dropout=0.4, seed=5)
    for drop in encoder.drops:
        drop.rate = 0.0
    plain, places = logits_of(pair), [*decoder.drops, decoder.drop_features]
    assert len(places) == 3
    for place in places:
        for drop in places:
            drop.rate = 0.4 if drop is place else 0.0
        changes = np.abs(logits_of(pair, training=True) - plain).max((0, 2))
        assert np.all(changes > 1e-3), place.name


def test_a_decoder_says_what_it_lacks():
    decoder = Decoder()
    for call in (
        lambda: decoder.prepare(None),
        lambda: decoder.initial_state(None, 1),
        lambda: decoder.step(None, None, None),
    ):
        with pytest.raises(NotImplementedError):
            call()
