"""Fixtures of the ledger tests: one real node per session, one compiled contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from node_process import CHAIN_ID, SOURCE, NodeProcess

from ledger.chain import EmbeddedChain


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node on an empty development chain; its URL is ``node.url``."""
    running = NodeProcess(tmp_path_factory.mktemp("ledger") / "chain.db")
    assert running.first_line.startswith("ready http://127.0.0.1:")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def compiled() -> dict[str, Any]:
    """ABI and bytecode of the test contract, compiled for London."""
    import vyper
    from vyper.compiler.settings import Settings

    return vyper.compile_code(SOURCE, output_formats=["abi", "bytecode"], settings=Settings(evm_version="london"))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[EmbeddedChain]:
    """An empty development chain in this process."""
    with EmbeddedChain(tmp_path / "chain.db", chain_id=CHAIN_ID) as opened:
        yield opened
