"""The JAX backend is tested in a process of its own, for Keras chooses its backend once.

`make test-jax` runs these, in a process where TensorFlow cannot be imported: Keras imports it
where it is there. They use the contract, the oracle and a fixture of `tests`.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from conftest import compiled_programs_go, predict_in_fresh_process  # noqa: F401  fixtures

REASON = None
if os.environ.get("KERAS_BACKEND") != "jax":
    REASON = "needs KERAS_BACKEND=jax and a process of its own: make test-jax"
elif importlib.util.find_spec("jax") is None:
    REASON = "JAX is not installed; make test-jax makes an environment that has it"
else:
    import tests_jax.refusal  # noqa: F401


class Unimported(pytest.Module):
    """A test module that says why it does not run."""

    def collect(self):
        pytest.skip(REASON)


def pytest_pycollect_makemodule(module_path, parent):
    """Skips the modules here, before any is imported, where they cannot run."""
    return Unimported.from_parent(parent, path=module_path) if REASON else None


@pytest.fixture(scope="session", autouse=True)
def tensorflow_stays_out():
    """Whatever ran here did without TensorFlow."""
    yield
    assert "tensorflow" not in sys.modules
