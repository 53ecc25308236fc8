"""Cells whose products are normalised before the gates see them."""

import keras
from keras import ops

from keras_seq.cells.cell import GatedCell
from keras_seq.cells.gates import Gates
from keras_seq.cells.lstm import ForgetGateCell
from keras_seq.cells.options import converted


class LayerNormCell(GatedCell):
    r"""A cell that normalises its two products.

    $$\mathrm{LN}(a; \alpha, \beta) =
      \alpha \odot (a - \mathrm{mean}(a)) / \sqrt{\mathrm{var}(a) + \epsilon} + \beta$$

    The shifts $\beta$ of the products are the `bias`, which comes after the norm: the equations
    read it as `self.shift`.

    Args:
        units: U, the size of each state.
        epsilon: What is added to the variance. Where a product is exactly zero, as at blank steps
            before the first input, a norm multiplies gradients by $1 / \sqrt{\epsilon}$; many such
            steps in a row let them overflow.
        gain_initializer: Initial values of the gains.
        gain_regularizer: Penalty on the gains.
        gain_constraint: Constraint on the gains.
        **kwargs: See `Cell` and `GatedCell`.
    """

    def __init__(
        self,
        units,
        *,
        epsilon=1e-5,
        gain_initializer="ones",
        gain_regularizer=None,
        gain_constraint=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.epsilon = epsilon
        self.gain_initializer = converted("initializer", gain_initializer)
        self.gain_regularizer = converted("regularizer", gain_regularizer)
        self.gain_constraint = converted("constraint", gain_constraint)

    def build(self, input_shape):
        """Creates `gain` (2, G·U), the input product's row first, after the weights of `Cell`."""
        super().build(input_shape)
        self.gain = self.add_gain("gain", (2, len(self.gates) * self.units))
        self.shift, self.bias = self.bias, None  # so that the products come without it

    def add_gain(self, name, shape):
        """A weight with the options of the gains."""
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=self.gain_initializer,
            regularizer=self.gain_regularizer,
            constraint=self.gain_constraint,
        )

    def norm(self, values, gain, shift=None):
        """LN of the last axis; see the class."""
        return ops.layer_normalization(values, gain, shift, epsilon=self.epsilon)


@keras.saving.register_keras_serializable("keras_seq")
class LayerNormLSTMCell(LayerNormCell, ForgetGateCell):
    r"""Long short-term memory with layer normalisation.

    $$(i, f, g, o) = \mathrm{LN}(W^\top x_t; \alpha_x, b) + \mathrm{LN}(R^\top h_{t-1}; \alpha_h)$$
    $$c_t = \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \qquad
      h_t = \sigma(o) \odot \tanh(\mathrm{LN}(c_t; \alpha_c, \beta_c))$$

    A norm runs over all 4·U columns of a product, as in the paper. What is carried on is $c_t$
    itself. Gate order of the weights: i, f, c, o. `gain` (2, 4·U) holds $\alpha_x, \alpha_h$,
    `cell_gain` (U) $\alpha_c$ and `cell_bias` (U) $\beta_c$.

    Args:
        units: U, the size of each state, at least 2: the norm of one number is nothing.
        epsilon: What is added to the variance.
        gain_initializer: Initial values of the gains.
        gain_regularizer: Penalty on the gains.
        gain_constraint: Constraint on the gains.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        **kwargs: See `Cell` and `GatedCell`; `use_bias` and the options of `bias` are those of
            `cell_bias` too.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c]`, each (B, U).

    Example:
        >>> from keras_seq.cells import LayerNormLSTMCell
        >>> cell = LayerNormLSTMCell(3)
        >>> cell.build((None, 5))
        >>> [weight.name for weight in cell.weights]
        ['kernel', 'recurrent_kernel', 'bias', 'gain', 'cell_gain', 'cell_bias']

    Reference:
        Ba, Kiros & Hinton, "Layer normalization" (2016, arXiv 1607.06450), supplementary material.
        The shifts of the two products and the bias, which the paper only ever adds up, are one
        weight here. Its text starts the gains at zero and the shifts at one; that must be meant the
        other way round.
    """

    gates = ("i", "f", "c", "o")
    states = ("h", "c")

    def build(self, input_shape):
        """Creates `cell_gain` and `cell_bias` after the weights of `LayerNormCell`."""
        super().build(input_shape)
        self.cell_gain = self.add_gain("cell_gain", (self.units,))
        self.cell_bias = None
        if self.use_bias:
            self.cell_bias = self.add_weight(
                shape=(self.units,),
                name="cell_bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        normed = self.norm(x.product, self.gain[0], self.shift)
        normed += self.norm(r.product, self.gain[1])
        i, f, g, o = Gates(normed, 4)
        c = sigmoid(f) * states[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(self.norm(c, self.cell_gain, self.cell_bias)), c


@keras.saving.register_keras_serializable("keras_seq")
class LayerNormGRUCell(LayerNormCell):
    r"""Gated recurrent unit with layer normalisation.

    $$(z, r) = \mathrm{LN}(W_{zr}^\top x_t; \alpha_x, b) +
      \mathrm{LN}(R_{zr}^\top h_{t-1}; \alpha_h, b_r)$$
    $$n = \tanh(\mathrm{LN}(W_h^\top x_t; \alpha_{xh}, b_h) +
      \sigma(r) \odot \mathrm{LN}(R_h^\top h_{t-1}; \alpha_{hh}, b_{rh}))$$
    $$h_t = (1 - \sigma(z)) \odot h_{t-1} + \sigma(z) \odot n$$

    The norms run over the 2·U columns of both gates and over the U columns of the candidate. Gate
    order of the weights: z, r, h. `gain` and `bias` (2, 3·U) have the input's row first. Unlike in
    `GRUCell`, and as in the paper, z lets the new in.

    Args:
        units: U, the size of the state, at least 2: the norm of one number is nothing.
        epsilon: What is added to the variance.
        gain_initializer: Initial values of `gain`.
        gain_regularizer: Penalty on `gain`.
        gain_constraint: Constraint on `gain`.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import LayerNormGRUCell
        >>> cell = LayerNormGRUCell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.gain.shape)
        (2, 9)

    Reference:
        Ba, Kiros & Hinton, "Layer normalization" (2016, arXiv 1607.06450), supplementary material.
    """

    gates = ("z", "r", "h")
    recurrent_bias = True

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        x_gates, x_n = self._normed(x.product, 0)
        h_gates, h_n = self._normed(r.product, 1)
        z, r = Gates(x_gates + h_gates, 2)
        n = tanh(x_n + sigmoid(r) * h_n)
        return ((1 - sigmoid(z)) * h + sigmoid(z) * n,)

    def _normed(self, product, row):
        """The product of both gates and that of the candidate, each with its norm."""

        def normed(columns):
            shift = None if self.shift is None else self.shift[row, columns]
            return self.norm(product[:, columns], self.gain[row, columns], shift)

        return normed(slice(2 * self.units)), normed(slice(2 * self.units, None))
