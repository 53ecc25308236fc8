"""Converts SavedModels to TFLite. Run as a program, in a process of its own.

`keras_seq.export.conversions` starts it, because the converter can end its whole process. It is
started by its path, not as a module, so that it imports TensorFlow and nothing else.

With a folder it converts what lies there. With `--serve SECONDS` it converts one folder after the
other, each in a fork of its own, until it is not asked for that long: TensorFlow is imported once.
"""

import json
import os
import select
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


def serve(idle: float) -> None:
    """Reads folders from standard input, a line each, and answers with the code of the fork."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with os.fdopen(0, "rb", buffering=0) as questions:
        while select.select([questions], [], [], idle)[0] and (line := questions.readline()):
            folder = line.decode().rstrip("\n")
            if not (child := os.fork()):
                said = os.open(Path(folder) / "said.txt", os.O_WRONLY | os.O_CREAT)
                os.dup2(said, 1)
                os.dup2(said, 2)
                os._exit(attempt(folder))
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def attempt(folder: str) -> int:
    """Converts, and gives the exit code; what went wrong is said on standard error."""
    try:
        main(folder)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(float(sys.argv[2]))
    else:
        sys.exit(attempt(sys.argv[1]))
