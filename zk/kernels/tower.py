"""The tower Fq2, Fq6, Fq12 over BN254 as a small machine: formulas are recorded once, then executed by one kernel.

    Fq2 = Fq[u]/(u^2 + 1),    Fq6 = Fq2[v]/(v^3 - xi),    Fq12 = Fq6[w]/(w^2 - v),    xi = 9 + u.

Compiling a pairing as nested functions makes LLVM expand the same multiplication hundreds of times. Here the only
compiled code is ``execute``: a loop over instructions whose operands are rows (Fq2 elements, 64 bytes) of a register
file that fits the first-level cache. The formulas are ordinary Python on ``Cell``, ``Sextic`` and ``Dodecic``;
running them writes instructions. One instruction does up to three multiplications in Fq, so decoding costs little.

A routine is a run of instructions. A schedule row (routine, base0, base1) executes it with two base addresses, through
which LOAD and STORE reach variables and tables. Neither has branches on data: the time depends on the schedule alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner, kernel
from zk.kernels.scalar import FQ_MODULUS, RADIX, Element, fq_add, fq_mul, fq_sub, limbs, load, store

Cells = NDArray[np.uint64]
Schedule = NDArray[np.uint64]

ADD, SUB, MUL, SQUARE, CONJUGATE, TIMES_XI, TIMES_FQ, INVERT, LOAD0, LOAD1, STORE0 = range(11)


def fq2_row(c0: int, c1: int = 0) -> list[int]:
    """Return c0 + c1*u as one register row: eight 64-bit limbs in Montgomery form."""
    return [limb for c in (c0, c1) for limb in limbs(c * RADIX % FQ_MODULUS)]


def fq2_from_row(row: NDArray[np.uint64]) -> tuple[int, int]:
    """Return the pair (c0, c1) held by one register row."""
    unscale = pow(RADIX, -1, FQ_MODULUS)
    c0, c1 = (sum(int(limb) << (64 * i) for i, limb in enumerate(half)) for half in (row[:4], row[4:]))
    return c0 * unscale % FQ_MODULUS, c1 * unscale % FQ_MODULUS


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """An element of Fq2 while a routine is being recorded: the number of the register that will hold it."""

    recorder: Recorder
    register: int

    def __add__(self, other: Cell) -> Cell:
        return self.recorder.emit(ADD, self.register, other.register)

    def __sub__(self, other: Cell) -> Cell:
        return self.recorder.emit(SUB, self.register, other.register)

    def __mul__(self, other: Cell) -> Cell:
        return self.recorder.emit(MUL, self.register, other.register)

    def __neg__(self) -> Cell:
        return self.recorder.zero - self

    def square(self) -> Cell:
        """Return the square (two multiplications in Fq)."""
        return self.recorder.emit(SQUARE, self.register)

    def conjugate(self) -> Cell:
        """Return c0 - c1*u, the image under the Frobenius map of Fq2."""
        return self.recorder.emit(CONJUGATE, self.register)

    def times_xi(self) -> Cell:
        """Return (9 + u) times the element."""
        return self.recorder.emit(TIMES_XI, self.register)

    def times_fq(self, factor: Cell) -> Cell:
        """Return the product with the first coordinate of ``factor`` (two multiplications in Fq)."""
        return self.recorder.emit(TIMES_FQ, self.register, factor.register)

    def inverse(self) -> Cell:
        """Return the inverse, and zero for zero."""
        return self.recorder.emit(INVERT, self.register)


@dataclass(frozen=True, slots=True, eq=False)
class Sextic:
    """An element a + b*v + c*v^2 of Fq6."""

    a: Cell
    b: Cell
    c: Cell

    def __add__(self, other: Sextic) -> Sextic:
        return Sextic(self.a + other.a, self.b + other.b, self.c + other.c)

    def __sub__(self, other: Sextic) -> Sextic:
        return Sextic(self.a - other.a, self.b - other.b, self.c - other.c)

    def __neg__(self) -> Sextic:
        return Sextic(-self.a, -self.b, -self.c)

    def __mul__(self, other: Sextic) -> Sextic:
        """Karatsuba: six multiplications in Fq2."""
        aa, bb, cc = self.a * other.a, self.b * other.b, self.c * other.c
        bc = (self.b + self.c) * (other.b + other.c) - bb - cc
        ab = (self.a + self.b) * (other.a + other.b) - aa - bb
        ac = (self.a + self.c) * (other.a + other.c) - aa - cc
        return Sextic(aa + bc.times_xi(), ab + cc.times_xi(), ac + bb)

    def times_v(self) -> Sextic:
        """Return v times the element."""
        return Sextic(self.c.times_xi(), self.a, self.b)

    def times_linear(self, s: Cell, t: Cell) -> Sextic:
        """Return the product with s + t*v: five multiplications in Fq2."""
        as_, bt = self.a * s, self.b * t
        middle = (self.a + self.b) * (s + t) - as_ - bt
        return Sextic(as_ + (self.c * t).times_xi(), middle, self.c * s + bt)

    def inverse(self) -> Sextic:
        """Return the inverse (one inversion in Fq2), and zero for zero."""
        a = self.a.square() - (self.b * self.c).times_xi()
        b = self.c.square().times_xi() - self.a * self.b
        c = self.b.square() - self.a * self.c
        scale = (self.a * a + (self.c * b + self.b * c).times_xi()).inverse()
        return Sextic(a * scale, b * scale, c * scale)


@dataclass(frozen=True, slots=True, eq=False)
class Dodecic:
    """An element low + high*w of Fq12; the coefficient of w^k is ``coefficients()[k]``."""

    low: Sextic
    high: Sextic

    @staticmethod
    def from_coefficients(cells: list[Cell]) -> Dodecic:
        """Return the element with these six coefficients of 1, w, ..., w^5."""
        return Dodecic(Sextic(*cells[0::2]), Sextic(*cells[1::2]))

    def coefficients(self) -> list[Cell]:
        """Return the six coefficients of 1, w, ..., w^5."""
        low, high = self.low, self.high
        return [low.a, high.a, low.b, high.b, low.c, high.c]

    def __mul__(self, other: Dodecic) -> Dodecic:
        """Karatsuba: eighteen multiplications in Fq2."""
        low, high = self.low * other.low, self.high * other.high
        middle = (self.low + self.high) * (other.low + other.high)
        return Dodecic(low + high.times_v(), middle - low - high)

    def square(self) -> Dodecic:
        """Complex squaring: twelve multiplications in Fq2."""
        product = self.low * self.high
        low = (self.low + self.high) * (self.low + self.high.times_v()) - product - product.times_v()
        return Dodecic(low, product + product)

    def times_line(self, s: Cell, t: Cell) -> Dodecic:
        """Return the product with 1 + s*w + t*w^3: ten multiplications in Fq2."""
        return Dodecic(
            self.low + self.high.times_linear(s, t).times_v(),
            self.high + self.low.times_linear(s, t),
        )

    def conjugate(self) -> Dodecic:
        """Return the image under x -> x^(q^6), the inverse of an element of the cyclotomic subgroup."""
        return Dodecic(self.low, -self.high)

    def inverse(self) -> Dodecic:
        """Return the inverse, and zero for zero."""
        scale = (self.low * self.low - (self.high * self.high).times_v()).inverse()
        return Dodecic(self.low * scale, -(self.high * scale))

    def cyclotomic_square(self) -> Dodecic:
        """Return the square of an element of the cyclotomic subgroup: nine squarings in Fq2.

        Source: Granger, Scott, "Faster squaring in the cyclotomic subgroup of sixth degree extensions", PKC 2010, 3.2.
        """

        def double_square(x: Cell, y: Cell) -> tuple[Cell, Cell]:  # (x + y*s)^2 in Fq4 = Fq2[s]/(s^2 - xi)
            xx, yy = x.square(), y.square()
            return xx + yy.times_xi(), (x + y).square() - xx - yy

        c0, c1, c2, c3, c4, c5 = self.coefficients()
        even0, odd3 = double_square(c0, c3)
        even2, odd5 = double_square(c1, c4)
        even4, odd1 = double_square(c2, c5)
        odd1 = odd1.times_xi()

        def minus(x: Cell, square: Cell) -> Cell:  # 3*square - 2*x
            difference = square - x
            return difference + difference + square

        def plus(x: Cell, square: Cell) -> Cell:  # 3*square + 2*x
            total = square + x
            return total + total + square

        return Dodecic.from_coefficients(
            [minus(c0, even0), plus(c1, odd1), minus(c2, even2), plus(c3, odd3), minus(c4, even4), plus(c5, odd5)]
        )


class Recorder:
    """Collects routines and constants of one program.

    Registers: the constants first (register 0 is zero), then fixed variables, then the temporaries of a routine, which
    start over for every routine.
    """

    def __init__(self) -> None:
        self._constants: list[list[int]] = []
        self._fixed = 0
        self._temporaries = 0
        self._highest = 0
        self._code: list[tuple[int, int, int, int]] = []
        self._starts: list[int] = [0]
        self.zero = self.constant(0)

    def constant(self, c0: int, c1: int = 0) -> Cell:
        """Return a register holding c0 + c1*u. All constants come before all variables."""
        self._constants.append(fq2_row(c0, c1))
        return Cell(self, len(self._constants) - 1)

    def variable(self) -> Cell:
        """Return a register that keeps its value between routines. All variables come before all routines."""
        self._fixed += 1
        return Cell(self, len(self._constants) + self._fixed - 1)

    def emit(self, operation: int, a: int = 0, b: int = 0) -> Cell:
        """Append one instruction whose result goes to a fresh temporary, and return that."""
        register = len(self._constants) + self._fixed + self._temporaries
        self._temporaries += 1
        self._code.append((operation, register, a, b))
        return Cell(self, register)

    def load(self, bank: int, offset: int) -> Cell:
        """Return a copy of the row ``offset`` after base ``bank`` (0 or 1)."""
        return self.emit(LOAD0 if bank == 0 else LOAD1, offset)

    def store(self, offset: int, value: Cell) -> None:
        """Write ``value`` to the row ``offset`` after base 0."""
        self._code.append((STORE0, offset, value.register, 0))

    def assign(self, variable: Cell, value: Cell) -> None:
        """Copy ``value`` into a variable."""
        self._code.append((ADD, variable.register, value.register, self.zero.register))

    def routine(self, body: Callable[[], None]) -> int:
        """Record ``body`` as the next routine and return its number."""
        self._temporaries = 0
        body()
        self._highest = max(self._highest, self._temporaries)
        self._starts.append(len(self._code))
        return len(self._starts) - 2

    def finish(self) -> Program:
        """Return the recorded program."""
        rows = len(self._constants) + self._fixed + self._highest
        registers = np.zeros((rows, 8), dtype=np.uint64)
        registers[: len(self._constants)] = np.array(self._constants, dtype=np.uint64)
        return Program(np.array(self._code, dtype=np.uint32), np.array(self._starts, dtype=np.uint64), registers)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Recorded routines: ``code`` (instructions, 4), ``starts`` (routines + 1,), initial ``registers`` (rows, 8)."""

    code: NDArray[np.uint32]
    starts: NDArray[np.uint64]
    registers: Cells

    def memory(self, extra_rows: int) -> Cells:
        """Return a fresh memory: the registers, then ``extra_rows`` zero rows for variables and tables."""
        return np.concatenate([self.registers, np.zeros((extra_rows, 8), dtype=np.uint64)])

    def run(self, schedule: Schedule, memory: Cells) -> None:
        """Execute ``schedule`` (rows of routine, base0, base1) on ``memory`` in place, without the GIL."""
        execute(self.code, self.starts, schedule, memory)


