"""The embedded chain: mining, durability, refusals, precompiles."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_utils import keccak
from ledger_signing import ACCOUNT, SENDER, signed, word
from node_process import CHAIN_ID, GAS, NodeProcess

from ledger import index
from ledger.chain import EmbeddedChain, genesis_marker
from ledger.errors import (
    BlockUnknownError,
    ChainCorruptError,
    ChainError,
    ChainInUseError,
    ChainMismatchError,
    ExecutionFailedError,
    LogQueryTooLargeError,
    TransactionRejectedError,
)
from ledger.index import LogQuery
from ledger.simulate import CallRequest
from ledger.storage import SqliteStore

PUT = keccak(b"put(uint256)")[:4]
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive"}
TOTAL_SLOT = 1  # Vyper keeps slot 0 for its reentrancy lock


@pytest.fixture
def contract(chain: EmbeddedChain, compiled: dict[str, Any]) -> bytes:
    receipt = chain.receipt(chain.send_raw_transaction(signed(0, None, bytes.fromhex(compiled["bytecode"][2:]))))
    assert receipt is not None
    assert receipt.status == 1
    assert receipt.contract is not None
    return receipt.contract


def put(chain: EmbeddedChain, contract: bytes, amount: int) -> index.StoredReceipt:
    raw = signed(chain.nonce(SENDER), contract, PUT + word(amount))
    receipt = chain.receipt(chain.send_raw_transaction(raw))
    assert receipt is not None
    return receipt


def test_each_transaction_is_mined_into_its_own_block_for_free(chain: EmbeddedChain, contract: bytes) -> None:
    assert chain.balance(SENDER) == 0
    receipts = [put(chain, contract, amount) for amount in (7, 8)]
    assert [receipt.number for receipt in receipts] == [2, 3]
    assert chain.head_number == 3
    headers = [chain.header(number) for number in range(4)]
    stamps = [header.timestamp for header in headers]
    assert stamps == sorted(set(stamps))
    assert all(header.base_fee_per_gas == 0 and header.difficulty == 1 for header in headers)
    assert chain.balance(bytes(20)) == 0  # no block reward
    assert chain.storage_at(contract, TOTAL_SLOT) == 15
    assert chain.storage_at(contract, TOTAL_SLOT, 2) == 7
    assert [log.data for log in chain.logs_of_block(3)] == [word(8)]


def test_base_fee_stays_zero_after_a_full_block(chain: EmbeddedChain, contract: bytes) -> None:
    burn = signed(1, contract, keccak(b"burn()")[:4], gas=16_000_000)
    receipt = chain.receipt(chain.send_raw_transaction(burn))
    assert receipt is not None
    assert receipt.status == 0
    assert receipt.gas_used == 16_000_000
    assert put(chain, contract, 1).status == 1
    assert chain.header().base_fee_per_gas == 0


def test_reverted_transaction_is_mined_with_status_zero(chain: EmbeddedChain, contract: bytes) -> None:
    receipt = put(chain, contract, 100)
    assert receipt.status == 0
    assert chain.logs_of_block(receipt.number) == []
    assert chain.storage_at(contract, TOTAL_SLOT) == 0
    assert chain.nonce(SENDER) == 2


def test_call_reports_result_and_revert_data(chain: EmbeddedChain, contract: bytes) -> None:
    assert chain.call(CallRequest(to=contract, data=keccak(b"total()")[:4])) == word(0)
    with pytest.raises(ExecutionFailedError, match="amount too big") as caught:
        chain.call(CallRequest(to=contract, data=PUT + word(100)))
    assert caught.value.is_revert
    assert caught.value.output[:4] == keccak(b"Error(string)")[:4]
    with pytest.raises(ExecutionFailedError, match="OutOfGas") as caught:
        chain.call(CallRequest(to=contract, data=keccak(b"burn()")[:4], gas=100_000))
    assert not caught.value.is_revert
    with pytest.raises(ExecutionFailedError, match="intrinsic gas too low"):
        chain.call(CallRequest(to=contract, gas=20_999))
    with pytest.raises(ExecutionFailedError, match="insufficient funds"):
        chain.call(CallRequest(to=contract, value=1))
    assert chain.head_number == 1


def test_estimate_is_enough_and_close(chain: EmbeddedChain, contract: bytes) -> None:
    request = CallRequest(sender=SENDER, to=contract, data=PUT + word(5))
    estimate = chain.estimate_gas(request)
    chain.call(CallRequest(sender=SENDER, to=contract, data=request.data, gas=estimate))
    used = chain.receipt(chain.send_raw_transaction(signed(1, contract, request.data, gas=estimate)))
    assert used is not None
    assert used.status == 1
    assert used.gas_used <= estimate <= 1.1 * used.gas_used
    with pytest.raises(ExecutionFailedError, match="amount too big"):
        chain.estimate_gas(CallRequest(sender=SENDER, to=contract, data=PUT + word(100)))


def typed_transaction() -> bytes:
    fields = {"nonce": 0, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "gas": GAS, "value": 0, "chainId": CHAIN_ID}
    return bytes(ACCOUNT.sign_transaction({**fields, "to": ACCOUNT.address, "data": b""}).raw_transaction)


def resigned(r: int | None = None, s: int | None = None) -> bytes:
    """A transaction whose signature fields were replaced."""
    fields = rlp.decode(signed(0, SENDER, b""))
    fields[7] = fields[7] if r is None else rlp.sedes.big_endian_int.serialize(r)
    fields[8] = fields[8] if s is None else rlp.sedes.big_endian_int.serialize(s)
    return bytes(rlp.encode(fields))


def malleated() -> bytes:
    """The other valid ECDSA signature of the same transaction: s replaced by n - s."""
    fields = rlp.decode(signed(0, SENDER, b""))
    fields[6] = rlp.sedes.big_endian_int.serialize(int.from_bytes(fields[6], "big") ^ 7)  # 40555 <-> 40556
    fields[8] = rlp.sedes.big_endian_int.serialize(SECP256K1_ORDER - int.from_bytes(fields[8], "big"))
    return bytes(rlp.encode(fields))


REJECTED = {
    "nonce too high": lambda: signed(1, SENDER, b""),
    "invalid chain id": lambda: signed(0, SENDER, b"", chainId=CHAIN_ID + 1),
    "intrinsic gas too low": lambda: signed(0, SENDER, b"", gas=20_999),
    "exceeds block gas limit": lambda: signed(0, SENDER, b"", gas=30_000_001),
    "insufficient funds": lambda: signed(0, SENDER, b"", gasPrice=1),
    "insufficient funds .*want 5": lambda: signed(0, SENDER, b"", value=5),
    "oversized data": lambda: signed(0, SENDER, bytes(131_072)),
    "transaction type not supported": typed_transaction,
    "replay-protected": lambda: signed(0, SENDER, b"", chainId=None),
    "undecodable": lambda: signed(0, SENDER, b"")[:-1],
    "undecodable transaction": lambda: signed(0, SENDER, b"") + b"\0",
    "empty": lambda: b"",
    "undecodable transaction: ": lambda: b"\xff" * 40,
    "invalid signature": lambda: resigned(r=0),
    "invalid signature|Signature": lambda: resigned(s=SECP256K1_ORDER),
    "invalid transaction: Transaction.s": malleated,
}


@pytest.mark.parametrize("reason", REJECTED)
def test_unacceptable_transaction_is_rejected_and_changes_nothing(chain: EmbeddedChain, reason: str) -> None:
    with pytest.raises(TransactionRejectedError, match=reason):
        chain.send_raw_transaction(REJECTED[reason]())
    assert chain.head_number == 0
    assert chain.nonce(SENDER) == 0
    chain.send_raw_transaction(signed(0, SENDER, b""))
    assert chain.head_number == 1


def test_replayed_transaction_is_rejected(chain: EmbeddedChain) -> None:
    first = signed(0, SENDER, b"")
    chain.send_raw_transaction(first)
    with pytest.raises(TransactionRejectedError, match="already known"):
        chain.send_raw_transaction(first)
    with pytest.raises(TransactionRejectedError, match="nonce too low"):
        chain.send_raw_transaction(signed(0, SENDER, b"\x01"))


def test_failed_write_leaves_the_state_as_it_was(
    chain: EmbeddedChain, contract: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(index, "insert_block", fail)
        with pytest.raises(ChainError, match="disk full"):
            put(chain, contract, 7)
    assert chain.head_number == 1
    assert chain.nonce(SENDER) == 1
    assert chain.storage_at(contract, TOTAL_SLOT) == 0
    assert put(chain, contract, 8).number == 2
    assert chain.storage_at(contract, TOTAL_SLOT) == 8


def test_log_queries(chain: EmbeddedChain, contract: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for amount in range(6):
        put(chain, contract, amount)
    everything = LogQuery(from_block=0, to_block=100)
    assert [log.number for log in chain.logs(everything)] == [2, 3, 4, 5, 6, 7]
    signature, who = keccak(b"Put(address,uint256,uint256)"), bytes(12) + SENDER

    def amounts(*topics: tuple[bytes, ...], **bounds: Any) -> list[int]:
        query = LogQuery(**{"from_block": 0, "to_block": 100, "topics": topics, **bounds})
        return [int.from_bytes(log.data, "big") for log in chain.logs(query)]

    assert amounts((signature,), (who,), (word(1),)) == [1, 4]
    assert amounts((), (), (word(1), word(2))) == [1, 2, 4, 5]
    assert amounts((signature,), addresses=(contract,), from_block=3, to_block=4) == [1, 2]
    assert amounts((who,)) == []
    assert amounts((), (), (), ()) == []
    assert amounts(addresses=(SENDER,)) == []
    monkeypatch.setattr(index, "MAX_LOGS_PER_QUERY", 5)
    with pytest.raises(LogQueryTooLargeError):
        chain.logs(everything)


def test_thousands_of_blocks_of_logs_are_found_quickly(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:")
    index.create_index(connection)
    for number in range(1, 5001):
        head = (number, word(number), b"a" * 20, b"b" * 20)
        log = index.StoredLog(number, 0, head[2], (word(number % 50),), b"", head[1], head[1])
        receipt = index.StoredReceipt(number, head[1], head[1], b"", head[3], None, 21000, 1)
        index.insert_block(connection, receipt, [log])
    started = time.perf_counter()
    found = index.find_logs(connection, LogQuery(0, 5000, (b"a" * 20,), ((word(7),),)))
    assert len(found) == 100
    assert time.perf_counter() - started < 0.5


def test_restart_keeps_the_chain(tmp_path: Path, compiled: dict[str, Any]) -> None:
    path = tmp_path / "chain.db"
    with EmbeddedChain(path, chain_id=CHAIN_ID) as chain:
        chain.send_raw_transaction(signed(0, None, bytes.fromhex(compiled["bytecode"][2:])))
        head, genesis = chain.header(), chain.genesis_hash
        assert chain.header(0).extra_data == genesis_marker(CHAIN_ID, False)
        with pytest.raises(ChainInUseError):
            EmbeddedChain(path, chain_id=CHAIN_ID)
    with EmbeddedChain(path, chain_id=CHAIN_ID) as chain:
        assert chain.header() == head
        assert chain.genesis_hash == genesis
        assert chain.nonce(SENDER) == 1
    with pytest.raises(ChainMismatchError, match="chain_id 20260, asked for 5"):
        EmbeddedChain(path, chain_id=5)
    with pytest.raises(ChainMismatchError, match="production 0, asked for 1"):
        EmbeddedChain(path, chain_id=CHAIN_ID, production=True)
    with EmbeddedChain(path, chain_id=CHAIN_ID) as chain:
        assert chain.head_number == 1


def test_store_syncs_every_commit_and_holds_the_file_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "chain.db")
    pragmas = {name: store.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    assert pragmas == PRAGMAS
    with pytest.raises(ChainError, match="outside a storage transaction"):
        store[b"key"] = b"value"
    with contextlib.suppress(ZeroDivisionError), store.transaction():
        store[b"key"] = b"value"
        assert store[b"key"] == b"value"
        raise ZeroDivisionError
    assert b"key" not in store
    with store.transaction():
        store[b"key"] = b"value"
    store.close()
    store = SqliteStore(tmp_path / "chain.db")
    assert store[b"key"] == b"value"
    store.close()


def test_genesis_binds_chain_id_and_mode(tmp_path: Path) -> None:
    hashes = set()
    for chain_id, production in ((1, False), (1, True), (2, False)):
        with EmbeddedChain(tmp_path / f"{chain_id}{production}", chain_id=chain_id, production=production) as chain:
            hashes.add(chain.genesis_hash)
    assert len(hashes) == 3
    with pytest.raises(ValueError, match="chain id"):
        EmbeddedChain(tmp_path / "zero", chain_id=0)


def test_foreign_or_contradictory_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"this is not a database, and longer than a header of one hundred bytes " * 9)
    with pytest.raises(ChainCorruptError):
        EmbeddedChain(text, chain_id=1)
    with pytest.raises(ChainCorruptError):
        EmbeddedChain(tmp_path / "missing" / "chain.db", chain_id=1)
    path = tmp_path / "chain.db"
    with EmbeddedChain(path, chain_id=CHAIN_ID) as chain:
        chain.send_raw_transaction(signed(0, SENDER, b""))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM receipts")
    connection.close()
    with pytest.raises(ChainCorruptError, match="state ends at block 1, the index at 0"):
        EmbeddedChain(path, chain_id=CHAIN_ID)


def test_unknown_blocks(chain: EmbeddedChain) -> None:
    for block in (1, -1, word(1)):
        with pytest.raises(BlockUnknownError):
            chain.header(block)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_nine_during_writes_leaves_a_consistent_chain(tmp_path: Path, compiled: dict[str, Any], seed: int) -> None:
    """What was acknowledged is there; state, receipts and events agree on every block."""
    generator = random.Random(seed)
    delay_s = generator.uniform(0.1, 1.2)
    print(f"seed {seed}: kill -9 after {delay_s:.3f} s")
    node = NodeProcess(tmp_path / "chain.db")
    create = signed(0, None, bytes.fromhex(compiled["bytecode"][2:]))
    assert "result" in node.rpc("eth_sendRawTransaction", "0x" + create.hex())
    with_address = node.rpc("eth_getTransactionReceipt", "0x" + keccak(create).hex())
    contract = bytes.fromhex(with_address["result"]["contractAddress"][2:])
    acknowledged: list[bytes] = []

    def write() -> None:
        for nonce in range(1, 1000):
            raw = signed(nonce, contract, PUT + word(nonce % 100))
            try:
                reply = node.rpc("eth_sendRawTransaction", "0x" + raw.hex())
            except (OSError, urllib.error.URLError, ValueError):
                return
            acknowledged.append(bytes.fromhex(reply["result"][2:]))

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(delay_s)
    node.kill()
    writer.join(timeout=30)
    assert acknowledged
    with EmbeddedChain(tmp_path / "chain.db", chain_id=CHAIN_ID) as chain:
        head = chain.head_number
        assert len(acknowledged) <= head - 1 <= len(acknowledged) + 1
        assert chain.nonce(SENDER) == head
        total = 0
        for number in range(2, head + 1):
            receipt, header = chain.receipt_of_block(number), chain.header(number)
            assert receipt is not None
            assert receipt.block_hash == header.hash
            assert receipt.gas_used == header.gas_used
            assert header.parent_hash == chain.header(number - 1).hash
            total += (number - 1) % 100
            assert chain.storage_at(contract, TOTAL_SLOT, number) == total
            assert [log.data for log in chain.logs_of_block(number)] == [word((number - 1) % 100)]
        assert all(chain.receipt(tx_hash) is not None for tx_hash in acknowledged)
        assert put(chain, contract, 1).number == head + 1
