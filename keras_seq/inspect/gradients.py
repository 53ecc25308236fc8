"""How much of the gradient of a loss reaches the states of earlier steps."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.cells import Gates
from keras_seq.inspect.arguments import recurrent, sequence
from keras_seq.inspect.around import Around, run_in_graph, runner


def gradient_flow(layer, inputs, mask=None, loss=None, *, relative=False, per_state=False) -> Any:
    r"""The norm of the gradient that reaches the states at each time step.

    $$g_t = \frac{1}{B} \sum_b \Big\| \frac{\partial L}{\partial s_t^{(b)}} \Big\|$$

    where $s_t$ are all states after step t side by side, and $L$ is a loss of the last output. It
    tells how much of what the end learns reaches the beginning: the gradient through time
    vanishes, explodes or holds. Inference: no dropout. A stateful layer starts from its states.

    Args:
        layer: Any `Recurrent` layer, with a cell of one's own too. Of a `Bidirectional` its
            `forward_layer` or its `backward_layer`.
        inputs: (B, T, F).
        mask: Boolean (B, T), True = real data. At a masked step the state is that of the step
            before, and so is the gradient.
        loss: Function of the last output, the first state after the last step, (B, U), as a tensor;
            gives one number or one for each of the batch, which are summed. If not given,
            $\sum_b d^\top h_T^{(b)}$ with a fixed random direction d of norm 1.
        relative: Whether to divide by the norm at the last step: 1 there, and no units.
        per_state: Whether to give each state by itself; with `relative`, relative to the norm of
            all states at the last step.

    Returns:
        (T,), or with `per_state` a dictionary of such by the names of the states. The order is that
        of reading, the last step last: in a layer that reads backwards the last number belongs to
        the first of `inputs`.

    Raises:
        TypeError: `layer` is not a recurrent layer of this library.
        ValueError: `inputs` or `mask` have other shapes; `relative`, and no gradient comes from
            the loss.
        NotImplementedError: The backend is not TensorFlow.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_seq.inspect import gradient_flow
        >>> from keras_seq.layers import SimpleRNN
        >>> half = keras.initializers.Identity(0.5)
        >>> layer = SimpleRNN(2, activation="linear", recurrent_initializer=half)
        >>> print(gradient_flow(layer, np.zeros((1, 4, 3))).round(4))
        [0.125 0.25  0.5   1.   ]
    """
    layer = recurrent(layer, "gradient_flow")
    given = sequence(layer, inputs, mask)
    cell, (batch, steps) = layer.cell, given.inputs.shape[:2]
    real = np.ones((batch, steps)) if given.mask is None else given.mask
    run = runner(_Nudged(layer), layer)
    loss = loss or _along_a_direction(cell.output_size)

    def flow(given, states):
        nudges = given[-1]
        with tf.GradientTape() as tape:
            tape.watch(nudges)
            outputs = run(tf.concat(given, axis=-1), states)
            total = tf.reduce_sum(loss(outputs[:, -1]))
        return tape.gradient(total, nudges, unconnected_gradients="zero")

    dtype = layer.compute_dtype
    nudges = np.zeros((batch, steps, sum(cell.widths)))
    arrays = [tf.cast(array, dtype) for array in (given.inputs, real[..., None], nudges)]
    found = tf.cast(run_in_graph(flow, arrays, given.states), tf.float64).numpy()
    if layer.go_backwards:
        found = found[:, ::-1]
    norms = np.linalg.norm(found, axis=-1).mean(axis=0)
    whole = norms[-1] if relative else 1.0
    if not whole:
        raise ValueError("relative: the loss has no gradient at the last step.")
    if not per_state:
        return norms / whole
    parts = np.split(found, np.cumsum(cell.widths)[:-1], axis=-1)
    each = [np.linalg.norm(part, axis=-1).mean(axis=0) / whole for part in parts]
    return dict(zip(cell.states, each, strict=True))


def _along_a_direction(width):
    """The loss that is the output's part along a random direction: it has a gradient of norm 1."""
    direction = np.random.default_rng(0).normal(size=width)
    direction /= np.linalg.norm(direction)
    return lambda output: keras.ops.matmul(output, tf.cast(direction[:, None], output.dtype))


class _Nudged(Around):
    """Adds to the states after each step a nudge that comes with the input.

    The gradient of the nudges is that of the states. The mask is inside too, for the loop would
    keep a masked step from its nudge.

    The input is (B, F + 1 + W): the cell's, the mask, the nudges.
    """

    @property
    def widths(self):
        """Those of the cell."""
        return self.cell.widths

    def project(self, inputs, *gates):
        """The cell's input product, and beside it what else has come."""
        features = inputs.shape[-1] - 1 - sum(self.widths)
        product = self.cell.project(inputs[..., :features], *gates)
        return tf.concat([product, inputs[..., features:]], axis=-1)

    def step(self, x, states, recur):
        """One step of the cell, masked and nudged."""
        more = 1 + sum(self.widths)
        product, real, nudges = tf.split(x.product, [x.product.shape[-1] - more, 1, more - 1], -1)
        new = self.step_of(self.cell, Gates(product, x.count), states, recur)
        each = zip(new, states, tf.split(nudges, self.widths, axis=-1), strict=True)
        return tuple(tf.where(real > 0, n, old) + nudge for n, old, nudge in each)
