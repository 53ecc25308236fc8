"""Searches inside a file, in LiteRT.js: the tokens that Keras finds."""

import numpy as np
import pytest
from export.translators import LENGTH, SEARCHES, sources, translator
from node import NodeError, litert_js

from keras_seq.export import to_tflite

ROWS, SOURCE_LENGTH = 6, 9


@pytest.mark.parametrize("name", ["bahdanau", "luong", "transformer"])
def test_each_search_finds_what_keras_finds(name, tmp_path):
    model, path = translator(name), tmp_path / "model.tflite"
    options = {"profile": "portable", "length": SOURCE_LENGTH, "max_length": LENGTH}
    assert to_tflite(model, path, searches=SEARCHES, **options).portability == []
    given = sources(ROWS, SOURCE_LENGTH, seed=9)
    for key, search in SEARCHES.items():
        expected = model.decode(given, search, max_length=LENGTH)
        # Of a beam the two best: untrained Transformers are of one mind about the best.
        assert len({tuple(row) for row in expected.tokens.numpy().reshape(-1, LENGTH)}) > 2
        found = litert_js(path, [{"source": row} for row in given], key)
        for row, outputs in enumerate(found):
            np.testing.assert_array_equal(outputs["tokens"], np.ravel(expected.tokens[row]))
            np.testing.assert_allclose(
                outputs["scores"], np.ravel(expected.scores[row]), rtol=1e-5, atol=2e-5
            )
    with pytest.raises(NodeError, match='no signature "sample"'):
        litert_js(path, [{"source": given[0]}], "sample")
