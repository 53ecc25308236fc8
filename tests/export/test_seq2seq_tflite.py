"""A .tflite that searches: its searches, its steps, and what is refused."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from portable import Compiled

from keras_seq import models
from keras_seq.decoding import Beam, Greedy, Sampling
from keras_seq.export import ExportError, TFLiteOptions, to_tflite
from keras_seq.export import tflite as tflite_module
from keras_seq.export.runtime import TFLiteModel
from keras_seq.export.searching import searching
from keras_seq.export.searching.functions import search_functions
from keras_seq.export.searching.searching import Searching
from keras_seq.export.searching.steps import step_by_step

from .examples import make_classifier
from .translators import (
    END,
    LENGTH,
    NAMES,
    SEARCHES,
    SOURCES,
    TARGETS,
    decoder,
    greedy_outside,
    sources,
    translator,
)

ENDS = {
    "bahdanau": ({"attention_keys", "attention_values", "attention_mask"}, {"layers_0_0"}, True),
    # Keys and values are one tensor, and come once.
    "luong": ({"attention_keys", "attention_mask"}, {"fed", "layers_0_0", "layers_0_1"}, True),
    "cho": ({"summary"}, {"layers_0_0"}, False),
    "sutskever": (set(), {f"layers_{n}_{m}" for n in (0, 1) for m in (0, 1)}, False),
    "transformer": (
        # The mask of both blocks is one tensor, and comes once.
        {"0_keys", "0_values", "0_mask", "1_keys", "1_values"},
        {f"caches_{n}_{end}" for n in (0, 1) for end in ("keys", "values", "mask")} | {"position"},
        True,
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_what_goes_from_step_to_step(name):
    function = search_functions(translator(name), None, LENGTH)["greedy"]
    encode, step = step_by_step(function, function.fixed(1, 6))
    memory, state, attention = ENDS[name]
    states = {f"state_{end}" for end in state}
    carried = {f"memory_{end}" for end in memory} | states
    assert set(step.inputs) == {"token"} | carried
    assert set(encode.function().structured_outputs) == carried
    told = step.function().structured_outputs
    assert set(told) == {"logits"} | states | ({"attention"} if attention else set())
    assert all(None not in tensor.shape for tensor in told.values())
    assert all(tensor.dtype in (tf.float32, tf.int32) for tensor in told.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "bahdanau",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("transformer", "cho", "luong", "sutskever")
        ),
    ],
)
def test_equal_to_keras_at_any_size(name, tmp_path):
    model, path = translator(name), tmp_path / "model.tflite"
    given = [sources(4, 9, seed=5)]
    report = to_tflite(model, path, searches=SEARCHES, max_length=LENGTH, check_inputs=given)
    assert set(report.comparisons) == {"greedy", "beam", "encode", "decode_step"}
    assert report.comparisons["greedy"].equal == report.comparisons["beam"].equal == 1
    assert report.comparisons["decode_step"].difference < 1e-4
    assert "decode_step against Keras" in str(report)

    lengths, run = set(), TFLiteModel(path, "encode").signature
    decoders = {key: decoder(model, search) for key, search in SEARCHES.items()}
    # The longest first: where a later run needs more room than the first, see Limits in
    # docs/EXPORT.md, the runtime itself may give wrong values.
    for rows, length in ((3, 14), (5, 9), (1, 4), (2, 1)):
        source = sources(rows, length, seed=length)
        for key in SEARCHES:
            found = run(key)({"source": source})
            expected = decoders[key](source)
            np.testing.assert_array_equal(found["tokens"], expected.tokens)
            np.testing.assert_array_equal(found["lengths"], expected.lengths)
            np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5, atol=2e-5)
            lengths |= set(np.ravel(found["lengths"]))
        tokens = decoders["greedy"](source).tokens.numpy()[:, 0]
        whole = [row[: row.index(END) + 1] if END in row else row for row in tokens.tolist()]
        assert greedy_outside(path, source) == whole
    assert len(lengths) >= 3

    # Beside the model's call, which makes all steps at once.
    source, target = sources(2, 8, seed=3), sources(2, LENGTH + 1, seed=4) % TARGETS
    target[:, 0] = model.start
    carried = run("encode")({"source": source})
    expected = model({"source": source, "target": target})
    for t in range(LENGTH):
        found = run("decode_step")({"token": np.ascontiguousarray(target[:, t]), **carried})
        np.testing.assert_allclose(found["logits"], expected[:, t], rtol=1e-5, atol=2e-5)
        carried |= {end: found[end] for end in carried if end in found}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer"])
def test_portable_and_in_compiled_model(name, tmp_path):
    model, path = translator(name), tmp_path / "model.tflite"
    options = {"profile": "portable", "length": 9, "searches": SEARCHES, "max_length": LENGTH}
    report = to_tflite(model, path, **options)
    assert report.portability == []
    assert report.file.variable_tensors == ()
    interpreted = TFLiteModel(path, "encode").signature
    for seed in range(3):  # one after another: nothing may stay
        given = {"source": sources(1, 9, seed)}
        for key in SEARCHES:
            assert_equal(Compiled(path, key)(given), interpreted(key)(given))
        carried = interpreted("encode")(given)
        assert_equal(Compiled(path, "encode")(given), carried)
        step = {"token": np.array([5], "int32"), **carried}
        assert_equal(Compiled(path, "decode_step")(step), interpreted("decode_step")(step))


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=2e-6, err_msg=name)


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """A larger model, how it is exported, and its report without rounding."""
    keras.utils.set_random_seed(1)
    encoder = models.RecurrentEncoder(SOURCES, 40, cell="lstm", embedding_units=16)
    model = models.Seq2Seq(encoder, models.LuongDecoder(TARGETS, 40, embedding_units=16))
    model.build()
    options = {"max_length": LENGTH, "mode": "loop", "length": 8, "batch_size": 2}
    path = tmp_path_factory.mktemp("exact") / "model.tflite"
    return model, options, to_tflite(model, path, **options)


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["float16", "dynamic"])
def test_rounded_weights(quantize, exact, tmp_path, monkeypatch):
    model, options, exact = exact
    given = {"quantize": quantize, "check_inputs": [sources(20, 8)], **options}
    path = tmp_path / "rounded.tflite"
    report = to_tflite(model, path, **given)
    assert report.file.size < exact.file.size
    assert {"float16": "float16", "dynamic": "int8"}[quantize] in str(report.file.weights).lower()
    step, greedy = (report.comparisons[name] for name in ("decode_step", "greedy"))
    assert step.tolerance.of == "mean"
    assert step.difference > exact.comparisons["decode_step"].difference
    assert greedy.tolerance.of == "nothing"
    assert 0.5 < greedy.equal <= 1
    content = path.read_bytes()
    monkeypatch.setattr(tflite_module, "convert", lambda *_, **options: content)
    with pytest.raises(ExportError, match="differs on average"):
        to_tflite(model, path, tolerance=1e-7, **given)


@pytest.mark.slow
def test_drawn_with_numbers_from_outside(tmp_path):
    model, path = translator("cho"), tmp_path / "model.tflite"
    to_tflite(model, path, searches={"drawn": Sampling(3.0, top_k=9)}, max_length=LENGTH)
    noise = np.random.default_rng(0).random((3, LENGTH), "float32")
    source = sources(3, 6)
    found = TFLiteModel(path, "drawn")({"source": source, "noise": noise})
    expected = model.decode(source, Sampling(3.0, top_k=9, noise=noise), max_length=LENGTH)
    assert len(set(np.ravel(expected.tokens))) > 4
    np.testing.assert_array_equal(found["tokens"], expected.tokens)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A file, and what it is made of."""
    model = translator("bahdanau")
    path = tmp_path_factory.mktemp("lying") / "model.tflite"
    options = {"batch_size": 2, "length": 5, "mode": "unroll"}
    to_tflite(model, path, searches=SEARCHES, max_length=4, **options)
    return path, Searching.of(model, TFLiteOptions(**options), SEARCHES, 4, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signature", "output"),
    [
        ("greedy", "tokens"),
        ("beam", "lengths"),
        ("beam", "scores"),
        ("encode", "memory_attention_keys"),
        ("encode", "memory_attention_mask"),
        ("decode_step", "logits"),
        ("decode_step", "attention"),
        ("decode_step", "state_layers_0_0"),
    ],
)
def test_other_values_are_refused(exported, signature, output, monkeypatch):
    path, expected = exported

    class Lying(TFLiteModel):
        def signature(self, name):
            run = super().signature(name)

            def lie(inputs):
                found = run(inputs)
                if name == signature:
                    changed = found[output].copy()
                    changed.flat[-1] += 1 if changed.dtype.kind == "i" else 1e-3
                    found[output] = changed
                return found

            return lie

    expected.compared(path)
    monkeypatch.setattr(searching, "TFLiteModel", Lying)
    with pytest.raises(ExportError, match=f"`{signature}` is refused"):
        expected.compared(path)
    # Of rounded numbers nobody asks which tokens come of them; the steps are held to their mean.
    rounded = replace(expected, options=replace(expected.options, quantize="dynamic"))
    rounded.compared(path)


