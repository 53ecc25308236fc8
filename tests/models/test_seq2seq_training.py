"""`Seq2Seq` of each decoder: it learns, in halves too, and is the same in another process."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from layers.attending import array

from keras_seq.models import (
    BahdanauDecoder,
    ChoDecoder,
    LuongDecoder,
    RecurrentEncoder,
    Seq2Seq,
    SutskeverDecoder,
    TransformerDecoder,
    TransformerEncoder,
)

from .pairs import DECODERS, SOURCE, TOKENS, made

TARGET = np.pad(TOKENS, ((0, 0), (0, 1)), constant_values=3)


def able(name):
    """A pair large enough to learn 16 pairs by heart."""
    if name == "transformer":
        options = {"units": 32, "layers": 1, "heads": 2, "dropout": 0.0}
        return TransformerEncoder(20, **options), TransformerDecoder(20, **options)
    kinds = {
        "bahdanau": (BahdanauDecoder, "gru"),
        "luong": (LuongDecoder, "lstm"),
        "cho": (ChoDecoder, "gru"),
        "sutskever": (SutskeverDecoder, "lstm"),
    }
    kind, cell = kinds[name]
    options = {"embedding_units": 24, "units": 40}
    return RecurrentEncoder(20, cell=cell, **options), kind(20, **options)


@pytest.mark.long
@pytest.mark.parametrize("name", ["bahdanau", "transformer"])
def test_learns_a_batch_by_heart(name):
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(2)
    source, target = (random.integers(4, 20, (16, n)) for n in (6, 7))
    target[:, 0] = 2
    for row, length in enumerate(random.integers(3, 7, 16)):
        source[row, length:], target[row, length] = 0, 3
        target[row, length + 1 :] = 0
    model = Seq2Seq(*able(name))
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    # 150 steps as one epoch: epochs take time of their own.
    steps = (np.tile(ids, (150, 1)) for ids in (source, target))
    before = model.evaluate(source, target, verbose=0, return_dict=True)
    model.fit(*steps, batch_size=16, verbose=0)
    after = model.evaluate(source, target, verbose=0, return_dict=True)
    assert before["loss"] > 2
    assert after["loss"] < 0.05
    assert after["accuracy"] == 1
    found = array(model.decode(source, max_length=6).tokens)[:, 0]
    np.testing.assert_array_equal(found, target[:, 1:])


@pytest.mark.parametrize("name", ["luong", "transformer"])
def test_a_step_in_half_precision(name):
    """The weights stay in float32, and the loss is finite and falls."""
    model = Seq2Seq(*made(name, dtype="mixed_float16"))
    model.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
    losses = model.fit(SOURCE, TARGET, epochs=6, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}


_IN_FRESH_PROCESS = """
import sys
import keras, numpy as np
import keras_seq.models
folder, *names = sys.argv[1:]
ids = dict(np.load(f"{folder}/ids.npz"))
for name in names:
    model = keras.models.load_model(f"{folder}/{name}.keras")
    logits, found = model(ids), model.decode(ids["source"], max_length=5)
    np.savez(f"{folder}/{name}.npz", logits=logits, tokens=found.tokens, scores=found.scores)
"""


@pytest.mark.slow
def test_a_saved_model_is_the_same_in_a_fresh_process(tmp_path):
    ids = {"source": SOURCE, "target": TARGET}
    np.savez(tmp_path / "ids.npz", **ids)
    models = {name: Seq2Seq(*made(name), label_smoothing=0.1, seed=4) for name in DECODERS}
    encoder = RecurrentEncoder(12, 4, embedding_units=5, layers=2, bidirectional=True)
    decoder = BahdanauDecoder(12, 4, embedding_units=5, coverage=True)
    models["shared"] = Seq2Seq(encoder, decoder, share_embeddings=True)
    for name, model in models.items():
        model.build()
        if name == "shared":  # with its optimizer
            model.compile(optimizer="adam", run_eagerly=True)
            model.fit(ids, verbose=0)
        model.save(tmp_path / f"{name}.keras")
    command = [sys.executable, "-c", _IN_FRESH_PROCESS, str(tmp_path), *models]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "UserWarning" not in done.stderr, done.stderr[-3000:]
    for name, model in models.items():
        there, found = np.load(tmp_path / f"{name}.npz"), model.decode(SOURCE, max_length=5)
        np.testing.assert_allclose(
            there["logits"], array(model(ids)), rtol=1e-5, atol=1e-6, err_msg=name
        )
        np.testing.assert_array_equal(there["tokens"], found.tokens, err_msg=name)
        np.testing.assert_allclose(there["scores"], found.scores, rtol=1e-5, atol=1e-5)


def test_figures_of_batches_of_other_lengths_are_of_tokens():
    """Each token weighs the same, however long the others of its batch are."""
    model = Seq2Seq(
        RecurrentEncoder(9, 4, embedding_units=3), BahdanauDecoder(8, 4, embedding_units=3)
    )
    model.compile(optimizer="adam")
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    source = np.array([[5, 7, 4], [8, 4, 0]])
    long = [[2, 5, 7, 4, 6, 5, 3], [2, 4, 3, 0, 0, 0, 0]]
    batches = [
        {"source": source, "target": np.array(target)} for target in ([[2, 3, 0], [2, 6, 3]], long)
    ]
    figures = model.evaluate(((batch,) for batch in batches), verbose=0, return_dict=True)
    losses, right = [], []
    for batch in batches:
        logits = keras.ops.convert_to_numpy(model(batch)).astype("float64")
        logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        after = batch["target"][:, 1:]
        real = after != 0
        losses += (-np.take_along_axis(logp, after[..., None], -1)[..., 0])[real].tolist()
        right += (logits.argmax(-1) == after)[real].tolist()
    assert len(losses) == 11
    np.testing.assert_allclose(figures["loss"], np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(figures["accuracy"], np.mean(right), rtol=1e-5)
