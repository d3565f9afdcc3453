"""Boolean circuits on bit-sliced shares: the sign and the zero test of a sum of two shared words, by one tree each.

A *bundle* of K planes over n lanes is one share over ``BITS`` of K · w words, w = ceil(n / 64): plane after plane,
lane l of word v being lane 64·v + l. Every ∧ of a level travels in one message, so a tree of K planes takes
ceil(log2 K) rounds.

Source: Ladner, Fischer, "Parallel prefix computation" (JACM 1980), of which only the top carry is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import RingValueError
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares

Bundle = ReplicatedShare


def tree_order(planes: int) -> list[int]:
    """Return the order in which `top_carry` wants its planes: lower halves of all pairs, then upper ones.

    With it both operands of every level are contiguous, and so are the next level's. The first is plane 0, the last
    the highest.
    """
    if planes <= 1:
        return list(range(planes))
    half, odd = divmod(planes, 2)
    pairs = tree_order(half + odd)[: half or None]
    return [2 * j for j in pairs] + [2 * j + 1 for j in pairs] + [planes - 1] * odd


def top_carry(
    engine: Engine, generate: Bundle, propagate: Bundle, planes: int, label: str, *, index: int = 0
) -> ReplicatedShare:
    """Return the carry out of an addition.

    Args:
        engine: over ``BITS``.
        generate: x ∧ y, planes in `tree_order`.
        propagate: x ⊕ y, the same without the lowest plane: nobody carries into that.
        planes: public, at least 1.
        label: public, unique in the round; the levels append to it.

    Returns:
        One plane. Rounds: ceil(log2 planes); 2·planes − log2 planes − 2 words per lane word travel, about.
    """
    if planes < 1 or len(generate) % planes or len(propagate) != len(generate) // planes * (planes - 1):
        raise RingValueError(f"{len(generate)} and {len(propagate)} words are no bundles of {planes} planes")
    width = len(generate) // planes
    level = 0
    while planes > 1:
        half, odd = divmod(planes, 2)
        low, high, rest = generate[: half * width], generate[half * width : 2 * half * width], 2 * half * width
        passing = propagate[(half - 1) * width : (2 * half - 1) * width]
        pairs = [(passing, low)]
        if half > 1:
            pairs.append((passing[width:], propagate[: (half - 1) * width]))
        products = engine.multiply_many(pairs, f"{label}/{level}", index=index)
        parts = [engine.add(high, products[0])], products[1:]
        if odd:
            parts[0].append(generate[rest:])
            parts[1].append(propagate[rest - width :])
        generate = concatenate_shares(parts[0]) if odd else parts[0][0]
        propagate = concatenate_shares(parts[1]) if len(parts[1]) > 1 else (parts[1] or [generate[:0]])[0]
        planes, level = half + odd, level + 1
    return generate


def all_ones(engine: Engine, bundle: Bundle, planes: int, label: str, *, index: int = 0) -> ReplicatedShare:
    """Return the conjunction of all planes, one plane. Rounds: ceil(log2 planes)."""
    if planes < 1 or len(bundle) % planes:
        raise RingValueError(f"{len(bundle)} words are no bundle of {planes} planes")
    width = len(bundle) // planes
    level = 0
    while planes > 1:
        half, odd = divmod(planes, 2)
        low, high = bundle[: half * width], bundle[half * width : 2 * half * width]
        product = engine.multiply_many([(low, high)], f"{label}/{level}", index=index)[0]
        bundle = concatenate_shares([product, bundle[2 * half * width :]]) if odd else product
        planes, level = half + odd, level + 1
    return bundle


def majority(engine: Engine, addends: Sequence[Bundle], label: str, *, index: int = 0) -> Bundle:
    """Return where at least two of three bundles are one. One round, one ∧ per bit."""
    x, y, z = addends
    both = engine.multiply_many([(engine.add(x, y), engine.add(x, z))], label, index=index)[0]
    return engine.add(both, x)
