"""Loss and figures of frames are those that NumPy counts, whatever batches the frames came in."""

import keras
import numpy as np
import pytest

from keras_seq.models import FrameLoss, FrameMean, frame_tagger

DEVIATION = [0.5, 2.0, 10.0]


def classes(steps, seed):
    random = np.random.default_rng(seed)
    scores = np.exp(random.normal(size=(3, steps, 4)))
    y = random.integers(0, 4, (3, steps))
    return y, scores / scores.sum(-1, keepdims=True), random.integers(0, 2, (3, steps))


def numbers(steps, seed):
    random = np.random.default_rng(seed)
    y, found = random.normal(scale=[1.0, 3.0, 20.0], size=(2, 3, steps, 3))
    return y, found, random.integers(0, 2, (3, steps))


def by_hand(figure, y, found, deviation):
    """Of each frame, in float64."""
    if figure == "cross_entropy":
        return -np.log(np.take_along_axis(found, y[..., None], -1)[..., 0])
    if figure == "accuracy":
        return (found.argmax(-1) == y).astype(float)
    errors = (y - found) / (1 if deviation is None else np.array(deviation))
    if figure == "huber":
        small = np.abs(errors) <= 1
        return np.where(small, errors**2 / 2, np.abs(errors) - 1 / 2).mean(-1)
    return (errors**2 if figure == "mse" else np.abs(errors)).mean(-1)


CASES = [("cross_entropy", None), ("accuracy", None)]
CASES += [(figure, d) for figure in ("mse", "mae", "huber") for d in (None, DEVIATION)]


@pytest.mark.parametrize(("figure", "deviation"), CASES)
def test_figures_of_batches_of_many_lengths(figure, deviation):
    make = numbers if figure in ("mse", "mae", "huber") else classes
    batches = [make(steps, seed) for seed, steps in enumerate((2, 17, 5))]
    mean = FrameMean(figure, deviation)
    loss = None if figure == "accuracy" else FrameLoss(figure, deviation)
    total = count = 0.0
    for y, found, weights in batches:
        values = by_hand(figure, y, found, deviation)
        if loss is not None:
            own = float(loss(y, found.astype("float32"), weights.astype("float32")))
            assert own == pytest.approx((values * weights).sum() / weights.sum(), rel=1e-5)
        mean.update_state(y, found.astype("float32"), weights.astype("float32"))
        total, count = total + (values * weights).sum(), count + weights.sum()
    assert float(mean.result()) == pytest.approx(total / count, rel=1e-5)
    assert mean.name == figure


def test_without_weights_every_frame_counts():
    y, found, _ = numbers(5, 1)
    wanted = by_hand("mae", y, found, None).mean()
    assert float(FrameLoss("mae")(y, found.astype("float32"))) == pytest.approx(wanted, rel=1e-5)
    mean = FrameMean("mae", name="other")
    mean.update_state(y, found.astype("float32"))
    assert float(mean.result()) == pytest.approx(wanted, rel=1e-5)
    assert mean.name == "other"


def test_a_batch_of_gaps_has_no_loss():
    y, found, weights = classes(3, 0)
    assert float(FrameLoss()(y, found.astype("float32"), 0.0 * weights)) == 0


def test_a_metric_called_loss_is_what_a_model_shows():
    """Keras would weigh the batch of one row of two frames like the others' rows."""
    features = keras.Input((None, 4))
    outputs = keras.layers.Dense(4, activation="softmax")(features)
    model = keras.Model(features, outputs)
    metrics = [FrameMean("cross_entropy", name="loss"), FrameMean("accuracy")]
    model.compile("sgd", FrameLoss("cross_entropy"), weighted_metrics=metrics)
    x = np.random.default_rng(3).normal(size=(3, 6, 4)).astype("float32")
    y, _, _ = classes(6, 5)
    weights = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]], "float32")
    found = model.evaluate(x, y, sample_weight=weights, batch_size=2, verbose=0, return_dict=True)
    probabilities = keras.ops.convert_to_numpy(model(x)).astype("float64")
    for name, figure in (("loss", "cross_entropy"), ("accuracy", "accuracy")):
        values = by_hand(figure, y, probabilities, None)
        assert found[name] == pytest.approx((values * weights).sum() / weights.sum(), rel=1e-5)


def test_saved_and_loaded():
    for made in (FrameLoss("huber", DEVIATION), FrameMean("mae", DEVIATION, name="loss")):
        same = type(made).from_config(made.get_config())
        assert (same.figure, same.deviation, same.name) == (made.figure, DEVIATION, made.name)


def test_a_saved_model_has_the_same_figures(tmp_path):
    model = frame_tagger((4,), 3, task="values", cell="simple_rnn", units=3)
    random = np.random.default_rng(6)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    metrics = [FrameMean("huber", DEVIATION, name="loss"), FrameMean("mae")]
    options = {"weighted_metrics": metrics, "run_eagerly": True}
    model.compile("sgd", FrameLoss("huber", DEVIATION), **options)
    x = random.normal(size=(3, 6, 4)).astype("float32")
    y, _, weights = (part.astype("float32") for part in numbers(6, 5))
    given = {"x": x, "y": y, "sample_weight": weights, "batch_size": 2, "verbose": 0}
    figures = model.evaluate(**given, return_dict=True)
    outputs = keras.ops.convert_to_numpy(model(x)).astype("float64")
    for name, figure, deviation in (("loss", "huber", DEVIATION), ("mae", "mae", None)):
        values = by_hand(figure, y, outputs, deviation)
        assert figures[name] == pytest.approx(np.average(values, weights=weights), rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.loss.figure, [*loaded.loss.deviation]) == ("huber", DEVIATION)
    assert loaded.evaluate(**given, return_dict=True) == pytest.approx(figures, rel=1e-6)


LOSSES = "cross_entropy, mse, mae, huber"


@pytest.mark.parametrize(
    ("kind", "figure", "known"),
    [
        (FrameLoss, "rmse", LOSSES),
        (FrameLoss, "accuracy", LOSSES),
        (FrameMean, "rmse", f"accuracy, {LOSSES}"),
    ],
)
def test_unknown_figures(kind, figure, known):
    with pytest.raises(ValueError, match=f"figure must be one of {known}; got '{figure}'"):
        kind(figure)


@pytest.mark.parametrize("kind", [FrameLoss, FrameMean])
@pytest.mark.parametrize("deviation", [[0.0], [2.0, -0.5], [1.0, float("nan")]], ids=str)
def test_deviations_that_are_not_above_zero(kind, deviation):
    with pytest.raises(ValueError, match=r"deviation must be numbers above 0; got \[") as refused:
        kind("huber", deviation)
    assert str(deviation) in str(refused.value)
