"""Disclosure checks: is a shared count below a bound? One bit per count or cell becomes public and nothing else.

For integers g and a bound B, the product P(g) = g (g - 1) ... (g - B + 1) over a prime field F is zero exactly if
0 <= g < B. The parties open rho · P(g) with rho uniform, shared and known to nobody: zero if g < B, a uniform
non-zero element otherwise.

Cost for m counts: 3·(B + 1)·m elements in ceil(log2(B + 1)) + 1 rounds of products, their check (a coin and two
openings), and one opening. Meant for the small groups of disclosure rules (B about 10); for wide comparisons a carry
tree is cheaper.

Leakage: the bit per count. Security: against one malicious party, with abort. The counts are replicated shares whose
holders are compared, every product is checked before anything is opened (``mpc.checked``), so a party that bends one
makes the others raise but for probability below 3/|F|. Failure: with probability 1/|F| per count rho is zero and a
large count is reported as below the bound, which suppresses it; a small count is never reported as large.

Source: the zero test of a masked product, as in Damgård, Fitzi, Kiltz, Nielsen, Toft (TCC 2006), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.checked import CheckedProducts
from mpc.errors import RingValueError
from mpc.replicated import Engine
from mpc.rings import Ring
from mpc.shares import ReplicatedShare, concatenate_shares

MAX_BOUND: Final = 4096
MAX_FORBIDDEN: Final = 1 << 20
MIN_FIELD_BITS: Final = 64
_WITNESSES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def field_modulus(ring: Ring) -> int:
    """Return the size of a ring that is a prime field with more than 2^64 elements.

    Raises:
        RingValueError: the ring is not a prime field, or a small one. Its zero test would be wrong or too weak.
    """
    modulus = ring.to_integers(ring.neg(ring.from_integers([1])))[0] + 1
    if modulus.bit_length() <= MIN_FIELD_BITS or not _is_probable_prime(modulus):
        raise RingValueError(f"{ring.name} is not a prime field of more than {MIN_FIELD_BITS} bits")
    return modulus


def open_below(engine: Engine, g: ReplicatedShare, bound: int, label: str, *, index: int = 0) -> npt.NDArray[np.bool_]:
    """Tell for each shared integer whether it is below a bound; open nothing else.

    Args:
        engine: over a prime field of more than 64 bits.
        g: m shared integers in [0, 2^40), secret. An element that is no such integer counts as not below.
        bound: public, at most 4096. At or below zero the answer is False throughout and nothing is sent.
        label: public, unique in the round.

    Returns:
        m public booleans, g < bound.

    Raises:
        RingValueError: the ring is not a prime field, or the bound is over the limit.
        ShareMismatchError: the holders of a component of the opened product disagree.
        ProductCheckError: a party bent a product; nothing was opened.
        ProtocolStateError: a repeated label, or a share of another party.
        ChannelError: a peer's message is missing or does not belong here.
    """
    ring = engine.ring
    field_modulus(ring)
    if bound > MAX_BOUND:
        raise RingValueError(f"a bound is at most {MAX_BOUND}, got {bound}")
    m = len(g)
    if bound <= 0 or m == 0:
        return np.zeros(m, np.bool_)
    differences = _differences(engine, g, range(bound))
    opened = _open_masked_products(engine, differences, m, label, index)
    return np.array([value == 0 for value in opened], np.bool_)


def open_disclosure_risks(
    engine: Engine,
    counts: ReplicatedShare,
    cells: int,
    minimums: Sequence[int],
    label: str,
    *,
    safe: ReplicatedShare | None = None,
    index: int = 0,
) -> npt.NDArray[np.bool_]:
    """Tell for every cell whether releasing its counts, with the sums they guard, would show too small a group.

    That is so if a count of the cell is below its guard's minimum, or if two of its counts differ, by less than the
    smaller of their minimums: where one group contains the other, the difference of two released sums is then the sum
    over the few people between them.
    (Counts of unrelated groups may come as close by chance; they are refused, too.) Cells are disjoint groups of
    people, so that counts of different cells are not compared. One bit is opened for each cell.

    Args:
        engine: over a prime field of more than 64 bits.
        counts: guards · cells shared integers in [0, 2^40), guard by guard, secret.
        cells: public, number of cells.
        minimums: public, one for each guard, at most 4096; where all are at or below 1 there is nothing to protect and
            the answer is False throughout, unless there are further factors.
        label: public, unique in the round.
        safe: further factors, cells at a time: shared elements that are 0 where another rule closes the cell.

    Returns:
        One public boolean for each cell: True if it must not be released.

    Raises:
        RingValueError: the counts are not one for each guard and cell, the further factors are not those of whole
            cells; or as `open_below`.
        ShareMismatchError, ProductCheckError, ProtocolStateError, ChannelError: as `open_below`.
    """
    ring = engine.ring
    field_modulus(ring)
    if max(minimums, default=0) > MAX_BOUND:
        raise RingValueError(f"a minimum is at most {MAX_BOUND}, got {max(minimums)}")
    if cells < 1 or len(counts) != cells * len(minimums):
        raise RingValueError(f"{len(counts)} counts are not those of {cells} cells and {len(minimums)} guards")
    if safe is not None and len(safe) % cells:
        raise RingValueError(f"{len(safe)} further factors are not those of {cells} cells")
    forbidden: list[tuple[ReplicatedShare, Sequence[int]]] = []
    for guard, least in enumerate(minimums):
        own = _guard(counts, guard, cells)
        forbidden.append((own, range(least)))
        for other, bound in enumerate(minimums[:guard]):
            near = [offset for offset in range(1 - min(least, bound), min(least, bound)) if offset]
            forbidden.append((engine.sub(own, _guard(counts, other, cells)), near))
    factors = [] if safe is None or not len(safe) else [safe]
    if max(minimums, default=0) > 1:
        factors += [_differences(engine, values, roots) for values, roots in forbidden if len(roots)]
    if not factors:
        return np.zeros(cells, np.bool_)
    opened = _open_masked_products(engine, concatenate_shares(factors), cells, label, index)
    return np.array([value == 0 for value in opened], np.bool_)


def open_any_forbidden(
    engine: Engine, values: ReplicatedShare, forbidden: Sequence[Sequence[int]], label: str, *, index: int = 0
) -> bool:
    """Tell whether any of some shared integers is one of the numbers forbidden to it. One bit is opened for all.

    Args:
        engine: over a prime field of more than 64 bits.
        values: m shared integers in (-2^40, 2^40), secret.
        forbidden: for each of them public numbers; MAX_FORBIDDEN altogether.
        label: public, unique in the round.

    Returns:
        The public answer; False, and nothing is sent, where nothing is forbidden.

    Raises:
        RingValueError: the ring is not a prime field, the lengths differ, or more is forbidden than the limit.
        ShareMismatchError, ProductCheckError, ProtocolStateError, ChannelError: as `open_below`.
    """
    field_modulus(engine.ring)
    total = sum(map(len, forbidden))
    if len(forbidden) != len(values) or total > MAX_FORBIDDEN:
        raise RingValueError(f"{total} numbers forbidden to {len(forbidden)} of {len(values)} values do not fit")
    if total == 0:
        return False
    picked = [place for place, numbers in enumerate(forbidden) for _ in numbers]
    roots = engine.ring.from_integers([number for numbers in forbidden for number in numbers])
    factors = engine.add_public(_rows(values, picked), engine.ring.neg(roots))
    return _open_masked_products(engine, factors, 1, label, index) == [0]


def _open_masked_products(engine: Engine, factors: ReplicatedShare, m: int, label: str, index: int) -> list[int]:
    """Open rho_i · (product of column i) for m columns of factors, given row by row, with checked products.

    Zero tells that a factor is zero; anything else is uniform and tells nothing.
    """
    products = CheckedProducts(engine, label, index=index)
    remaining = products.enter(concatenate_shares([engine.random(m, f"{label}/rho", index=index), factors]))
    while len(remaining) > m:
        half = len(remaining) // m // 2 * m
        multiplied = products.multiply(remaining[:half], remaining[half : 2 * half])
        remaining = multiplied.followed_by(remaining[2 * half :])
    products.verify()
    return engine.ring.to_integers(engine.open(remaining.value, f"{label}/masked", index=index))


def _rows(shares: ReplicatedShare, rows: list[int]) -> ReplicatedShare:
    return ReplicatedShare(shares.party, shares.first[rows], shares.second[rows])


def _guard(counts: ReplicatedShare, guard: int, cells: int) -> ReplicatedShare:
    return _rows(counts, list(range(guard * cells, (guard + 1) * cells)))


def _differences(engine: Engine, values: ReplicatedShare, roots: Sequence[int]) -> ReplicatedShare:
    """value − root for every root and value, root by root."""
    count = len(roots)
    repeated = ReplicatedShare(
        values.party, np.concatenate([values.first] * count), np.concatenate([values.second] * count)
    )
    subtrahends = np.repeat(engine.ring.from_integers(list(roots)), len(values), axis=0)
    return engine.add_public(repeated, engine.ring.neg(subtrahends))


def _is_probable_prime(candidate: int) -> bool:
    """Miller-Rabin with fixed bases: tells a prime field from Z_2^k or a composite ring, not an adversary's pick."""
    if candidate % 2 == 0:
        return candidate == 2
    exponent, twos = candidate - 1, 0
    while exponent % 2 == 0:
        exponent, twos = exponent // 2, twos + 1
    for base in _WITNESSES:
        power = pow(base, exponent, candidate)
        if power in (0, 1, candidate - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % candidate
            if power == candidate - 1:
                break
        else:
            return False
    return True
