"""The inputs of the MPC workloads and what their results must be; NumPy only, so that every contestant can import it.

Values are drawn from a seed: every party of every contestant draws the same and keeps what it owns. x belongs to
party 0, y to party 1. For an alignment they are lists of persons, half of each list in the other, and the result is how
many rows the lists share and how many they have together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SETTLE_S = 0.1
"""Pause of a party that is done, before it works on anything else: the others share its processor and may not be."""

ALIGN = "align"
LONG = (ALIGN,)
"""Repetitions of seconds: one, after a warm-up on `WARM_UP_ROWS`."""
WARM_UP_ROWS = 1000
_ODD = 0x1E3779B97F4A7C15  # multiplication by it modulo 2^62 names every person differently

Vector = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """One question, the same for all contestants.

    Attributes:
        kind: which operation.
        n: how many rows.
        value_bits: inputs lie in [0, 2^value_bits).
        security: the mode of an alignment; the others take that of the run.
    """

    kind: str
    n: int
    value_bits: int = 16
    security: str = ""

    @property
    def name(self) -> str:
        """Public name of the row."""
        power = len(str(self.n)) - 1
        size = f"1e{power}" if self.n == 10**power else str(self.n)
        more = f"_{self.value_bits}bit" if self.kind == "less" else f"_{self.security}" if self.security else ""
        return f"{self.kind}_{size}{more}"

    def inputs(self) -> tuple[Vector, Vector]:
        """Return x and y."""
        rng = np.random.default_rng(self.n + self.value_bits)
        if self.kind == ALIGN:
            persons = np.arange(2 * self.n - self.n // 2, dtype=np.int64) * _ODD % (1 << 62)
            return rng.permutation(persons[: self.n]), rng.permutation(persons[-self.n :])
        x, y = (rng.integers(0, 1 << self.value_bits, self.n, dtype=np.int64) for _ in range(2))
        if self.kind == "less":
            y[::7] = x[::7]
        return x, y

    def expected(self) -> Vector:
        """Return the right result, as integers: sums are left undivided."""
        x, y = self.inputs()
        results: dict[str, Callable[[], Any]] = {
            "inner": lambda: [x @ y],
            "product": lambda: x * y,
            "less": lambda: x < y,
            "moments": lambda: [x.sum(), x @ x, y.sum(), y @ y, x @ y],
            "sort": lambda: np.sort(x),
            "median": lambda: [np.sort(x)[(self.n - 1) // 2]],
            ALIGN: lambda: [self.n // 2, 2 * self.n - self.n // 2],
        }
        return np.asarray(results[self.kind](), np.int64)


WORKLOADS = (
    Workload("inner", 10**4),
    Workload("inner", 10**5),
    Workload("inner", 10**6),
    Workload("product", 10**6),
    Workload("less", 10**5, 32),
    Workload("less", 10**5, 62),
    Workload("moments", 10**6),
    Workload("sort", 10**5, 32),
    Workload("median", 10**5, 32),
    Workload(ALIGN, 10**5, security="semi-honest"),
    Workload(ALIGN, 10**5, security="malicious"),
)
"""What `python -m benchmarks mpc` measures. Differences of 62-bit values fit the peers' 64-bit ring with a sign."""


def identifier_texts(persons: Vector) -> list[str]:
    """Return the identifiers of persons as an owner has them, texts of 16 digits."""
    return [f"{person:016x}" for person in persons.tolist()]


def describe_fault(found: npt.NDArray[Any], expected: Vector) -> str:
    """Return what is wrong with a result, empty if nothing is."""
    flat = np.asarray(found).reshape(-1)
    if len(flat) != len(expected):
        return f"{len(flat)} values instead of {len(expected)}"
    wrong = flat.astype(np.float64) != expected.astype(np.float64) if flat.dtype.kind == "f" else flat != expected
    return f"{int(wrong.sum())} of {len(expected)} values wrong" if wrong.any() else ""
