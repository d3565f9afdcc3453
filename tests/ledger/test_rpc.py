"""The node over HTTP: standard methods, errors with standard codes, and input that must not hurt it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils import keccak, to_checksum_address
from node_process import CHAIN_ID, GAS, REPOSITORY, NodeProcess

from ledger.chain import EmbeddedChain
from ledger.rpc import MAX_BATCH, MAX_BODY_BYTES

PUT = keccak(b"put(uint256)")[:4].hex()
ZERO_HASH = "0x" + "00" * 32


def word(value: int) -> str:
    return value.to_bytes(32, "big").hex()


class Writer:
    """A fresh account that signs for the raw JSON-RPC interface."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self.node = node
        self.account = Account.from_key(keccak(name.encode()))
        self.nonce = 0

    def raw(self, to: str | None, data: str, **changes: Any) -> str:
        fields = {"nonce": self.nonce, "gasPrice": 0, "gas": GAS, "value": 0, "data": data, "chainId": CHAIN_ID}
        fields.update(changes)
        if to is not None:
            fields["to"] = to_checksum_address(to)
        return str(self.account.sign_transaction(fields).raw_transaction.to_0x_hex())

    def send(self, to: str | None, data: str, **changes: Any) -> dict[str, Any]:
        reply = self.node.rpc("eth_sendRawTransaction", self.raw(to, data, **changes))
        self.nonce += 1
        receipt: dict[str, Any] = self.node.rpc("eth_getTransactionReceipt", reply["result"])["result"]
        return receipt


@pytest.fixture(scope="module")
def writer(node: NodeProcess) -> Writer:
    return Writer(node, "rpc writer")


@pytest.fixture(scope="module")
def contract(writer: Writer, compiled: dict[str, Any]) -> str:
    receipt = writer.send(None, compiled["bytecode"])
    assert receipt["status"] == "0x1"
    return str(receipt["contractAddress"])


def code_of(reply: dict[str, Any]) -> int:
    assert reply["jsonrpc"] == "2.0"
    assert "result" not in reply
    assert reply["error"]["message"]
    return int(reply["error"]["code"])


def test_constant_methods(node: NodeProcess) -> None:
    info = node.rpc("tallystick_chainInfo")["result"]
    assert info["chainId"] == CHAIN_ID
    assert info["production"] is False
    assert info["client"] == node.rpc("web3_clientVersion")["result"]
    expected = {"eth_chainId": hex(CHAIN_ID), "net_version": str(CHAIN_ID), "eth_gasPrice": "0x0"}
    expected |= {"eth_syncing": False, "eth_accounts": []}
    assert {method: node.rpc(method)["result"] for method in expected} == expected


def test_transaction_block_and_receipt_agree(node: NodeProcess, writer: Writer, contract: str) -> None:
    receipt = writer.send(contract, "0x" + PUT + word(7))
    number, tx_hash = receipt["blockNumber"], receipt["transactionHash"]
    block = node.rpc("eth_getBlockByNumber", number, True)["result"]
    assert block["hash"] == receipt["blockHash"]
    assert block["gasUsed"] == receipt["gasUsed"]
    assert block["baseFeePerGas"] == "0x0"
    transaction = node.rpc("eth_getTransactionByHash", tx_hash)["result"]
    assert block["transactions"] == [transaction]
    assert node.rpc("eth_getBlockByHash", block["hash"])["result"]["transactions"] == [tx_hash]
    assert transaction["from"] == writer.account.address.lower()
    assert transaction["to"] == contract
    raw = writer.raw(contract, "0x" + PUT + word(7), nonce=int(transaction["nonce"], 16))
    signature = bytes.fromhex(raw[2:])
    assert all(transaction[name][2:] in signature.hex() for name in ("r", "s"))
    assert int(transaction["v"], 16) in (2 * CHAIN_ID + 35, 2 * CHAIN_ID + 36)
    logs = node.rpc("eth_getLogs", {"fromBlock": number, "toBlock": number})["result"]
    assert logs == receipt["logs"]
    assert logs[0]["topics"][2] == "0x" + word(1)
    assert node.rpc("eth_getLogs", {"blockHash": block["hash"]})["result"] == logs
    assert node.rpc("eth_getTransactionReceipt", ZERO_HASH)["result"] is None
    assert node.rpc("eth_getTransactionByHash", ZERO_HASH)["result"] is None
    assert node.rpc("eth_getBlockByHash", ZERO_HASH)["result"] is None
    assert node.rpc("eth_getBlockByNumber", "0xffffff")["result"] is None


