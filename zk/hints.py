"""Computing columns from linear forms: hinted witnesses, multiplicities, inverses. Secret values; runs at their owner.

Timing depends on values (comparisons, counts): everything here runs on the owner's machine over its own plaintext.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zk.errors import WitnessUnsatisfiedError
from zk.field import FR, FR_MODULUS, Words
from zk.forms import ONE, Form, Hint, HintKind

GATHER_LIMIT: Final = 1 << 16
_HALF: Final = np.array([FR_MODULUS // 2 >> 64 * k & (1 << 64) - 1 for k in range(4)], dtype=np.uint64)


def linear_values(form: Form, rows: Callable[[int], Words], n: int) -> Words:
    """Return the (n, 4) values of a linear form on every row."""
    total = FR.from_integers([sum(term.coefficient for term in form if term.right == ONE)])
    for term in form:
        if term.right != ONE:
            total = FR.add(FR.scale(rows(term.right), term.coefficient), total)
    return total if len(total) == n else np.repeat(total, n, axis=0)


def canonical_limbs(values: Words) -> NDArray[np.uint64]:
    """Return the canonical representatives as (n, 4) little-endian limbs."""
    return FR.mul(values, np.array([[1, 0, 0, 0]], dtype=np.uint64))


def hinted_column(hint: Hint, values: Words) -> Words:
    """Return a hinted witness from the values of the hint's form, (n, 4)."""
    if hint.kind is HintKind.INVERSE:
        zero = ~values.any(axis=1)
        filled = values.copy()
        filled[zero] = FR.from_integers([1])
        inverse = FR.inverse(filled)
        inverse[zero] = 0
        return inverse
    if hint.kind is HintKind.IS_ZERO:
        return FR.from_int64(np.asarray(~values.any(axis=1), dtype=np.uint64))
    limbs = canonical_limbs(values)
    if hint.kind is HintKind.NOT_NEGATIVE:
        return FR.from_int64(_at_most_half(limbs).astype(np.uint64))
    return FR.from_int64(_digits(limbs, hint.shift, hint.width))


def _at_most_half(limbs: NDArray[np.uint64]) -> NDArray[np.bool_]:
    below = np.zeros(len(limbs), dtype=np.bool_)
    equal = np.ones(len(limbs), dtype=np.bool_)
    for k in (3, 2, 1, 0):
        below |= equal & (limbs[:, k] < _HALF[k])
        equal &= limbs[:, k] == _HALF[k]
    return below | equal


def _digits(limbs: NDArray[np.uint64], shift: int, width: int) -> NDArray[np.uint64]:
    limb, offset = divmod(shift, 64)
    found: NDArray[np.uint64] = np.right_shift(limbs[:, limb], np.uint64(offset))
    if offset + width > 64 and limb < 3:
        found |= limbs[:, limb + 1] << np.uint64(64 - offset)
    return found & np.uint64((1 << width) - 1)


def table_positions(values: Words, bits: int) -> NDArray[np.int64]:
    """Return the values of a lookup as integers in [0, 2^bits).

    Raises:
        WitnessUnsatisfiedError: a value lies outside; which one is not said.
    """
    limbs = canonical_limbs(values)
    if limbs[:, 1:].any() or (limbs[:, 0] >> np.uint64(bits)).any():
        raise WitnessUnsatisfiedError("a value lies outside the range the relation claims")
    return limbs[:, 0].astype(np.int64)


def inverses_of_table(challenge: int, size: int) -> Words:
    """Return 1/(challenge + t) for t in [0, size)."""
    return FR.inverse(FR.add(FR.from_int64(np.arange(size, dtype=np.uint64)), FR.from_integers([challenge])))


def inverses(values: Words, challenge: int) -> Words:
    """Return 1/(challenge + value) for every row, by a table where values are small.

    Raises:
        ZeroInverseError: a value is −challenge, which happens with probability N/r.
    """
    limbs = canonical_limbs(values)
    largest = int(limbs[:, 0].max()) if len(limbs) else 0
    if not limbs[:, 1:].any() and largest < GATHER_LIMIT:
        return np.ascontiguousarray(inverses_of_table(challenge, largest + 1)[limbs[:, 0].astype(np.int64)])
    return FR.inverse(FR.add(values, FR.from_integers([challenge])))
