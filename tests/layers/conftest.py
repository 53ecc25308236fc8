"""What the tests of the layers share."""

import pytest

from keras_seq.layers.engine_tensorflow import fast, parts, pieces


@pytest.fixture(params=["whole", "cut"])
def cut(request, monkeypatch):
    """Whether a batch of 3 goes to three cores, and 5 steps of unknown number as 4 and 1."""
    if request.param == "cut":
        monkeypatch.setattr(parts, "cores", lambda: 3)
        monkeypatch.setattr(fast, "_LEAST_ROWS", 1)
        monkeypatch.setattr(pieces, "_LENGTHS", (2, 4))
    return request.param == "cut"
