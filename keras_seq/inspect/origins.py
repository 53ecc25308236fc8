"""What each column of a tensor is made of."""

import numpy as np

# Kinds of what comes from a gate, each a table of gates by columns: the input product, and the
# same with the sign changed; the recurrent products; what was activated of the gate's block.
_X, _X_NEGATIVE, _R, _R_NEGATIVE, _ACTIVATED = range(5)
# What else is known of a column: that it has an activated value in it, or a state, and that it is
# more than a sum.
_HAS_ACTIVATED, _HAS_STATE, _BENT = range(3)


class Origins:
    """What each column of a tensor is made of.

    Args:
        gates: Number of gates.
        width: Number of columns.
    """

    def __init__(self, gates: int, width: int):
        self.of_gates = np.zeros((5, gates, width), bool)
        self.flags = np.zeros((3, width), bool)

    @classmethod
    def of_product(cls, gates: int, block: int, products) -> "Origins":
        """Blocks of columns, one for each of the products' gates."""
        made = cls(gates, len(products.gates) * block)
        kind = _R if products.recurrent else _X
        for place, gate in enumerate(products.gates):
            made.of_gates[kind, gate, place * block : (place + 1) * block] = True
        return made

    @classmethod
    def of_state(cls, gates: int, width: int) -> "Origins":
        """A state."""
        made = cls(gates, width)
        made.flags[_HAS_STATE] = True
        return made

    @classmethod
    def of_activation(cls, gates: int, width: int) -> "Origins":
        """Activated values."""
        made = cls(gates, width)
        made.flags[_HAS_ACTIVATED] = True
        return made

    @classmethod
    def side_by_side(cls, parts: list["Origins"]) -> "Origins":
        """Those of all parts, one after the other."""
        return _made(
            np.concatenate([part.of_gates for part in parts], axis=-1),
            np.concatenate([part.flags for part in parts], axis=-1),
        )

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.flags.shape[-1]

    def __or__(self, other: "Origins") -> "Origins":
        """Those of both; one column stands for all."""
        return _made(self.of_gates | other.of_gates, self.flags | other.flags)

    def part(self, begin: int, width: int) -> "Origins":
        """Those of some columns."""
        columns = slice(begin, begin + width)
        return _made(self.of_gates[..., columns], self.flags[..., columns])

    def blurred(self, width: int) -> "Origins":
        """For each of so many columns those of all columns: it is not known which."""
        found = _made(
            np.repeat(self.of_gates.any(-1, keepdims=True), width, axis=-1),
            np.repeat(self.flags.any(-1, keepdims=True), width, axis=-1),
        )
        return found.bent().of_any_sign()

    def negative(self) -> "Origins":
        """With the sign changed."""
        order = [_X_NEGATIVE, _X, _R_NEGATIVE, _R, _ACTIVATED]
        return _made(self.of_gates[order], self.flags)

    def of_any_sign(self) -> "Origins":
        """With a sign that is not known."""
        return self | self.negative()

    def bent(self) -> "Origins":
        """No sum any more."""
        flags = self.flags.copy()
        flags[_BENT] = True
        return _made(self.of_gates, flags)

    def multiplied_by(self, other: "Origins") -> "Origins":
        """A product that a gate has multiplied is no gate's argument any more."""
        return _made(self.of_gates & ~other.flags[_HAS_ACTIVATED], self.flags)

    def activates(self, gate: int, columns: slice) -> None:
        """Notes of some columns that they are what was activated of the gate's block."""
        self.of_gates[_ACTIVATED, gate, columns] = True

    def known(self) -> bool:
        """Whether anything is known of any column."""
        return bool(self.of_gates.any() or self.flags.any())

    def is_sum(self) -> bool:
        """Whether all columns are sums of products and weights alone."""
        return not self.flags.any()

    def has_input(self, gate: int) -> bool:
        """Whether any column has the input product of the gate in it."""
        return bool(self.of_gates[_X, gate].any())

    def has_recurrent(self, gate: int) -> bool:
        """Whether any column has the recurrent product of the gate in it."""
        return bool(self.of_gates[_R, gate].any())

    def has_activated(self, gate: int) -> bool:
        """Whether any column has in it what was activated of the gate's block."""
        return bool(self.of_gates[_ACTIVATED, gate].any())

    def columns_of(self, gate: int, block: int) -> slice | None:
        """The columns that are the gate's and no other's, if they are one block.

        What comes in with the sign changed counts only where nothing else does: of f - i the first
        is meant. So do recurrent products where there is no input.
        """
        own, open_yet = np.zeros(self.width, bool), np.ones(self.width, bool)
        for kind in (_X, _X_NEGATIVE, _R, _R_NEGATIVE):
            table = self.of_gates[kind]
            own |= open_yet & table[gate] & (table.sum(0) == 1)
            open_yet &= ~table.any(0)
        (found,) = own.nonzero()
        if len(found) != block or found[-1] - found[0] != block - 1:
            return None
        return slice(int(found[0]), int(found[-1]) + 1)


def any_of(origins: list[Origins]) -> Origins:
    """Those of all."""
    found = origins[0]
    for other in origins[1:]:
        found |= other
    return found


def _made(of_gates, flags) -> Origins:
    made = object.__new__(Origins)
    made.of_gates, made.flags = of_gates, flags
    return made
