"""Converts a SavedModel to TFLite. Run as a program, in a process of its own.

`keras_seq.export.converter` starts it, because the converter can end its whole process. It is
started by its path, not as a module, so that it imports TensorFlow and nothing else.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def main(folder: str) -> None:
    """Converts `saved_model` in a folder to `model.tflite` there, as its `options.json` says."""
    place = Path(folder)
    options = json.loads((place / "options.json").read_text())
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(place / "saved_model"), signature_keys=options["signatures"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.allow_custom_ops = options["allow_custom_ops"]
    if options["quantize"]:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # A scale for each column needs a version of FULLY_CONNECTED that older runtimes lack.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = options[
            "one_scale"
        ]
    if options["quantize"] == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if options["quantize"] == "int8":
        converter.representative_dataset = lambda: _batches(place, options)
    (place / "model.tflite").write_bytes(converter.convert())


def _batches(place, options):
    for signature, names in options["representative"]:
        for name in names:
            with np.load(place / name) as arrays:
                # A single signature is fed without its name.
                batch = dict(arrays)
                yield (signature, batch) if len(options["signatures"]) > 1 else batch


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
