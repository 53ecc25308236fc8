"""Checks of what a recurrent layer is called with, before errors that do not say what is wrong."""

import keras


def check_given(layer, sequences, initial_state, mask) -> None:
    """Refuses shapes that do not belong together, as far as they are known.

    Args:
        layer: The layer.
        sequences: (B, T, F).
        initial_state: None, a state, or a list of states.
        mask: None, (B, T) or (B, T, 1); of a list the first counts.

    Raises:
        ValueError: There are no time steps; states of another number or shape than the cell's; a
            mask that is not one for each step.
    """
    rows, steps = sequences.shape[:2]
    if steps == 0:
        raise ValueError(f"{layer.name} needs at least one time step; got T = 0.")
    if initial_state is not None:
        _check_states(layer, rows, keras.tree.flatten(initial_state))
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    if mask is not None:
        shape = tuple(mask.shape)
        wanted = [(rows, steps), (rows, steps, 1)]
        if not any(_fits(shape, w) for w in wanted):
            raise ValueError(
                f"The mask of {layer.name} must be {_told((rows, steps))}, one boolean for each "
                f"step of the sequences {_told(sequences.shape)}; got {_told(shape)}."
            )


def _check_states(layer, rows, states) -> None:
    cell = layer.cell
    wanted = [(rows, width) for width in cell.widths]
    shapes = [tuple(state.shape) for state in states]
    if len(shapes) != len(wanted) or not all(map(_fits, shapes, wanted)):
        told = ", ".join(f"{n} {_told(w)}" for n, w in zip(cell.states, wanted, strict=True))
        raise ValueError(
            f"The initial state of {layer.name} must be {told}; got "
            f"{', '.join(map(_told, shapes)) or 'none'}."
        )


def _fits(shape, wanted) -> bool:
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a is None or b is None or a == b for a, b in pairs)


def _told(shape) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
