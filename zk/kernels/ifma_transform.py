"""Tables, memory and threads around the two passes of a transform with eight lanes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from zk.kernels import ifma_ntt as kernels
from zk.kernels.arenas import ARENAS
from zk.kernels.ifma_lanes import (
    RADIX_BITS,
    limbs52,
)
from zk.kernels.ifma_layout import BLOCK
from zk.kernels.ifma_ntt import Places
from zk.kernels.leases import fresh
from zk.kernels.scalar import FR_MODULUS, Words
from zk.kernels.workers import run_tasks

LEAST_LOG_N = 7
"""From here on lanes are faster; both passes need eight columns."""
PARALLEL_FROM = 1 << 15
"""From here on a transform is worth a thread per processor."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """What both passes read; see ``ifma_ntt``."""

    roots1: Words
    roots2: Words
    places1: Places
    places2: Places
    heads: Words
    starts: Words
    steps: Words
    tails: Words


def transform(x: Words, root: int, before: int, after: int, scale: int, threads: int) -> Words:
    """Return scale·after^k·sum over i of x[i]·before^i·root^(i·k), for all k.

    Args:
        x: (n, 4) canonical public elements of Fr, C-contiguous, n a power of two from 2^LEAST_LOG_N to 2^24.
        root: of order n.
        before, after, scale: any elements of Fr as integers; ``after`` is 1 or ``before`` is.
        threads: at most so many. The result does not depend on it.
    """
    n = len(x)
    tables = _tables(n.bit_length() - 1, root, before, after, scale)
    n1, n2 = len(tables.places1), len(tables.places2)
    out = fresh(n)
    room = BLOCK * (n2 + kernels.SPARE)
    with ARENAS.borrow(5 * n + threads * room) as memory:
        tiles = memory[: 5 * n]
        work = [memory[5 * n + t * room :][:room] for t in range(threads)]

        def columns(worker: int, groups: range) -> None:
            kernels.transform_columns(
                tiles, x.reshape(-1), tables.roots1, tables.places1, tables.heads, tables.starts, tables.steps,
                work[worker], groups.start, groups.stop,
            )  # fmt: skip

        def rows(worker: int, groups: range) -> None:
            kernels.transform_rows(
                out.reshape(-1), tiles, tables.roots2, tables.places2, tables.tails, work[worker], groups.start,
                groups.stop,
            )  # fmt: skip

        run_tasks(columns, _parts(n2 // 8, threads), threads)
        run_tasks(rows, _parts(n1 // 8, threads), threads)
    return out


def _parts(groups: int, threads: int) -> list[range]:
    """All groups for one thread; else several parts for each, so that none waits long for a slower one."""
    parts = 1 if threads == 1 else min(groups, 4 * threads)
    return [range(groups * k // parts, groups * (k + 1) // parts) for k in range(parts)]


@functools.lru_cache(maxsize=16)
def _tables(log_n: int, root: int, before: int, after: int, scale: int) -> _Tables:
    log_rows = log_n // 2
    n1, n2 = 1 << log_rows, 1 << (log_n - log_rows)
    columns = _powers(root, n2)
    return _Tables(
        roots1=_limbs(_powers(pow(root, n2, FR_MODULUS), n1)),
        roots2=_limbs(_powers(pow(root, n1, FR_MODULUS), n2)),
        places1=_bit_reversal(n1),
        places2=_bit_reversal(n2),
        heads=_limbs(_powers(pow(before, n2, FR_MODULUS), n1) if before != 1 else []),
        starts=_blocks([scale * factor for factor in _powers(before, n2)]),
        steps=_blocks([after * factor for factor in columns]),
        tails=_limbs(_powers(pow(after, n1, FR_MODULUS), n2) if after != 1 else []),
    )


def _powers(base: int, count: int) -> list[int]:
    out, power = [], 1
    for _ in range(count):
        out.append(power)
        power = power * base % FR_MODULUS
    return out


def _limbs(values: list[int]) -> Words:
    """Five limbs of each f·2^260, one after another."""
    rows = [limbs52((value << RADIX_BITS) % FR_MODULUS) for value in values]
    return np.array(rows, dtype=np.uint64).reshape(-1)


def _blocks(values: list[int]) -> Words:
    """The blocks of f·2^260, eight by eight."""
    return np.ascontiguousarray(_limbs(values).reshape(-1, 8, 5).transpose(0, 2, 1)).reshape(-1)


def _bit_reversal(n: int) -> Places:
    digits = n.bit_length() - 1
    return np.array([int(f"{i:0{digits}b}"[::-1], 2) for i in range(n)], dtype=np.int64)
