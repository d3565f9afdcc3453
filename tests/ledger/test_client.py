"""The client against a real node: calls, transactions, reverts, events, and a ledger that is away."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak
from node_process import CHAIN_ID, NodeProcess

from ledger.client import LedgerClient, Receipt
from ledger.errors import (
    LedgerError,
    LedgerRequestError,
    LedgerResponseError,
    LedgerTimeoutError,
    LedgerUnreachableError,
    SigningKeyError,
    TransactionRevertedError,
)
from ledger.revert import describe_revert

KEY = keccak(b"client test key")


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> LedgerClient:
    return LedgerClient(node.url, KEY)


@pytest.fixture(scope="module")
def deployed(client: LedgerClient, compiled: dict[str, Any]) -> Receipt:
    return client.transact(client.contract_factory(compiled["abi"], compiled["bytecode"]).constructor())


@pytest.fixture(scope="module")
def contract(client: LedgerClient, deployed: Receipt, compiled: dict[str, Any]) -> Any:
    assert deployed.contract_address is not None
    return client.contract_at(compiled["abi"], deployed.contract_address)


def test_reads(client: LedgerClient, deployed: Receipt) -> None:
    assert client.chain_id == CHAIN_ID
    assert client.block_number() >= deployed.block_number
    assert deployed.contract_address is not None
    assert client.code(deployed.contract_address)
    assert client.code("0x" + "11" * 20) == b""
    info = client.chain_info()
    assert info is not None
    assert info["chainId"] == CHAIN_ID
    assert info["production"] is False


def test_account_without_balance_transacts(client: LedgerClient, contract: Any) -> None:
    before = client.call(contract.functions.total())
    receipt = client.transact(contract.functions.put(42))
    assert client.call(contract.functions.total()) == before + 42
    assert client.call(contract.functions.total(), block=receipt.block_number - 1) == before
    assert 21_000 < receipt.gas_used < 100_000
    assert client.receipt(receipt.tx_hash) == receipt
    (entry,) = receipt.logs
    assert entry.topics[1][12:].hex() == client.address[2:].lower()
    assert int.from_bytes(entry.data, "big") == 42
    assert client.receipt("0x" + "00" * 32) is None


def test_precompile_through_a_contract(client: LedgerClient, contract: Any) -> None:
    from py_ecc import bn128

    expected = bn128.multiply(bn128.G1, 5)
    assert client.call(contract.functions.times(1, 2, 5)) == [int(expected[0]), int(expected[1])]
    with pytest.raises(TransactionRevertedError):
        client.call(contract.functions.times(1, 1, 5))


def test_revert_is_found_before_sending(client: LedgerClient, contract: Any) -> None:
    head = client.block_number()
    for attempt in (client.call, client.transact):
        with pytest.raises(TransactionRevertedError, match=r"^amount too big$") as caught:
            attempt(contract.functions.put(100))
        assert caught.value.reason == "amount too big"
        assert caught.value.tx_hash is None
    assert client.block_number() == head


def test_mined_revert_is_explained(client: LedgerClient, contract: Any) -> None:
    with pytest.raises(TransactionRevertedError) as caught:
        client.transact(contract.functions.put(100), gas=200_000)
    assert caught.value.reason == "amount too big"
    assert caught.value.tx_hash is not None
    with pytest.raises(TransactionRevertedError, match="mined and failed"):
        client.receipt(caught.value.tx_hash)
    with pytest.raises(TransactionRevertedError, match="OutOfGas"):
        client.transact(contract.functions.burn(), gas=100_000)
    assert client.transact(contract.functions.put(1)).gas_used > 21_000


def test_events_are_filtered_and_decoded(client: LedgerClient, contract: Any) -> None:
    first = client.transact(contract.functions.put(6)).block_number
    second = client.transact(contract.functions.put(7))
    other = LedgerClient(client.url, keccak(b"another client"))
    other.transact(contract.functions.put(8))

    def amounts(**options: Any) -> list[int]:
        return [event.args["amount"] for event in client.logs(contract.events.Put, from_block=first, **options)]

    assert amounts() == [6, 7, 8]
    assert amounts(where={"kind": 1}) == [7]
    assert amounts(where={"kind": [0, 2]}) == [6, 8]
    assert amounts(where={"who": other.address}) == [8]
    assert amounts(to_block=first) == [6]
    assert amounts(where={"kind": 9}) == []
    event = client.logs(contract.events.Put, from_block=second.block_number, to_block=second.block_number)[0]
    assert event.name == "Put"
    assert event.tx_hash == second.tx_hash
    assert event.address == contract.address


def test_threads_of_one_account_do_not_collide(client: LedgerClient, contract: Any) -> None:
    receipts: list[Receipt] = []
    threads = [
        threading.Thread(target=lambda: receipts.append(client.transact(contract.functions.put(1), gas=100_000)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len({receipt.block_number for receipt in receipts}) == 6


def test_confirmations(client: LedgerClient, contract: Any) -> None:
    receipt = client.transact(contract.functions.put(1))
    assert client.wait_confirmations(receipt.tx_hash, 0) == receipt
    client.transact(contract.functions.put(1))
    assert client.wait_confirmations(receipt.tx_hash, 1) == receipt
    hasty = LedgerClient(client.url, KEY, timeout_s=0.3, confirmations=1)
    with pytest.raises(LedgerTimeoutError, match="has not 1 confirmations") as caught:
        hasty.transact(contract.functions.put(1), gas=100_000)
    assert caught.value.tx_hash is not None
    assert client.receipt(caught.value.tx_hash) is not None


def test_reading_client_cannot_sign(client: LedgerClient, contract: Any) -> None:
    reader = LedgerClient(client.url)
    assert reader.call(contract.functions.total()) > 0
    with pytest.raises(SigningKeyError):
        reader.transact(contract.functions.put(1))


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32, KEY[:-1], KEY.hex()])
def test_malformed_key_is_refused_without_showing_it(key: Any) -> None:
    with pytest.raises(SigningKeyError) as caught:
        LedgerClient("http://127.0.0.1:1", key)
    shown = key if isinstance(key, str) else key.hex()
    assert shown not in str(caught.value)
    assert caught.value.__cause__ is None


def test_key_is_not_shown(client: LedgerClient) -> None:
    assert KEY.hex() not in repr(client) + str(vars(client))
    assert client.address in repr(client)


def test_wrong_contract_and_unknown_block(client: LedgerClient, compiled: dict[str, Any], contract: Any) -> None:
    nobody = client.contract_at(compiled["abi"], "0x" + "11" * 20)
    with pytest.raises(LedgerResponseError):
        client.call(nobody.functions.total())
    with pytest.raises(LedgerRequestError, match="not on the chain"):
        client.call(contract.functions.total(), block=10**9)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_ledger_that_is_away(contract: Any) -> None:
    away = LedgerClient(f"http://127.0.0.1:{free_port()}", KEY, timeout_s=1)
    for attempt in (away.block_number, away.chain_info, lambda: away.transact(contract.functions.put(1), gas=10**5)):
        with pytest.raises(LedgerError):
            attempt()
    with pytest.raises(LedgerUnreachableError, match="no ledger node answers"):
        away.block_number()


def test_ledger_that_hangs() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = LedgerClient(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY, timeout_s=0.2)
        with pytest.raises(LedgerTimeoutError, match="did not answer in time"):
            client.block_number()


class _Impostor(http.server.BaseHTTPRequestHandler):
    body = b""
    status = 200

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments: Any) -> None:
        return


@pytest.fixture
def impostor() -> Iterator[type[_Impostor]]:
    """An HTTP server that is no ledger; set the class's ``body`` and ``status``."""

    class Handler(_Impostor):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        Handler.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
        yield Handler
        server.shutdown()
        thread.join(timeout=10)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (200, b'{"jsonrpc":"2.0","id":1,"result":"x"}'),
        (200, b"[]"),
        (503, b""),
        (404, b"{}"),
    ],
)
def test_server_that_is_no_ledger(impostor: Any, status: int, body: bytes) -> None:
    impostor.status, impostor.body = status, body
    with pytest.raises(LedgerResponseError):
        LedgerClient(impostor.url, timeout_s=2).block_number()


def test_restarted_node_is_the_same_ledger(tmp_path: Path, compiled: dict[str, Any]) -> None:
    first = NodeProcess(tmp_path / "chain.db")
    client = LedgerClient(first.url, KEY)
    factory = client.contract_factory(compiled["abi"], compiled["bytecode"])
    receipt = client.transact(factory.constructor())
    first.kill()
    second = NodeProcess(tmp_path / "chain.db")
    again = LedgerClient(second.url, KEY)
    assert again.receipt(receipt.tx_hash) == receipt
    assert second.stop() == 0


REASONS = [
    (b"", "reverted without a reason"),
    (bytes.fromhex("4e487b71") + (17).to_bytes(32, "big"), "panic code 0x11"),
    (b"\x01\x02\x03\x04", "reverted with data 0x01020304"),
    (bytes.fromhex("08c379a0") + b"\xff" * 64, "reverted with data 0x08c379a0" + "ff" * 64),
    (bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + (2).to_bytes(32, "big") + b"a\n", "a\\u000a"),
]


@pytest.mark.parametrize(("data", "reason"), REASONS)
def test_reasons(data: bytes, reason: str) -> None:
    assert describe_revert(data) == reason
