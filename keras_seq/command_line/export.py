"""The verb `export`: from the file that Keras saved to files for other runtimes."""

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import re
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_seq.models  # noqa: F401 registers the layers and models that a file may name
from keras_seq.export.atomic import replacing
from keras_seq.export.errors import ExportError
from keras_seq.export.report import TFLiteReport
from keras_seq.export.saved_model import to_saved_model
from keras_seq.export.tflite import to_tflite

_OPTIONS = ("mode", "quantize", "profile", "batch_size", "length", "streaming", "step_length")


def export(options: argparse.Namespace) -> TFLiteReport | None:
    """Writes what the options name: all of it, or nothing.

    Args:
        options: As `command_line` parses them.

    Returns:
        What is known of the TFLite file; None if none was asked for.

    Raises:
        ExportError: The model could not be loaded, or was refused.
    """
    if not options.tflite and not options.saved_model:
        raise ExportError("Nothing to write: give --tflite FILE, --saved-model DIR, or both.")
    arguments = {name: value for name in _OPTIONS if (value := getattr(options, name)) is not None}
    if options.attach:
        arguments["files"] = _attached(options.attach)
    if options.representative:
        arguments["representative_data"] = [arrays_of(options.representative)]
    if arguments and not options.tflite:
        raise ExportError(
            f"Options of a TFLite file, and no such file ({', '.join(arguments)}): add --tflite."
        )
    if options.quantize == "int8" and not options.representative:
        raise ExportError(
            "--quantize int8 fits its whole numbers to data: give --representative DATA, an .npz "
            "of inputs as the model takes them, by name; a hundred rows are enough."
        )
    own = {} if options.max_length is None else {"max_length": options.max_length}
    tolerance = {} if options.tolerance is None else {"tolerance": options.tolerance}
    for module in options.python:
        import_code(module)
    model = load_model(options.model)

    with contextlib.ExitStack() as places:
        # All are moved into place at the end, so that one that fails leaves the others alone.
        if options.report:
            draft = places.enter_context(replacing(Path(options.report)))
            draft.touch()
        report = None
        if options.tflite:
            lite = places.enter_context(replacing(Path(options.tflite)))
            report = to_tflite(model, lite, **arguments, **own, **tolerance)
            report = replace(report, file=replace(report.file, path=Path(options.tflite)))
        if options.saved_model:
            # Rounding is the TFLite file's: what is let through there is no measure here.
            exact = {} if options.quantize else tolerance
            to_saved_model(model, options.saved_model, **own, **exact)
        if options.report:
            found = {"tflite": report.as_dict()} if report is not None else {}
            found |= {"saved_model": options.saved_model} if options.saved_model else {}
            draft.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return report


def load_model(path: str | os.PathLike[str]) -> Any:
    """Loads a .keras file.

    Args:
        path: The file.

    Raises:
        ExportError: No such file, not a .keras, or one that names classes that nobody registered.
    """
    path = Path(path)
    if path.is_dir():
        raise ExportError(f"{path} is a folder; expected a .keras file, as model.save writes it.")
    if not path.is_file():
        raise ExportError(f"Could not read {path}: no such file.")
    if not zipfile.is_zipfile(path):
        how = "expected what model.save('model.keras') writes"
        if path.suffix in (".h5", ".hdf5"):
            how = "it is in Keras' older format: load it in Keras, and save it as .keras"
        raise ExportError(f"{path} is not a .keras file, or is cut off; {how}.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        raise ExportError(_why_not_loaded(path, error)) from error


def _why_not_loaded(path: Path, error: Exception) -> str:
    words = str(error)
    if match := re.search(r"Could not locate (class|function) '(\w+)'", words):
        return (
            f"{path} needs the {match[1]} {match[2]!r}, which is neither Keras' nor this "
            f"library's. Name the Python file or module that defines it, --python my_code.py, "
            "and decorate it there with @keras.saving.register_keras_serializable()."
        )
    if "lambda" in words.lower():
        return (
            f"{path} holds a Lambda layer, which is Python code of whoever saved it, and is not "
            "run. Make it a layer of its own class, and name its file with --python."
        )
    first = next((line for line in words.splitlines() if line.strip()), type(error).__name__)
    return f"{path} could not be loaded ({type(error).__name__}): {first.strip()[:300]}"


def import_code(module: str) -> None:
    """Imports a module by its name, or a Python file by its path.

    Args:
        module: Such as "my_package.layers" or "my_layers.py".

    Raises:
        ExportError: There is none, or it fails.
    """
    try:
        if not module.endswith(".py"):
            sys.path.insert(0, os.getcwd())  # as `python -m` has it
            importlib.import_module(module)
            return
        path = Path(module)
        if not path.is_file():
            raise ExportError(f"--python {module}: no such file.")
        sys.path.insert(0, str(path.parent.resolve()))  # for what lies beside it
        importlib.import_module(path.stem)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(f"--python {module} fails: {type(error).__name__}: {error}") from error


def arrays_of(path: str | os.PathLike[str]) -> dict[str, np.ndarray] | np.ndarray:
    """Reads arrays that NumPy saved: an .npz as arrays by name, an .npy as the one it is.

    Args:
        path: The file.

    Raises:
        ExportError: It cannot be read.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except OSError as error:
        raise ExportError(f"Could not read {path}: {error.strerror or error}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ExportError(
            f"{path} is not what numpy.save or numpy.savez writes, or holds Python objects; "
            "expected arrays of numbers."
        ) from error


def _attached(paths: list[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in map(Path, paths):
        if path.name in files:
            raise ExportError(f"Two attached files have the name {path.name!r}: rename one.")
        files[path.name] = path.read_bytes()
    return files
