"""What all attention layers share: the memory, one query or many, and building in any order."""

import keras
from keras import ops

from keras_seq.layers.attention.memory import AttentionMemory
from keras_seq.layers.attention.scores import full_precision


class AttentionLayer(keras.layers.Layer):
    """Attention with `prepare`, once a sequence, and a call for one query or for many.

    A subclass has a `call(query, memory, …, values_mask=None)`, which begins with `as_memory` and
    ends with `by_steps`. One with weights makes them in `build_values` and `build_queries`, as soon
    as the width of either is known; one that does not compare queries with the values themselves
    makes keys of them in `project`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.values_width = None  # known from the first call of `prepare` or `build`

    def prepare(self, values, mask=None) -> AttentionMemory:
        """What does not depend on the query, once a sequence.

        Args:
            values: (B, S, D).
            mask: Boolean (B, S), True = real data; None: all is.

        Returns:
            The keys, values and mask. What stood in masked values is replaced by zeros.

        Raises:
            ValueError: Values or a mask of a wrong shape; values of another width than before;
                symbolic values.
        """
        if isinstance(values, keras.KerasTensor):
            raise ValueError(
                f"A functional model sees calls of layers alone, so it would lose what {self.name} "
                "prepares: give the values to the call, layer(query, values, values_mask=mask)."
            )
        values = ops.cast(ops.convert_to_tensor(values), self.compute_dtype)
        if len(values.shape) != 3:
            raise ValueError(f"The values of {self.name} must be (B, S, D); got {values.shape}.")
        self._know_values(values.shape[-1])
        if mask is None:
            keys, values = self.project(values)
            return AttentionMemory(keys, values, ops.ones(ops.shape(values)[:2], "bool"))
        mask = ops.cast(mask, "bool")
        steps, given = values.shape[1], mask.shape[1] if len(mask.shape) == 2 else -1
        if given is not None and steps is not None and given != steps:
            raise ValueError(
                f"The mask of {self.name} must be (B, S), one boolean for each of the values "
                f"{tuple(values.shape)}; got {tuple(mask.shape)}."
            )
        # A weight of zero does not stop what is not a number.
        values = ops.where(ops.expand_dims(mask, -1), values, ops.zeros_like(values))
        keys, values = self.project(values)
        return AttentionMemory(keys, values, mask)

    def as_memory(self, memory, values_mask=None) -> AttentionMemory:
        """The memory that a call is given, or the one of the values that it is given."""
        if not isinstance(memory, (tuple, list)):
            return self.prepare(memory, values_mask)
        if values_mask is not None:
            raise ValueError(
                f"{self.name} got a prepared memory, which holds its mask already, and values_mask "
                "as well: give the mask to `prepare`."
            )
        return AttentionMemory(*memory)

    def build(self, query_shape, memory_shape):
        """Makes the weights.

        Args:
            query_shape: (B, U) or (B, T, U).
            memory_shape: (B, S, D), or the shapes of a memory.
        """
        prepared = isinstance(memory_shape[0], (tuple, list))
        if not (prepared and self.values_width):
            self._know_values(self.width_of_values(memory_shape) if prepared else memory_shape[-1])
        self.query_width = query_shape[-1]
        self.build_queries(self.query_width)

    def width_of_values(self, memory_shape) -> int:
        """The width of the values that a memory of these shapes was prepared from."""
        return memory_shape[1][-1]

    def _know_values(self, width):
        if self.values_width is None:
            self.values_width = width
            self.build_values(width)
        elif width != self.values_width:
            raise ValueError(
                f"{self.name} was built for values of width {self.values_width}; got {width}."
            )

    def get_build_config(self):
        """Widths alone: a prepared memory may not tell what it was made of."""
        if not self.built:
            return None
        sequence = (None, None)
        shapes = {
            "query_shape": (*sequence, self.query_width),
            "memory_shape": (*sequence, self.values_width),
        }
        return {"shapes_dict": shapes}

    def by_steps(self, attend, query, *given):
        """`attend` of queries (B, T, U); of (B, U) as of a sequence of one step."""
        rank = len(query.shape)
        if rank not in (2, 3):
            raise ValueError(
                f"The query of {self.name} must be (B, U) or (B, T, U); got {tuple(query.shape)}."
            )
        if rank == 3:
            return attend(query, *given)
        context, weights = attend(ops.expand_dims(query, 1), *given)
        return ops.squeeze(context, axis=-2), ops.squeeze(weights, axis=-2)

    def build_values(self, width):
        """Makes the weights that meet the values."""

    def build_queries(self, width):
        """Makes the weights that meet the queries."""

    def project(self, values):
        """The keys and the values of a memory."""
        return values, values

    def dense(self, units, name, use_bias=False):
        """A projection."""
        return keras.layers.Dense(units, use_bias=use_bias, name=name, dtype=self.dtype_policy)

    def score_vector_of(self, units):
        """The vector of an additive score, which sums in full precision."""
        layer = keras.layers.Dense(
            1, use_bias=False, name="score_vector", dtype=full_precision(self.compute_dtype)
        )
        layer.build((None, units))
        return layer

    def check_equal_widths(self, instead):
        """Refuses a product of queries and values of different widths."""
        if self.query_width != self.values_width:
            raise ValueError(
                f"{self.name} multiplies queries and values, which must have one width; got "
                f"{self.query_width} and {self.values_width}. {instead}"
            )

    def compute_mask(self, query, mask=None):
        """None: the mask is in the weights."""
        return None