_EXPONENT = tuple(np.uint64(limb) for limb in limbs(FQ_MODULUS - 2))
_ONE = tuple(np.uint64(limb) for limb in limbs(RADIX % FQ_MODULUS))
_ZERO = tuple(np.uint64(0) for _ in range(4))


@inner
def _fermat_inverse(x: Element) -> Any:
    result: Any = _ONE
    for bit in range(255, -1, -1):
        result = fq_mul(result, result)
        if (_EXPONENT[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):  # public constant
            result = fq_mul(result, x)
    return result


@kernel("void(uint32[:,::1], uint64[::1], uint64[:,::1], uint64[:,::1])")
def execute(code: Any, starts: Any, schedule: Any, cells: Any) -> None:
    """Run the routines of ``schedule`` on ``cells``. Every element is canonical before and after each instruction."""
    for step in range(schedule.shape[0]):
        routine, base0, base1 = schedule[step, 0], schedule[step, 1], schedule[step, 2]
        for position in range(starts[routine], starts[routine + np.uint64(1)]):
            operation = code[position, 0]
            target: Any = np.uint64(code[position, 1])
            a: Any = np.uint64(code[position, 2])
            b: Any = np.uint64(code[position, 3])
            if operation == MUL:
                x0, x1, y0, y1 = load(cells, a, 0), load(cells, a, 4), load(cells, b, 0), load(cells, b, 4)
                low, high = fq_mul(x0, y0), fq_mul(x1, y1)
                cross = fq_mul(fq_add(x0, x1), fq_add(y0, y1))
                r0, r1 = fq_sub(low, high), fq_sub(cross, fq_add(low, high))
            elif operation == ADD:
                r0 = fq_add(load(cells, a, 0), load(cells, b, 0))
                r1 = fq_add(load(cells, a, 4), load(cells, b, 4))
            elif operation == SUB:
                r0 = fq_sub(load(cells, a, 0), load(cells, b, 0))
                r1 = fq_sub(load(cells, a, 4), load(cells, b, 4))
            elif operation == SQUARE:
                x0, x1 = load(cells, a, 0), load(cells, a, 4)
                r0, r1 = fq_mul(fq_add(x0, x1), fq_sub(x0, x1)), fq_mul(fq_add(x0, x0), x1)
            elif operation == TIMES_XI:
                x0, x1 = load(cells, a, 0), load(cells, a, 4)
                y0, y1 = fq_add(x0, x0), fq_add(x1, x1)
                y0, y1 = fq_add(y0, y0), fq_add(y1, y1)
                y0, y1 = fq_add(y0, y0), fq_add(y1, y1)
                r0, r1 = fq_sub(fq_add(y0, x0), x1), fq_add(fq_add(y1, x1), x0)
            elif operation == TIMES_FQ:
                factor = load(cells, b, 0)
                r0, r1 = fq_mul(load(cells, a, 0), factor), fq_mul(load(cells, a, 4), factor)
            elif operation == CONJUGATE:
                r0, r1 = load(cells, a, 0), fq_sub(_ZERO, load(cells, a, 4))
            elif operation == INVERT:
                x0, x1 = load(cells, a, 0), load(cells, a, 4)
                scale = _fermat_inverse(fq_add(fq_mul(x0, x0), fq_mul(x1, x1)))
                r0, r1 = fq_mul(x0, scale), fq_sub(_ZERO, fq_mul(x1, scale))
            else:
                source = a
                if operation == LOAD0:
                    source = a + base0
                elif operation == LOAD1:
                    source = a + base1
                else:
                    target = target + base0
                r0, r1 = load(cells, source, 0), load(cells, source, 4)
            store(cells, target, 0, r0)
            store(cells, target, 4, r1)
