"""What a layer holds beside its options, copied to another: weights, states, what is trainable."""

import tempfile
from pathlib import Path
from typing import Any

import keras


def copy_values(old: Any, new: Any) -> None:
    """Makes `new` hold what `old` holds.

    Weights, the states of stateful layers, the vocabularies of text layers, and which parts are
    trainable. The two are of one structure; an unbuilt `old` leaves `new` unbuilt.
    """
    if old is new:
        return
    if old.built and not new.built:
        new.build_from_config(old.get_build_config())
    if new.trainable != old.trainable:
        new.trainable = old.trainable  # of all its parts too, hence before them
    parts, counterparts = _parts(old), _parts(new)
    for name, part in parts.items():
        copy_values(part, counterparts[name])
    if not is_network(old):
        _copy_weights(old, new)
    if isinstance(old, keras.layers.RNN) and old.states is not None:
        for source, target in zip(old.states, new.states, strict=True):
            target.assign(keras.ops.convert_to_numpy(source))


def is_network(layer: Any) -> bool:
    """Whether it is a model that Keras knows the layers of: sequential or functional."""
    functional = isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    return functional or isinstance(layer, keras.Sequential)


def _parts(layer: Any) -> dict[str, Any]:
    """The layers inside a layer, as far as they can be known."""
    if is_network(layer):
        return {
            part.name: part
            for part in layer.layers
            if not isinstance(part, keras.layers.InputLayer)
        }
    names = ("layer", "forward_layer", "backward_layer", "cell")
    found = {name: getattr(layer, name, None) for name in names}
    return {name: part for name, part in found.items() if isinstance(part, keras.layers.Layer)}


def _copy_weights(old: Any, new: Any) -> None:
    store: dict[str, Any] = {}
    old.save_own_variables(store)
    if len(store) == len(old.weights):
        # What Keras does on loading: layers such as Normalization derive values from their weights.
        values = {key: keras.ops.convert_to_numpy(value) for key, value in store.items()}
        new.load_own_variables(values)
    else:
        new.set_weights(old.get_weights())
    if hasattr(old, "save_assets"):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            # Keras writes the vocabulary of a layer that has none yet, but cannot read it.
            if _assets(old, folder) != _assets(new, other):
                new.load_assets(folder)


def _assets(layer: Any, folder: str) -> dict[Path, bytes]:
    layer.save_assets(folder)
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}
