"""Kernels over vectors of field elements: (n, 4) arrays in Montgomery form, canonical, for either field.

Every kernel takes the field's table of ``field_constants`` last. Bounds: all elements below p unless a line says
otherwise; an operand of one row stands for every row; ``out`` never overlaps an operand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner, kernel
from zk.kernels.scalar import Element, Words, is_zero, load, load_modulus, mod_add, mod_mul, mod_sub, store

_THREE = "void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1])"
_TWO = "void(uint64[:,::1], uint64[:,::1], uint64[:,::1])"


@kernel(_THREE)
def add(out: Words, a: Words, b: Words, constants: Words) -> None:
    """out[i] = a[i] + b[i]."""
    modulus = load_modulus(constants)
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    for i in range(out.shape[0]):
        store(out, i, 0, mod_add(load(a, i * a_step, 0), load(b, i * b_step, 0), modulus))


@kernel(_THREE)
def subtract(out: Words, a: Words, b: Words, constants: Words) -> None:
    """out[i] = a[i] - b[i]."""
    modulus = load_modulus(constants)
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    for i in range(out.shape[0]):
        store(out, i, 0, mod_sub(load(a, i * a_step, 0), load(b, i * b_step, 0), modulus))


@kernel(_THREE)
def multiply(out: Words, a: Words, b: Words, constants: Words) -> None:
    """out[i] = a[i]·b[i]/2^256; b[i] may be any 256-bit number."""
    modulus = load_modulus(constants)
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    for i in range(out.shape[0]):
        store(out, i, 0, mod_mul(load(a, i * a_step, 0), load(b, i * b_step, 0), modulus))


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def add_multiple(out: Words, a: Words, b: Words, factor: Words, constants: Words) -> None:
    """out[i] = a[i] + factor[0]·b[i]/2^256, all of one length."""
    modulus = load_modulus(constants)
    c = load(factor, 0, 0)
    for i in range(out.shape[0]):
        store(out, i, 0, mod_add(load(a, i, 0), mod_mul(load(b, i, 0), c, modulus), modulus))


@kernel(_THREE)
def inner_product(out: Words, a: Words, b: Words, constants: Words) -> None:
    """out[0] = sum of a[i]·b[i]/2^256, a and b of one length."""
    modulus = load_modulus(constants)
    zero = np.uint64(0)
    accumulator = (zero, zero, zero, zero)
    for i in range(a.shape[0]):
        accumulator = mod_add(accumulator, mod_mul(load(a, i, 0), load(b, i, 0), modulus), modulus)
    store(out, 0, 0, accumulator)


@kernel(_TWO)
def total(out: Words, a: Words, constants: Words) -> None:
    """out[0] = sum of a[i]."""
    modulus = load_modulus(constants)
    zero = np.uint64(0)
    accumulator = (zero, zero, zero, zero)
    for i in range(a.shape[0]):
        accumulator = mod_add(accumulator, load(a, i, 0), modulus)
    store(out, 0, 0, accumulator)


@inner
def mod_inverse(a: Element, constants: Words) -> Any:
    """a != 0  ->  1/a as a^(p-2) (in Montgomery form); 0 -> 0."""
    modulus = load_modulus(constants)
    result = load(constants, 2, 0)
    for i in range(4):
        word = constants[0, 3 - i]
        if i == 3:
            word -= np.uint64(2)  # both moduli end in a word above 2
        for bit in range(64):
            result = mod_mul(result, result, modulus)
            if (word >> np.uint64(63 - bit)) & np.uint64(1):
                result = mod_mul(result, a, modulus)
    return result


@kernel("int64(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def invert(out: Words, a: Words, constants: Words) -> int:
    """out[i] = 1/a[i], by one inversion of the running product (Montgomery 1987).

    Returns -1, or the index of the first zero with ``out`` left meaningless.
    """
    modulus = load_modulus(constants)
    product = load(constants, 2, 0)
    for i in range(a.shape[0]):
        x = load(a, i, 0)
        if is_zero(x):
            return i
        store(out, i, 0, product)  # a[0]·..·a[i-1]
        product = mod_mul(product, x, modulus)
    inverse = mod_inverse(product, constants)
    for k in range(a.shape[0]):
        i = a.shape[0] - 1 - k
        store(out, i, 0, mod_mul(inverse, load(out, i, 0), modulus))
        inverse = mod_mul(inverse, load(a, i, 0), modulus)
    return -1


@kernel(_TWO)
def powers(out: Words, x: Words, constants: Words) -> None:
    """out[i] = x[0]^i."""
    modulus = load_modulus(constants)
    base = load(x, 0, 0)
    power = load(constants, 2, 0)
    for i in range(out.shape[0]):
        store(out, i, 0, power)
        power = mod_mul(power, base, modulus)


@kernel(_THREE)
def evaluate(out: Words, coefficients: Words, x: Words, constants: Words) -> None:
    """out[0] = sum of coefficients[i]·x[0]^i, by Horner's rule."""
    modulus = load_modulus(constants)
    point = load(x, 0, 0)
    zero = np.uint64(0)
    accumulator = (zero, zero, zero, zero)
    for k in range(coefficients.shape[0]):
        i = coefficients.shape[0] - 1 - k
        accumulator = mod_add(mod_mul(accumulator, point, modulus), load(coefficients, i, 0), modulus)
    store(out, 0, 0, accumulator)


@kernel("void(uint64[:,::1], int64[::1], uint64[:,::1])")
def from_signed(out: Words, values: NDArray[np.int64], constants: Words) -> None:
    """out[i] = Montgomery form of values[i], any 64-bit signed integer."""
    modulus = load_modulus(constants)
    square = load(constants, 3, 0)
    zero = np.uint64(0)
    for i in range(values.shape[0]):
        word = np.uint64(values[i])
        negative = values[i] < 0
        magnitude = zero - word if negative else word  # modulo 2^64, right for -2^63 too
        x = mod_mul(square, (magnitude, zero, zero, zero), modulus)
        store(out, i, 0, mod_sub((zero, zero, zero, zero), x, modulus) if negative else x)


@kernel(_TWO)
def from_wide(out: Words, words: Words, constants: Words) -> None:
    """out[i] = Montgomery form of the 512-bit integer with limbs words[i, 0:8], least significant first."""
    modulus = load_modulus(constants)
    square, cube = load(constants, 3, 0), load(constants, 4, 0)
    for i in range(out.shape[0]):
        low = mod_mul(square, load(words, i, 0), modulus)  # second operand: any 256-bit number
        high = mod_mul(cube, load(words, i, 4), modulus)  # second operand: any 256-bit number
        store(out, i, 0, mod_add(low, high, modulus))


@kernel("int64(uint64[:,::1], uint64[:,::1])")
def first_not_below(a: Words, constants: Words) -> int:
    """Return the first i where the 256-bit integer a[i] is at or above p, or -1."""
    p = load(constants, 0, 0)
    for i in range(a.shape[0]):
        x = load(a, i, 0)
        below = x[0] < p[0]
        for k in range(1, 4):
            below = (x[k] < p[k]) | ((x[k] == p[k]) & below)
        if not below:
            return i
    return -1
