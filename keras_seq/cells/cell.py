"""What every cell has in common: a cell is a list of gates and one equation block."""

import keras
from keras import ops

from keras_seq.cells.gates import Gates
from keras_seq.cells.options import ConfigFromOptions, converted, positive_integer


class Cell(ConfigFromOptions, keras.layers.Layer):
    r"""One time step of a recurrent network, stated as its equations.

    A subclass names its `gates` and `states` and writes `combine`: everything that happens after
    the two products of a recurrent step,

    $$x_t = W^\top \mathrm{input}_t + b, \qquad r_t = R^\top h_{t-1} \; (+\, b_r).$$

    From these the weights, their shapes, initial values, the initial state and the configuration
    follow. The columns of `kernel` $W$ (F, G·U), `recurrent_kernel` $R$ (U, G·U) and `bias` (G·U)
    come in blocks of U columns, one for each of the G gates in the order of `gates`.

    A cell may add weights of its own in `build`, which its equations read as attributes; those
    above belong to the products. States that are not U wide are told
    in `widths`. Gates without a recurrent product come last, and `recurrent_gates` leaves them out.

    Two tiers:

    * override `combine(x, r, states)` when all that the equations need is the two products;
    * override `step(x, states, recur)` when a second product depends on a gate (the reset gate of
      the original GRU), and call `recur(h, gate, …)` for each product.

    Class attributes:
        gates: Names of the gates: the column blocks of the kernels, in order.
        states: Names of the states. The first is the output and goes into the recurrent product.
        open_gates: Gates whose bias starts at one, so that they begin open.
        recurrent_bias: Whether the recurrent product has a bias of its own; `bias` is then
            (2, G·U), the input's row first.

    Args:
        units: U, the size of each state, a positive integer.
        activation: Non-linearity of the candidate and of the output.
        use_bias: Whether the gates have a bias.
        kernel_initializer: Initial values of `kernel`.
        recurrent_initializer: Initial values of `recurrent_kernel`.
        bias_initializer: Initial values of `bias`, but for the `open_gates`.
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        kernel_constraint: Constraint on `kernel`.
        recurrent_constraint: Constraint on `recurrent_kernel`.
        bias_constraint: Constraint on `bias`.
        **kwargs: What every Keras layer takes (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: One time step, (B, F).
        states: The states before it, each (B, U).

    Returns:
        The output (B, U) and the list of new states, each (B, U).

    Raises:
        ValueError: `units` is not a positive integer.

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import Cell
        >>> class LeakyCell(Cell):
        ...     gates = ("z", "h")
        ...
        ...     def combine(self, x, r, states):
        ...         z = ops.sigmoid(x[0] + r[0])
        ...         return (z * states[0] + (1 - z) * self.activation(x[1] + r[1]),)
        >>> output, states = LeakyCell(3)(ops.ones((2, 5)), [ops.zeros((2, 3))])
        >>> tuple(output.shape)
        (2, 3)
    """

    gates: tuple[str, ...] = ()
    states: tuple[str, ...] = ("h",)
    open_gates: tuple[str, ...] = ()
    recurrent_bias = False

    def __init__(
        self,
        units,
        *,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        units = positive_integer(self, "units", units)
        super().__init__(**kwargs)
        self.units = units
        self.activation = converted("activation", activation)
        self.use_bias = use_bias
        self.kernel_initializer = converted("initializer", kernel_initializer)
        self.recurrent_initializer = converted("initializer", recurrent_initializer)
        self.bias_initializer = converted("initializer", bias_initializer)
        self.kernel_regularizer = converted("regularizer", kernel_regularizer)
        self.recurrent_regularizer = converted("regularizer", recurrent_regularizer)
        self.bias_regularizer = converted("regularizer", bias_regularizer)
        self.kernel_constraint = converted("constraint", kernel_constraint)
        self.recurrent_constraint = converted("constraint", recurrent_constraint)
        self.bias_constraint = converted("constraint", bias_constraint)

    @property
    def widths(self) -> tuple[int, ...]:
        """The columns of each state: U."""
        return (self.units,) * len(self.states)

    @property
    def recurrent_gates(self) -> tuple[str, ...]:
        """The gates with a recurrent product: all, or the first of `gates`."""
        return self.gates

    @property
    def recurrent_shape(self) -> tuple[int, ...]:
        """The shape of `recurrent_kernel`."""
        return self.widths[0], len(self.recurrent_gates) * self.units

    @property
    def state_size(self) -> int | list[int]:
        """`widths` as Keras wants them: a bare integer for one state, a list for several."""
        return self.widths[0] if len(self.widths) == 1 else list(self.widths)

    @property
    def output_size(self) -> int:
        """The columns of the output."""
        return self.widths[0]

    def build(self, input_shape):
        """Creates `kernel`, `recurrent_kernel` and `bias` for inputs (B, F)."""
        columns = len(self.gates) * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], columns),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = None
        if self.recurrent_gates:
            self.recurrent_kernel = self.add_weight(
                shape=self.recurrent_shape,
                name="recurrent_kernel",
                initializer=self.recurrent_initializer,
                regularizer=self.recurrent_regularizer,
                constraint=self.recurrent_constraint,
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(2, columns) if self.recurrent_bias else (columns,),
                name="bias",
                initializer=self._initial_bias if self.open_gates else self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _initial_bias(self, shape, dtype=None):
        """`bias_initializer` everywhere but in the gates that start open."""
        block = (*shape[:-1], self.units)
        return ops.concatenate(
            [
                ops.ones(block, dtype)
                if gate in self.open_gates
                else self.bias_initializer(block, dtype=dtype)
                for gate in self.gates
            ],
            axis=-1,
        )

    def project(self, inputs, *gates):
        """The input product, (…, F) to (…, G·U), of the named gates or of all."""
        bias = self.bias[0] if self.bias is not None and self.recurrent_bias else self.bias
        return self._product(inputs, self.kernel, bias, gates)

    def recur(self, h, *gates):
        """The recurrent product, (B, U) to `Gates`, of the named gates or of all."""
        bias = self.bias[1] if self.bias is not None and self.recurrent_bias else None
        product = self._product(h, self.recurrent_kernel, bias, gates)
        return Gates(product, len(gates or self.recurrent_gates))

    def _product(self, values, kernel, bias, gates):
        if gates and gates != self.gates:
            kernel = self._columns(kernel, gates)
            bias = None if bias is None else self._columns(bias, gates)
        product = ops.matmul(values, kernel)
        return product if bias is None else product + bias

    def _columns(self, weight, gates):
        blocks = (self.gates.index(gate) * self.units for gate in gates)
        return ops.concatenate([weight[..., b : b + self.units] for b in blocks], axis=-1)

    def combine(self, x, r, states):
        """The equations: the new states from the products of each gate and the old states.

        Args:
            x: `Gates`: the projected inputs, G times (B, U), bias included.
            r: `Gates`: the recurrent products, G times (B, U).
            states: Tuple of the old states, each (B, U).

        Returns:
            Tuple of the new states, the output first.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no equations: override `combine`, or `step`."
        )

    def step(self, x, states, recur):
        """One step from projected inputs.

        Args:
            x: `Gates`: the projected inputs, G times (B, U), bias included.
            states: Tuple of the old states, each (B, U).
            recur: Function of (h, gate, …) that gives the `Gates` of the recurrent products of the
                named gates; the layer's recurrent dropout is inside it.

        Returns:
            Tuple of the new states, the output first.
        """
        return self.combine(x, recur(states[0], *self.recurrent_gates), states)

    def call(self, inputs, states, training=False):
        """Does one step; see the class."""
        nested = isinstance(states, (list, tuple))
        old = tuple(states) if nested else (states,)
        x = Gates(self.project(inputs), len(self.gates))
        new = self.step(x, old, self.recur)
        return new[0], list(new) if nested else new[0]

    def get_initial_state(self, batch_size=None):
        """Zeros, each (B, U)."""
        return [ops.zeros((batch_size, width), dtype=self.compute_dtype) for width in self.widths]


class GatedCell(Cell):
    """A cell with gates beside its candidate.

    Args:
        units: U, the size of each state.
        recurrent_activation: Non-linearity of the gates.
        **kwargs: See `Cell`.
    """

    def __init__(self, units, *, recurrent_activation="sigmoid", **kwargs):
        super().__init__(units, **kwargs)
        self.recurrent_activation = converted("activation", recurrent_activation)
