"""The JSON-RPC methods of the embedded ledger: a table from method name to what it asks of the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ledger.chain import EmbeddedChain, decode_transaction
from ledger.errors import BlockUnknownError, RpcError
from ledger.index import LogQuery, StoredReceipt
from ledger.rpc_encoding import (
    Json,
    format_block,
    format_log,
    format_receipt,
    format_transaction,
    hex_data,
    invalid,
    parse_address,
    parse_addresses,
    parse_block,
    parse_call,
    parse_data,
    parse_hash,
    parse_quantity,
    parse_topics,
)

METHOD_NOT_FOUND: Final = -32601
_HEADER_BYTES: Final = 560  # a header's encoding, to the nearest ten: block sizes are informative only

Params = Sequence[object]


def client_version() -> str:
    """Return the name and version that the node gives itself."""
    try:
        return f"tallystick/{version('tallystick')}"
    except PackageNotFoundError:
        return "tallystick/unversioned"


class RpcMethods:
    """Dispatches JSON-RPC methods onto one chain. Blocking: to be called from a worker thread."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain
        self._client_version = client_version()
        self._methods: dict[str, tuple[Callable[..., Json], int, int]] = {
            # name: (handler, least and most positional parameters)
            "web3_clientVersion": (lambda: self._client_version, 0, 0),
            "net_version": (lambda: str(chain.chain_id), 0, 0),
            "eth_chainId": (lambda: hex(chain.chain_id), 0, 0),
            "eth_syncing": (lambda: False, 0, 0),
            "eth_accounts": (list, 0, 0),
            "eth_gasPrice": (lambda: "0x0", 0, 0),
            "eth_blockNumber": (lambda: hex(chain.head_number), 0, 0),
            "tallystick_chainInfo": (self._chain_info, 0, 0),
            "eth_getBalance": (self._balance, 1, 2),
            "eth_getTransactionCount": (self._transaction_count, 1, 2),
            "eth_getCode": (self._code, 1, 2),
            "eth_getStorageAt": (self._storage_at, 2, 3),
            "eth_call": (self._call, 1, 2),
            "eth_estimateGas": (self._estimate_gas, 1, 2),
            "eth_sendRawTransaction": (self._send_raw_transaction, 1, 1),
            "eth_getTransactionByHash": (self._transaction, 1, 1),
            "eth_getTransactionReceipt": (self._receipt, 1, 1),
            "eth_getBlockByNumber": (self._block, 1, 2),
            "eth_getBlockByHash": (self._block_by_hash, 1, 2),
            "eth_getLogs": (self._logs, 1, 1),
        }

    def call(self, method: str, params: object) -> Json:
        """Execute one method.

        Args:
            method: the method's name.
            params: its parameters as sent: a list, or None for none.

        Raises:
            RpcError: unknown method, or parameters that are not its own.
            ChainError: the chain refused.
        """
        if method not in self._methods:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:64]} does not exist/is not available")
        handler, least, most = self._methods[method]
        arguments = [] if params is None else params
        if not isinstance(arguments, list) or not least <= len(arguments) <= most:
            raise invalid("params", f"a list of {least} to {most} values" if most else "no parameters")
        return handler(*arguments)

    def _chain_info(self) -> Json:
        return {
            "chainId": self._chain.chain_id,
            "production": self._chain.production,
            "client": self._client_version,
            "genesisHash": hex_data(self._chain.genesis_hash),
        }

    def _balance(self, address: object, block: object = None) -> Json:
        return hex(self._chain.balance(parse_address(address, "address"), parse_block(block)))

    def _transaction_count(self, address: object, block: object = None) -> Json:
        return hex(self._chain.nonce(parse_address(address, "address"), parse_block(block)))

    def _code(self, address: object, block: object = None) -> Json:
        return hex_data(self._chain.code(parse_address(address, "address"), parse_block(block)))

    def _storage_at(self, address: object, slot: object, block: object = None) -> Json:
        position = parse_storage_slot(slot)
        word = self._chain.storage_at(parse_address(address, "address"), position, parse_block(block))
        return hex_data(word.to_bytes(32, "big"))

    def _call(self, call: object, block: object = None) -> Json:
        return hex_data(self._chain.call(parse_call(call), parse_block(block)))

    def _estimate_gas(self, call: object, block: object = None) -> Json:
        return hex(self._chain.estimate_gas(parse_call(call), parse_block(block)))

    def _send_raw_transaction(self, raw: object) -> Json:
        return hex_data(self._chain.send_raw_transaction(parse_data(raw, "transaction")))

    def _transaction(self, tx_hash: object) -> Json:
        receipt = self._chain.receipt(parse_hash(tx_hash, "transaction hash"))
        return None if receipt is None else _format_stored_transaction(receipt)

    def _receipt(self, tx_hash: object) -> Json:
        receipt = self._chain.receipt(parse_hash(tx_hash, "transaction hash"))
        if receipt is None:
            return None
        logs = self._chain.logs_of_block(receipt.number)
        bloom = self._chain.header(receipt.number).bloom
        return format_receipt(receipt, decode_transaction(receipt.raw), bloom, logs)

    def _block_by_hash(self, block_hash: object, full: object = False) -> Json:
        return self._format_block(parse_hash(block_hash, "block hash"), full)

    def _block(self, block: object, full: object = False) -> Json:
        return self._format_block(parse_block(block), full)

    def _format_block(self, block: int | bytes | None, full: object) -> Json:
        if not isinstance(full, bool):
            raise invalid("full transactions flag", "a boolean")
        try:
            header = self._chain.header(block)
        except BlockUnknownError:
            return None
        receipt = self._chain.receipt_of_block(header.block_number)
        size_bytes, transactions = _HEADER_BYTES, []
        if receipt is not None:
            size_bytes += len(receipt.raw)
            transactions = [_format_stored_transaction(receipt) if full else hex_data(receipt.tx_hash)]
        return format_block(header, size_bytes, transactions, total_difficulty=header.block_number + 1)

    def _logs(self, log_filter: object) -> Json:
        if not isinstance(log_filter, Mapping):
            raise invalid("filter", "an object")
        addresses = parse_addresses(log_filter.get("address"))
        topics = parse_topics(log_filter.get("topics"))
        if log_filter.get("blockHash") is not None:
            if "fromBlock" in log_filter or "toBlock" in log_filter:
                raise invalid("filter", "either blockHash or fromBlock and toBlock")
            first = last = int(self._chain.header(parse_hash(log_filter["blockHash"], "blockHash")).block_number)
        else:
            head = self._chain.head_number
            first = self._number(log_filter.get("fromBlock"), head)
            last = self._number(log_filter.get("toBlock"), head)
            if first > last:
                raise invalid("filter", "fromBlock at or before toBlock")
        query = LogQuery(from_block=first, to_block=last, addresses=addresses, topics=topics)
        return [format_log(log) for log in self._chain.logs(query)]

    def _number(self, value: object, head: int) -> int:
        block = parse_block(value)
        if isinstance(block, bytes):
            raise invalid("filter", "block numbers or tags in fromBlock and toBlock")
        return head if block is None else min(block, 2**63 - 1)


def parse_storage_slot(value: object) -> int:
    """Parse a storage position: a quantity, or 32 bytes of data as older clients send."""
    if isinstance(value, str) and len(value) == 66:
        return int.from_bytes(parse_hash(value, "storage slot"), "big")
    return parse_quantity(value, "storage slot")


def _format_stored_transaction(receipt: StoredReceipt) -> Json:
    transaction = decode_transaction(receipt.raw)
    v = 35 + 2 * (transaction.chain_id or 0) + transaction.y_parity
    return format_transaction(receipt, transaction, v)
