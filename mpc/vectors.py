"""Shared integers and shared truth values that are written with like NumPy arrays; ``open_*`` is the only way out.

A `SharedVector` carries public bounds of its values. They keep arithmetic exact (what could leave 64 bits is refused
before anything is sent) and make comparisons as cheap as the values allow (the tree is cut to the width of the
difference). Bounds are a promise of whoever shares: an owner that breaks it gets wrong answers about its own data.
Vectors without bounds are words: they wrap modulo 2^64 and compare as 0 to 2^64 - 1.

All three parties run the same program; each operation with a price names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from mpc.computation import Computation
from mpc.errors import ProtocolStateError, RingValueError
from mpc.ordering import less_than, select, sign_of, to_words, zero_test
from mpc.secret import Secret
from mpc.shares import ReplicatedShare, stretched

Bounds = tuple[int, int]
Public = int | npt.NDArray[np.int64] | npt.NDArray[np.uint64]

_LEAST: Final = -(1 << 63)
_SIGNED_END: Final = 1 << 63
_END: Final = 1 << 64


def share_vector(
    computation: Computation, owner: int, x: npt.NDArray[Any] | None, n: int, bounds: Bounds | None = None
) -> SharedVector:
    """Share a vector that one party owns. One message of n words.

    Args:
        computation: of all three parties.
        owner: 0, 1 or 2.
        x: the owner's n integers, secret; None at the other parties.
        n: public length.
        bounds: public, least and largest value there may be; None for words that wrap.

    Raises:
        RingValueError: bounds that 64 bits do not hold; at the owner, values outside them or another length.
        ProtocolStateError: x at another party, or none at the owner.
    """
    _check_bounds(bounds)
    words = None
    if x is not None:
        if bounds is not None and len(x) and not bounds[0] <= int(x.min()) <= int(x.max()) <= bounds[1]:
            raise RingValueError(f"values lie outside [{bounds[0]}, {bounds[1]}]")
        words = computation.words.ring.from_integers(x)  # type: ignore[arg-type]  # rings of words take arrays, too
    held = computation.words.share_input(owner, words, computation.label("input"), n)
    return SharedVector(computation, held, bounds)


class SharedVector(Secret):
    """A vector of shared integers, as one party holds it.

    Args:
        computation: of all three parties.
        share: this party's share over Z_2^64.
        bounds: public, least and largest value there may be; None for words that wrap.
    """

    __slots__ = ("_computation", "_share", "bounds")
    __hash__ = None  # type: ignore[assignment]  # == compares in secret

    def __init__(self, computation: Computation, share: ReplicatedShare, bounds: Bounds | None = None) -> None:
        _check_bounds(bounds)
        self._computation, self._share, self.bounds = computation, share, bounds

    @property
    def share(self) -> ReplicatedShare:
        """This party's share, for operations that work on shares."""
        return self._share

    def __len__(self) -> int:
        return len(self._share)

    def __getitem__(self, rows: int | slice | npt.NDArray[np.int64]) -> SharedVector:
        """Return rows at public positions."""
        chosen = slice(rows, rows + 1 or None) if isinstance(rows, int) else rows
        held = ReplicatedShare(self._share.party, self._share.first[chosen], self._share.second[chosen])
        if isinstance(rows, int) and len(held) != 1:
            raise RingValueError(f"no element {rows} among {len(self)}")
        return SharedVector(self._computation, held, self.bounds)

    def __add__(self, other: SharedVector | Public) -> SharedVector:
        return self._linear(other, 1)

    def __radd__(self, other: Public) -> SharedVector:  # type: ignore[misc]  # arrays leave it to us
        return self._linear(other, 1)

    def __sub__(self, other: SharedVector | Public) -> SharedVector:
        return self._linear(other, -1)

    def __rsub__(self, other: Public) -> SharedVector:  # type: ignore[misc]
        return -self + other

    def __neg__(self) -> SharedVector:
        bounds = None if self.bounds is None else (-self.bounds[1], -self.bounds[0])
        return self._make(self._computation.words.neg(self._share), bounds)

    def __mul__(self, other: SharedVector | Public) -> SharedVector:
        """Multiply elementwise. By public values free; by shared ones one round, a word each."""
        factor = self._bounds_of(other)
        bounds = _product(self.bounds, factor)
        _check_bounds(bounds)
        words = self._computation.words
        if isinstance(other, SharedVector):
            return self._make(words.multiply(self._share, other._share, self._computation.label("product")), bounds)
        return self._make(words.mul_public(self._share, self._words(other)), bounds)

    __rmul__ = __mul__

    def __matmul__(self, other: SharedVector) -> SharedVector:
        """Return the inner product, one element. One round; a word, or a word per row in malicious mode."""
        product = _product(self.bounds, other.bounds)
        bounds = None if product is None else (min(len(self) * product[0], 0), max(len(self) * product[1], 0))
        _check_bounds(bounds)
        label = self._computation.label("inner")
        return self._make(self._computation.words.inner(self._share, other._share, label), bounds)

    def sum(self) -> SharedVector:
        """Return the sum, one element. Free."""
        bounds = self.bounds and (min(len(self) * self.bounds[0], 0), max(len(self) * self.bounds[1], 0))
        _check_bounds(bounds)
        return self._make(self._computation.words.total(self._share), bounds)

    def __lt__(self, other: SharedVector | Public) -> SharedFlags:  # type: ignore[misc]
        return self._less(other)

    def __gt__(self, other: SharedVector | Public) -> SharedFlags:  # type: ignore[misc]
        return self._lift(other)._less(self)

    def __ge__(self, other: SharedVector | Public) -> SharedFlags:  # type: ignore[misc]
        return ~self._less(other)

    def __le__(self, other: SharedVector | Public) -> SharedFlags:  # type: ignore[misc]
        return ~self._lift(other)._less(self)

    def __eq__(self, other: object) -> SharedFlags:  # type: ignore[override]
        return self._equal(other)

    def __ne__(self, other: object) -> SharedFlags:  # type: ignore[override]
        return ~self._equal(other)

    def __bool__(self) -> NoReturn:
        raise ProtocolStateError("a shared value has no public truth; open it")

    def __iter__(self) -> NoReturn:
        raise ProtocolStateError("a shared vector is not iterated over; slice it")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise ProtocolStateError("a shared vector is no array; open it")

    __array_ufunc__ = None  # so that public array · shared vector comes here

    def open_integers(self) -> list[int]:
        """Open the values to all three parties, exact. One round, a word each; malicious mode checks products first.

        Raises:
            ShareMismatchError: holders disagree. ProductCheckError: a product was bent. Nothing is returned.
        """
        opened = self._computation.words.open(self._share, self._computation.label("open"))
        signed = self.bounds is not None and self.bounds[0] < 0
        return [int(value) for value in (opened.view(np.int64) if signed else opened)]

    # Inside

    def _make(self, share: ReplicatedShare, bounds: Bounds | None) -> SharedVector:
        return SharedVector(self._computation, share, bounds)

    def _words(self, public: Public) -> npt.NDArray[np.uint64]:
        values = np.array([public % _END], np.uint64) if isinstance(public, int) else np.asarray(public)
        found: npt.NDArray[np.uint64] = self._computation.words.ring.from_integers(values)  # type: ignore[arg-type]
        return found

    def _bounds_of(self, other: SharedVector | Public) -> Bounds | None:
        if isinstance(other, SharedVector):
            if other._computation is not self._computation:
                raise ProtocolStateError("vectors of different computations do not meet")
            return other.bounds
        if isinstance(other, int):
            bounds = other, other
        else:
            bounds = (int(other.min()), int(other.max())) if len(other) else (0, 0)
        _check_bounds(bounds)
        return bounds

    def _lift(self, other: SharedVector | Public) -> SharedVector:
        """The other operand as a vector of this length."""
        bounds = self._bounds_of(other)
        if not isinstance(other, SharedVector):
            other = SharedVector(self._computation, self._computation.words.constant(self._words(other)), bounds)
        return self._make(stretched(other._share, len(self)) if len(other) == 1 else other._share, bounds)

    def _linear(self, other: SharedVector | Public, sign: int) -> SharedVector:
        lifted, mine = self._lift(other), self
        if len(self) == 1 and len(lifted) != 1:
            mine = self._make(stretched(self._share, len(lifted)), self.bounds)
        words = self._computation.words
        operation = words.add if sign > 0 else words.sub
        bounds = None
        if self.bounds is not None and lifted.bounds is not None:
            low, high = lifted.bounds if sign > 0 else (-lifted.bounds[1], -lifted.bounds[0])
            bounds = self.bounds[0] + low, self.bounds[1] + high
        return self._make(operation(mine._share, lifted._share), bounds)

    def _comparable(self, other: SharedVector | Public) -> SharedVector:
        lifted = self._lift(other)
        if len(lifted) != len(self):
            raise RingValueError(f"{len(self)} values cannot be compared with {len(lifted)}")
        known = [bounds if bounds is not None else (0, _END - 1) for bounds in (self.bounds, lifted.bounds)]
        if min(low for low, _ in known) < 0 and max(high for _, high in known) >= _SIGNED_END:
            raise RingValueError("negative values and values of 2^63 or more cannot be compared in 64 bits")
        return lifted

    def _less(self, other: SharedVector | Public) -> SharedFlags:
        """ceil(log2 of the difference's width) + 2 rounds."""
        lifted = self._comparable(other)
        planes = _planes(self.bounds, lifted.bounds)
        computation, n = self._computation, len(self)
        if planes is not None:
            difference = computation.words.sub(self._share, lifted._share)
            return SharedFlags(computation, sign_of(computation, difference, planes) if n else difference, n)
        signed = any(bounds is not None and bounds[0] < 0 for bounds in (self.bounds, lifted.bounds))
        return SharedFlags(computation, less_than(computation, self._share, lifted._share, 64, signed=signed), n)

    def _equal(self, other: object) -> SharedFlags:
        """ceil(log2 of the difference's width) + 1 rounds."""
        if not isinstance(other, SharedVector | int | np.ndarray):
            raise RingValueError(f"a shared vector is compared with shared or public integers, not {type(other)}")
        lifted = self._comparable(other)
        planes = _planes(self.bounds, lifted.bounds) or 64
        difference = self._computation.words.sub(self._share, lifted._share)
        plane = zero_test(self._computation, difference, planes) if len(self) else difference
        return SharedFlags(self._computation, plane, len(self))


