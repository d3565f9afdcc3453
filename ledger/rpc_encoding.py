"""Ethereum JSON-RPC values: parsing what a caller sent, formatting what the chain holds.

Parsers take anything a JSON document can hold and raise ``RpcError`` (code -32602) naming the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from eth.abc import BlockHeaderAPI, SignedTransactionAPI

from ledger.consortium_vm import BLOCK_GAS_LIMIT
from ledger.errors import RpcError
from ledger.index import MAX_TOPICS, StoredLog, StoredReceipt
from ledger.simulate import CallRequest

INVALID_PARAMS: Final = -32602
BLOOM_BYTES: Final = 256
_QUANTITY: Final = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA: Final = re.compile(r"0x([0-9a-fA-F]{2})*")
_HEAD_TAGS: Final = ("latest", "pending", "safe", "finalized")
_MAX_ALTERNATIVES: Final = 1000

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def invalid(field: str, expected: str) -> RpcError:
    """Return the error for a parameter that is not what was expected."""
    return RpcError(INVALID_PARAMS, f"invalid {field}: expected {expected}")


def parse_quantity(value: object, field: str) -> int:
    """Parse a 0x-hex integer below 2^256 without leading zeros."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid(field, "a hex quantity such as 0x1f, without leading zeros, below 2^256")
    return int(value, 16)


def parse_data(value: object, field: str) -> bytes:
    """Parse 0x-hex bytes."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(field, "0x-prefixed hex bytes")
    return bytes.fromhex(value[2:])


def parse_fixed(value: object, field: str, length: int) -> bytes:
    """Parse exactly ``length`` bytes of 0x-hex."""
    parsed = parse_data(value, field)
    if len(parsed) != length:
        raise invalid(field, f"{length} bytes, got {len(parsed)}")
    return parsed


def parse_address(value: object, field: str) -> bytes:
    """Parse a 20-byte address; the checksum of mixed case is not enforced."""
    return parse_fixed(value, field, 20)


def parse_hash(value: object, field: str) -> bytes:
    """Parse a 32-byte hash."""
    return parse_fixed(value, field, 32)


def parse_block(value: object, field: str = "block") -> int | bytes | None:
    """Parse a block tag, number, or EIP-1898 object; None is the newest block."""
    if value is None or value in _HEAD_TAGS:
        return None
    if value == "earliest":
        return 0
    if isinstance(value, Mapping):
        if "blockHash" in value:
            return parse_hash(value["blockHash"], "blockHash")
        return parse_quantity(value.get("blockNumber"), "blockNumber")
    return parse_quantity(value, field)


def parse_call(value: object) -> CallRequest:
    """Parse the message of eth_call and eth_estimateGas; fee fields are accepted and ignored (gas is free)."""
    if not isinstance(value, Mapping):
        raise invalid("call", "an object")
    data, alias = value.get("data"), value.get("input")
    if data is not None and alias is not None and data != alias:
        raise invalid("call", "equal 'data' and 'input' where both are given")
    payload = alias if data is None else data
    gas = value.get("gas")
    return CallRequest(
        sender=bytes(20) if value.get("from") is None else parse_address(value["from"], "from"),
        to=b"" if value.get("to") is None else parse_address(value["to"], "to"),
        data=b"" if payload is None else parse_data(payload, "data"),
        value=0 if value.get("value") is None else parse_quantity(value["value"], "value"),
        gas=BLOCK_GAS_LIMIT if gas is None else min(parse_quantity(gas, "gas"), BLOCK_GAS_LIMIT),
    )


def parse_addresses(value: object) -> tuple[bytes, ...]:
    """Parse the address field of a log filter: none, one or several."""
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _MAX_ALTERNATIVES:
            raise invalid("address", f"at most {_MAX_ALTERNATIVES} addresses")
        return tuple(parse_address(item, "address") for item in value)
    return (parse_address(value, "address"),)


def parse_topics(value: object) -> tuple[tuple[bytes, ...], ...]:
    """Parse the topics of a log filter: per position null, one topic or a list of alternatives."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_TOPICS:
        raise invalid("topics", f"a list of at most {MAX_TOPICS} positions")
    return tuple(_parse_topic(item) for item in value)


