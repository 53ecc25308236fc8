"""Which form each layer takes, and which options go together; nearly nothing is converted here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq import cells, layers
from keras_seq.export import ExportError, TFLiteOptions, tflite, to_tflite
from keras_seq.export.modes import LONGEST, SMALL, Modes
from keras_seq.export.signature import Signature
from keras_seq.layers.loops import Given

from .examples import make_classifier, padded_ids


def given(steps, batch=2):
    return Given(tf.TensorSpec((batch, steps, 4)), (0, 0))


@pytest.mark.parametrize(
    ("mode", "steps", "units", "lowering"),
    [
        ("auto", SMALL // 64, 64, "unroll"),
        ("auto", SMALL // 64 + 1, 64, "export"),
        ("auto", SMALL // 64, 65, "export"),
        ("auto", LONGEST, 2, "unroll"),
        ("auto", LONGEST + 1, 2, "export"),
        ("auto", None, 2, "export"),
        ("loop", 5, 2, "export"),
        ("loop", None, 2, "export"),
        ("unroll", SMALL // 64 + 1, 65, "unroll"),
        ("fused", None, 2, "fused"),
        ("fused", 5, 2, "fused"),
    ],
)
def test_the_form_of_a_layer(mode, steps, units, lowering):
    modes = Modes(mode)
    cell = cells.LSTMCell(units)
    assert modes(cell, given(steps), False) == lowering
    layer = layers.Recurrent(cell, name="layer")
    assert modes.of_layers([layer]) == {"layer": lowering.replace("export", "loop")}


def test_the_widest_state_decides():
    cell = cells.ProjectedLSTMCell(65, projection_units=2)
    assert Modes("auto")(cell, given(SMALL // 64), False) == "export"
    cell = cells.ProjectedLSTMCell(64, projection_units=2)
    assert Modes("auto")(cell, given(SMALL // 64), False) == "unroll"


def test_a_loop_for_int8_is_one_of_its_own():
    assert Modes("loop", "int8")(cells.GRUCell(2), given(None), False) == "touch"
    assert Modes("loop", "dynamic")(cells.GRUCell(2), given(None), False) == "export"
    assert Modes("unroll", "int8")(cells.GRUCell(2), given(5), False) == "unroll"


def test_layers_that_share_no_cell_are_told_apart_and_others_are_left_out():
    one, other, unused = (layers.GRU(2, name=name) for name in ("one", "other", "unused"))
    modes = Modes("fused")
    modes(one.cell, given(3), False)
    modes(other.cell, given(3), False)
    dense = keras.layers.Dense(2)
    assert modes.of_layers([one, other, unused, dense]) == {"one": "loop", "other": "loop"}


def form_of(layer):
    """What a layer is told to have become, once it has been carried through time."""
    modes = Modes("loop")
    with layers.lowering(modes):
        layer(np.zeros((2, 3, 4), "float32"))
    return modes.of_layers([layer])


def test_the_form_of_a_layer_that_ran():
    assert form_of(layers.LSTM(3, name="memory")) == {"memory": "loop"}


def test_the_form_of_a_layer_with_zoneout():
    assert form_of(layers.LSTM(3, zoneout=0.2, name="memory")) == {"memory": "loop"}


def test_the_form_of_a_layer_that_unrolls_by_itself():
    assert form_of(layers.LSTM(3, unroll=True, name="memory")) == {"memory": "unroll"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "loops"}, "mode must be one of 'auto', 'loop', 'fused', 'unroll'; got 'loops'"),
        ({"mode": None}, "mode must be one of"),
        ({"quantize": "int4"}, "quantize must be one of None, 'float16', 'dynamic', 'int8'"),
        ({"quantize": True}, "quantize must be one of"),
        ({"profile": "web"}, "profile must be one of None, 'portable', 'interpreter'"),
        ({"streaming": "chunks"}, "streaming must be one of None, 'step', 'stateful'"),
        ({"batch_size": 0}, r"batch_size must be None \(any\) or at least 1, got 0"),
        ({"length": -3}, "length must be"),
        ({"length": 2.0}, "length must be"),
        ({"length": "8"}, "length must be"),
        ({"step_length": 0, "streaming": "step"}, "step_length must be"),
        ({"step_length": 4}, 'give streaming="step" as well'),
        ({"tolerance": -1e-9}, "tolerance must be"),
        ({"tolerance": float("nan")}, "tolerance must be"),
        ({"profile": "portable", "mode": "fused"}, 'mode="fused" keeps states in variable tensors'),
        ({"streaming": "stateful", "quantize": "int8"}, "do not go together"),
    ],
    ids=str,
)
def test_options_that_make_no_sense(options, words, monkeypatch, tmp_path):
    """They are refused before anything is run."""
    with pytest.raises(ExportError, match=words):
        TFLiteOptions(**options)
    monkeypatch.setattr(tflite, "make_cases", None)
    with pytest.raises(ExportError, match=words):
        to_tflite(make_classifier(), tmp_path / "model.tflite", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["batch_size", "length"])
def test_a_size_that_is_a_bool(name):
    with pytest.raises(ExportError, match=name):
        TFLiteOptions(**{name: True})


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, (None, None, None)),
        ({"batch_size": 3, "length": 7}, (3, 7, None)),
        ({"mode": "fused"}, (1, None, None)),
        ({"mode": "fused", "batch_size": 4}, (4, None, None)),
        ({"streaming": "step"}, (None, None, None)),
        ({"streaming": "stateful"}, (1, None, None)),
        ({"streaming": "stateful", "batch_size": 2, "step_length": 5}, (2, None, 5)),
        ({"profile": "portable", "length": 9}, (1, 9, None)),
        ({"profile": "portable", "length": 9, "streaming": "step"}, (1, 9, 1)),
        ({"profile": "portable", "length": 9, "streaming": "step", "step_length": 3}, (1, 9, 3)),
        ({"profile": "interpreter"}, (None, None, None)),
    ],
    ids=str,
)
def test_the_sizes_that_options_ask_for(options, sizes):
    found = TFLiteOptions(**options).for_model(Signature.of(make_classifier()))
    assert (found.batch_size, found.length, found.step_length) == sizes


def test_a_portable_file_needs_a_length_where_the_model_leaves_it_open(tmp_path):
    with pytest.raises(ExportError, match=r"\{'ids': \(None, None\)\}: give `length`"):
        to_tflite(make_classifier(), tmp_path / "model.tflite", profile="portable")
    frames = keras.Input((6, 3), name="frames")
    model = keras.Model(frames, layers.GRU(2)(frames))
    found = TFLiteOptions(profile="portable").for_model(Signature.of(model))
    assert (found.batch_size, found.length) == (1, None)


def test_unrolling_needs_a_length(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, layers.GRU(2)(keras.layers.Embedding(6, 3)(ids)))
    with pytest.raises(ExportError, match='mode="unroll" needs a fixed length: give `length`'):
        to_tflite(model, tmp_path / "model.tflite", mode="unroll")


def test_unrolling_a_step_needs_its_length(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    model = keras.Model(frames, layers.GRU(2)(frames))
    with pytest.raises(ExportError, match=r"^mode=.unroll. .*`step_length` too"):
        to_tflite(model, tmp_path / "m", mode="unroll", length=4, streaming="step")


def test_all_forms_in_one_file_are_told(tmp_path):
    """A narrow layer unrolls and a wide one loops; both are built from the same options."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(30, 4)(ids)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    wide = layers.GRU(SMALL // 20 + 1, name="wide")(x)
    model = keras.Model(ids, [keras.layers.RNN(keras.layers.GRUCell(2), name="theirs")(x), wide])
    path = tmp_path / "model.tflite"
    report = to_tflite(model, path, length=20, check_inputs=[padded_ids(4, 20)])
    both = model.get_layer("both")
    narrow = [both.forward_layer.name, both.backward_layer.name, "theirs"]
    assert report.forms == {**dict.fromkeys(narrow, "unroll"), "wide": "loop"}
    assert report.file.ops["WHILE"] == 2
    assert report.as_dict()["forms"] == report.forms
    for name, form in report.forms.items():
        assert f"{name} " in str(report)
        assert form in str(report)
