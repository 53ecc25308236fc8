"""Concrete functions as the signatures of a SavedModel."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.export.tracing import tracing


def save_functions(
    functions: Mapping[str, Any],
    folder: Path,
    name: str,
    files: Mapping[str, str] | None = None,
    **parts: Any,
) -> None:
    """Saves concrete functions as the signatures of a SavedModel.

    Args:
        functions: By the name of their signature.
        folder: The folder to write.
        name: The model's name, for errors.
        files: Contents by file name, to lie in the folder's `assets`.
        **parts: What else the SavedModel is to hold.

    Raises:
        ExportError: They could not be saved.
    """
    module = tf.Module()
    # The bare variables that they use, not the layers: loading them back needs no Keras.
    used = {id(v): v for function in functions.values() for v in function.graph.variables}
    module.variables_of_model = list(used.values())
    for part, value in parts.items():
        setattr(module, part, value)
    with tracing(name), tempfile.TemporaryDirectory() as assets:
        module.assets = [_asset(Path(assets, file), text) for file, text in (files or {}).items()]
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(folder), dict(functions), options)


def _asset(path: Path, content: str) -> Any:
    path.write_text(content, encoding="utf-8", newline="")
    return tf.saved_model.Asset(str(path))
