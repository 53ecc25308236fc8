"""What all tests share. That it lies here also puts `contract` and `oracle` on the path."""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

_PREDICT = """
import sys
import keras, numpy as np
import keras_seq.layers, keras_seq.models
folder, *names = sys.argv[1:]
for name in names:
    model = keras.models.load_model(f"{folder}/{name}.keras")
    x = np.load(f"{folder}/{name}.npy")
    np.save(f"{folder}/{name}.out.npy", keras.ops.convert_to_numpy(model(x)))
"""


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_go():
    """JAX keeps every program mapped; those of a whole suite are more than a process may have."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture
def predict_in_fresh_process(tmp_path):
    """Saves models, loads them in a new Python and returns what each gives there for its input."""

    def predict(models, inputs):
        for name, model in models.items():
            model.save(tmp_path / f"{name}.keras")
            np.save(tmp_path / f"{name}.npy", inputs[name])
        command = [sys.executable, "-c", _PREDICT, str(tmp_path), *models]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return {name: np.load(tmp_path / f"{name}.out.npy") for name in models}

    return predict
