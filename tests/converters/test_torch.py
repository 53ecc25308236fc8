"""Between torch.nn and ours: the values of torch's own modules, and what cannot be said there."""

import sys

import keras
import numpy as np
import pytest
from contract import B, F, T, U, sequences

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


@pytest.fixture(scope="module")
def torch():
    """Imported here, so that it is not loaded where these tests are not run."""
    return pytest.importorskip("torch", reason="torch is not installed: pip install torch")


def randomised(torch, module, seed=3):
    """The module with random weights, no two gates nor biases alike."""
    random = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data.copy_(torch.tensor(random.normal(scale=0.6, size=tuple(parameter.shape))))
    return module.eval()


def made(torch, kind, *sizes, dtype="float64", **options):
    """A module of that class with random weights."""
    options = {"batch_first": True, **options}
    return randomised(
        torch, getattr(torch.nn, kind)(*sizes, dtype=getattr(torch, dtype), **options)
    )


def given_by(torch, module, x, states=None):
    """The outputs and final states of a module, each (B, …), states one a direction: h, h, c, c."""
    x = torch.tensor(x, dtype=next(module.parameters()).dtype)
    with torch.no_grad():
        outputs, final = module(x if module.batch_first else x.transpose(0, 1), states)
    outputs = outputs if module.batch_first else outputs.transpose(0, 1)
    final = final if isinstance(final, tuple) else (final,)
    return outputs.numpy(), [state.numpy() for each in final for state in each]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def by_direction(states, both):
    """Ours are h, c, h, c; torch's h, h, c, c."""
    return [*states[::2], *states[1::2]] if both and len(states) == 4 else list(states)


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


def built(layer, features=F):
    """The layer with random weights."""
    layer.build((B, None, features))
    random = np.random.default_rng(7)
    layer.set_weights([random.normal(scale=0.6, size=w.shape) for w in layer.get_weights()])
    return layer


def float64(kind, *args, features=F, **options):
    return built(kind(*args, return_sequences=True, dtype="float64", **options), features)


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "bidirectional"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.LSTM(U, return_sequences=True, dtype="float64"),
        lambda: keras.layers.SimpleRNN(U, "relu", return_sequences=True, dtype="float64"),
        lambda: keras.layers.GRU(U, return_sequences=True, dtype="float64"),
        lambda: layers.ProjectedLSTM(U, projection_units=2, return_sequences=True, dtype="float64"),
        lambda: layers.Recurrent(cells.GRUCell(U, dtype="float64"), return_sequences=True),
    ],
    ids=["keras_lstm", "keras_simple", "keras_gru", "projected", "recurrent"],
)
def test_layers_of_both_libraries_go_to_torch(torch, make, wrapped):
    layer = make()
    layer = built(keras.layers.Bidirectional(layer, dtype="float64") if wrapped else layer)
    found, _ = given_by(torch, to_torch(layer), X)
    np.testing.assert_allclose(found, array(layer(X)), rtol=0, atol=1e-12)


def test_the_final_state_is_what_a_layer_returns_alone(torch):
    layer = built(keras.layers.GRU(U, dtype="float64"))
    _, (final,) = given_by(torch, to_torch(layer), X)
    np.testing.assert_allclose(final, array(layer(X)), rtol=0, atol=1e-12)


def both_ways(forward=None, **options):
    forward = layers.LSTM(U) if forward is None else forward
    return built(layers.Bidirectional(forward, name="mine", **options))


def sharp(x):
    return keras.ops.tanh(2 * x)


