"""The optimal ate pairing on BN254 and the arithmetic of G2, as routines and schedules for the machine of ``tower``.

    a(P, Q) = ( f_{6x+2,Q}(P) * l_{[6x+2]Q, pi(Q)}(P) * l_{[6x+2]Q + pi(Q), -pi^2(Q)}(P) ) ^ ((q^12 - 1)/r)

The lines depend on Q only: ``line_table`` computes them once in affine coordinates. A line through T with slope t is
y_P - t*x_P*w + (t*x_T - y_T)*w^3; divided by y_P (which the final exponentiation erases) it is 1 + s*w + t*w^3.
All pairs of a product share the squarings and one final exponentiation.

Points of G2 lie on y^2 = x^3 + 3/xi over Fq2; (x, y) means (x*w^2, y*w^3) over Fq12.
Sources: Vercauteren, "Optimal pairings", 2010; Fuentes-Castaneda, Knapp, Rodriguez-Henriquez, "Faster hashing to G2",
SAC 2011, section 5 (hard part); Renes, Costello, Batina, "Complete addition formulas", 2016, algorithm 7.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zk.kernels.scalar import FQ_MODULUS
from zk.kernels.tower import Cell, Cells, Dodecic, Program, Recorder, Schedule, fq2_from_row, fq2_row

CURVE_PARAMETER = 4965661367192848881  # x; q = 36x^4 + 36x^3 + 24x^2 + 6x + 1
SCALAR_BITS = 254

Fq2 = tuple[int, int]
AffineG2 = tuple[Fq2, Fq2]


def fq2_product(left: Fq2, right: Fq2) -> Fq2:
    """Return the product in Fq2 of two pairs of integers."""
    (a, b), (c, d) = left, right
    return (a * c - b * d) % FQ_MODULUS, (a * d + b * c) % FQ_MODULUS


def fq2_power(base: Fq2, exponent: int) -> Fq2:
    """Return ``base`` to a non-negative public exponent."""
    result = (1, 0)
    for bit in bin(exponent)[2:]:
        result = fq2_product(result, result)
        if bit == "1":
            result = fq2_product(result, base)
    return result


XI: Fq2 = (9, 1)
TWIST_B: Fq2 = fq2_product((3, 0), fq2_power(XI, FQ_MODULUS**2 - 2))


def signed_digits(value: int) -> list[int]:
    """Return the non-adjacent form of a positive integer, most significant digit (always 1) first."""
    digits = []
    while value:
        digit = 2 - value % 4 if value & 1 else 0
        digits.append(digit)
        value = (value - digit) >> 1
    return digits[::-1]


LOOP_DIGITS = signed_digits(6 * CURVE_PARAMETER + 2)[1:]
LINES = len(LOOP_DIGITS) + sum(digit != 0 for digit in LOOP_DIGITS) + 2


@dataclass(frozen=True, slots=True, eq=False)
class _Routines:
    """The program and the numbers of its routines; "<-" reads base 1 and writes base 0."""

    program: Program
    line_start: int  # running point <- point
    line_double: int  # two line rows at base 0; doubles the running point
    line_add: int  # two line rows at base 0; adds the point at base 1 to the running point
    point_negate: int  # affine <- affine
    point_frobenius: int  # affine <- pi(affine)
    point_frobenius2: int  # affine <- -pi^2(affine)
    point_add: int  # projective at base 0 += projective at base 1; complete
    point_affine: int  # affine <- projective; (0, 0) for infinity
    miller_one: int  # f = 1
    miller_square: int  # f = f^2
    miller_line: int  # f = f * line at base 0 evaluated at the point at base 1
    easy_part: int  # base 0 = f^((q^6 - 1)(q^2 + 1))
    copy: int  # <-
    conjugate: int  # <-
    multiply: int  # base 0 *= base 1
    square: int  # <-, in the cyclotomic subgroup
    frobenius: tuple[int, int, int]  # <- x^q, x^(q^2), x^(q^3)


def _load_point(recorder: Recorder, bank: int, coordinates: int) -> list[Cell]:
    return [recorder.load(bank, offset) for offset in range(coordinates)]


def _store(recorder: Recorder, cells: Sequence[Cell]) -> None:
    for offset, cell in enumerate(cells):
        recorder.store(offset, cell)


def _complete_add(p: list[Cell], q: list[Cell], b3: Cell) -> list[Cell]:
    """Renes-Costello-Batina algorithm 7: complete because the twist has odd order."""
    (x1, y1, z1), (x2, y2, z2) = p, q
    xx, yy, zz = x1 * x2, y1 * y2, z1 * z2
    xy = (x1 + y1) * (x2 + y2) - xx - yy
    yz = (y1 + z1) * (y2 + z2) - yy - zz
    xz = ((x1 + z1) * (x2 + z2) - xx - zz) * b3
    zz, xx = zz * b3, xx + xx + xx
    plus, minus = yy + zz, yy - zz
    return [xy * minus - yz * xz, xz * xx + minus * plus, plus * yz + xx * xy]


@functools.lru_cache(maxsize=1)
def _routines() -> _Routines:
    """Record every routine (milliseconds, once per process)."""
    recorder = Recorder()
    one = recorder.constant(1)
    b3 = recorder.constant(*fq2_product((3, 0), TWIST_B))
    gammas = []  # gammas[n - 1][k] = xi^(k(q^n - 1)/6): w^k -> gamma * w^k under x -> x^(q^n)
    for n in (1, 2, 3):
        gamma = fq2_power(XI, (FQ_MODULUS**n - 1) // 6)
        gammas.append([recorder.constant(*fq2_power(gamma, k)) for k in range(6)])
    f = [recorder.variable() for _ in range(6)]
    x, y = recorder.variable(), recorder.variable()

    def assign(variables: list[Cell], values: Sequence[Cell]) -> None:
        for variable, value in zip(variables, values, strict=True):
            recorder.assign(variable, value)

    def load12(bank: int) -> Dodecic:
        return Dodecic.from_coefficients(_load_point(recorder, bank, 6))

    def store12(value: Dodecic) -> None:
        _store(recorder, value.coefficients())

    def frobenius(value: Dodecic, n: int) -> Dodecic:
        cells = [cell.conjugate() if n % 2 else cell for cell in value.coefficients()]
        return Dodecic.from_coefficients([cell * gamma for cell, gamma in zip(cells, gammas[n - 1], strict=True)])

    def step(slope: Cell, other_x: Cell) -> None:  # stores the line, then moves the running point
        _store(recorder, [-slope, slope * x - y])
        new_x = slope.square() - x - other_x
        assign([x, y], [new_x, slope * (x - new_x) - y])

    def line_double() -> None:
        xx = x.square()
        step((xx + xx + xx) * (y + y).inverse(), x)

    def line_add() -> None:
        qx, qy = _load_point(recorder, 1, 2)
        step((qy - y) * (qx - x).inverse(), qx)

    def point_negate() -> None:
        qx, qy = _load_point(recorder, 1, 2)
        _store(recorder, [qx, -qy])

    def point_frobenius() -> None:
        qx, qy = _load_point(recorder, 1, 2)
        _store(recorder, [qx.conjugate() * gammas[0][2], qy.conjugate() * gammas[0][3]])

    def point_frobenius2() -> None:  # gammas[1][3] is -1, so -pi^2 keeps y
        qx, qy = _load_point(recorder, 1, 2)
        _store(recorder, [qx * gammas[1][2], qy])

    def point_affine() -> None:
        px, py, pz = _load_point(recorder, 1, 3)
        scale = pz.inverse()
        _store(recorder, [px * scale, py * scale])

    def miller_line() -> None:
        s, t = _load_point(recorder, 0, 2)
        x_over_y, one_over_y = _load_point(recorder, 1, 2)
        value = Dodecic.from_coefficients(f).times_line(s.times_fq(x_over_y), t.times_fq(one_over_y))
        assign(f, value.coefficients())

    def easy_part() -> None:
        value = Dodecic.from_coefficients(f)
        value = value.conjugate() * value.inverse()
        store12(frobenius(value, 2) * value)

    def one12() -> list[Cell]:
        return [one] + [recorder.zero] * 5

    numbers = {
        "line_start": recorder.routine(lambda: assign([x, y], _load_point(recorder, 1, 2))),
        "line_double": recorder.routine(line_double),
        "line_add": recorder.routine(line_add),
        "point_negate": recorder.routine(point_negate),
        "point_frobenius": recorder.routine(point_frobenius),
        "point_frobenius2": recorder.routine(point_frobenius2),
        "point_add": recorder.routine(
            lambda: _store(recorder, _complete_add(_load_point(recorder, 0, 3), _load_point(recorder, 1, 3), b3))
        ),
        "point_affine": recorder.routine(point_affine),
        "miller_one": recorder.routine(lambda: assign(f, one12())),
        "miller_square": recorder.routine(lambda: assign(f, Dodecic.from_coefficients(f).square().coefficients())),
        "miller_line": recorder.routine(miller_line),
        "easy_part": recorder.routine(easy_part),
        "copy": recorder.routine(lambda: store12(load12(1))),
        "conjugate": recorder.routine(lambda: store12(load12(1).conjugate())),
        "multiply": recorder.routine(lambda: store12(load12(0) * load12(1))),
        "square": recorder.routine(lambda: store12(load12(1).cyclotomic_square())),
    }
    powers = [recorder.routine(lambda n=n: store12(frobenius(load12(1), n))) for n in (1, 2, 3)]  # type: ignore[misc]
    return _Routines(program=recorder.finish(), frobenius=(powers[0], powers[1], powers[2]), **numbers)


@dataclass(slots=True, eq=False)
class _Plan:
    """A schedule under construction and the layout of the rows after the registers."""

    rows: int = 0
    calls: list[tuple[int, int, int]] = field(default_factory=list)

    def place(self, rows: int) -> int:
        """Reserve ``rows`` rows and return the address of the first."""
        self.rows += rows
        return len(_routines().program.registers) + self.rows - rows

    def call(self, routine: int, base0: int = 0, base1: int = 0) -> None:
        """Append one routine."""
        self.calls.append((routine, base0, base1))

    def schedule(self) -> Schedule:
        """Return the schedule as the kernel wants it."""
        return np.array(self.calls, dtype=np.uint64)


def _plan_power(plan: _Plan, target: int, source: int, inverse: int) -> None:
    """target = source^x; ``inverse`` is scratch."""
    do = _routines()
    plan.call(do.conjugate, inverse, source)
    plan.call(do.copy, target, source)
    for digit in signed_digits(CURVE_PARAMETER)[1:]:
        plan.call(do.square, target, target)
        if digit:
            plan.call(do.multiply, target, source if digit > 0 else inverse)


def _plan_final_exponentiation(plan: _Plan) -> int:
    """Plan f^(k (q^12 - 1)/r) with k = 2x(6x^2 + 3x + 1), coprime to r; return the address of the result.

    Comments give exponents of the easy part's value g.
    """
    do = _routines()
    g, a, b, c, d, scratch = (plan.place(6) for _ in range(6))
    plan.call(do.easy_part, g)
    _plan_power(plan, a, g, scratch)
    plan.call(do.conjugate, a, a)
    plan.call(do.square, a, a)  # a: -2x
    plan.call(do.square, b, a)
    plan.call(do.multiply, b, a)  # b: -6x
    _plan_power(plan, c, b, scratch)
    plan.call(do.conjugate, c, c)  # c: 6x^2
    plan.call(do.conjugate, b, b)
    plan.call(do.multiply, b, c)  # b: 6x^2 + 6x
    plan.call(do.square, scratch, c)
    inverse = plan.place(6)
    _plan_power(plan, d, scratch, inverse)
    plan.call(do.multiply, d, b)  # d: 12x^3 + 6x^2 + 6x
    plan.call(do.multiply, a, d)  # a: 12x^3 + 6x^2 + 4x
    plan.call(do.multiply, c, d)
    plan.call(do.multiply, c, g)  # c: 12x^3 + 12x^2 + 6x + 1
    plan.call(do.frobenius[0], scratch, a)
    plan.call(do.multiply, c, scratch)
    plan.call(do.frobenius[1], scratch, d)
    plan.call(do.multiply, c, scratch)
    plan.call(do.conjugate, g, g)
    plan.call(do.multiply, g, a)  # g: 12x^3 + 6x^2 + 4x - 1
    plan.call(do.frobenius[2], scratch, g)
    plan.call(do.multiply, c, scratch)
    return c


@functools.lru_cache(maxsize=8)
def _product_plan(pairs: int) -> tuple[Schedule, int, int, int]:
    """Return the schedule for a product of ``pairs``, the rows it needs, the first row of its inputs and its result."""
    do, plan = _routines(), _Plan()
    points = [plan.place(2) for _ in range(pairs)]
    tables = [plan.place(2 * LINES) for _ in range(pairs)]
    next_line = 0

    def lines() -> None:
        nonlocal next_line
        for point, table in zip(points, tables, strict=True):
            plan.call(do.miller_line, table + 2 * next_line, point)
        next_line += 1

    plan.call(do.miller_one)
    for digit in LOOP_DIGITS:
        plan.call(do.miller_square)
        lines()
        if digit:
            lines()
    lines()
    lines()
    result = _plan_final_exponentiation(plan)
    return plan.schedule(), plan.rows, len(do.program.registers), result


def pairing_product(points: Sequence[tuple[int, int]], tables: Sequence[Cells]) -> list[Fq2]:
    """Return the product of the pairings raised to 2x(6x^2 + 3x + 1), as coefficients of 1, w, ..., w^5.

    Args:
        points: affine points of G1, not infinity, on the curve, as integers.
        tables: ``line_table`` of the points of G2, as many, at least one.
    """
    program = _routines().program
    schedule, rows, first, result = _product_plan(len(points))
    memory = program.memory(rows)
    evaluations = []
    for px, py in points:
        inverse = pow(py, -1, FQ_MODULUS)  # y is never zero: the group has odd order
        evaluations += [fq2_row(px * inverse), fq2_row(inverse)]
    inputs = np.concatenate([np.array(evaluations, dtype=np.uint64), *tables])
    memory[first : first + len(inputs)] = inputs
    program.run(schedule, memory)
    return [fq2_from_row(row) for row in memory[result : result + 6]]


@functools.lru_cache(maxsize=1)
def _line_plan() -> tuple[Schedule, int, int, int]:
    """Return the schedule of a line table, the rows it needs, the row of its point and the first row of the table."""
    do, plan = _routines(), _Plan()
    point, negative, image, image2 = (plan.place(2) for _ in range(4))
    table = plan.place(2 * LINES)
    line = table
    plan.call(do.point_negate, negative, point)
    plan.call(do.point_frobenius, image, point)
    plan.call(do.point_frobenius2, image2, point)
    plan.call(do.line_start, 0, point)
    for digit in LOOP_DIGITS:
        plan.call(do.line_double, line)
        line += 2
        if digit:
            plan.call(do.line_add, line, point if digit > 0 else negative)
            line += 2
    plan.call(do.line_add, line, image)
    plan.call(do.line_add, line + 2, image2)
    return plan.schedule(), plan.rows, point, table


def line_table(point: AffineG2) -> Cells:
    """Return the lines of the Miller loop of a point of order r: (2 * LINES, 8), for ``pairing_product``."""
    program = _routines().program
    schedule, rows, first, table = _line_plan()
    memory = program.memory(rows)
    memory[first : first + 2] = np.array([fq2_row(*half) for half in point], dtype=np.uint64)
    program.run(schedule, memory)
    return memory[table : table + 2 * LINES].copy()


def _projective_rows(point: AffineG2 | None) -> list[list[int]]:
    if point is None:
        return [fq2_row(0), fq2_row(1), fq2_row(0)]
    return [fq2_row(*point[0]), fq2_row(*point[1]), fq2_row(1)]


def _run_points(plan: _Plan, first: int, points: Sequence[AffineG2 | None], result: int) -> AffineG2 | None:
    program = _routines().program
    memory = program.memory(plan.rows)
    rows = [row for point in points for row in _projective_rows(point)]
    memory[first : first + len(rows)] = np.array(rows, dtype=np.uint64)
    plan.call(_routines().point_affine, result, result)
    program.run(plan.schedule(), memory)
    x, y = fq2_from_row(memory[result]), fq2_from_row(memory[result + 1])
    return None if x == y == (0, 0) else (x, y)


def add(left: AffineG2 | None, right: AffineG2 | None) -> AffineG2 | None:
    """Return the sum of two points of the twist; complete."""
    plan = _Plan()
    a, b = plan.place(3), plan.place(3)
    plan.call(_routines().point_add, a, b)
    return _run_points(plan, a, [left, right], a)


def multiply(point: AffineG2 | None, scalar: int) -> AffineG2 | None:
    """Return ``scalar`` times a point of the twist, 0 <= scalar < 2^254.

    Timing: the same 508 additions for every scalar; the addresses they read depend on it.
    """
    plan, add_points = _Plan(), _routines().point_add
    total, infinity, base = plan.place(3), plan.place(3), plan.place(3)
    for bit in range(SCALAR_BITS - 1, -1, -1):
        plan.call(add_points, total, total)
        plan.call(add_points, total, base if (scalar >> bit) & 1 else infinity)
    return _run_points(plan, total, [None, None, point], total)
