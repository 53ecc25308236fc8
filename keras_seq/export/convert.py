"""Converts a SavedModel to TFLite. Run as a program, in a process of its own.

`keras_seq.export.to_tflite` starts it, because the converter can end its whole process. It is
started by its path, not as a module, so that it imports TensorFlow and nothing else.
"""

import sys
from pathlib import Path

import tensorflow as tf


def main(saved_model: str, output: str) -> None:
    """Converts the `serving_default` signature of `saved_model` with builtin ops only."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=["serving_default"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