# What torch cannot say, and the reason that is given.
REFUSED = {
    "activation": (lambda: built(layers.LSTM(U, "relu")), "its activation is relu, not tanh"),
    "own": (lambda: built(layers.GRU(U, sharp)), "its activation is .*sharp.*, not tanh"),
    "gates": (
        lambda: built(layers.LSTM(U, recurrent_activation="hard_sigmoid")),
        "its recurrent_activation is hard_sigmoid, not sigmoid",
    ),
    "simple": (lambda: built(layers.SimpleRNN(U, "sigmoid")), "its activation is sigmoid"),
    "reset_before": (lambda: built(layers.GRU(U, reset_after=False)), "reset_after=False"),
    "backwards": (lambda: built(layers.GRU(U, go_backwards=True)), "it has go_backwards"),
    "stateful": (lambda: built(layers.GRU(U, stateful=True)), "it is stateful"),
    "dropout": (lambda: built(layers.GRU(U, dropout=0.1)), "it has dropout, which torch has not"),
    "recurrent_dropout": (
        lambda: built(layers.GRU(U, recurrent_dropout=0.1)),
        "it has recurrent_dropout",
    ),
    "zoneout": (lambda: built(layers.LSTM(U, zoneout=[0.0, 0.1])), "it has zoneout"),
    "half": (lambda: built(layers.GRU(U, dtype="mixed_float16")), "it is of mixed_float16"),
    "unbuilt": (lambda: layers.GRU(U), "it has no weights yet"),
    "peephole": (lambda: built(layers.PeepholeLSTM(U)), r"torch\.nn has no PeepholeLSTM"),
    "wide": (
        lambda: built(layers.ProjectedLSTM(U, projection_units=U)),
        "its projection_units are not fewer",
    ),
    "merge": (lambda: both_ways(merge_mode="sum"), "mine .*its merge_mode is 'sum'"),
    "pair": (lambda: both_ways(merge_mode=None), "mine .*its merge_mode is None"),
    "mirrored": (
        lambda: both_ways(layers.LSTM(U, go_backwards=True), backward_layer=layers.LSTM(U)),
        "mine .*it has go_backwards",
    ),
    "mixed": (
        lambda: both_ways(backward_layer=layers.LSTM(U, use_bias=False, go_backwards=True)),
        "its two directions differ",
    ),
    "units": (
        lambda: [float64(layers.LSTM, U), float64(layers.LSTM, U + 1, features=U)],
        "its hidden_size is 4, that of the first layer 3",
    ),
    "kinds": (
        lambda: [float64(layers.LSTM, U), float64(layers.GRU, U, features=U)],
        "its kind is GRU, that of the first layer LSTM",
    ),
    "projections": (
        lambda: [
            float64(layers.LSTM, U),
            float64(layers.ProjectedLSTM, U, projection_units=2, features=U),
        ],
        "its proj_size is 2, that of the first layer 0",
    ),
    "biases": (
        lambda: [float64(layers.GRU, U), float64(layers.GRU, U, use_bias=False, features=U)],
        "its bias is False, that of the first layer True",
    ),
    "features": (
        lambda: [float64(layers.GRU, U), float64(layers.GRU, U, features=F)],
        "it takes 4 features, and gets 3",
    ),
    "last_output": (
        lambda: [built(layers.GRU(U)), built(layers.GRU(U), U)],
        "it returns one output, and another layer follows",
    ),
    "dropout_first": (
        lambda: [keras.layers.Dropout(0.1), built(layers.GRU(U))],
        "it is not between two recurrent layers",
    ),
    "dropout_last": (
        lambda: [built(layers.GRU(U)), keras.layers.Dropout(0.1)],
        "it is not between two recurrent layers",
    ),
    "rates": (
        lambda: [
            float64(layers.GRU, U),
            keras.layers.Dropout(0.1),
            float64(layers.GRU, U, features=U),
            float64(layers.GRU, U, features=U),
        ],
        r"one rate of dropout between layers, got \[0\.1, 0\.0\]",
    ),
    "noise_shape": (
        lambda: [
            float64(layers.GRU, U),
            keras.layers.Dropout(0.1, noise_shape=(None, 1, None)),
            float64(layers.GRU, U, features=U),
        ],
        "it has a noise_shape",
    ),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_torch_cannot_say_is_refused(make, reason):
    with pytest.raises(ValueError, match=reason):
        to_torch(make())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (keras.layers.Dense(2), "Dense"),
        ([keras.layers.Dense(2)], "Dense"),
        ([], "none"),
        ([keras.Sequential([layers.GRU(2)])], "Sequential"),
    ],
    ids=["dense", "list", "empty", "nested"],
)
def test_other_layers_are_refused(given, kind):
    with pytest.raises(TypeError, match=f"to_torch takes .* got {kind}"):
        to_torch(given)


def test_without_torch_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install keras_seq\[torch\]"):
        to_torch(built(layers.GRU(U)))
