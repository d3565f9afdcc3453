"""The functionality in the clear: what a trusted third party would compute. The oracle of every protocol test.

Values are Python integers modulo the ring's size; method names and arguments are those of ``mpc.replicated.Engine``
and ``mpc.compare`` and ``mpc.bits``, without labels.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import RingValueError


class Ideal:
    """The trusted third party over the integers modulo ``modulus``."""

    def __init__(self, modulus: int) -> None:
        self.modulus = modulus

    def share_input(self, x: Sequence[int]) -> list[int]:
        """Take an input."""
        return [value % self.modulus for value in x]

    def add(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return a + b."""
        return [(u + v) % self.modulus for u, v in _pairs(a, b)]

    def sub(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return a - b."""
        return [(u - v) % self.modulus for u, v in _pairs(a, b)]

    def neg(self, a: Sequence[int]) -> list[int]:
        """Return -a."""
        return [-value % self.modulus for value in a]

    def total(self, a: Sequence[int]) -> list[int]:
        """Return the sum, as a list of one."""
        return [sum(a) % self.modulus]

    def scale_public(self, a: Sequence[int], factor: int) -> list[int]:
        """Return factor · a."""
        return [value * factor % self.modulus for value in a]

    def mul_public(self, a: Sequence[int], b_pub: Sequence[int]) -> list[int]:
        """Return the elementwise product with public values."""
        return self.multiply(a, b_pub)

    def add_public(self, a: Sequence[int], b_pub: Sequence[int]) -> list[int]:
        """Return a + b for public values."""
        return self.add(a, b_pub)

    def multiply(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return the elementwise product."""
        return [u * v % self.modulus for u, v in _pairs(a, b)]

    def inner(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return the inner product, as a list of one."""
        return [sum(u * v for u, v in zip(a, b, strict=True)) % self.modulus]

    def inner_many(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[int]:
        """Return several inner products."""
        return [self.inner(a, b)[0] for a, b in pairs]

    def shared_bits(self, x: Sequence[int], width: int) -> list[int]:
        """Return the bits of integers in [0, 2^width), integer by integer, each from its lowest bit."""
        return [value % self.modulus >> bit & 1 for value in x for bit in range(width)]

    def matrix_product(self, a: Sequence[int], b: Sequence[int], depth: int) -> list[int]:
        """Return the product of two matrices given row by row, the first with ``depth`` columns."""
        rows = [a[at : at + depth] for at in range(0, len(a), depth)]
        columns = [b[at :: len(b) // depth] for at in range(len(b) // depth)]
        return [self.inner(row, column)[0] for row in rows for column in columns]

    def less_than(self, a: Sequence[int], b: Sequence[int]) -> list[bool]:
        """Tell where a < b."""
        return [u < v for u, v in _pairs(a, b)]

    def equal(self, a: Sequence[int], b: Sequence[int]) -> list[bool]:
        """Tell where a = b."""
        return [u == v for u, v in _pairs(a, b)]

    def select(self, flags: Sequence[bool], a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return a where the flag is set and b elsewhere."""
        return [u if flag else v for flag, (u, v) in zip(flags, _pairs(a, b), strict=True)]

    def open_below(self, g: Sequence[int], bound: int) -> list[bool]:
        """Tell for each integer whether it is below the bound."""
        return [value % self.modulus < bound for value in g]

    def quantile(self, values: Sequence[int], numerator: int, denominator: int, excess: int = 0) -> int:
        """Return the smallest value v with denominator·(values up to v) >= numerator·(all values) + excess."""
        target = numerator * len(values) + excess
        return next(v for v in sorted(values) if denominator * sum(w <= v for w in values) >= target)

    def shuffle(self, columns: Sequence[Sequence[int]], order: Sequence[int]) -> list[list[int]]:
        """Move the rows of all columns alike; row i of the result is row order[i]."""
        return [[column[at] % self.modulus for at in order] for column in columns]

    def unshuffle(self, columns: Sequence[Sequence[int]], order: Sequence[int]) -> list[list[int]]:
        """Move the rows back."""
        back = sorted(range(len(order)), key=order.__getitem__)
        return self.shuffle(columns, back)


def _pairs(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Match two vectors; one of length 1 is repeated."""
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise RingValueError(f"vectors of lengths {len(a)} and {len(b)} do not fit together")
    if len(a) != len(b):
        a, b = (list(a) * len(b), b) if len(a) == 1 else (a, list(b) * len(a))
    return list(zip(a, b, strict=True))
