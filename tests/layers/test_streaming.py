"""One equation, two lives: a sequence at once equals the same sequence step by step."""

import keras
import numpy as np
import pytest
from contract import CASES, RELATIVES, B, F, T, U, sequences

MAIN = [case for case in [*CASES, *RELATIVES] if case.main]
X = sequences()


@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
def test_a_cell_fed_step_by_step_and_a_layer_fed_chunks_give_what_the_whole_gives(case):
    layer = case.layer(U, **case.options, return_sequences=True, return_state=True, dtype="float64")
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    whole, *final = layer(X, initial_state=case.states())

    steps, states = [], [keras.ops.convert_to_tensor(s) for s in case.states()]
    for t in range(T):
        output, states = layer.cell(X[:, t], states)
        steps.append(output)
    for found, expected in zip([np.stack(steps, 1), *states], [whole, *final], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)

    chunks, states = [], case.states()
    for begin, end in ((0, 1), (1, 4), (4, 5)):
        chunk, *states = layer(X[:, begin:end], initial_state=states)
        chunks.append(chunk)
    for found, expected in zip([np.concatenate(chunks, 1), *states], [whole, *final], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
