"""Models on JAX: they train as those of Keras, are saved, and are the same on TensorFlow."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from contract import MAIN_CASES, MASKS, RELATIVES, F, U, sequences

from keras_seq import cells, layers
from keras_seq.models import sequence_classifier

from .against import main_case

IDS = np.array([[5, 2, 7, 1, 4], [3, 8, 6, 0, 0], [1, 0, 0, 0, 0], [9, 9, 2, 5, 0]])
LABELS = np.array([0, 1, 1, 0])


def randomize(model, scale=0.6):
    random = np.random.default_rng(0)
    model.set_weights([random.normal(scale=scale, size=w.shape) for w in model.get_weights()])
    return model


@main_case
def test_fit_goes_where_keras_goes(case):
    """A stack of two layers upon an embedding whose mask Keras hands on."""
    models, losses = [], []
    for wrapper, kind in (
        (layers.Bidirectional, case.layer),
        (keras.layers.Bidirectional, case.keras_layer),
    ):
        stack = [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(10, F, mask_zero=True),
            wrapper(kind(U, return_sequences=True, **case.options)),
            kind(U, **case.options),
            keras.layers.Dense(2, activation="softmax"),
        ]
        models.append(randomize(keras.Sequential(stack)))
        models[-1].compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
        fit = models[-1].fit(IDS, LABELS, batch_size=2, epochs=30, shuffle=False, verbose=0)
        losses.append(fit.history["loss"])
    assert losses[0][-1] < 0.5 * losses[0][0]
    np.testing.assert_allclose(*losses, atol=1e-4)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.fixture(scope="module")
def one_of_each():
    """A model of every layer, with an input and the output of each."""
    models, shape = {}, keras.Input((None, F))
    for case in [*MAIN_CASES, *(case for case in RELATIVES if case.main)]:
        layer = case.layer(U, **case.options, return_sequences=True, go_backwards=True, dropout=0.2)
        models[case.name] = keras.Sequential([shape, keras.layers.Masking(), layer])
    both = layers.Bidirectional(layers.Recurrent(cells.GRUCell(U), return_sequences=True))
    dense = layers.TimeDistributed(keras.layers.Dense(2))
    parts = keras.layers.Masking(), both, dense, layers.GlobalAveragePooling1D()
    models["wrapped"] = keras.Sequential([shape, *parts])
    x = np.where(MASKS["scattered"][..., None], sequences(), 0).astype("float32")
    inputs = dict.fromkeys(models, x)
    for cell, pooling in (("gru", "max+mean"), ("lstm", "last"), ("simple_rnn", "max")):
        options = {"cell": cell, "units": U, "pooling": pooling, "layers": 2, "word_dropout": 0.3}
        models[f"{cell}_words"] = sequence_classifier(10, 2, **options)
        inputs[f"{cell}_words"] = IDS
    outputs = {name: np.asarray(randomize(m)(inputs[name])) for name, m in models.items()}
    return models, inputs, outputs


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_saved_models_give_equal_values_in_a_fresh_process(
    backend, one_of_each, predict_in_fresh_process, monkeypatch
):
    """One of this backend or of the other: one file serves both."""
    models, inputs, outputs = one_of_each
    monkeypatch.setenv("KERAS_BACKEND", backend)
    found = predict_in_fresh_process(models, inputs)
    for name, expected in outputs.items():
        assert np.ptp(expected) > 0.05, name
        np.testing.assert_allclose(found[name], expected, atol=1e-5, err_msg=name)


WITHOUT_TENSORFLOW = """
import sys
import tests_jax.refusal

try:
    import tensorflow
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("nothing was refused")

import keras
import numpy as np
import keras_seq.cells, keras_seq.layers, keras_seq.models

keras.utils.set_random_seed(1)
ids = np.random.default_rng(0).integers(1, 9, size=(64, 6))
model = keras_seq.models.sequence_classifier(9, 2, cell=sys.argv[1], units=8, word_dropout=0.1)
model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
losses = model.fit(ids, ids[:, 0] // 5, epochs=12, verbose=0).history["loss"]
assert losses[-1] < 0.6 * losses[0], losses
model.save(sys.argv[2])
again = keras.models.load_model(sys.argv[2])
np.testing.assert_allclose(again.predict(ids, verbose=0), model.predict(ids, verbose=0), atol=1e-6)
assert keras.backend.backend() == "jax"
assert not [name for name in sys.modules if "tensorflow" in name.split(".")[0]]
"""


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_a_model_lives_where_tensorflow_cannot_be_imported(cell, tmp_path):
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, cell, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
