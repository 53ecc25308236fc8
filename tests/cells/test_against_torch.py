"""Cells beside those of `torchrecurrent` and `torch.nn`, with the same weights.

`torchrecurrent` differs in this: it always has two biases, of which ours is the sum; in MUT1 the
first bias of the candidate stands inside the inner tanh, where the paper has none, so it is zero
here; IndRNN starts with tanh, where the paper has relu. Its code, not its docstring, has a kernel
for every input of MUT2 and MUT3, as ours.
"""

import keras
import numpy as np
import pytest
from contract import RELATIVES, F, U, sequences

X = sequences()[:, 0].astype("float32")


@pytest.fixture(scope="module")
def torch():
    """Imported here, so that it is not loaded where these tests are not run."""
    return pytest.importorskip("torch", reason="torch is not installed: pip install torch")


def new_states(case):
    """Ours, after one step."""
    cell = case.cell(U, **case.options)
    cell.build((None, F))
    cell.set_weights(case.weights())
    found = cell(X, [s.astype("float32") for s in case.states()])[1]
    return [keras.ops.convert_to_numpy(state) for state in found]


def assign(torch, theirs, weights):
    """`weights` maps the names of their parameters to arrays; every one must be there."""
    assert {name for name, _ in theirs.named_parameters()} == set(weights)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.tensor(weights[name]))


def reordered(array, order):
    """Column blocks in another order, and as rows, as torch has them."""
    blocks = np.split(array, array.shape[-1] // U, axis=-1)
    return np.concatenate([blocks[place] for place in order], axis=-1).T


# Ours by name: theirs, the order of their gates among ours, that of the recurrent kernel, options.
PEERS = {
    "PeepholeLSTM": ("PeepholeLSTMCell", (0, 1, 2, 3), (0, 1, 2, 3), {}),
    "MinimalGatedUnit": ("MGUCell", (0, 1), (0, 1), {}),
    "MUT1": ("MUT1Cell", (2, 0, 1), (0, 1), {}),
    "MUT2": ("MUT2Cell", (2, 0, 1), (2, 0, 1), {}),
    "MUT3": ("MUT3Cell", (2, 0, 1), (2, 0, 1), {}),
    "IndRNN": ("IndRNNCell", (0,), (0,), {"nonlinearity": "relu"}),
}


@pytest.mark.parametrize("name", PEERS)
def test_equals_torchrecurrent(name, torch):
    peers = pytest.importorskip(
        "torchrecurrent", reason="torchrecurrent is not installed: pip install torchrecurrent"
    )
    kind, order, recurrent_order, options = PEERS[name]
    case = next(case for case in RELATIVES if case.name == name)
    ours = dict(zip(case.shapes(), case.weights(), strict=True))
    bias, second = reordered(ours["bias"], order), np.zeros(U * len(recurrent_order))
    if name == "MUT1":  # the candidate's is its last in both
        second[-U:], bias[-U:] = bias[-U:], 0
    weights = {"weight_ih": reordered(ours["kernel"], order), "bias_ih": bias, "bias_hh": second}
    if name == "IndRNN":
        weights["vector_u"] = ours["recurrent"]
    else:
        weights["weight_hh"] = reordered(ours["recurrent"], recurrent_order)
    if name == "PeepholeLSTM":
        weights["weight_ph"] = ours["peephole"].reshape(-1)

    theirs = getattr(peers, kind)(F, U, **options)
    assign(torch, theirs, weights)
    given = [torch.tensor(s, dtype=torch.float32) for s in case.states()]
    expected = (
        theirs(torch.tensor(X), given) if len(given) > 1 else [theirs(torch.tensor(X), *given)]
    )
    for a, b in zip(new_states(case), expected, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), atol=1e-6)


def test_projection_equals_that_of_torch(torch):
    case = next(case for case in RELATIVES if case.name == "ProjectedLSTM")
    ours, width = dict(zip(case.shapes(), case.weights(), strict=True)), case.widths[0]
    theirs, order = torch.nn.LSTM(F, U, proj_size=width), (0, 1, 2, 3)
    weights = {
        "weight_ih_l0": reordered(ours["kernel"], order),
        "weight_hh_l0": reordered(ours["recurrent"], order),
        "bias_ih_l0": ours["bias"],
        "bias_hh_l0": np.zeros(4 * U),
        "weight_hr_l0": ours["projection"].T,
    }
    assign(torch, theirs, weights)
    given = tuple(torch.tensor(s, dtype=torch.float32)[None] for s in case.states())
    _, expected = theirs(torch.tensor(X)[None], given)
    for a, b in zip(new_states(case), expected, strict=True):
        np.testing.assert_allclose(a, b[0].detach().numpy(), atol=1e-6)
