"""Fixtures of the engine's tests: the rings it runs over, and three parties in three threads over a loopback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc.channel import LoopbackNetwork
from mpc.computation import Computation, Security
from mpc.replicated import Engine
from mpc.rings import Z2_64, Ring
from mpc.rings_wide import Z2_128
from mpc.seeds import PairwiseSeeds
from zk.field import FR

sys.path.insert(0, str(Path(__file__).parent))  # scenes that several files share

from known_inputs import MERSENNE, fixed_seeds

FIELDS: list[Ring] = [MERSENNE, FR]
RINGS: list[Ring] = [Z2_64, Z2_128, *FIELDS]


@pytest.fixture(params=RINGS, ids=lambda ring: ring.name)
def ring(request: pytest.FixtureRequest) -> Ring:
    return request.param


@pytest.fixture(params=FIELDS, ids=lambda ring: ring.name)
def prime_field(request: pytest.FixtureRequest) -> Ring:
    return request.param


@pytest.fixture(params=[Z2_64, *FIELDS], ids=lambda ring: ring.name)
def checkable(request: pytest.FixtureRequest) -> Ring:
    """The rings over which a shuffle can be checked."""
    return request.param


class Parties:
    """Three engines over one loopback; ``run`` calls a function with each engine in a thread of its own."""

    def __init__(self, ring: Ring, session: bytes = bytes(32), attempt: int = 0, timeout_s: float = 20.0) -> None:
        self.network = LoopbackNetwork(3, session, attempt)
        self.seeds = [fixed_seeds(party) for party in range(3)]
        self.engines = [
            Engine(ring, channel, self.seeds[channel.party], session, attempt, timeout_s=timeout_s)
            for channel in self.network.channels
        ]

    def run(self, body: Callable[[Engine], Any]) -> list[Any]:
        """Return the three results; the first failure closes the network and is raised."""

        def guarded(engine: Engine) -> Any:
            try:
                return body(engine)
            except BaseException:
                self.network.close()
                raise

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(guarded, engine) for engine in self.engines]
        return [future.result() for future in futures]

    def outcomes(self, body: Callable[[Engine], Any]) -> list[Any]:
        """Return per party the result or the exception, letting every party go as far as it can."""
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(body, engine) for engine in self.engines]
        return [future.exception() or future.result() for future in futures]


@pytest.fixture
def parties() -> Callable[..., Parties]:
    return Parties


class Computations:
    """Three computations over one loopback; ``run`` calls a function with each in a thread of its own."""

    def __init__(self, security: Security = "semi-honest", timeout_s: float = 30.0) -> None:
        self.network = LoopbackNetwork(3, bytes(32))
        self.parts = [
            Computation(channel, fixed_seeds(channel.party), bytes(32), 0, security=security, timeout_s=timeout_s)
            for channel in self.network.channels
        ]

    def run(self, body: Callable[[Computation], Any]) -> list[Any]:
        """Return the three results; the first failure closes the network and is raised."""

        def guarded(computation: Computation) -> Any:
            try:
                return body(computation)
            except BaseException:
                self.network.close()
                raise

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(guarded, part) for part in self.parts]
        return [future.result() for future in futures]

    def outcomes(self, body: Callable[[Computation], Any]) -> list[Any]:
        """Return per party the result or the exception, letting every party go as far as it can."""
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(body, part) for part in self.parts]
        return [future.exception() or future.result() for future in futures]


@pytest.fixture
def computations() -> Callable[..., Computations]:
    return Computations


def ring_size(ring: Ring) -> int:
    return ring.to_integers(ring.neg(ring.from_integers([1])))[0] + 1


def inputs(ring: Ring, n: int, seed: int) -> list[int]:
    """n integers: the extremes first, then random ones."""
    rng = np.random.default_rng(seed)
    size = ring_size(ring)
    extremes = [0, 1 << 63, (1 << 64) - 1, 1, size - 1, size // 2]
    extremes = [value % size for value in extremes]
    return (extremes[seed % 6 :] + [int.from_bytes(rng.bytes(40), "big") % size for _ in range(n)])[:n]


@pytest.fixture
def draw() -> Callable[[Ring, int, int], list[int]]:
    return inputs


@pytest.fixture
def size_of() -> Callable[[Ring], int]:
    return ring_size


@pytest.fixture
def seeds_of() -> Callable[..., PairwiseSeeds]:
    return fixed_seeds
