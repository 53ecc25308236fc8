"""Searches as builtin ops of TFLite, with unknown sizes of the batch and of the source."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from oracle import search as oracle

from keras_seq.decoding import Beam, Greedy, Sampling

from .translator import Translator

LENGTH = 7
SEARCHES = {
    "greedy": lambda noise: Greedy(),
    "drawn": lambda noise: Sampling(0.9, top_k=5, top_p=0.8, noise=noise),
    "beam": lambda noise: Beam(4, 2, 0.6, 0.2),
}
SPECS = {
    "first": tf.TensorSpec((None, 20), tf.float32, "first"),
    "memory": tf.TensorSpec((None, None, 20), tf.float32, "memory"),
    "mask": tf.TensorSpec((None, None), tf.bool, "mask"),
    "noise": tf.TensorSpec((None, LENGTH), tf.float32, "noise"),
}


@pytest.mark.slow
def test_equal_values_in_the_mobile_runtime(tmp_path):
    translator, module = Translator(oracle.TinyTranslator(2)), tf.Module()

    def searched(name):
        def found(**given):
            search = SEARCHES[name](given.pop("noise"))
            found = translator.search(
                search, given, max_length=LENGTH, with_attention=True, forbidden=(0, 1)
            )
            return found._asdict()

        return tf.function(found, autograph=False).get_concrete_function(**SPECS)

    signatures = {name: searched(name) for name in SEARCHES}
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    random = np.random.default_rng(0)
    for rows, positions in ((slice(0, 4), 6), (slice(2, 3), 4)):
        given = translator.given(rows)
        given["memory"], given["mask"] = (
            given["memory"][:, :positions],
            given["mask"][:, :positions],
        )
        given["noise"] = random.random((len(given["first"]), LENGTH)).astype("float32")
        for name in SEARCHES:
            lite = interpreter.get_signature_runner(name)(**given)
            rest = {key: value for key, value in given.items() if key != "noise"}
            expected = translator.search(
                SEARCHES[name](given["noise"]),
                rest,
                max_length=LENGTH,
                with_attention=True,
                forbidden=(0, 1),
            )
            for field, value in expected._asdict().items():
                np.testing.assert_allclose(lite[field], value, atol=2e-5, err_msg=(name, field))
