"""TFLite's ops for a whole LSTM and a whole simple RNN: the values of Keras, at every run anew."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import OpResolverType
from contract import CASES, RELATIVES, U

from keras_seq import cells, layers
from keras_seq.export import ExportError, to_tflite
from keras_seq.export.modes import Modes
from keras_seq.layers.engine_tensorflow.fused import why_not
from keras_seq.layers.loops import Given
from keras_seq.layers.zoneout import WithZoneout

from .examples import interpreted, randomise

LSTMS = (
    layers.LSTM,
    layers.NoPeepholeLSTM,
    layers.PeepholeLSTM,
    layers.NoInputGateLSTM,
    layers.NoForgetGateLSTM,
    layers.NoOutputGateLSTM,
    layers.CoupledLSTM,
    layers.CoupledPeepholeLSTM,
    partial(layers.ProjectedLSTM, projection_units=3),
)
RNNS = (layers.SimpleRNN, partial(layers.SimpleRNN, activation="relu"))
LSTM, RNN = "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"
ROWS = 4


def given_states(layer, start):
    """Initial states for a layer, each another function of the model's second input."""
    return [keras.layers.Dense(width)(start) for width in layer.cell.widths]


def make_fused():
    """Every layer that has a fused form, in three ways, and what stands around layers."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    start = keras.Input((2,), name="start")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    outputs = {}
    for number, kind in enumerate((*LSTMS, *RNNS)):
        outputs[f"masked_{number}"] = kind(5, return_sequences=True)(x, mask=mask)
        back = kind(4, use_bias=False, go_backwards=True)
        outputs[f"back_{number}"] = back(x, mask=mask, initial_state=given_states(back, start))
        bare = kind(5, return_sequences=True, return_state=True)
        whole, *final = bare(x, initial_state=given_states(bare, start))
        outputs |= {f"bare_{number}": whole} | {
            f"bare_{number}_{n}": s for n, s in enumerate(final)
        }
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x, mask=mask)
    outputs["stack"] = layers.SimpleRNN(4, zero_output_for_mask=True, return_sequences=True)(
        both, mask=mask
    )
    outputs["both"] = layers.Bidirectional(layers.LSTM(3), merge_mode="mul")(x)
    one_state = layers.SimpleRNN(4, return_state=True, go_backwards=True)
    outputs["masked_state"] = one_state(x, mask=mask, initial_state=given_states(one_state, start))[
        1
    ]
    grown = layers.LSTM(3, return_state=True, name="grown")(x)
    outputs |= {"grown": grown[0], "grown_c": grown[2]}
    model = randomise(keras.Model([ids, start], outputs, name="fused"))
    layer = model.get_layer("grown")
    kernel, recurrent, bias = layer.get_weights()
    layer.set_weights([kernel, recurrent, bias + 20])  # c grows by almost 1 at every step
    return model


def example(length):
    """Ids with the real ones at the front, at the end, and anywhere, and a row without any."""
    random = np.random.default_rng(length)
    ids = random.integers(1, 30, (ROWS, length))
    ids[0, (length + 1) // 2 :] = 0
    ids[1, : length // 2] = 0
    ids[2] *= random.random(length) < 0.6
    ids[3] = 0
    return {"ids": ids.astype("int32"), "start": random.normal(size=(ROWS, 2)).astype("float32")}


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """The model, its file and report, and by length an input and Keras' values for it."""
    model, path = make_fused(), tmp_path_factory.mktemp("fused") / "model.tflite"
    given = {length: example(length) for length in (1, 5, 17)}
    report = to_tflite(model, path, mode="fused", batch_size=ROWS, check_inputs=[given[5]])
    return model, path, report, {n: (i, model(i, training=False)) for n, i in given.items()}


def assert_near(found, expected, atol=1e-5):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    "resolver", [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES]
)
def test_the_values_are_those_of_keras_at_every_length_and_at_every_run(fused, resolver):
    _, path, _, known = fused
    run = interpreted(path, resolver)
    for length in (5, 5, 17, 1, 17, 5):
        inputs, expected = known[length]
        assert_near(run(**inputs), expected)


def test_there_is_one_op_a_layer_and_no_loop(fused):
    model, _, report, _ = fused
    assert report.file.ops[LSTM] == 3 * len(LSTMS) + 2 + 2 + 1
    assert report.file.ops[RNN] == 3 * len(RNNS) + 2
    assert "WHILE" not in report.file.ops
    assert not report.file.custom_ops
    assert set(report.forms.values()) == {"fused"}
    recurrent = [la for la in model._flatten_layers() if isinstance(la, layers.Recurrent)]
    assert set(report.forms) == {layer.name for layer in recurrent}


