"""From torch.nn to ours: the values of torch's own modules."""

import keras
import numpy as np
import pytest
from contract import B, F, T, U, sequences

from converters.modules import array, by_direction, given_by, made, randomised
from keras_seq import cells, layers
from keras_seq.converters import from_torch, to_torch

X = sequences()
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
# torch's class, and its options beside the sizes.
MODULES = {
    "tanh": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "projected": ("LSTM", {"proj_size": 2}),
    "gru": ("GRU", {}),
}
EACH_MODULE = pytest.mark.parametrize(("kind", "options"), MODULES.values(), ids=MODULES)
EACH_DIRECTION = pytest.mark.parametrize("both", [False, True], ids=["one_way", "both_ways"])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@EACH_DIRECTION
@EACH_MODULE
def test_one_layer(torch, kind, options, both, bias, dtype):
    module = made(
        torch, kind, F, U, bidirectional=both, bias=bias, batch_first=bias, dtype=dtype, **options
    )
    expected, final = given_by(torch, module, X)
    layer = from_torch(module, return_state=True)
    assert layer.built
    outputs, *states = layer(X.astype(dtype))
    atol = TOLERANCE[dtype]
    np.testing.assert_allclose(array(outputs), expected, rtol=0, atol=atol)
    for a, b in zip(by_direction(states, both), final, strict=True):
        np.testing.assert_allclose(array(a), b, rtol=0, atol=atol)
    assert array(outputs).dtype == dtype

    back = to_torch(layer)
    assert type(back) is type(module)
    assert back.batch_first
    assert next(back.parameters()).dtype == next(module.parameters()).dtype
    np.testing.assert_allclose(given_by(torch, back, X)[0], expected, rtol=0, atol=atol)


@pytest.mark.parametrize(("kind", "layer"), [("LSTM", layers.LSTM), ("GRU", layers.GRU)])
def test_a_start_from_given_states(torch, kind, layer):
    module = made(torch, kind, F, U)
    random = np.random.default_rng(5)
    states = [random.normal(size=(B, U)) for _ in range(2 if kind == "LSTM" else 1)]
    theirs = tuple(torch.tensor(state)[None] for state in states)
    expected, _ = given_by(torch, module, X, theirs if kind == "LSTM" else theirs[0])
    ours = from_torch(module)
    assert type(ours) is layer
    np.testing.assert_allclose(array(ours(X, initial_state=states)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@EACH_DIRECTION
@EACH_MODULE
def test_a_stack(torch, kind, options, both, dropout):
    module = made(torch, kind, F, U, num_layers=3, bidirectional=both, dropout=dropout, **options)
    expected, _ = given_by(torch, module, X)
    ours = from_torch(module)
    assert type(ours) is keras.Sequential
    assert ours.built
    np.testing.assert_allclose(array(ours(X)), expected, rtol=0, atol=1e-12)
    rates = [layer.rate for layer in ours.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == ([dropout] * 2 if dropout else [])
    assert type(ours.layers[0]) is not keras.layers.Dropout

    back = to_torch(ours).eval()
    assert (back.num_layers, back.dropout, back.bidirectional) == (3, dropout, both)
    np.testing.assert_allclose(given_by(torch, back, X)[0], expected, rtol=0, atol=1e-12)
    if not dropout:
        listed = to_torch([*ours.layers])
        np.testing.assert_allclose(given_by(torch, listed, X)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize(
    ("kind", "options", "cell"),
    [
        ("RNNCell", {}, cells.SimpleRNNCell),
        ("RNNCell", {"nonlinearity": "relu"}, cells.SimpleRNNCell),
        ("LSTMCell", {}, cells.LSTMCell),
        ("GRUCell", {}, cells.GRUCell),
    ],
)
def test_a_cell(torch, kind, options, cell, bias):
    module = randomised(
        torch, getattr(torch.nn, kind)(F, U, bias=bias, dtype=torch.float64, **options)
    )
    random = np.random.default_rng(5)
    states = [random.normal(size=(B, U)) for _ in cell.states]
    theirs = tuple(torch.tensor(state) for state in states)
    with torch.no_grad():
        expected = module(torch.tensor(X[:, 0]), theirs if len(theirs) > 1 else theirs[0])
    ours = from_torch(module)
    assert type(ours) is cell
    found = ours(X[:, 0], states)[1]
    for a, b in zip(found, expected if len(theirs) > 1 else [expected], strict=True):
        np.testing.assert_allclose(array(a), b.numpy(), rtol=0, atol=1e-12)


def test_a_packed_sequence_is_a_mask(torch):
    module = made(torch, "LSTM", F, U, bidirectional=True)
    lengths = [T, 3, 1]
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(X), lengths, batch_first=True)
    with torch.no_grad():
        expected, _ = module(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    mask = np.arange(T) < np.array(lengths)[:, None]
    found = array(from_torch(module)(X, mask=mask))
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-12)


def test_what_is_not_trained_in_one_is_not_in_the_other(torch):
    module = made(torch, "GRU", F, U, bidirectional=True)
    assert len(from_torch(module).trainable_variables) == 6
    ours = from_torch(module.requires_grad_(False))
    assert ours.trainable_variables == []
    assert not any(parameter.requires_grad for parameter in to_torch(ours).parameters())
    ours.backward_layer.trainable = True
    needed = {n for n, parameter in to_torch(ours).named_parameters() if parameter.requires_grad}
    assert len(needed) == 4
    assert all(name.endswith("_reverse") for name in needed)


def test_no_weight_is_shared(torch):
    module = made(torch, "LSTM", F, U, dtype="float32")
    ours = from_torch(module)
    before = ours.get_weights()
    back = to_torch(ours)
    randomised(torch, module, 8)
    randomised(torch, back, 9)
    for a, b in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_torch_is_not_needed_to_read(torch):
    """What has the attributes of a module is one."""

    class Tensor:
        def __init__(self, values):
            self.values, self.shape, self.dtype = values, values.shape, values.dtype

        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return self.values

    class Module:
        mode, hidden_size, input_size, num_layers = "GRU", U, F, 1
        bias, bidirectional, dropout = True, False, 0.0

    module, alike = made(torch, "GRU", F, U), Module()
    for name, parameter in module.named_parameters():
        setattr(alike, name, Tensor(parameter.detach().numpy()))
    expected, _ = given_by(torch, module, X)
    np.testing.assert_allclose(array(from_torch(alike)(X)), expected, rtol=0, atol=1e-12)


def test_what_is_no_module_is_refused(torch):
    for given in (torch.nn.Linear(2, 2), keras.layers.LSTM(2), "lstm", torch.nn.LSTM):
        with pytest.raises(TypeError, match=r"from_torch takes torch\.nn\.RNN.* got"):
            from_torch(given)

    class OwnCell(torch.nn.Module):
        """Four gates, as an LSTM has, but an equation of its own."""

        hidden_size = 2
        weight_ih = torch.zeros(8, 2)

    with pytest.raises(TypeError, match="got OwnCell"):
        from_torch(OwnCell())
    with pytest.raises(ValueError, match=r"got bfloat16: call module\.float\(\)"):
        from_torch(torch.nn.LSTM(2, 2).bfloat16())
    with pytest.raises(ValueError, match="this one has 2"):
        from_torch(torch.nn.LSTM(2, 2, num_layers=2), return_state=True)
