"""`Set2Set`: against the oracle, the order of the elements, padding, searching, learning."""

import keras
import numpy as np
import pytest
from layers.attending import array, kernel, randomise
from oracle import sets as oracle

from keras_seq.decoding import Beam
from keras_seq.models import Set2Set

F, U, SIZES = 2, 5, (4, 1, 3)
N = max(SIZES)
MASK = np.arange(N) < np.array(SIZES)[:, None]
ELEMENTS = np.random.default_rng(1).normal(size=(3, N, F)).astype("float32")
TARGET = np.array([[1, 4, 6, 3, 5, 2], [1, 3, 2, 0, 0, 0], [1, 5, 3, 4, 2, 0]])
SOURCE = {"elements": ELEMENTS, "mask": MASK}
OPTIONS = {
    "default": {},
    "once": {"process_steps": 2, "once": True},
    "no_steps": {"process_steps": 0, "once": True},
    "no_glimpse": {"process_steps": 3, "glimpse": False},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def made(scale=0.7, **options):
    model = Set2Set(F, U, **options)
    model.build()
    return randomise(model, scale=scale)


def _dense(layer):
    return kernel(layer), array(layer.bias)


def _lstm(cell):
    names = {"kernel": cell.kernel, "recurrent": cell.recurrent_kernel, "bias": cell.bias}
    return {name: array(weight) for name, weight in names.items()}


def _attention(layer):
    query, bias = _dense(layer.query_projection)
    vector = kernel(layer.score_vector)[:, 0]
    return {"query": query, "bias": bias, "key": kernel(layer.key_projection), "vector": vector}


def weights_of(model):
    encoder, decoder = model.encoder, model.decoder
    return {
        "hidden": _dense(encoder.hidden),
        "read": _dense(encoder.read),
        "process": _lstm(encoder.cell) if model.process_steps else None,
        "bridges": [_dense(bridge) for bridge in decoder.bridges],
        "start": array(decoder.start),
        "write": _lstm(decoder.recurrent.cell),
        "look": _attention(decoder.look) if model.glimpse else None,
        "pointer": _attention(decoder.pointer),
    }


def stepped(model, source=SOURCE, tokens=TARGET[:, :-1]):
    decoder = model.decoder
    memory = decoder.prepare(model.encoder(source))
    state, found = decoder.initial_state(memory, tokens.shape[1]), []
    for t in range(tokens.shape[1]):
        logits, state = decoder.step(keras.ops.convert_to_tensor(tokens[:, t]), state, memory)
        found.append(array(logits))
    return np.stack(found, 1)


@each_option
def test_equals_the_oracle_whole_and_step_by_step(options):
    model = made(**options)
    w = weights_of(model)
    (summary,), memories = array_of_summary(model, SOURCE), array(model.encoder(SOURCE).values)
    found = array(model({"source": SOURCE, "target": TARGET}))
    assert found.shape == (3, 5, 3 + N)
    for row, size in enumerate(SIZES):
        memory = oracle.memory_of(ELEMENTS[row, :size].astype("float64"), w)
        star = oracle.process(memory, model.process_steps, w)
        np.testing.assert_allclose(memories[row, :size], memory, atol=1e-5)
        np.testing.assert_allclose(summary[row], star, atol=1e-5)
        tokens = TARGET[row, : size + 1]
        expected = oracle.write(tokens, memory, star, w, model.once)
        for logits in (found[row], stepped(model)[row]):
            real = logits[: size + 1, : 3 + size]
            assert np.all(logits[: size + 1, 3 + size :] < -1e8)
            np.testing.assert_array_equal(real < -1e8, np.isinf(expected))
            possible = np.isfinite(expected)
            np.testing.assert_allclose(real[possible], expected[possible], atol=2e-5)


def array_of_summary(model, source):
    return [array(state) for state in model.encoder(source).states[0]]


def test_the_order_of_the_elements_changes_nothing():
    """Neither what the set amounts to, nor which element is pointed to."""
    model = made()
    order = np.random.default_rng(3).permutation(N)
    places = np.argsort(order)  # element i is now at places[i]
    (before,) = array_of_summary(model, ELEMENTS)
    (after,) = array_of_summary(model, ELEMENTS[:, order])
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert np.abs(before[0] - before[1]).max() > 0.01
    target = np.array([[1, 4, 6, 3, 5, 2]] * 3)
    moved = np.where(target >= 3, 3 + places[np.maximum(target - 3, 0)], target)
    logits = array(model({"source": ELEMENTS, "target": target}))
    again = array(model({"source": ELEMENTS[:, order], "target": moved}))
    np.testing.assert_allclose(again[..., 3 + places], logits[..., 3:], rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(again[..., :3], logits[..., :3])


def test_masked_elements_change_nothing():
    model = made()
    before = array(model({"source": SOURCE, "target": TARGET}))
    for other in (1e6, np.nan):
        dirty = np.where(MASK[..., None], ELEMENTS, np.float32(other))
        after = array(model({"source": {**SOURCE, "elements": dirty}, "target": TARGET}))
        np.testing.assert_allclose(after, before, atol=1e-5)
    alone = model({"source": ELEMENTS[2:, :3], "target": TARGET[2:, :5]})
    np.testing.assert_allclose(array(alone)[0], before[2, :4, :6], rtol=1e-6, atol=1e-5)
    whole = array(model({"source": ELEMENTS, "target": TARGET}))
    assert np.abs(whole - before)[2].max() > 0.01


@each_option
def test_searches_point_to_as_many_as_there_are(options):
    model = made(**options)
    for search in (None, Beam(width=3, n_best=2)):
        found = model.decode(SOURCE, search, max_length=N + 1)
        tokens, scores = array(found.tokens)[:, 0], array(found.scores)[:, 0]
        np.testing.assert_array_equal(array(found.lengths)[:, 0], np.array(SIZES) + 1)
        target = np.pad(tokens, ((0, 0), (1, 0)), constant_values=1).astype(int)
        logits = array(model({"source": SOURCE, "target": target}))
        p = logits - logits.max(-1, keepdims=True)
        p = p - np.log(np.exp(p).sum(-1, keepdims=True))
        for row, size in enumerate(SIZES):
            pointers = tokens[row, :size] - 3
            assert np.all((pointers >= 0) & (pointers < size))
            assert tokens[row, size] == 2
            if model.once:
                assert len(set(pointers)) == size
            score = sum(p[row, t, int(tokens[row, t])] for t in range(size + 1))
            np.testing.assert_allclose(scores[row], score, atol=1e-4)


def test_configuration_types_and_a_file(tmp_path):
    model = made(process_steps=2, glimpse=False, once=True, name="sets")
    model.compile(optimizer=keras.optimizers.Adam(0.02), run_eagerly=True)
    model.fit({"source": SOURCE, "target": TARGET}, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 2
    for a, b in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert loaded.get_config() == model.get_config()
    inputs = {"source": SOURCE, "target": TARGET}
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    full = array(made()(inputs))
    for policy, tolerance in (("mixed_float16", 0.02), ("mixed_bfloat16", 0.15)):
        half = made(dtype=policy)
        for layer in half._flatten_layers(include_self=False):
            if layer.name != "score_vector" and not isinstance(layer, keras.metrics.Metric):
                assert layer.dtype_policy.name == policy, layer.path
        logits = half(inputs)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        np.testing.assert_allclose(array(logits), full, rtol=1e-6, atol=tolerance * 10)


@pytest.mark.parametrize("options", [{}, {"once": True, "process_steps": 0}])
def test_pairs_and_dicts_train(options):
    """Of a model that was not called before."""
    for data in ((ELEMENTS[:1], TARGET[:1]), ({"source": SOURCE, "target": TARGET},)):
        model = Set2Set(F, U, **options)
        model.compile(optimizer=keras.optimizers.Adam(0.05), run_eagerly=True)
        losses = model.fit(*data, epochs=6, verbose=0).history["loss"]
        assert np.all(np.isfinite(losses))
        assert losses[-1] < losses[0]


def test_bad_numbers_are_refused():
    for arguments, words in [
        ((0, 3), "at least 1; got 0 and 3"),
        ((1, 0), "at least 1; got 1 and 0"),
        ((1, 3, -1), "process_steps must be at least 0; got -1"),
    ]:
        with pytest.raises(ValueError, match=words):
            Set2Set(*arguments[:2], process_steps=arguments[2] if arguments[2:] else 1)
    for options in ({"label_smoothing": 0.1}, {"share_embeddings": True}):
        with pytest.raises(ValueError, match=f"{next(iter(options))}: not for a Set2Set"):
            Set2Set(1, 3, **options)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="batches of tf.data")
def test_sets_whose_size_is_not_known_before():
    """Batches of tf.data, each of another size, from one trace of the step."""
    import tensorflow as tf

    def batches():
        for size in (2, 5, 3):
            numbers = np.random.default_rng(size).random((4, size, F)).astype("float32")
            order = np.argsort(numbers[..., 0], axis=1) + 3
            ends = [np.full((4, 1), token) for token in (1, 2)]
            yield numbers, np.concatenate([ends[0], order, ends[1]], 1).astype("int32")

    spec = (tf.TensorSpec((None, None, F)), tf.TensorSpec((None, None), tf.int32))
    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    model = Set2Set(F, U, scheduled_sampling=0.5, seed=3)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]
    again = Set2Set.from_config(model.get_config())
    assert (again.scheduled_sampling, again.seed) == (0.5, 3)


@pytest.mark.long
def test_learns_to_sort():
    """Without `once`, which would leave one score for each number to learn and no order."""
    keras.utils.set_random_seed(2)
    numbers = np.random.default_rng(4).random((4200, 3, 1), np.float32)
    target = np.pad(np.argsort(numbers[..., 0], axis=1) + 3, ((0, 0), (1, 1)), constant_values=1)
    target[:, -1] = 2
    model = Set2Set(1, 32, process_steps=2)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.fit(numbers[:4000], target[:4000], batch_size=80, epochs=8, verbose=0)
    found = array(model.decode(numbers[4000:], max_length=4).tokens)[:, 0]
    assert np.all(found == target[4000:, 1:], axis=1).mean() > 0.9
