"""torch, where it is installed."""

import pytest


@pytest.fixture(scope="module")
def torch():
    """Imported here, so that it is not loaded where these tests are not run."""
    return pytest.importorskip("torch", reason="torch is not installed: pip install torch")
