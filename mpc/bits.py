"""Bits of shared integers, as shares, with nothing opened.

For an integer x in [0, 2^w) shared over F_p, x = x_0 + x_1 + x_2 − q·p over the integers with q in {0, 1, 2}. Both
holders of a component know it, so whatever is a function of one component is shared already: that component holds it,
the other two hold zero. That gives, without a message,

* floor(3·x_i/p). For x < p/3 the three add up to T in {3q − 2, 3q − 1, 3q}, so that [q = 1] and [q = 2] are
  polynomials in T on 0..6;
* the low w bits of every component.

Then x = L_0 + L_1 + L_2 + [q = 1]·(−p mod 2^w) + [q = 2]·(−2p mod 2^w) modulo 2^w: two carry-save additions and one
with a parallel carry. Everything is computed by checked products (`mpc.checked`) and checked before it is returned.

The width is bounded by that third: 252 bits over the scalar field of BN254.

Cost for m integers of w bits: about (2·log2(w) + 6)·w·m products of two elements each, 10 + log2(w) rounds of
products, and their check.

Leakage: none; nothing that depends on x is opened, whatever x is. For an x outside [0, 2^w) what is returned has no
meaning. Security: against one malicious party, with abort; whether a bent product is found does not depend on x.

Source: Kikuchi, Ikarashi, Matsuda, Hamada, Chida, "Efficient Bit-Decomposition and Modulus-Conversion Protocols with an
Honest Majority" (ACISP 2018), quotient transfer, here for a field in which x is far below p.
"""

from __future__ import annotations

from typing import Final

from mpc.checked import CheckedProducts, CheckedShare
from mpc.compare import field_modulus
from mpc.errors import RingValueError
from mpc.replicated import Engine
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares

MAX_WIDTH: Final = 252
_PARTS: Final = 3  # a component is told apart by thirds of p
_MOST: Final = PARTIES * (_PARTS - 1)  # the largest T


def shared_bits(engine: Engine, x: ReplicatedShare, width: int, label: str, *, index: int = 0) -> ReplicatedShare:
    """Return shares of the bits of shared integers.

    Args:
        engine: over a prime field of more than 64 bits.
        x: m shared integers in [0, 2^width), secret.
        width: public, 1 to 252, and 2^width at most a third of the field.
        label: public, unique in the round.

    Returns:
        m·width shared bits, integer by integer, each from its lowest bit.

    Raises:
        RingValueError: the ring is not a prime field, or the width is out of range or above a third of it.
        ProductCheckError: a party bent a product; nothing was opened.
        ProtocolStateError: a repeated label, or a share of another party.
        ShareMismatchError, ChannelError: as openings and receptions raise them.
    """
    ring = engine.ring
    modulus = field_modulus(ring)
    if not 1 <= width <= MAX_WIDTH:
        raise RingValueError(f"a width is 1 to {MAX_WIDTH} bits, got {width}")
    if _PARTS << width > modulus:
        raise RingValueError(f"2^{width} is above a third of {ring.name}")
    m = len(x)
    if m == 0:
        return x
    products = CheckedProducts(engine, label, index=index)
    parts = [_thirds(engine, x, modulus), *(_component_bits(engine, x, holder, width) for holder in range(PARTIES))]
    entered = products.enter(concatenate_shares(parts))
    size = m * width
    thirds, (first, second, third) = entered[:m], (entered[m + k * size : m + (k + 1) * size] for k in range(PARTIES))
    excess = _excess(products, thirds, modulus, width)
    sums, carries = _carry_save(products, first, second, third, m)
    sums, carries = _carry_save(products, sums, carries, excess, m)
    bits = _add(products, sums, carries, m)
    products.verify()
    order = [bit * m + place for place in range(m) for bit in range(width)]
    return ReplicatedShare(x.party, bits.value.first[order], bits.value.second[order])