def _parse_topic(value: object) -> tuple[bytes, ...]:
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _MAX_ALTERNATIVES:
            raise invalid("topics", f"at most {_MAX_ALTERNATIVES} alternatives")
        if any(item is None for item in value):
            return ()
        return tuple(parse_hash(item, "topic") for item in value)
    return (parse_hash(value, "topic"),)


def hex_data(value: bytes) -> str:
    """Format bytes as 0x-hex."""
    return "0x" + value.hex()


def format_log(log: StoredLog) -> dict[str, Json]:
    """Format one event."""
    return {
        "address": hex_data(log.address),
        "topics": [hex_data(topic) for topic in log.topics],
        "data": hex_data(log.data),
        "blockNumber": hex(log.number),
        "blockHash": hex_data(log.block_hash),
        "transactionHash": hex_data(log.tx_hash),
        "transactionIndex": "0x0",
        "logIndex": hex(log.position),
        "removed": False,
    }


def format_receipt(
    receipt: StoredReceipt, transaction: SignedTransactionAPI, bloom: int, logs: Sequence[StoredLog]
) -> dict[str, Json]:
    """Format the receipt of a transaction, which is the only one of its block."""
    return {
        "transactionHash": hex_data(receipt.tx_hash),
        "transactionIndex": "0x0",
        "blockHash": hex_data(receipt.block_hash),
        "blockNumber": hex(receipt.number),
        "from": hex_data(receipt.sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": hex(transaction.gas_price),
        "contractAddress": None if receipt.contract is None else hex_data(receipt.contract),
        "logs": [format_log(log) for log in logs],
        "logsBloom": hex_data(bloom.to_bytes(BLOOM_BYTES, "big")),
        "status": hex(receipt.status),
        "type": "0x0",
    }


def format_transaction(receipt: StoredReceipt, transaction: SignedTransactionAPI, v: int) -> dict[str, Json]:
    """Format a mined type-0 transaction; ``v`` is its EIP-155 signature field."""
    return {
        "hash": hex_data(receipt.tx_hash),
        "type": "0x0",
        "nonce": hex(transaction.nonce),
        "blockHash": hex_data(receipt.block_hash),
        "blockNumber": hex(receipt.number),
        "transactionIndex": "0x0",
        "from": hex_data(receipt.sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(transaction.gas_price),
        "input": hex_data(transaction.data),
        "chainId": hex(transaction.chain_id or 0),
        "v": hex(v),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
    }


def format_block(
    header: BlockHeaderAPI, size_bytes: int, transactions: Sequence[Json], total_difficulty: int
) -> dict[str, Json]:
    """Format a block; ``transactions`` holds hashes or formatted transactions."""
    return {
        "number": hex(header.block_number),
        "hash": hex_data(header.hash),
        "parentHash": hex_data(header.parent_hash),
        "nonce": hex_data(header.nonce),
        "mixHash": hex_data(header.mix_hash),
        "sha3Uncles": hex_data(header.uncles_hash),
        "logsBloom": hex_data(header.bloom.to_bytes(BLOOM_BYTES, "big")),
        "transactionsRoot": hex_data(header.transaction_root),
        "stateRoot": hex_data(header.state_root),
        "receiptsRoot": hex_data(header.receipt_root),
        "miner": hex_data(header.coinbase),
        "difficulty": hex(header.difficulty),
        "totalDifficulty": hex(total_difficulty),
        "extraData": hex_data(header.extra_data),
        "size": hex(size_bytes),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "baseFeePerGas": hex(header.base_fee_per_gas or 0),
        "transactions": transactions,
        "uncles": [],
    }
