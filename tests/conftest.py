"""Shared fixtures: kernels compiled once, development reference strings, and the seed of every random test."""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from zk.kernels import warm_up
from zk.srs import Srs, development_srs


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the kernels once, before two workers of pytest-xdist would each do so."""
    if not hasattr(session.config, "workerinput"):
        warm_up()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one worker, and all tests of the shared deployment in one: it is started once."""
    for item in items:
        shared = "deployment" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("deployment" if shared else item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> float:
    """Compile (or load) the kernels before any test measures or times out."""
    return warm_up()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """A random source whose seed is printed when the test fails; TALLYSTICK_TEST_SEED repeats it."""
    seed = int(os.environ.get("TALLYSTICK_TEST_SEED") or secrets.randbits(32))
    print(f"seed of {request.node.nodeid}: {seed}")
    return Random(seed)


@pytest.fixture(scope="session")
def srs32() -> Srs:
    """A development SRS for up to 32 rows."""
    return development_srs(5)
