"""What a ring of the engine offers: the protocol every ring satisfies, and what rings of words may add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

RingArray = npt.NDArray[Any]
Operands = tuple[RingArray, RingArray, RingArray, RingArray]
"""Both components of two factors: a_0, a_1, b_0, b_1."""


class Ring(Protocol):
    """A finite commutative ring whose elements come in arrays.

    ``add``, ``sub`` and ``mul`` are elementwise; an operand of length 1 broadcasts. ``inner`` and ``total`` return
    one element as an array of length 1. ``encode_bytes`` is canonical: equal elements have equal bytes.
    """

    @property
    def name(self) -> str:
        """Short public name, for errors."""

    @property
    def element_bytes(self) -> int:
        """Bytes of one encoded element."""

    def zeros(self, n: int) -> RingArray:
        """Return n zeros."""

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b."""

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b."""

    def neg(self, a: RingArray) -> RingArray:
        """Return -a."""

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product."""

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the sum of the elementwise products, as one element."""

    def total(self, a: RingArray) -> RingArray:
        """Return the sum of the elements, as one element."""

    def from_integers(self, values: Sequence[int]) -> RingArray:
        """Return integers as ring elements; negative ones are represented modulo the ring's size."""

    def to_integers(self, a: RingArray) -> list[int]:
        """Return the canonical representatives, 0 to the ring's size minus one."""

    def encode_bytes(self, a: RingArray) -> bytes:
        """Return the canonical encoding, ``element_bytes`` per element."""

    def decode_bytes(self, data: bytes) -> RingArray:
        """Return the elements of a canonical encoding; raises the ring's own typed error for anything else."""

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        """Return n uniform elements from a stream of uniform bytes; a function of the stream alone."""


class WordStream(Protocol):
    """A stream that fills vectors of words; `mpc.prg.Stream` is one."""

    def __call__(self, n_bytes: int) -> bytes:
        """Return the next bytes."""

    def fill(self, out: npt.NDArray[np.uint64]) -> None:
        """Write the next eight bytes for each word."""


@runtime_checkable
class FusedRing(Ring, Protocol):
    """A ring that does in one pass over memory what takes several operations of ``Ring``."""

    def masked_products(self, pairs: Sequence[Operands], plus: WordStream, minus: WordStream) -> RingArray:
        """Return a_0 (b_0 + b_1) + a_1 b_0 + F - G for components of equal length, several products in one vector."""

    def masked(self, x: RingArray, plus: WordStream, minus: WordStream) -> RingArray:
        """Return x + F - G."""

    def split(self, x: RingArray, minus: WordStream) -> tuple[RingArray, RingArray]:
        """Return x - G and G."""

    def inner_summand(self, a: Sequence[RingArray], b: Sequence[RingArray]) -> RingArray:
        """Return the sum of a_0 (b_0 + b_1) + a_1 b_0, one element."""

    def matrix_summand(self, operands: Operands, depth: int) -> RingArray:
        """Return A_0 (B_0 + B_1) + A_1 B_0 for matrices given row by row, A with ``depth`` columns."""

    def view_bytes(self, a: RingArray) -> memoryview:
        """Return the encoding without a copy; the array must stay as it is until the view is gone."""

    def from_parts(self, parts: Sequence[bytes | memoryview], n: int) -> RingArray:
        """Return n elements of an encoding that came in pieces of n · element_bytes together."""

    def quiet_zeros(self, n: int) -> RingArray:
        """Return n zeros that nobody may write to: memory that is shared by all who ask."""
