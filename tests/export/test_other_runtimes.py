"""The same files in LiteRT's CompiledModel, which takes less than the interpreter does."""

import portable
import pytest

from keras_seq.export import to_tflite

from .examples import make_classifier, padded_ids


def test_recurrent_layers_give_keras_values(tmp_path):
    model, path = portable.build(), tmp_path / "model.tflite"
    report = portable.export(model, path, mode="loop")
    assert report.portability == []
    run = portable.Compiled(path)
    for arrays in portable.inputs(5):  # one after another: no state may stay
        expected = model(arrays, training=False)
        assert portable.largest_difference(run(arrays), expected) <= 1e-6


def test_dynamic_sizes_need_the_interpreter(tmp_path):
    path = tmp_path / "model.tflite"
    report = to_tflite(make_classifier(), path)
    assert report.portability
    with pytest.raises(RuntimeError, match="larger than the tensor buffer"):
        portable.Compiled(path)({"ids": padded_ids(3, 7, size=6)})