class SharedFlags(Secret):
    """A vector of shared truth values, 64 to a word.

    Args:
        computation: of all three parties.
        plane: ceil(n / 64) words over ``BITS``.
        n: public, how many lanes count.
    """

    __slots__ = ("_computation", "_n", "_plane")

    def __init__(self, computation: Computation, plane: ReplicatedShare, n: int) -> None:
        if len(plane) != -(-n // 64):
            raise RingValueError(f"{len(plane)} words do not hold {n} lanes")
        self._computation, self._plane, self._n = computation, plane, n

    def __len__(self) -> int:
        return self._n

    def __xor__(self, other: SharedFlags) -> SharedFlags:
        return self._make(self._computation.bits.add(self._plane, self._same(other)))

    def __and__(self, other: SharedFlags) -> SharedFlags:
        """One round, a bit each."""
        bits = self._computation.bits
        return self._make(bits.multiply(self._plane, self._same(other), self._computation.label("and")))

    def __or__(self, other: SharedFlags) -> SharedFlags:
        """One round, a bit each."""
        return ~(~self & ~other)

    def __invert__(self) -> SharedFlags:
        bits = self._computation.bits
        return self._make(bits.add_public(self._plane, bits.ring.from_integers([-1])) if self._n else self._plane)

    def __bool__(self) -> NoReturn:
        raise ProtocolStateError("a shared truth value is not public; open it or select by it")

    def select(self, a: SharedVector, b: SharedVector) -> SharedVector:
        """Return a where the flag is set and b elsewhere. Three rounds."""
        if not len(a) == len(b) == self._n:
            raise RingValueError(f"{self._n} flags cannot choose among {len(a)} and {len(b)} values")
        bounds = None
        if a.bounds is not None and b.bounds is not None:
            bounds = min(a.bounds[0], b.bounds[0]), max(a.bounds[1], b.bounds[1])
        chosen = select(self._computation, self._plane, a.share, b.share)
        return SharedVector(self._computation, chosen, bounds)

    def to_integers(self) -> SharedVector:
        """Return the flags as shared integers 0 and 1. Two rounds."""
        return SharedVector(self._computation, to_words(self._computation, self._plane, self._n), (0, 1))

    def open_flags(self) -> npt.NDArray[np.bool_]:
        """Open the flags to all three parties. One round; malicious mode checks products first."""
        bits = self._computation.bits
        opened = bits.open(self._plane, self._computation.label("open"))
        lanes = np.unpackbits(opened.astype("<u8", copy=False).view(np.uint8), bitorder="little")
        return lanes[: self._n].astype(np.bool_)

    def _make(self, plane: ReplicatedShare) -> SharedFlags:
        return SharedFlags(self._computation, plane, self._n)

    def _same(self, other: SharedFlags) -> ReplicatedShare:
        if other._computation is not self._computation or other._n != self._n:
            raise RingValueError("flags meet flags of the same number and computation")
        return other._plane


def open_quotients(numerators: SharedVector, denominators: SharedVector) -> list[Fraction | None]:
    """Open two vectors and divide exactly; None where the denominator is zero. Two rounds; both become public."""
    over, under = numerators.open_integers(), denominators.open_integers()
    return [Fraction(a, b) if b else None for a, b in zip(over, under, strict=True)]


def concatenate_vectors(vectors: Sequence[SharedVector]) -> SharedVector:
    """Join vectors of one computation; the bounds are the widest."""
    if not vectors:
        raise RingValueError("nothing to concatenate")
    known = [vector.bounds for vector in vectors if vector.bounds is not None]
    bounds = (min(low for low, _ in known), max(high for _, high in known)) if len(known) == len(vectors) else None
    first = np.concatenate([vector.share.first for vector in vectors])
    second = np.concatenate([vector.share.second for vector in vectors])
    return vectors[0]._make(ReplicatedShare(vectors[0].share.party, first, second), bounds)


def _check_bounds(bounds: Bounds | None) -> None:
    if bounds is None:
        return
    low, high = bounds
    if low > high or not (low >= _LEAST and high < (_END if low >= 0 else _SIGNED_END)):
        raise RingValueError(f"values in [{low}, {high}] do not fit 64 bits; share words that wrap if that is meant")


def _product(a: Bounds | None, b: Bounds | None) -> Bounds | None:
    if a is None or b is None:
        return None
    corners = [u * v for u in a for v in b]
    return min(corners), max(corners)


def _planes(a: Bounds | None, b: Bounds | None) -> int | None:
    """How many bits the difference takes with its sign; None if more than 64, or unknown."""
    if a is None or b is None:
        return None
    low, high = a[0] - b[1], a[1] - b[0]
    planes = 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)
    return planes if planes <= 64 else None
