"""What every decoder has in common: one step, and all steps of a known target."""

from typing import Any

import keras
from keras import ops

State = Any  # a dict of tensors, each with the batch first
Memory = Any  # nested tensors, each with the batch first


class Decoder(keras.layers.Layer):
    """A network that predicts each target token from those before it and from an encoded source.

    It is used in two ways, which give equal values:

    * `decoder(tokens, encoded)`: the logits after each token of a known target, as in training;
    * `decoder.step(token, state, memory)`: one token at a time, as in a search.

    A subclass gives `prepare`, `initial_state`, `step` and `call`.

    Attributes:
        vocabulary_size: V, the number of target ids.
        embedding: The `TokenEmbedding` of the target tokens.
    """

    vocabulary_size: int
    embedding: Any

    def prepare(self, encoded: Any) -> Memory:
        """What all steps read of the source, computed once.

        Args:
            encoded: An `Encoded`.

        Returns:
            Tensors with the batch first, in any structure: a search repeats them for each beam.
        """
        raise NotImplementedError

    def initial_state(self, memory: Memory, length: int) -> State:
        """The state before the first step.

        Args:
            memory: What `prepare` gave.
            length: The largest number of steps to come.

        Returns:
            A dict of tensors with the batch first. Where the decoder looks at the source, its entry
            "attention", (B, S), has the weights of the last step.
        """
        raise NotImplementedError

    def nowhere(self, mask: Any) -> Any:
        """Attention weights before the first step: zeros, of the type that attention gives.

        Args:
            mask: That of the source, (B, S).
        """
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        return ops.zeros(ops.shape(mask), dtype)

    def step(self, token: Any, state: State, memory: Memory) -> tuple[Any, State]:
        """The logits after one more token.

        Args:
            token: Ids (B,).
            state: The state before it.
            memory: What `prepare` gave.

        Returns:
            Logits (B, V) of the next token, and the new state.
        """
        raise NotImplementedError
