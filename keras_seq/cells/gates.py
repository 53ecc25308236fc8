"""The products of a cell's gates: one tensor, taken apart only where the equations ask for it."""

from collections.abc import Iterator
from typing import Any

from keras import ops


class Gates:
    """Products of N gates side by side, (…, N·U), that equations unpack, index and add.

    Adding two adds them whole, one operation instead of N, so `i, f, g, o = x + r` is both what
    the paper says and the fast way to say it.

    Args:
        product: The gates in one tensor, (…, N·U).
        count: N.

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import Gates
        >>> x = Gates(ops.array([[1.0, 2.0, 3.0, 4.0]]), count=2)
        >>> a, b = x + x
        >>> print(ops.convert_to_numpy(b))
        [[6. 8.]]
    """

    def __init__(self, product: Any, count: int):
        self.product, self.count = product, count
        self._parts: list | None = None

    @classmethod
    def joined(cls, parts: list) -> "Gates":
        """Gates that come one by one."""
        return cls(ops.concatenate(parts, axis=-1), len(parts))

    def __add__(self, other: "Gates") -> "Gates":
        return Gates(self.product + other.product, self.count)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, gate: int) -> Any:
        if self._parts is None:
            self._parts = ops.split(self.product, self.count, axis=-1)
        return self._parts[gate]

    def __iter__(self) -> Iterator[Any]:
        return (self[gate] for gate in range(self.count))