def _thirds(engine: Engine, x: ReplicatedShare, modulus: int) -> ReplicatedShare:
    """Shares of T: every component is floor(3·x_i/p) of that component."""
    ring = engine.ring
    first, second = (
        ring.from_integers([_PARTS * value // modulus for value in ring.to_integers(part)])
        for part in (x.first, x.second)
    )
    return ReplicatedShare(x.party, first, second)


def _component_bits(engine: Engine, x: ReplicatedShare, component: int, width: int) -> ReplicatedShare:
    """Shares of the low bits of one component, bit by bit: it holds them, the others hold zero."""
    ring, size = engine.ring, len(x) * width
    halves = []
    for held, part in ((x.party, x.first), ((x.party + 1) % PARTIES, x.second)):
        if held == component:
            values = ring.to_integers(part)
            halves.append(ring.from_integers([value >> bit & 1 for bit in range(width) for value in values]))
        else:
            halves.append(ring.zeros(size))
    return ReplicatedShare(x.party, *halves)


def _excess(products: CheckedProducts, thirds: CheckedShare, modulus: int, width: int) -> CheckedShare:
    """Bits of −q·p mod 2^width, bit by bit."""
    powers = [thirds, products.multiply(thirds, thirds)]
    cubes = products.multiply(powers[1].followed_by(powers[1]), powers[0].followed_by(powers[1]))
    m = len(thirds)
    powers += [cubes[:m], cubes[m:]]
    higher = products.multiply(powers[2].followed_by(powers[2]), powers[1].followed_by(powers[2]))
    powers += [higher[:m], higher[m:]]
    found = [_interpolated([int(-(-total // _PARTS) == q) for total in range(_MOST + 1)], modulus) for q in (1, 2)]
    bits = []
    for bit in range(width):
        added = [-q * modulus >> bit & 1 for q in (1, 2)]
        weights = [sum(a * polynomial[k] for a, polynomial in zip(added, found)) for k in range(1, _MOST + 1)]
        bits.append(products.linear(list(zip(weights, powers))))
    joined = bits[0]
    for share in bits[1:]:
        joined = joined.followed_by(share)
    return joined


def _interpolated(values: list[int], modulus: int) -> list[int]:
    """Coefficients of the polynomial with these values at 0, 1, 2, …"""
    total = [0] * len(values)
    for place, value in enumerate(values):
        basis, scale = [1], 1
        for other in range(len(values)):
            if other != place:
                basis = [
                    (below - other * here) % modulus for below, here in zip([0, *basis], [*basis, 0], strict=True)
                ]
                scale = scale * (place - other) % modulus
        factor = value * pow(scale, -1, modulus)
        total = [(t + factor * b) % modulus for t, b in zip(total, basis, strict=True)]
    return total


def _carry_save(
    products: CheckedProducts, a: CheckedShare, b: CheckedShare, c: CheckedShare, m: int
) -> tuple[CheckedShare, CheckedShare]:
    """Two numbers with the sum of three, modulo 2^width; all bit by bit, m bits at a time."""
    both = products.multiply(a, b)
    either = products.linear([(1, a), (1, b), (-2, both)])
    through = products.multiply(either, c)
    sums = products.linear([(1, either), (1, c), (-2, through)])
    carries = products.linear([(1, both), (1, through)])
    return sums, _shifted(products, carries, m)


def _shifted(products: CheckedProducts, bits: CheckedShare, m: int) -> CheckedShare:
    """Twice a number modulo 2^width."""
    nothing = products.linear([(0, bits[:m])])
    return nothing.followed_by(bits[: len(bits) - m])


def _add(products: CheckedProducts, a: CheckedShare, b: CheckedShare, m: int) -> CheckedShare:
    """The sum of two numbers modulo 2^width, by a parallel prefix over made and passed carries (Kogge, Stone 1973)."""
    made = products.multiply(a, b)
    apart = products.linear([(1, a), (1, b), (-2, made)])
    passed, step = apart, m
    while step < len(a):
        # position i takes over from position i − step; those below are done
        tail = passed[step:]
        again = products.multiply(tail.followed_by(tail), made[:-step].followed_by(passed[:-step]))
        half = len(tail)
        made = made[:step].followed_by(products.linear([(1, made[step:]), (1, again[:half])]))
        passed = passed[:step].followed_by(again[half:])
        step *= 2
    carries = _shifted(products, made, m)
    through = products.multiply(apart, carries)
    return products.linear([(1, apart), (1, carries), (-2, through)])


__all__ = ["MAX_WIDTH", "shared_bits"]
