"""`frame_tagger`: values by hand, causal or not, padding, every encoder, saving, refusals."""

import keras
import numpy as np
import pytest

from keras_seq import layers
from keras_seq.models import AddColumns, FrameCNN, LengthMask, frame_tagger

F, C = 5, 3
FRAMES = np.random.default_rng(1).normal(loc=3, scale=2, size=(4, 9, F)).astype("float32")
PICTURES = np.random.default_rng(2).normal(size=(3, 6, 7, 5, 2)).astype("float32")
LENGTHS = np.array([9, 4, 1, 6])


def randomise(model, seed=0):
    """Other numbers in every weight: a zero bias would hide a lost one."""
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(scale=0.5, size=w.shape) for w in model.get_weights()])
    return model


def tagger(shape=(F,), outputs=C, **options):
    return randomise(frame_tagger(shape, outputs, units=4, **options))


def run(model, inputs, **call):
    return keras.ops.convert_to_numpy(model(inputs, **call)).astype("float64")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_classes_by_hand():
    """Standardised frames, a simple recurrent layer and a softmax, in NumPy."""
    mean, deviation = np.linspace(-1, 4, F), np.linspace(0.5, 3, F)
    model = tagger(cell="simple_rnn", mean=mean.tolist(), deviation=deviation.tolist())
    kernel, recurrent, bias, last, last_bias = (w.astype("float64") for w in model.get_weights())
    x, h, steps = (FRAMES - mean) / deviation, np.zeros((4, 4)), []
    for t in range(FRAMES.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        steps.append(softmax(h @ last + last_bias))
    np.testing.assert_allclose(run(model, FRAMES), np.stack(steps, 1), atol=1e-5)
    assert model.output_names == ["probabilities"]


@pytest.mark.parametrize("added", [None, [4, 0]])
def test_values_by_hand(added):
    """A model of single frames: a dense layer, in the units of the targets, on what is added."""
    mean, deviation = [3.0, -20.0], [0.5, 40.0]
    options = {"target_mean": mean, "target_deviation": deviation, "added_columns": added}
    model = tagger(outputs=2, task="values", cell="none", **options)
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    wanted = (FRAMES @ kernel + bias) * deviation + mean
    if added:
        wanted = wanted + FRAMES[..., added]
    np.testing.assert_allclose(run(model, FRAMES), wanted, rtol=1e-5, atol=1e-4)
    assert model.output_names == ["values"]


@pytest.mark.parametrize("layers_", [1, 2])
def test_a_causal_model_does_not_see_later_frames(layers_):
    model = tagger(layers=layers_)
    other = FRAMES.copy()
    other[:, 5:] += 1
    before, after = run(model, FRAMES), run(model, other)
    np.testing.assert_allclose(after[:, :5], before[:, :5], atol=1e-6)
    assert np.abs(after[:, 5:] - before[:, 5:]).max(axis=-1).min() > 1e-4


def test_a_model_of_single_frames_sees_no_other():
    model = tagger(cell="none", encoder="dense", encoder_units=6)
    shuffled = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(
        run(model, FRAMES)[:, shuffled], run(model, FRAMES[:, shuffled]), atol=1e-6
    )
    assert not [layer for layer in model.layers if isinstance(layer, layers.Recurrent)]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_changes_nothing_in_both_directions(cell):
    """Each row alone, without its padding, gives what it gives in the padded batch."""
    model = tagger(cell=cell, layers=2, bidirectional=True)
    padded = FRAMES.copy()
    for row, length in enumerate(LENGTHS):
        padded[row, length:] = 100.0 + row
    together = run(model, {"features": padded, "lengths": LENGTHS})
    for row, length in enumerate(LENGTHS):
        alone = {"features": FRAMES[row : row + 1, :length], "lengths": LENGTHS[row : row + 1]}
        np.testing.assert_allclose(together[row, :length], run(model, alone)[0], atol=1e-5)
    # Read as real frames the padding would change what comes before it.
    whole = run(model, {"features": padded, "lengths": np.full(4, 9)})
    assert np.abs(whole[1, :4] - together[1, :4]).max() > 1e-3


def test_both_directions_see_later_frames():
    model = tagger(bidirectional=True)
    other = FRAMES.copy()
    other[:, 8] += 1
    found = [run(model, {"features": x, "lengths": np.full(4, 9)}) for x in (FRAMES, other)]
    assert np.abs(found[0][:, 0] - found[1][:, 0]).max() > 1e-5


def test_pictures_go_through_the_convolutions_one_by_one():
    encoder = FrameCNN(6, filters=(3, 4))
    together = keras.ops.convert_to_numpy(encoder(PICTURES))
    assert together.shape == (3, 6, 6)
    assert np.abs(together).max() > 0.01
    random = np.random.default_rng(4)
    encoder.set_weights([random.normal(scale=0.4, size=w.shape) for w in encoder.get_weights()])
    together = keras.ops.convert_to_numpy(encoder(PICTURES))
    first, first_bias, second, second_bias, dense, dense_bias = encoder.get_weights()
    for t in range(6):
        x = PICTURES[:, t]
        for kernel, bias in ((first, first_bias), (second, second_bias)):
            x = keras.ops.relu(keras.ops.conv(x, kernel, strides=2, padding="same") + bias)
        flat = keras.ops.convert_to_numpy(x).reshape(3, -1)
        np.testing.assert_allclose(together[:, t], flat @ dense + dense_bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["none", "dense", "cnn"])
def test_pictures_with_every_encoder(encoder):
    options = {"encoder": encoder, "encoder_units": 6, "filters": (3,)}
    model = tagger(PICTURES.shape[2:], mean=[0.5, 1.0], deviation=[2.0, 3.0], **options)
    found = run(model, PICTURES)
    np.testing.assert_allclose(found.sum(-1), np.ones((3, 6)), atol=1e-5)
    # Of each channel its own mean and deviation.
    scaled = (PICTURES - np.float32([0.5, 1.0])) / np.float32([2.0, 3.0])
    plain = tagger(PICTURES.shape[2:], **options)
    np.testing.assert_allclose(found, run(plain, scaled), atol=1e-5)


def test_lengths_as_a_mask():
    mask = keras.ops.convert_to_numpy(LengthMask()(FRAMES, LENGTHS))
    np.testing.assert_array_equal(mask, np.arange(9) < LENGTHS[:, None])


def test_one_column_is_added():
    found = keras.ops.convert_to_numpy(AddColumns([3])(FRAMES[..., :1], FRAMES))
    np.testing.assert_allclose(found[..., 0], FRAMES[..., 0] + FRAMES[..., 3])


def test_next_values_in_half_precision():
    """The features that are added stay as they are: halves end at 65,504."""
    random = np.random.default_rng(5)
    mean, deviation = [1.1e5, -7e4, 0.3, 2e3, 9e4], [40.0, 90.0, 0.5, 7.0, 25.0]
    features = random.normal(mean, deviation, size=(4, 9, F)).astype("float32")
    options = {"mean": mean, "deviation": deviation, "target_deviation": [30.0, 80.0]}
    options |= {"task": "values", "outputs": 2, "added_columns": [4, 1]}
    full, policy = tagger(**options), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = tagger(**options)
    finally:
        keras.config.set_dtype_policy(policy)
    assert half.get_layer("recurrent_1").compute_dtype == "float16"
    found = half(features)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    wanted = run(full, features)
    changes = np.abs(wanted - features[..., [4, 1]])
    assert changes.mean() > 5
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), wanted, rtol=0, atol=1)


