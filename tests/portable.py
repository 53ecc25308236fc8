"""A model with the recurrent layers that are run in other runtimes of TFLite, and its exports."""

import keras
import numpy as np
from ai_edge_litert.compiled_model import CompiledModel

from keras_seq import layers
from keras_seq.export import to_tflite
from keras_seq.export.runtime import SIGNATURE

LENGTH, WORDS = 40, 50  # steps for a loop, not only for the ones that are unrolled
UNITS = 24  # smaller matrices are left in float32 by the converter

LAYERS = {
    "lstm": lambda: layers.LSTM(UNITS),
    "gru": lambda: layers.GRU(UNITS, return_sequences=True),
    "bidirectional": lambda: layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True)),
    "simple_rnn": lambda: layers.SimpleRNN(UNITS, go_backwards=True),
    "peephole_lstm": lambda: layers.PeepholeLSTM(UNITS),
    "layer_norm_gru": lambda: layers.LayerNormGRU(UNITS),
    "min_gru": lambda: layers.MinGRU(UNITS, return_sequences=True),
}


def build(seed=1):
    """Every layer over masked ids, and an LSTM over frames without a mask, as named outputs."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    frames = keras.Input((None, 3), name="frames")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(WORDS, UNITS)(ids)
    outputs = {name: make()(x, mask=mask) for name, make in LAYERS.items()}
    outputs["unmasked"] = layers.LSTM(4, return_sequences=True)(frames)
    model = keras.Model({"ids": ids, "frames": frames}, outputs, name="portable")
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(random.normal(scale=0.2, size=weight.shape))
    return model


def inputs(rows, seed=0):
    """Inputs for `rows` runs, of the shapes that the file takes; the ids end in padding."""
    random = np.random.default_rng(seed)
    ids = random.integers(1, WORDS, (rows, LENGTH)).astype("int32")
    real = np.arange(LENGTH) < random.integers(1, LENGTH + 1, (rows, 1))
    frames = random.normal(size=(rows, LENGTH, 3)).astype("float32")
    return [{"ids": (ids * real)[i : i + 1], "frames": frames[i : i + 1]} for i in range(rows)]


def export(model, path, **options):
    """Writes the portable file of the model."""
    if options.get("quantize") == "int8":
        options["representative_data"] = inputs(40, seed=5)
    return to_tflite(
        model,
        path,
        profile="portable",
        length=LENGTH,
        check_inputs=inputs(4, seed=9),
        **options,
    )


class Compiled:
    """A signature of a .tflite in LiteRT's CompiledModel, called with arrays by input name."""

    def __init__(self, path, signature=SIGNATURE):
        self._model, self._signature = CompiledModel.from_file(str(path)), signature

    def __call__(self, arrays):
        model, key = self._model, self._signature
        names = model.get_signature_list()[key]
        inputs = {n: model.create_input_buffer_by_name(key, n) for n in names["inputs"]}
        outputs = {n: model.create_output_buffer_by_name(key, n) for n in names["outputs"]}
        for name, buffer in inputs.items():
            buffer.write(np.ascontiguousarray(arrays[name]))
        model.run_by_name(key, inputs, outputs)
        details, found = model.get_output_tensor_details(key), {}
        for name, buffer in outputs.items():
            shape, dtype = details[name]["shape"], np.dtype(details[name]["dtype"])
            found[name] = buffer.read(int(np.prod(shape)), dtype.type).reshape(shape)
        return found


def largest_difference(outputs, expected):
    """Between what two runtimes give, arrays by name, flat or not; NaN if one of them holds NaN."""
    assert set(outputs) == set(expected)
    differences = []
    for name, value in expected.items():
        assert np.size(outputs[name]) == np.size(value), name
        differences.append(np.abs(np.ravel(outputs[name]) - np.ravel(value)).max())
    return np.max(differences)
