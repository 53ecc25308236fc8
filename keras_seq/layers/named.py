"""Recurrent layers by name, for options that a user types."""

import difflib

from keras_seq.layers.cell_layer import CellLayer, snake_case


def recurrent_layers() -> dict[str, type[CellLayer]]:
    """Every recurrent layer with a cell of its own, by its name in snake case.

    Subclasses of `CellLayer` that a user defines are among them, under their own names.

    Example:
        >>> from keras_seq.layers import recurrent_layers
        >>> recurrent_layers()["peephole_lstm"].__name__
        'PeepholeLSTM'
    """
    found, waiting = {}, [CellLayer]
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        if hasattr(kind, "cell_class"):
            found[snake_case(kind.__name__)] = kind
    return found


def recurrent_layer(name: str) -> type[CellLayer]:
    """The recurrent layer of that name.

    Args:
        name: As in `recurrent_layers`: "lstm", "gru", "peephole_lstm".

    Raises:
        ValueError: There is none; the message tells the nearest.

    Example:
        >>> from keras_seq.layers import recurrent_layer
        >>> recurrent_layer("gru")(4).units
        4
    """
    known = recurrent_layers()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, 1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(sorted(known))}."
    raise ValueError(f"There is no recurrent layer {name!r}. {hint}")