def test_dropout_is_active_in_training_alone_and_hangs_on_the_seed():
    found = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(0)
        model = tagger(dropout=0.5, layers=2, seed=seed)
        np.testing.assert_allclose(run(model, FRAMES), run(model, FRAMES), atol=1e-7)
        found.append(run(model, FRAMES, training=True))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_saved_and_loaded(tmp_path):
    cases = {
        "both": (tagger(bidirectional=True), {"features": FRAMES, "lengths": LENGTHS}),
        "cnn": (tagger(PICTURES.shape[2:], encoder="cnn", mean=[1, 2], deviation=[2, 3]), PICTURES),
        "next": (tagger(outputs=2, task="values", cell="none", added_columns=[1, 2]), FRAMES),
    }
    for name, (model, inputs) in cases.items():
        model.save(tmp_path / f"{name}.keras")
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras")
        np.testing.assert_array_equal(run(loaded, inputs), run(model, inputs), err_msg=name)


@pytest.mark.parametrize(
    ("shape", "outputs", "options", "message"),
    [
        ((F,), C, {"task": "class"}, "task must be classes or values; got 'class'"),
        ((F,), C, {"encoder": "rnn"}, "encoder must be one of none, dense, cnn; got 'rnn'"),
        (
            (F,),
            C,
            {"cell": "lstn"},
            "cell: There is no recurrent layer 'lstn'. Did you mean 'lstm'",
        ),
        ((F,), C, {"encoder": "cnn"}, "for pictures"),
        ((F, 2), C, {}, r"\(F,\) or \(H, W, C\)"),
        ((0,), C, {}, r"\(F,\) or \(H, W, C\)"),
        ((F,), 1, {}, "outputs must be at least 2 for classes; got 1"),
        ((F,), 0, {"task": "values"}, "outputs must be at least 1"),
        ((F,), C, {"units": 0}, "units, layers and encoder_units of at least 1"),
        ((F,), C, {"layers": 0}, "at least 1; got 64, 0 and 32"),
        ((F,), C, {"cell": "none", "bidirectional": True}, "bidirectional=False"),
        ((F,), C, {"mean": [1.0], "deviation": [1.0]}, "must be 5 numbers each"),
        ((F,), C, {"deviation": [1.0, 1, 1, 1, 0]}, "deviations above 1e-07"),
        ((F,), C, {"deviation": [1.0, 1, 1, 1e-9, 1]}, "got .*1e-09.*in a smaller unit"),
        ((F,), 1, {"task": "values", "target_deviation": [1e-9]}, "values: .* above 1e-07; got"),
        ((F,), 1, {"task": "values", "added_columns": [5]}, "numbers from 0 to 4"),
        ((F,), 2, {"task": "values", "added_columns": [1]}, "must be 2 numbers"),
        ((F,), 1, {"task": "values", "added_columns": [2], "bidirectional": True}, "would read"),
        ((4, 4, 1), 1, {"task": "values", "added_columns": [0]}, r"not for pictures \(4, 4, 1\)"),
        ((F,), C, {"target_mean": [0.0, 1, 2]}, '^target_mean: of task="values"'),
        ((F,), C, {"target_deviation": [3.0, 1, 2]}, "^target_deviation: of task"),
        (
            (F,),
            C,
            {"added_columns": [0, 1, 2], "target_mean": [0.0] * 3},
            "^target_mean, added_columns: .* leave it out for classes",
        ),
        ((4, 4, 1), C, {"encoder": "cnn", "filters": ()}, "filters=()"),
        ((4, 4, 1), C, {"encoder": "cnn", "filters": (0,)}, "filters"),
    ],
)
def test_models_that_make_no_sense(shape, outputs, options, message):
    with pytest.raises(ValueError, match=message):
        frame_tagger(shape, outputs, **options)


def test_the_encoder_of_pictures_wants_pictures():
    with pytest.raises(ValueError, match=r"\(B, T, H, W, C\); got the shape \(4, 9, 5\)"):
        FrameCNN(3)(FRAMES)
