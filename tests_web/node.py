"""The programs beside this file, run under Node."""

import json
import subprocess
from pathlib import Path

import numpy as np


class NodeError(RuntimeError):
    """What a program told as its error."""


def ask(program, question):
    """Runs a program: JSON in, JSON out."""
    done = subprocess.run(
        ["node", str(Path(__file__).with_name(program))],
        input=json.dumps(question).encode(),
        capture_output=True,
        timeout=120,
    )
    if done.returncode:
        raise NodeError(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def litert_js(file, inputs, signature=None):
    """Runs a .tflite in LiteRT.js on each of `inputs`, arrays by name; gives flat arrays alike."""
    flat = [{name: np.ravel(a).tolist() for name, a in arrays.items()} for arrays in inputs]
    answers = ask("run.mjs", {"file": str(file), "inputs": flat, "signature": signature})
    return [{name: np.array(a, "float32") for name, a in arrays.items()} for arrays in answers]