def test_options_that_do_not_suit(monkeypatch, tmp_path):
    model = translator("cho")
    monkeypatch.setattr(tflite_module, "convert", None)
    for options, words in (
        ({"quantize": "int8"}, 'Take "dynamic"'),
        ({"streaming": "step"}, "`encode` and `decode_step` anyway"),
        ({"output_name": "x"}, "leave output_name out"),
        ({"profile": "portable"}, "give `length`"),
        ({"max_length": 0}, "max_length must be at least 1"),
        ({"max_length": True}, "max_length must be at least 1"),
        ({"searches": {}}, "such as"),
        ({"searches": {"beam": "beam"}}, "such as Beam"),
        ({"searches": {"encode": Greedy()}}, "cannot be called 'encode'"),
        ({"searches": {"a b": Greedy()}}, "cannot be called 'a b'"),
        ({"searches": {"translate": Beam(2)}}, "cannot be called 'translate'"),
        ({"check_inputs": [np.zeros((0, 3), "int32")]}, "each size at least 1"),
    ):
        with pytest.raises(ExportError, match=words):
            to_tflite(model, tmp_path / "model.tflite", **options)
    assert list(tmp_path.iterdir()) == []


def test_searches_are_for_models_that_write(tmp_path):
    for options in ({"searches": {"greedy": Greedy()}}, {"max_length": 9}):
        with pytest.raises(ExportError, match="for models that write sequences"):
            to_tflite(make_classifier(), tmp_path / "model.tflite", **options)


def test_models_that_cannot_be_exported(tmp_path):
    fresh = type(translator("cho")).from_config(translator("cho").get_config())
    with pytest.raises(ExportError, match=r"call model.build\(\) first"):
        to_tflite(fresh, tmp_path / "model.tflite")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = translator("cho")
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(ExportError, match="half precision"):
        to_tflite(half, tmp_path / "model.tflite")
