"""`Recurrent`: a cell carried over a sequence, with masks, dropout and state."""

import keras
from keras import ops

from keras_seq.cells import Cell
from keras_seq.layers.carried import carried
from keras_seq.layers.engine import run_cell
from keras_seq.layers.given import check_given
from keras_seq.layers.loops import Given
from keras_seq.layers.zoneout import WithZoneout, zoneout_masks


@keras.saving.register_keras_serializable("keras_seq")
class Recurrent(keras.layers.RNN):
    """Runs any keras_seq cell over time: `keras.layers.RNN` with this library's loop.

    Dropout masks are drawn once a sequence and shared by its steps.

    Args:
        cell: A `keras_seq.cells.Cell`.
        return_sequences: Whether to return the output of every step or of the last.
        return_state: Whether to return the final states after the output.
        go_backwards: Whether to read the sequence from its end; outputs are then in that order.
        stateful: Whether the final states of a batch are the initial states of the next. On JAX,
            as in Keras, this holds when the layer is called, not in `fit` and `predict`.
        unroll: Whether to unroll the loop; needs a fixed T.
        zero_output_for_mask: Whether masked steps give zeros or repeat the output before them.
        dropout: Fraction of the inputs to drop, in [0, 1).
        recurrent_dropout: Fraction of the recurrent input to drop, in [0, 1). With it each gate
            has masks of its own, as in Keras.
        zoneout: Probability of each unit's state to stay as it was at a step, in [0, 1), drawn anew
            at every step; one for all states, or a list of one for each. In inference a state is
            the mean of both.
        seed: Seed of the dropout and of the zoneout.
        **kwargs: What every Keras layer takes; the `dtype` is the cell's if not given.

    Call arguments:
        sequences: (B, T, F), T at least 1.
        initial_state: List of the initial states, each (B, U); zeros if not given.
        mask: Boolean (B, T), True = real data. A masked step leaves the states as they are.
        training: Whether dropout is active.

    Returns:
        (B, T, U) or (B, U), and with `return_state` each final state (B, U) after it.

    Raises:
        TypeError: `cell` is not a keras_seq cell.
        ValueError: A rate outside [0, 1); recurrent dropout where there is no recurrent product;
            a number of zoneout rates that is not that of the states; other types of number in the
            layer and in its cell; sequences, states or a mask of a wrong shape; T = 0, where it is
            known when the layer is traced, or an unknown T in an unrolled layer.

    Example:
        >>> import keras
        >>> from keras_seq.cells import LSTMCell
        >>> from keras_seq.layers import Recurrent
        >>> layer = Recurrent(LSTMCell(4), return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        The dropout is that of Gal & Ghahramani, "A theoretically grounded application of dropout in
        recurrent neural networks" (2016, arXiv 1512.05287); zoneout is that of Krueger et al.,
        "Zoneout: regularizing RNNs by randomly preserving hidden activations" (2016, arXiv
        1606.01305).
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        *,
        dropout=0.0,
        recurrent_dropout=0.0,
        zoneout=0.0,
        seed=None,
        **kwargs,
    ):
        if not isinstance(cell, Cell):
            raise TypeError(
                f"Recurrent runs keras_seq cells; got {type(cell).__name__}. Use keras.layers.RNN "
                "for other cells, and stack Recurrent layers instead of cells."
            )
        rates = zoneout if isinstance(zoneout, (list, tuple)) else [zoneout] * len(cell.states)
        if len(rates) != len(cell.states):
            raise ValueError(
                f"zoneout must be one rate, or a list of one for each state of {cell.name} "
                f"({', '.join(cell.states)}); got {zoneout!r}."
            )
        named = [("dropout", dropout), ("recurrent_dropout", recurrent_dropout)]
        for name, rate in [*named, *(("zoneout", rate) for rate in rates)]:
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must be in [0, 1), got {rate!r}.")
        if recurrent_dropout and not cell.recurrent_gates:
            raise ValueError(
                f"{cell.name} has no recurrent product to drop from; got recurrent_dropout="
                f"{recurrent_dropout!r}. Use dropout or zoneout."
            )
        kwargs["dtype"] = kwargs.get("dtype") or cell.dtype_policy
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )
        if self.compute_dtype != cell.compute_dtype:
            raise ValueError(
                f"The layer computes in {self.compute_dtype} and its cell in {cell.compute_dtype}; "
                "give both the same dtype."
            )
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.dropout, self.recurrent_dropout, self.seed = dropout, recurrent_dropout, seed
        self.zoneout, self.zoneout_rates = zoneout, tuple(rates)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        # A whole model compiled as one program is compiled anew for each length, and XLA runs one
        # after the other what the loop would run side by side.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def build(self, sequences_shape, initial_state_shape=None):
        """Builds the cell, and from then on wants sequences of as many features."""
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    def compute_mask(self, sequences, mask=None):
        """The mask of the output: that of the sequences, if sequences are returned."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """See the class."""
        check_given(self, sequences, initial_state, mask)
        if initial_state is not None and carried():
            raise ValueError(
                f"{self.name} starts from states that the model gives it, and cannot go on from "
                "those of another chunk as well."
            )
        return super().call(sequences, initial_state, mask=mask, training=training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The loop over time, called by `keras.layers.RNN`.

        Returns:
            The last output (B, U), all outputs (B, T, U) and the final states.
        """
        states, carrier = tuple(initial_state), carried()
        if carrier:
            states = carrier.start(self, states)
        input_masks, recurrent_masks = self._dropout_masks(sequences, states[0], training)
        x, mask = sequences, _of_steps(mask)
        if self.go_backwards:
            x, mask = ops.flip(x, 1), None if mask is None else ops.flip(mask, 1)
        masks, cell = () if mask is None else (mask,), self.cell
        if any(self.zoneout_rates):
            if training:
                masks = zoneout_masks(x, cell, self.zoneout_rates, mask, self.seed_generator)
            else:
                cell = WithZoneout(cell, self.zoneout_rates)
        given = Given(x, states, masks, input_masks, recurrent_masks)
        outputs, states = run_cell(
            cell,
            given,
            training=bool(training),
            collect=self.return_sequences,
            final=self.return_state or self.stateful or carrier is not None,
            unroll=self.unroll,
        )
        if carrier:
            carrier.end(self, states)
        return self._as_keras(outputs, states, mask, began=carrier is not None)

    def _as_keras(self, outputs, states, mask, began):
        """Keras' outputs at masked steps, where only the states are what the loop gives.

        Before the first real step, and with `zero_output_for_mask` at every masked step, the
        output is zero, even where the initial state is not. A sequence that began in another
        chunk has had its first real step, or its state is still zero.
        """
        if began and not self.zero_output_for_mask:
            mask = None
        if not self.return_sequences:
            last = states[0]
            if mask is not None:
                real = mask[:, -1] if self.zero_output_for_mask else ops.any(mask, axis=1)
                last = ops.where(real, last, ops.zeros_like(last))
            return last, ops.expand_dims(last, 1), list(states)
        if mask is not None:
            real = mask if self.zero_output_for_mask else _seen(mask)
            outputs = ops.where(real, outputs, ops.zeros_like(outputs))
        return outputs[:, -1], outputs, list(states)

    def _dropout_masks(self, sequences, state, training):
        """Scaled 0/1 masks for the input and for the recurrent input: none, one, or one a gate."""
        gates = len(self.cell.gates) if self.recurrent_dropout else 1

        def draw(like, rate):
            if not (training and rate):
                return ()
            ones = ops.ones_like(like)
            return tuple(
                keras.random.dropout(ones, rate, seed=self.seed_generator) for _ in range(gates)
            )

        inputs = draw(sequences[:, 0], self.dropout)
        return inputs, draw(state, self.recurrent_dropout)

    def get_config(self):
        """The configuration, the cell's included."""
        own = {
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
        if any(self.zoneout_rates):  # no namesake in Keras knows the word
            own["zoneout"] = self.zoneout
        return {**super().get_config(), **own}


def _of_steps(mask):
    """(B, T) or (B, T, 1) to boolean (B, T, 1); of a list the first, as in Keras."""
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    return mask if len(mask.shape) == 3 else ops.expand_dims(mask, -1)


def _seen(mask):
    """(B, T, 1): whether a real step has come by then."""
    return ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
