"""Many points of the twist of BN254 at once: multiples, random combinations, and membership in G2.

`zk.pairing` treats one point at a time, which a section of 2^20 of them has no time for. Here schedules for the machine
of ``zk.kernels.tower`` are written for whole chunks, one per processor. Points are (n, 16) uint64 rows x0 ‖ x1 ‖ y0 ‖
y1 in Montgomery form, public or not as said.

**Membership, for a whole section.** The twist has order r·h, and 10069 is the least prime factor of h. Let one of the
fixed points lie outside G2 and d be its random digit, 0 ≤ d < 2^8. Were Σ d_i·Q_i in G2 for two values of d with the
other digits unchanged, then the difference of the two, below 10069, would take the point into G2; so at most one of
the 2^8 digits hides it. A combination with 128-bit weights is made of 16 such sums with independent digits. Checking
each of them costs 16 checks for a whole section and misses an outside point with probability at most 2^-128.

Source: Renes, Costello, Batina, "Complete addition formulas", 2016, algorithms 7, 8 and 9 (complete on the whole
twist, whose order is odd); Pippenger 1976 for the combination.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zk.curve import scalar_integers, split_rows
from zk.errors import NonCanonicalEncodingError, SizeMismatchError
from zk.field import Words
from zk.kernels.pairing import TWIST_B, fq2_product
from zk.kernels.tower import Cell, Program, Recorder, fq2_from_row, fq2_row
from zk.pairing import G2, G2_GENERATOR, add_g2, check_g2, multiply_g2

DIGIT_BITS: Final = 8
WEIGHT_BYTES: Final = 16
PARALLEL_FROM: Final = 256
"""From so many points on, work is split over the processors."""

_BUCKETS: Final = 1 << DIGIT_BITS
_WINDOW: Final = 4  # bits of a digit in `multiply_twist`
_WINDOWS: Final = 64
_BATCH: Final = 512  # points whose schedule is held at once
_BYTES: Final = 32
_FIXED_BATCH: Final = 1 << 13


@dataclass(frozen=True, slots=True, eq=False)
class _Routines:
    program: Program
    infinity: int  # projective at base 0 = infinity
    lift: int  # projective at base 0 <- affine at base 1
    copy: int  # projective <- projective
    double: int  # projective at base 0 doubled
    add: int  # projective at base 0 += projective at base 1
    add_affine: int  # projective at base 0 += affine at base 1
    to_affine: int  # affine <- projective; (0, 0) for infinity
    residue: int  # one row <- y^2 - x^3 - b of the affine point


def _double(p: Sequence[Cell], b3: Cell) -> list[Cell]:
    x, y, z = p
    yy, yz, zz = y.square(), y * z, z.square() * b3
    eight = yy + yy
    eight = eight + eight
    eight = eight + eight
    low = yy - (zz + zz + zz)
    new_y = low * (yy + zz) + zz * eight
    new_x = low * (x * y)
    return [new_x + new_x, new_y, yz * eight]


def _join(xx: Cell, yy: Cell, zz: Cell, cross: tuple[Cell, Cell, Cell], b3: Cell) -> list[Cell]:
    """Finish an addition from the products of like and of unlike coordinates."""
    xy, yz, xz = cross
    xz, zz, xx = xz * b3, zz * b3, xx + xx + xx
    plus, minus = yy + zz, yy - zz
    return [xy * minus - yz * xz, xz * xx + minus * plus, plus * yz + xx * xy]


def _add(p: Sequence[Cell], q: Sequence[Cell], b3: Cell) -> list[Cell]:
    (x1, y1, z1), (x2, y2, z2) = p, q
    xx, yy, zz = x1 * x2, y1 * y2, z1 * z2
    xy = (x1 + y1) * (x2 + y2) - xx - yy
    yz = (y1 + z1) * (y2 + z2) - yy - zz
    xz = (x1 + z1) * (x2 + z2) - xx - zz
    return _join(xx, yy, zz, (xy, yz, xz), b3)


def _add_affine(p: Sequence[Cell], q: Sequence[Cell], b3: Cell) -> list[Cell]:
    (x1, y1, z1), (x2, y2) = p, q
    xx, yy = x1 * x2, y1 * y2
    xy = (x1 + y1) * (x2 + y2) - xx - yy
    return _join(xx, yy, z1, (xy, y2 * z1 + y1, x2 * z1 + x1), b3)


@functools.lru_cache(maxsize=1)
def _routines() -> _Routines:
    """Record the routines (milliseconds, once per process)."""
    recorder = Recorder()
    one = recorder.constant(1)
    b = recorder.constant(*TWIST_B)
    b3 = recorder.constant(*fq2_product((3, 0), TWIST_B))

    def load(bank: int, rows: int) -> list[Cell]:
        return [recorder.load(bank, offset) for offset in range(rows)]

    def store(cells: Sequence[Cell]) -> None:
        for offset, cell in enumerate(cells):
            recorder.store(offset, cell)

    def to_affine() -> None:
        x, y, z = load(1, 3)
        scale = z.inverse()
        store([x * scale, y * scale])

    def residue() -> None:
        x, y = load(1, 2)
        store([y.square() - x.square() * x - b])

    numbers = {
        "infinity": recorder.routine(lambda: store([recorder.zero, one, recorder.zero])),
        "lift": recorder.routine(lambda: store([*load(1, 2), one])),
        "copy": recorder.routine(lambda: store(load(1, 3))),
        "double": recorder.routine(lambda: store(_double(load(0, 3), b3))),
        "add": recorder.routine(lambda: store(_add(load(0, 3), load(1, 3), b3))),
        "add_affine": recorder.routine(lambda: store(_add_affine(load(0, 3), load(1, 2), b3))),
        "to_affine": recorder.routine(to_affine),
        "residue": recorder.routine(residue),
    }
    return _Routines(program=recorder.finish(), **numbers)


def first_off_twist(points: Words) -> int:
    """Return the first i where points[i] is not on the twist, or -1; infinity is not on it here.

    Args:
        points: (n, 16), coordinates canonical.
    """
    do, n = _routines(), len(points)
    base = len(do.program.registers)
    memory = do.program.memory(3 * n)
    memory[base : base + 2 * n] = points.reshape(-1, 8)
    rows = np.arange(n, dtype=np.uint64)
    schedule = np.stack([np.full_like(rows, do.residue), base + 2 * n + rows, base + 2 * rows], axis=1)
    do.program.run(np.ascontiguousarray(schedule), memory)
    off = memory[base + 2 * n :].any(axis=1)
    return int(off.argmax()) if off.any() else -1


def multiply_generator_twist(scalars: Words) -> Words:
    """Return scalars[i]·[1]_2 as `multiply_twist` does, from a table of multiples: about ten times as fast."""
    digits = np.ascontiguousarray(scalar_integers(scalars)).astype("<u8").view(np.uint8).reshape(-1, _BYTES)
    table = _generator_table()
    out = np.empty((len(digits), 16), dtype=np.uint64)

    def work(start: int, stop: int) -> None:
        for low in range(start, stop, _FIXED_BATCH):
            high = min(low + _FIXED_BATCH, stop)
            out[low:high] = _sum_multiples(table, digits[low:high])

    split_rows(work, len(digits), parallel=len(digits) >= PARALLEL_FROM)
    return out


@functools.lru_cache(maxsize=1)
def _generator_table() -> Words:
    """Memory whose rows after the registers are d·2^(8w)·[1]_2, projective, for 32 digits w of values d < 2^8."""
    do = _routines()
    first = len(do.program.registers)
    base = first + 3 * _BYTES * _BUCKETS
    memory = do.program.memory(3 * _BYTES * _BUCKETS + 3)
    memory[base : base + 2] = g2_rows([G2_GENERATOR]).reshape(2, 8)
    memory[base + 2] = np.array(fq2_row(1), dtype=np.uint64)
    steps: list[tuple[int, int, int]] = []
    for entry in range(_BYTES * _BUCKETS):
        here = first + 3 * entry
        if entry % _BUCKETS == 0:
            if entry:
                steps.append((do.add, base, here - 3))  # 2^8 times as much: base + 255·base
            steps.append((do.infinity, here, 0))
        else:
            steps += [(do.copy, here, here - 3), (do.add, here, base)]
    do.program.run(np.array(steps, dtype=np.uint64), memory)
    return memory


def _sum_multiples(table: Words, digits: NDArray[np.uint8]) -> Words:
    do, n = _routines(), len(digits)
    first, total = len(do.program.registers), len(table)
    memory = np.concatenate([table, np.zeros((3 + 2 * n, 8), dtype=np.uint64)])
    schedule = np.zeros((n, _BYTES + 2, 3), dtype=np.uint64)
    schedule[:, :, 1] = total
    schedule[:, 0, 0], schedule[:, 1:-1, 0], schedule[:, -1, 0] = do.infinity, do.add, do.to_affine
    schedule[:, 1:-1, 2] = first + 3 * (_BUCKETS * np.arange(_BYTES) + digits)
    schedule[:, -1, 1], schedule[:, -1, 2] = total + 3 + 2 * np.arange(n), total
    do.program.run(schedule.reshape(-1, 3), memory)
    return memory[total + 3 :].reshape(n, 16)


def multiply_twist(points: Words, scalars: Words) -> Words:
    """Return scalars[i]·points[i] as affine rows, all zero for infinity.

    Args:
        points: (n, 16) on the twist, none at infinity.
        scalars: (n, 4) elements of Fr; may be secret.

    Raises:
        SizeMismatchError: the lengths differ.
    Timing: the same operations for every scalar, but digits select which rows are read.
    """
    if len(points) != len(scalars):
        raise SizeMismatchError(f"{len(points)} points and {len(scalars)} scalars do not fit together")
    limbs = scalar_integers(scalars)
    shifts = np.arange(60, -1, -_WINDOW, dtype=np.uint64)
    digits = ((limbs[:, ::-1, None] >> shifts) & np.uint64(15)).reshape(-1, _WINDOWS)  # most significant first
    out = np.empty((len(points), 16), dtype=np.uint64)

    def work(start: int, stop: int) -> None:
        for low in range(start, stop, _BATCH):
            high = min(low + _BATCH, stop)
            out[low:high] = _multiply_batch(points[low:high], digits[low:high])

    split_rows(work, len(points), parallel=len(points) >= PARALLEL_FROM)
    return out


def _multiply_batch(points: Words, digits: NDArray[np.uint64]) -> Words:
    """One schedule: per point a table of 0..15 times it, 64 windows of four bits, and back to affine."""
    do, n = _routines(), len(points)
    first = len(do.program.registers)
    table, total, inputs = first, first + 48, first + 51
    results = inputs + 2 * n
    memory = do.program.memory(51 + 4 * n)
    memory[inputs:results] = points.reshape(-1, 8)
    point = inputs + 2 * np.arange(n)
    steps: list[tuple[int, int | NDArray[np.int64], int | NDArray[np.int64]]] = [(do.infinity, table, 0)]
    for entry in range(1, 16):
        steps.append((do.lift, table + 3 * entry, point))
        if entry > 1:
            steps.append((do.add, table + 3 * entry, table + 3 * (entry - 1)))
    chosen = (table + 3 * digits).astype(np.int64)
    steps.append((do.copy, total, chosen[:, 0]))
    for window in range(1, _WINDOWS):
        steps += [(do.double, total, 0)] * _WINDOW
        steps.append((do.add, total, chosen[:, window]))
    steps.append((do.to_affine, results + 2 * np.arange(n), total))
    schedule = np.empty((n, len(steps), 3), dtype=np.uint64)
    for position, step in enumerate(steps):
        for column, value in enumerate(step):
            schedule[:, position, column] = value
    do.program.run(schedule.reshape(-1, 3), memory)
    return memory[results : results + 2 * n].reshape(n, 16)


class TwistCombination:
    """Σ w_i·P_i over points that arrive in chunks, with 128-bit weights, and proof of membership on the way."""

    def __init__(self) -> None:
        do = _routines()
        self._memories = []
        for _ in range(WEIGHT_BYTES):
            memory = do.program.memory(3 * _BUCKETS + 6)
            self._run(memory, [(do.infinity, self._bucket(digit), 0) for digit in range(_BUCKETS + 2)])
            self._memories.append(memory)

    def add(self, points: Words, weights: NDArray[np.uint8]) -> None:
        """Add Σ weights[i]·points[i].

        Args:
            points: (n, 16) on the twist, none at infinity.
            weights: (n, 16) bytes, least significant first, drawn by `draw_digits` after the points were fixed.
        """
        do, n = _routines(), len(points)
        start = len(self._memories[0])
        rows = points.reshape(-1, 8)

        def work(first: int, beyond: int) -> None:
            schedule = np.empty((n, 3), dtype=np.uint64)
            schedule[:, 0], schedule[:, 2] = do.add_affine, start + 2 * np.arange(n)
            for position in range(first, beyond):
                schedule[:, 1] = self._bucket(0) + 3 * weights[:, position].astype(np.uint64)
                memory = np.concatenate([self._memories[position], rows])
                do.program.run(schedule, memory)
                self._memories[position] = memory[:start].copy()

        split_rows(work, WEIGHT_BYTES, parallel=n >= PARALLEL_FROM)

    def finish(self) -> G2:
        """Return the combination, after checking that every point that was added lies in G2.

        Raises:
            PointNotOnCurveError: some point is outside the subgroup (missed with probability at most 2^-128).
        """
        total: G2 = None
        for memory in reversed(self._memories):
            part = self._digit_sum(memory)
            check_g2(part)
            total = add_g2(multiply_g2(total, _BUCKETS), part)
        return total

    def _digit_sum(self, memory: Words) -> G2:
        """Σ digit·bucket[digit], by running sums from the top."""
        do = _routines()
        running, total = self._bucket(_BUCKETS), self._bucket(_BUCKETS + 1)
        steps: list[tuple[int, int, int]] = []
        for digit in range(_BUCKETS - 1, 0, -1):
            steps += [(do.add, running, self._bucket(digit)), (do.add, total, running)]
        self._run(memory, [*steps, (do.to_affine, running, total)])
        x, y = fq2_from_row(memory[running]), fq2_from_row(memory[running + 1])
        return None if x == y == (0, 0) else (x, y)

    @staticmethod
    def _bucket(digit: int) -> int:
        return len(_routines().program.registers) + 3 * digit

    @staticmethod
    def _run(memory: Words, steps: Sequence[tuple[int, int, int]]) -> None:
        _routines().program.run(np.array(steps, dtype=np.uint64), memory)


def draw_digits(n: int) -> NDArray[np.uint8]:
    """Return ``n`` random weights of 128 bits as rows of 16 digits, least significant first."""
    return np.frombuffer(secrets.token_bytes(WEIGHT_BYTES * n), dtype=np.uint8).reshape(n, WEIGHT_BYTES)


def g2_from_row(row: Words) -> G2:
    """Return one row of a G2 array as the integers `zk.pairing` takes."""
    return fq2_from_row(row[:8]), fq2_from_row(row[8:])


def g2_rows(points: Sequence[G2]) -> Words:
    """Return points, none of them infinity, as a G2 array.

    Raises:
        NonCanonicalEncodingError: a point is infinity.
    """
    rows = []
    for point in points:
        if point is None:
            raise NonCanonicalEncodingError("a G2 point is the point at infinity")
        rows.append(fq2_row(*point[0]) + fq2_row(*point[1]))
    return np.array(rows, dtype=np.uint64)