def test_state_reads(node: NodeProcess, writer: Writer, contract: str) -> None:
    address = writer.account.address
    assert node.rpc("eth_getBalance", address, "latest")["result"] == "0x0"
    for tag in ("latest", "pending"):
        assert node.rpc("eth_getTransactionCount", address, tag)["result"] == hex(writer.nonce)
    assert node.rpc("eth_getTransactionCount", address, "earliest")["result"] == "0x0"
    assert len(node.rpc("eth_getCode", contract)["result"]) > 100
    total = node.rpc("eth_call", {"to": contract, "data": "0x" + keccak(b"total()")[:4].hex()}, "latest")["result"]
    assert node.rpc("eth_getStorageAt", contract, "0x1", "latest")["result"] == total
    assert node.rpc("eth_getStorageAt", contract, "0x" + word(1), "earliest")["result"] == "0x" + word(0)
    head = node.rpc("eth_getBlockByNumber", "latest")["result"]
    assert node.rpc("eth_blockNumber")["result"] == head["number"]
    assert node.rpc("eth_call", {"to": contract}, {"blockHash": head["hash"]})["error"]["code"] == 3
    assert node.rpc("eth_getBalance", address, "0xffffff")["error"]["code"] == -32000


def test_revert_carries_code_three_and_data(node: NodeProcess, contract: str) -> None:
    call = {"to": contract, "input": "0x" + PUT + word(100)}
    for method in ("eth_call", "eth_estimateGas"):
        error = node.rpc(method, call)["error"]
        assert error["code"] == 3
        assert error["message"] == "execution reverted: amount too big"
        assert error["data"].startswith("0x08c379a0")
        assert b"amount too big".hex() in error["data"]
    out_of_gas = node.rpc("eth_call", {**call, "gas": "0x5300", "input": "0x" + PUT + word(1)})["error"]
    assert out_of_gas["code"] == -32000
    assert "data" not in out_of_gas


def test_log_filters(node: NodeProcess, writer: Writer, contract: str) -> None:
    start = writer.send(contract, "0x" + PUT + word(10))["blockNumber"]
    writer.send(contract, "0x" + PUT + word(11))
    signature = "0x" + keccak(b"Put(address,uint256,uint256)").hex()

    def amounts(**changes: Any) -> list[int]:
        reply = node.rpc("eth_getLogs", {"address": contract, "fromBlock": start, **changes})
        return [int(log["data"], 16) for log in reply["result"]]

    assert amounts() == [10, 11]
    assert amounts(topics=[signature, None, ["0x" + word(2), "0x" + word(0)]]) == [11]
    assert amounts(topics=[None, "0x" + "00" * 32]) == []
    assert amounts(address=[contract, "0x" + "11" * 20], toBlock=start) == [10]
    assert amounts(address="0x" + "11" * 20) == []


REJECTED_TRANSACTIONS = {
    "nonce too low": {"nonce": 0},
    "nonce too high": {"nonce": 10_000},
    "invalid chain id": {"chainId": CHAIN_ID + 1},
    "intrinsic gas too low": {"gas": 100},
    "insufficient funds": {"gasPrice": 1},
}


@pytest.mark.parametrize("reason", REJECTED_TRANSACTIONS)
def test_rejected_transaction(node: NodeProcess, writer: Writer, contract: str, reason: str) -> None:
    raw = writer.raw(contract, "0x" + PUT + word(1), **REJECTED_TRANSACTIONS[reason])
    error = node.rpc("eth_sendRawTransaction", raw)["error"]
    assert error["code"] == -32000
    assert error["message"].startswith(reason)
    assert writer.send(contract, "0x" + PUT + word(1))["status"] == "0x1"