def test_a_cell_state_beyond_ten_is_not_clipped(fused):
    _, path, _, known = fused
    inputs, expected = known[17]
    assert (expected["grown_c"].numpy() > 14).all()
    np.testing.assert_allclose(
        interpreted(path)(**inputs)["grown_c"], expected["grown_c"], rtol=1e-6
    )


@keras.saving.register_keras_serializable("tests")
class HalfOpenCell(cells.LSTMCell):
    """An LSTM with another output: the fused op would give that of an LSTM."""

    def combine(self, x, r, states):
        h, c = super().combine(x, r, states)
        return h / 2, c


def test_what_has_no_fused_form_is_a_loop_beside_the_others(tmp_path):
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    looped = {
        "relu": layers.LSTM(3, activation="relu")(x, mask=mask),
        "sigmoid": layers.SimpleRNN(3, activation="sigmoid")(x),
        "zoneout": layers.LSTM(3, zoneout=[0.3, 0.1], return_sequences=True)(x, mask=mask),
        "state": layers.LSTM(3, return_state=True)(x, mask=mask)[2],
        "other": layers.Recurrent(HalfOpenCell(3), go_backwards=True)(x, mask=mask),
    }
    one = layers.Recurrent(cells.LSTMCell(3), name="fused")(x, mask=mask)
    model = randomise(keras.Model(ids, looped | {"fused": one}))
    path = tmp_path / "model.tflite"
    report = to_tflite(model, path, mode="fused", batch_size=ROWS, check_inputs=[example(4)["ids"]])
    assert [name for name, form in report.forms.items() if form == "fused"] == ["fused"]
    assert report.file.ops[LSTM] == 1
    assert RNN not in report.file.ops
    run = interpreted(path)
    for length in (1, 17):
        inputs = {"ids": example(length)["ids"]}
        assert_near(run(**inputs), model(inputs["ids"], training=False))


FUSED_CELLS = {
    cells.LSTMCell,
    cells.NoPeepholeLSTMCell,
    cells.PeepholeLSTMCell,
    cells.NoInputGateLSTMCell,
    cells.NoForgetGateLSTMCell,
    cells.NoOutputGateLSTMCell,
    cells.CoupledLSTMCell,
    cells.CoupledPeepholeLSTMCell,
    cells.ProjectedLSTMCell,
    cells.SimpleRNNCell,
}


@pytest.mark.parametrize("case", [*CASES, *RELATIVES], ids=lambda case: case.name)
def test_the_cells_that_have_a_fused_form(case):
    reason = why_not(case.cell(U, **case.options))
    has_one = case.cell in FUSED_CELLS and "activations" not in case.name
    assert (reason is None) == has_one
    if case.cell not in FUSED_CELLS:
        assert case.cell.__name__ in reason


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (cells.LSTMCell(2, activation="relu"), "activation tanh alone"),
        (cells.CoupledPeepholeLSTMCell(2, recurrent_activation="relu"), "sigmoid gates alone"),
        (cells.SimpleRNNCell(2, activation="elu"), "knows tanh and relu alone"),
        (HalfOpenCell(2), "equations of HalfOpenCell"),
        (WithZoneout(cells.LSTMCell(2), (0.1, 0.1)), "no fused op with the equations of"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_why_a_cell_has_none(cell, words):
    assert words in why_not(cell)


X, MASK = np.zeros((2, 3, 4)), np.ones((2, 3, 1), bool)


@pytest.mark.parametrize(
    ("given", "final", "form"),
    [
        (Given(X, (0, 0), (MASK,)), False, "fused"),
        (Given(X, (0, 0)), True, "fused"),
        (Given(X, (0, 0), (MASK,)), True, "export"),
        (Given(X, (0,), (MASK,)), True, "fused"),
        (Given(X, (0, 0), (MASK, MASK)), False, "export"),
        (Given(tf.TensorSpec((None, 3, 4)), (0, 0)), False, "export"),
    ],
)
def test_what_a_cell_is_carried_with_decides_too(given, final, form):
    cell = cells.LSTMCell(4) if len(given.states) == 2 else cells.SimpleRNNCell(4)
    assert Modes("fused")(cell, given, final) == form


def test_nothing_to_fuse_is_refused_with_the_reasons(tmp_path):
    frames = keras.Input((None, 3))
    masked = layers.LSTM(2, return_state=True)(frames, mask=frames[..., 0] > 0)[1]
    model = keras.Model(frames, [layers.GRU(2)(frames), masked])
    with pytest.raises(ExportError, match=r"nothing to fuse.*of GRUCell; .*know no masks"):
        to_tflite(model, tmp_path / "model.tflite", mode="fused")
    none = keras.Model(frames, keras.layers.Dense(2)(frames))
    with pytest.raises(ExportError, match=r"nothing to fuse.*has no recurrent layer"):
        to_tflite(none, tmp_path / "model.tflite", mode="fused")
    assert list(tmp_path.iterdir()) == []
