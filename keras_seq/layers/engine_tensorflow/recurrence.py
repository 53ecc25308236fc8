"""What is carried through time, as the fast way sees it: a cell, or a step of any kind."""

from collections.abc import Callable, Sequence

from keras_seq.cells import Cell, Gates
from keras_seq.layers.loops import Given, project, run_function, run_loop, with_dropout


class OfCell:
    """The recurrence of a cell.

    Attributes:
        name: Its name, for errors.
        variables: What it may read.
    """

    def __init__(self, cell: Cell):
        self.cell, self.name, self.variables = cell, cell.name, cell.variables

    def width(self, x) -> int:
        """The columns of x when it is projected."""
        return len(self.cell.gates) * self.cell.units

    def project(self, x, dropout: tuple = ()):
        """What the steps read of x, (…, F) to (…, width)."""
        return project(self.cell, x, dropout)

    def step(self, x, states: tuple, dropout: tuple, memory: tuple) -> tuple:
        """The new states, from projected x."""
        recur = with_dropout(self.cell.recur, self.cell, dropout)
        return tuple(self.cell.step(Gates(x, len(self.cell.gates)), states, recur))

    def read(self, variables: list, given, ops: set):
        """All of the variables: what the steps do not read, projecting does."""
        return variables, given

    def plain(self, given: Given, collect: bool):
        """All steps by the plain loop."""
        return run_loop("plain", self.cell, given, collect)


class OfFunction:
    """The recurrence of a step that is no cell: (x_t, states, memory) -> states.

    Args:
        function: The step; its memory is a flat tuple, what can be differentiated first.
        variables: What it may read.
    """

    name = "a step"

    def __init__(self, function: Callable, variables: Sequence):
        self.function, self.variables = function, variables

    def width(self, x) -> int:
        """The columns of x."""
        return x.shape[-1]

    def project(self, x, dropout: tuple = ()):
        """The steps read x as it is."""
        return x

    def step(self, x, states: tuple, fixed: tuple, memory: tuple) -> tuple:
        """The new states."""
        return tuple(self.function(x, states, (*memory, *fixed)))

    def read(self, variables: list, given, ops: set):
        """The variables whose weights are among the operations of the step, and these weights."""
        pairs = zip(variables, given.weights, strict=True)
        kept = [(variable, weight) for variable, weight in pairs if weight.op in ops]
        return [v for v, _ in kept], given._replace(weights=tuple(w for _, w in kept))

    def plain(self, given: Given, collect: bool):
        """All steps by the plain loop."""
        memory = (*given.memory, *given.recurrent_dropout)
        return run_function("plain", self.function, given.x, given.states, memory)