BAD_BODIES = {
    "no JSON": (b"{", -32700),
    "empty": (b"", -32700),
    "not UTF-8": (b'{"a":"\xff\xfe"}', -32700),
    "nested": (b"[" * 200_000, -32700),
    "nested objects": (b'{"a":' * 100_000, -32700),
    "long integer": (b'{"id":' + b"9" * 10_000 + b"}", -32700),
    "escaped quotes": (b'"' + b'\\"' * 1_000_000, -32700),
    "scalar": (b"7", -32600),
    "no version": (b'{"id":1,"method":"eth_chainId"}', -32600),
    "no method": (b'{"jsonrpc":"2.0","id":1}', -32600),
    "method is a list": (b'{"jsonrpc":"2.0","id":1,"method":[]}', -32600),
    "id is an object": (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
    "empty batch": (b"[]", -32600),
    "long batch": (b"[" + b"1," * MAX_BATCH + b"1]", -32600),
    "unknown method": (b'{"jsonrpc":"2.0","id":1,"method":"eth_mine"}', -32601),
    "surrogate in method": (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32601),
    "named parameters": (b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{}}', -32602),
    "too many parameters": (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}', -32602),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_malformed_request_gets_its_error_and_the_next_one_works(node: NodeProcess, name: str) -> None:
    body, code = BAD_BODIES[name]
    status, answer = node.post(body)
    assert status == 200
    assert code_of(answer) == code
    assert node.rpc("eth_chainId")["result"] == hex(CHAIN_ID)


BAD_PARAMETERS = [
    ("eth_getBalance", ["0x12"]),
    ("eth_getBalance", [None]),
    ("eth_getBalance", ["0x" + "0g" * 20]),
    ("eth_getBalance", ["0x" + "00" * 20, "0x01"]),
    ("eth_getBalance", ["0x" + "00" * 20, "newest"]),
    ("eth_getBalance", ["0x" + "00" * 20, {}]),
    ("eth_getBalance", ["0x" + "00" * 20, 5]),
    ("eth_getStorageAt", ["0x" + "00" * 20, "0x1" + "00" * 32]),
    ("eth_call", [[]]),
    ("eth_call", [{"to": "0x"}]),
    ("eth_call", [{"data": "0x123"}]),
    ("eth_call", [{"data": "0x12", "input": "0x13"}]),
    ("eth_call", [{"gas": -1}]),
    ("eth_estimateGas", [{"value": "0x1" + "00" * 32}]),
    ("eth_sendRawTransaction", ["0xzz"]),
    ("eth_sendRawTransaction", []),
    ("eth_getTransactionReceipt", ["0x00"]),
    ("eth_getBlockByNumber", ["latest", "yes"]),
    ("eth_getLogs", [7]),
    ("eth_getLogs", [{"topics": "0x"}]),
    ("eth_getLogs", [{"topics": [None] * 5}]),
    ("eth_getLogs", [{"topics": ["0x00"]}]),
    ("eth_getLogs", [{"address": {}}]),
    ("eth_getLogs", [{"address": ["0x" + "00" * 20] * 1001}]),
    ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x1"}]),
    ("eth_getLogs", [{"fromBlock": {"blockHash": ZERO_HASH}}]),
    ("eth_getLogs", [{"blockHash": ZERO_HASH, "fromBlock": "0x1"}]),
]


@pytest.mark.parametrize(("method", "params"), BAD_PARAMETERS)
def test_malformed_parameters_get_invalid_params(node: NodeProcess, method: str, params: list[Any]) -> None:
    assert code_of(node.rpc(method, *params)) == -32602
    assert node.rpc("eth_chainId")["result"] == hex(CHAIN_ID)


def test_odd_but_valid_parameters(node: NodeProcess) -> None:
    far = "0x" + "ff" * 32
    assert node.rpc("eth_getLogs", {"fromBlock": far, "toBlock": far})["result"] == []
    assert code_of(node.rpc("eth_getLogs", {"blockHash": ZERO_HASH})) == -32000
    assert code_of(node.rpc("eth_sendRawTransaction", "0x")) == -32000
    assert code_of(node.rpc("eth_sendRawTransaction", "0xc0")) == -32000


def test_oversized_body_is_refused_and_the_next_request_works(node: NodeProcess) -> None:
    status, answer = node.post(b" " * (MAX_BODY_BYTES + 1))
    assert status == 413
    assert code_of(answer) == -32600
    status, answer = node.post(b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}' + b" " * (MAX_BODY_BYTES - 100))
    assert status == 200
    assert answer["result"] == hex(CHAIN_ID)


def test_batch_keeps_order_and_skips_notifications(node: NodeProcess) -> None:
    def request(identifier: Any, method: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": identifier, "method": method}

    notification = {"jsonrpc": "2.0", "method": "eth_chainId"}
    batch = [request("a", "eth_chainId"), notification, request(2, "eth_nothing"), 5]
    status, answers = node.post(json.dumps(batch).encode())
    assert status == 200
    assert [answer["id"] for answer in answers] == ["a", 2, None]
    assert [answers[0]["result"], code_of(answers[1]), code_of(answers[2])] == [hex(CHAIN_ID), -32601, -32600]
    assert node.post(json.dumps(notification).encode()) == (204, None)


def test_health_answers_while_the_evm_is_busy(node: NodeProcess, contract: str) -> None:
    call = {"to": contract, "data": "0x" + keccak(b"burn()")[:4].hex(), "gas": hex(10_000_000)}
    replies: list[Any] = []
    busy = threading.Thread(target=lambda: replies.append(node.rpc("eth_call", call)))
    busy.start()
    time.sleep(0.2)
    started = time.perf_counter()
    with urllib.request.urlopen(node.url + "/health", timeout=10) as response:
        assert json.load(response)["status"] == "serving"
    elapsed_s = time.perf_counter() - started
    assert busy.is_alive()
    assert elapsed_s < 0.5
    busy.join(timeout=60)
    assert replies[0]["error"]["code"] == -32000


def test_restart_keeps_the_chain_and_refuses_another_id(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    first = NodeProcess(path, "--production")
    info = first.rpc("tallystick_chainInfo")["result"]
    assert info["production"] is True
    second = run_node(path, "--production")
    assert second.returncode == 1
    assert "in use by another process" in second.stderr
    assert first.stop(signal.SIGINT) == 0
    for options in (["--production", "--chain-id", "5"], []):
        refused = run_node(path, *options)
        assert refused.returncode == 1
        assert "was created with" in refused.stderr
        assert refused.stdout == ""
    with EmbeddedChain(path, chain_id=CHAIN_ID, production=True) as chain:
        assert "0x" + chain.genesis_hash.hex() == info["genesisHash"]


def run_node(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger.rpc", "--path", str(path), "--port", "0", *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
