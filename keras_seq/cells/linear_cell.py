"""Cells whose state is linear in the state before it."""

from keras_seq.cells.cell import Cell


class LinearCell(Cell):
    r"""A cell whose new state is linear in the old one, by coefficients of the input alone.

    $$h_t = a_t \odot h_{t-1} + b_t$$

    There is no recurrent product, hence no `recurrent_kernel`, and its options have nothing to act
    on. Because no coefficient waits for a state, all steps can be had at once: where the time loop
    is not compiled, layers run a scan over chunks in its place.

    A subclass names its `gates` and writes `coefficients`.

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import LinearCell
        >>> class DecayCell(LinearCell):
        ...     gates = ("a", "b")
        ...
        ...     def coefficients(self, x):
        ...         return ops.sigmoid(x[0]), x[1]
        >>> output, _ = DecayCell(3)(ops.ones((2, 5)), [ops.zeros((2, 3))])
        >>> tuple(output.shape)
        (2, 3)
    """

    @property
    def recurrent_gates(self):
        """None."""
        return ()

    def coefficients(self, x):
        """The equations.

        Args:
            x: `Gates`: the projected inputs, G times (…, U), bias included.

        Returns:
            a and b, each (…, U).
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no equations: override `coefficients`."
        )

    def step(self, x, states, recur):
        """One step; see the class."""
        a, b = self.coefficients(x)
        return (a * states[0] + b,)
