"""Kernels over G1 of BN254, y^2 = x^3 + 3.

Inside, a point is (X, Y, ZZ, ZZZ) with x = X/ZZ, y = Y/ZZZ, ZZ^3 = ZZZ^2, and ZZ = 0 for infinity: "XYZZ" coordinates
of the Explicit-Formulas Database (Bernstein and Lange; formulas dbl-2008-s-1, add-2008-s, madd-2008-s). In arrays it is
a row of 16 words; an affine point is a row of 8, all zero for infinity. Additions are complete: infinity, P = Q and
P = -Q are met by branches. Bounds: coordinates are canonical, points lie on the curve (which has no point of order two,
so doubling never meets Y = 0). Timing: variable; the branches and digits depend on points and scalars.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zk.kernels import inner, kernel
from zk.kernels.scalar import (
    FQ_CONSTANTS,
    Element,
    Words,
    fq_add,
    fq_inverse,
    fq_mul,
    fq_sub,
    is_equal,
    is_zero,
    load,
    store,
)

Point = tuple[Element, ...]

_ZERO = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
_ONE = tuple(np.uint64(word) for word in FQ_CONSTANTS[2])
INFINITY = (_ZERO, _ZERO, _ZERO, _ZERO)

WINDOW_BITS = 5  # of multiply_each: 51 signed digits of five bits hold 254 bits and the carry
_DIGITS = 51
_HALF = 16


@inner
def double(p: Point) -> Any:
    """2P; infinity stays infinity because ZZ3 is a multiple of ZZ1."""
    x, y, zz, zzz = p
    u = fq_add(y, y)
    v = fq_mul(u, u)
    w = fq_mul(u, v)
    s = fq_mul(x, v)
    square = fq_mul(x, x)
    m = fq_add(fq_add(square, square), square)
    x3 = fq_sub(fq_mul(m, m), fq_add(s, s))
    y3 = fq_sub(fq_mul(m, fq_sub(s, x3)), fq_mul(w, y))
    return x3, y3, fq_mul(v, zz), fq_mul(w, zzz)


@inner
def add(p: Point, q: Point) -> Any:
    """P + Q."""
    x1, y1, zz1, zzz1 = p
    x2, y2, zz2, zzz2 = q
    if is_zero(zz1):
        return q
    if is_zero(zz2):
        return p
    u1, s1 = fq_mul(x1, zz2), fq_mul(y1, zzz2)
    run = fq_sub(fq_mul(x2, zz1), u1)
    rise = fq_sub(fq_mul(y2, zzz1), s1)
    if is_zero(run):
        return double(p) if is_zero(rise) else INFINITY
    pp = fq_mul(run, run)
    ppp = fq_mul(run, pp)
    v = fq_mul(u1, pp)
    x3 = fq_sub(fq_sub(fq_mul(rise, rise), ppp), fq_add(v, v))
    y3 = fq_sub(fq_mul(rise, fq_sub(v, x3)), fq_mul(s1, ppp))
    return x3, y3, fq_mul(fq_mul(zz1, zz2), pp), fq_mul(fq_mul(zzz1, zzz2), ppp)


@inner
def add_affine(p: Point, x2: Element, y2: Element) -> Any:
    """P + (x2, y2), the second point affine and not infinity."""
    x1, y1, zz1, zzz1 = p
    if is_zero(zz1):
        return x2, y2, _ONE, _ONE
    run = fq_sub(fq_mul(x2, zz1), x1)
    rise = fq_sub(fq_mul(y2, zzz1), y1)
    if is_zero(run):
        return double(p) if is_zero(rise) else INFINITY
    pp = fq_mul(run, run)
    ppp = fq_mul(run, pp)
    v = fq_mul(x1, pp)
    x3 = fq_sub(fq_sub(fq_mul(rise, rise), ppp), fq_add(v, v))
    y3 = fq_sub(fq_mul(rise, fq_sub(v, x3)), fq_mul(y1, ppp))
    return x3, y3, fq_mul(zz1, pp), fq_mul(zzz1, ppp)


@inner
def is_infinity(points: Words, row: int) -> Any:
    """True if the affine row is infinity; (0, 0) is not on the curve."""
    return is_zero(load(points, row, 0)) and is_zero(load(points, row, 4))


@inner
def load_point(points: Words, row: int) -> Point:
    """Return the point in a row of 16 words."""
    return load(points, row, 0), load(points, row, 4), load(points, row, 8), load(points, row, 12)


@inner
def store_point(points: Words, row: int, p: Point) -> None:
    """Write the point to a row of 16 words."""
    store(points, row, 0, p[0])
    store(points, row, 4, p[1])
    store(points, row, 8, p[2])
    store(points, row, 12, p[3])


@kernel("void(uint64[:,::1], uint64[:,::1])")
def to_affine(out: Words, points: Words) -> None:
    """out[i] = affine points[i], with one inversion for all; out (n, 8), points (n, 16)."""
    product = _ONE
    for i in range(points.shape[0]):
        zzz = load(points, i, 12)
        store(out, i, 0, product)  # of the ZZZ before this one
        if not is_zero(zzz):
            product = fq_mul(product, zzz)
    inverse = fq_inverse(product)
    for k in range(points.shape[0]):
        i = points.shape[0] - 1 - k
        x, y, zz, zzz = load_point(points, i)
        if is_zero(zzz):
            x, y = _ZERO, _ZERO
        else:
            inverse_zzz = fq_mul(inverse, load(out, i, 0))
            inverse = fq_mul(inverse, zzz)
            inverse_z = fq_mul(inverse_zzz, zz)  # Z^2/Z^3
            x, y = fq_mul(x, fq_mul(inverse_z, inverse_z)), fq_mul(y, inverse_zzz)
        store(out, i, 0, x)
        store(out, i, 4, y)


@kernel("int64(uint64[:,::1], uint64[:,::1])")
def first_off_curve(points: Words, three: Words) -> int:
    """Return the first i where points[i] is neither infinity nor on the curve, or -1; three[0] is 3, Montgomery."""
    b = load(three, 0, 0)
    for i in range(points.shape[0]):
        x, y = load(points, i, 0), load(points, i, 4)
        cube = fq_mul(fq_mul(x, x), x)
        if not is_equal(fq_mul(y, y), fq_add(cube, b)) and not is_infinity(points, i):
            return i
    return -1


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def add_each(out: Words, a: Words, b: Words) -> None:
    """out[i] = a[i] + b[i]; out (n, 16), a and b affine, an operand of one row standing for every row."""
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    for i in range(out.shape[0]):
        p = INFINITY
        if not is_infinity(a, i * a_step):
            p = add_affine(p, load(a, i * a_step, 0), load(a, i * a_step, 4))
        if not is_infinity(b, i * b_step):
            p = add_affine(p, load(b, i * b_step, 0), load(b, i * b_step, 4))
        store_point(out, i, p)


@kernel("void(uint64[:,::1], uint64[:,::1])")
def sum_all(out: Words, points: Words) -> None:
    """out[0] = sum of affine points; out (1, 16)."""
    p = INFINITY
    for i in range(points.shape[0]):
        if not is_infinity(points, i):
            p = add_affine(p, load(points, i, 0), load(points, i, 4))
    store_point(out, 0, p)


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def multiply_each(out: Words, points: Words, scalars: Words) -> None:
    """out[i] = scalars[i]·points[i]; out (n, 16), points affine (or one for all), scalars integers below r < 2^254.

    Signed windows of five bits: digits in -15..16 from a table of P, 2P, .., 16P.
    """
    step = int(points.shape[0] != 1)
    table = np.empty((_HALF, 16), dtype=np.uint64)
    digits = np.empty(_DIGITS, dtype=np.int64)
    for i in range(out.shape[0]):
        if is_infinity(points, i * step):
            store_point(out, i, INFINITY)
            continue
        if step == 1 or i == 0:
            x, y = load(points, i * step, 0), load(points, i * step, 4)
            p = INFINITY
            for k in range(_HALF):
                p = add_affine(p, x, y)
                store_point(table, k, p)
        carry = np.int64(0)
        for k in range(_DIGITS):
            bit = k * WINDOW_BITS
            word, offset = bit >> 6, np.uint64(bit & 63)
            window = scalars[i, word] >> offset
            if bit & 63 > 64 - WINDOW_BITS and word < 3:
                window |= scalars[i, word + 1] << (np.uint64(64) - offset)
            digit = np.int64(window & np.uint64(2 * _HALF - 1)) + carry
            carry = np.int64(digit > _HALF)
            digits[k] = digit - 2 * _HALF * carry
        p = INFINITY
        for k in range(_DIGITS):
            digit = digits[_DIGITS - 1 - k]
            if k > 0:
                for _ in range(WINDOW_BITS):
                    p = double(p)
            if digit != 0:
                x, y, zz, zzz = load_point(table, abs(digit) - 1)
                if digit < 0:
                    y = fq_sub(_ZERO, y)
                p = add(p, (x, y, zz, zzz))
        store_point(out, i, p)


@kernel("void(uint64[:,::1], uint64[:,::1])")
def fill_multiples(out: Words, base: Words) -> None:
    """out[256·w + j] = j·256^w·base[0] for w < 32, j < 256; out (8192, 16), base affine and not infinity."""
    b = add_affine(INFINITY, load(base, 0, 0), load(base, 0, 4))
    for w in range(32):
        p = INFINITY
        for j in range(256):
            store_point(out, 256 * w + j, p)
            p = add(p, b)
        b = p


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def multiply_fixed(out: Words, multiples: Words, scalars: Words) -> None:
    """out[i] = scalars[i]·base; out (n, 16), multiples the affine table of ``fill_multiples``, scalars below 2^256."""
    for i in range(out.shape[0]):
        p = INFINITY
        for w in range(32):
            row = 256 * w + int((scalars[i, w >> 3] >> np.uint64(8 * (w & 7))) & np.uint64(255))
            if row & 255:
                p = add_affine(p, load(multiples, row, 0), load(multiples, row, 4))
        store_point(out, i, p)
