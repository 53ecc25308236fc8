"""Encoders of images: against NumPy, place by place; networks of `keras.applications`; errors."""

import keras
import numpy as np
import pytest
from layers.attending import array, kernel, randomise

from keras_seq.models import (
    BackboneEncoder,
    FeatureEncoder,
    ImageEncoder,
    SmallImageEncoder,
    image_captioner,
)

RANDOM = np.random.default_rng(6)
IMAGES = RANDOM.integers(0, 256, (3, 7, 10, 3)).astype("uint8")
FEATURES = RANDOM.normal(size=(3, 2, 3, 5))


def convolved(image, weight, norm, stride):
    """3 × 3 at every place or every second, zeros around as "same" asks for; normalized, relu."""
    rows, columns = (-(-side // stride) for side in image.shape[:2])
    missing = [max((-(-side // stride) - 1) * stride + 3 - side, 0) for side in image.shape[:2]]
    padded = np.pad(image, [*((m // 2, m - m // 2) for m in missing), (0, 0)])
    gain, shift, mean, variance = norm
    found = np.zeros((rows, columns, len(gain)))
    for r, c in np.ndindex(rows, columns):
        window = padded[stride * r : stride * r + 3, stride * c : stride * c + 3]
        x = np.tensordot(window, weight, 3)
        found[r, c] = np.maximum((x - mean) / np.sqrt(variance + 1e-3) * gain + shift, 0)
    return found


def projected(encoder, features):
    """Each place, row by row, with the vector of the place."""
    weight, bias = kernel(encoder.projection), array(encoder.projection.bias)
    places = features.reshape(-1, features.shape[-1])
    vectors = array(encoder.positions)
    return np.array(
        [np.maximum(x @ weight + bias + e, 0) for x, e in zip(places, vectors, strict=True)]
    )


def small(**options):
    encoder = SmallImageEncoder((7, 10, 3), 6, filters=(4, 5, 6), **options)
    encoder(IMAGES)
    random = np.random.default_rng(9)
    for weight in encoder.non_trainable_variables:
        if "moving" in weight.path:
            weight.assign(random.uniform(0.3, 1, weight.shape))
    return randomise(encoder, scale=0.5)


def test_the_small_network_equals_numpy():
    encoder = small()
    values, mask, states = encoder(IMAGES)
    assert encoder.grid == (2, 3)
    assert states == ()
    assert tuple(mask.shape) == (3, 6)
    assert np.all(mask)
    norms = [map(array, (n.gamma, n.beta, n.moving_mean, n.moving_variance)) for n in encoder.norms]
    layers = zip(encoder.convolutions, map(tuple, norms), (2, 2, 1), strict=True)
    layers = [(array(convolution.kernel), *rest) for convolution, *rest in layers]
    for image, found in zip(IMAGES, array(values), strict=True):
        x = image / 127.5 - 1
        for layer in layers:
            x = convolved(x, *layer)
        expected = projected(encoder, x)
        assert np.ptp(expected, axis=0).max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # Numbers of any type, and a batch of its own.
    np.testing.assert_allclose(
        encoder(IMAGES[1:2].astype("float64")).values[0], array(values)[1], atol=1e-5
    )


def test_features_equal_numpy():
    encoder = FeatureEncoder((2, 3, 5), 4)
    values = encoder(FEATURES).values
    randomise(encoder)
    values = array(encoder(FEATURES).values)
    for features, found in zip(FEATURES, values, strict=True):
        np.testing.assert_allclose(found, projected(encoder, features), atol=1e-5)
    half = encoder(FEATURES.astype("float16"))
    np.testing.assert_allclose(half.values, values, atol=0.01)


@pytest.mark.parametrize(
    "encoder", [small(dropout=0.4, seed=5), FeatureEncoder((2, 3, 5), 4, dropout=0.4, seed=5)]
)
def test_configurations_dropout_and_what_is_read(encoder):
    inputs = IMAGES if encoder.source_dtype == "uint8" else FEATURES
    plain = array(encoder(inputs).values)
    again = type(encoder).from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()
    again(inputs)
    again.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(again(inputs).values, plain)
    dropped = array(encoder(inputs, training=True).values)
    np.testing.assert_array_equal(dropped, again(inputs, training=True).values)
    assert np.abs(dropped - plain).max() > 0.1
    spec = encoder.source_spec
    assert (spec.shape, spec.dtype) == ((None, *inputs.shape[1:]), encoder.source_dtype)


def test_types():
    full, half = small(), small(dtype="mixed_float16")
    for layer in half._flatten_layers():
        assert layer.dtype_policy.name == "mixed_float16", layer.path
    values = half(IMAGES).values
    assert keras.backend.standardize_dtype(values.dtype) == "float16"
    np.testing.assert_allclose(array(values), array(full(IMAGES).values), atol=0.02)


BACKBONE = {"backbone": "MobileNet", "weights": None}


@pytest.fixture(scope="module")
def backbone():
    return BackboneEncoder((32, 64, 3), 4, **BACKBONE)


PICTURES = RANDOM.integers(0, 256, (2, 32, 64, 3)).astype("uint8")


def test_a_network_with_its_own_preparation(backbone):
    values = backbone(PICTURES).values
    assert backbone.grid == (1, 2)
    prepared = keras.applications.mobilenet.preprocess_input(PICTURES.astype("float32"))
    seen = array(backbone.network(prepared))
    for features, found in zip(seen, array(values), strict=True):
        np.testing.assert_allclose(found, projected(backbone, features), atol=1e-5)
    # It stays as it is: nothing of it is trained, and training changes no mean of its batches.
    trained = {id(weight) for weight in backbone.trainable_weights}
    assert not trained & {id(weight) for weight in backbone.network.weights}
    np.testing.assert_allclose(backbone(PICTURES, training=True).values, values, atol=1e-6)


def test_a_network_that_is_trained_too():
    encoder = BackboneEncoder((32, 32, 3), 4, fine_tune=True, **BACKBONE)
    pictures = PICTURES[:, :, :32]
    plain = array(encoder(pictures).values)
    assert len(encoder.trainable_weights) > 50
    assert np.abs(array(encoder(pictures, training=True).values) - plain).max() > 1e-4


@pytest.mark.long
def test_a_network_is_saved_with_its_captioner(tmp_path):
    encoder = BackboneEncoder((32, 32, 3), 4, **BACKBONE)
    model = image_captioner(9, encoder, units=5, embedding_units=3, dropout=0.0)
    model.build()
    randomise(model, scale=0.5)
    random = np.random.default_rng(2)
    for weight in encoder.network.weights:
        if "moving" in weight.path:
            weight.assign(random.uniform(0.3, 1, weight.shape))
    inputs = {"source": PICTURES[:, :, :32], "target": np.array([[2, 5, 7, 3], [2, 8, 3, 0]])}
    logits = array(model(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(loaded(inputs)), logits, atol=1e-6)
    network = loaded.encoder.network
    for found, saved in zip(network.get_weights(), encoder.network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, saved)
    # It stays as it is in the loaded model too.
    assert not network.trainable
    trained = {id(weight) for weight in loaded.trainable_weights}
    assert len(trained) == len(model.trainable_weights)
    assert not trained & {id(weight) for weight in network.weights}


def test_weights_from_files(backbone, tmp_path):
    backbone.network.save_weights(tmp_path / "w.weights.h5")
    backbone.network.save(tmp_path / "w.keras")
    expected = array(backbone.network(PICTURES.astype("float32")))
    for name in ("w.weights.h5", "w.keras"):
        options = {**BACKBONE, "weights": str(tmp_path / name)}
        encoder = BackboneEncoder((32, 64, 3), 4, **options)
        found = array(encoder.network(PICTURES.astype("float32")))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert encoder.get_config()["weights"] is None  # a saved model has them itself
    (tmp_path / "bad.h5").write_bytes(b"no weights")
    for weights, words in (
        ("none.h5", "there is no file none.h5"),
        (str(tmp_path / "bad.h5"), r"bad\.h5 does not hold the weights of MobileNet"),
    ):
        with pytest.raises(ValueError, match=words):
            BackboneEncoder((32, 64, 3), 4, **{**BACKBONE, "weights": weights})


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def make(include_top, weights, input_shape):
        raise Exception("URL fetch failure on https://example.org: None -- no route\nmore")

    monkeypatch.setattr(keras.applications.mobilenet, "MobileNet", make)
    with pytest.raises(ValueError, match=r"be downloaded \(URL fetch .*no route\)\. Give"):
        BackboneEncoder((32, 32, 3), 4, backbone="MobileNet", weights="imagenet")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SmallImageEncoder((8, 8), 4), r"source_shape must be .* got \(8, 8\)"),
        (lambda: SmallImageEncoder((8, 0, 3), 4), "each at least 1"),
        (lambda: SmallImageEncoder((8, 8, 3), 4, filters=()), "filters must be"),
        (lambda: SmallImageEncoder((8, 8, 3), 0), "units"),
        (lambda: small()(IMAGES[:, :5]), r"shape \(7, 10, 3\); got \(5, 10, 3\)"),
        (
            lambda: BackboneEncoder((32, 32, 3), 4, backbone="MobileNetV9", weights=None),
            r"no network 'MobileNetV9'.*Did you mean 'MobileNet.*There are: Conv",
        ),
        (lambda: ImageEncoder((7, 10, 3), 4)(IMAGES), "^$"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises((ValueError, NotImplementedError), match=words):
        make()
