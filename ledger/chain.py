"""The embedded ledger: a single-node London EVM chain on one SQLite file.

Every accepted transaction is mined at once into a block of its own. Block, state, receipt and event index are written
in one SQLite transaction that is synced before the call returns: what was acknowledged survives a crash, and nothing is
ever half-written. The node gives durability, not consensus.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import rlp  # type: ignore[import-untyped]
from eth.abc import BlockHeaderAPI, ComputationAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import CanonicalHeadNotFound, HeaderNotFound, PyEVMError
from eth.typing import HeaderParams
from eth.vm.chain_context import ChainContext
from eth_keys.exceptions import BadSignature
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError as EvmValidationError

from ledger import index
from ledger.consortium_vm import BLOCK_GAS_LIMIT, ConsortiumVM, chain_class
from ledger.errors import (
    BlockUnknownError,
    ChainCorruptError,
    ChainError,
    ChainMismatchError,
    TransactionRejectedError,
)
from ledger.index import LogQuery, StoredLog, StoredReceipt
from ledger.simulate import CallRequest, estimate_gas, simulate_call
from ledger.storage import SqliteStore

FILE_FORMAT: Final = 1
MAX_CHAIN_ID: Final = 2**53 - 1
MAX_TRANSACTION_BYTES: Final = 128 * 1024
_GENESIS_MARKER: Final = b"tallystick\x01"
_FIRST_LEGACY_BYTE: Final = 0xC0  # below it, a transaction envelope of EIP-2718

BlockId = int | bytes | None


def genesis_marker(chain_id: int, production: bool) -> bytes:
    """Return the genesis block's extra data: it binds chain id and mode into every block hash of the chain."""
    return _GENESIS_MARKER + bytes([production]) + chain_id.to_bytes(8, "big")


class EmbeddedChain:
    """A chain on one file, held exclusively while open. Safe to use from several threads: one lock, one at a time.

    Args:
        path: the chain file; created with a genesis block if missing or empty.
        chain_id: 1 ≤ chain_id < 2^53; an existing file must have been created with the same.
        production: mode of the chain, fixed at genesis; an existing file must have been created with the same.

    Raises:
        ValueError: the chain id is out of range.
        ChainMismatchError: the file was created with another chain id, mode or file format.
        ChainInUseError: another process or object holds the file.
        ChainCorruptError: the file is no chain, or its state and its index disagree.
    """

    def __init__(self, path: Path | str, *, chain_id: int, production: bool = False) -> None:
        if not 1 <= chain_id <= MAX_CHAIN_ID:
            raise ValueError(f"chain id {chain_id} is outside [1, 2^53)")
        self.chain_id = chain_id
        self.production = production
        self._lock = threading.RLock()
        self._store = SqliteStore(Path(path))
        with ExitStack() as on_failure:
            on_failure.callback(self._store.close)
            self._open()
            on_failure.pop_all()

    def _open(self) -> None:
        chain_type = chain_class(self.chain_id)
        if self._store.meta("file_format") is None:
            genesis: dict[str, HeaderParams] = {
                "difficulty": 1,
                "gas_limit": BLOCK_GAS_LIMIT,
                "timestamp": 0,
                "extra_data": genesis_marker(self.chain_id, self.production),
            }
            with self._store.transaction() as connection:
                index.create_index(connection)
                chain_type.from_genesis(self._store, genesis, {})
                self._store.set_meta("chain_id", self.chain_id)
                self._store.set_meta("production", int(self.production))
                self._store.set_meta("file_format", FILE_FORMAT)
        self._require_meta("file_format", FILE_FORMAT)
        self._require_meta("chain_id", self.chain_id)
        self._require_meta("production", int(self.production))
        try:
            self._chain = chain_type(self._store)
            self._head = self._chain.get_canonical_head()
            genesis_header = self._chain.get_canonical_block_header_by_number(BlockNumber(0))
        except (PyEVMError, rlp.RLPException, KeyError) as error:
            raise ChainCorruptError(f"the chain file has no readable head: {type(error).__name__}") from error
        if genesis_header.extra_data != genesis_marker(self.chain_id, self.production):
            raise ChainCorruptError("the genesis block contradicts the chain parameters stored beside it")
        indexed = index.last_number(self._store.connection)
        if indexed != self._head.block_number:
            raise ChainCorruptError(f"state ends at block {self._head.block_number}, the index at {indexed}")
        self.genesis_hash = bytes(genesis_header.hash)

    def _require_meta(self, name: str, expected: int) -> None:
        found = self._store.meta(name)
        if found != expected:
            raise ChainMismatchError(f"the chain file was created with {name} {found}, asked for {expected}")

    def close(self) -> None:
        """Close the file; waits for what is being executed."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def head_number(self) -> int:
        """Number of the newest block; does not wait for the lock."""
        return int(self._head.block_number)

    def header(self, block: BlockId = None) -> BlockHeaderAPI:
        """Return a block's header.

        Args:
            block: number, 32-byte hash, or None for the newest.

        Raises:
            BlockUnknownError: the chain has no such block.
        """
        with self._lock:
            if block is None:
                return self._head
            try:
                if isinstance(block, int):
                    if not 0 <= block <= self.head_number:
                        raise BlockUnknownError(f"block {block} is not on the chain")
                    return self._chain.get_canonical_block_header_by_number(BlockNumber(block))
                return self._chain.get_block_header_by_hash(Hash32(block))
            except (HeaderNotFound, CanonicalHeadNotFound, EvmValidationError) as error:
                raise BlockUnknownError("the block is not on the chain") from error

    def balance(self, address: bytes, block: BlockId = None) -> int:
        """Return an account's balance in wei after a block."""
        with self._lock:
            return self._state(block).get_balance(Address(address))

    def nonce(self, address: bytes, block: BlockId = None) -> int:
        """Return how many transactions an account had sent after a block."""
        with self._lock:
            return self._state(block).get_nonce(Address(address))

    def code(self, address: bytes, block: BlockId = None) -> bytes:
        """Return the code at an address after a block, empty for none."""
        with self._lock:
            return bytes(self._state(block).get_code(Address(address)))

    def storage_at(self, address: bytes, slot: int, block: BlockId = None) -> int:
        """Return a storage word of a contract after a block."""
        with self._lock:
            return self._state(block).get_storage(Address(address), slot)

    def call(self, request: CallRequest, block: BlockId = None) -> bytes:
        """Execute a message on the state after a block and throw the changes away.

        Raises:
            ExecutionFailedError: the execution failed; carries the revert data.
            BlockUnknownError: the chain has no such block.
        """
        with self._lock:
            return simulate_call(self._state(block), request)

    def estimate_gas(self, request: CallRequest, block: BlockId = None) -> int:
        """Return a gas limit with which the message succeeds on the state after a block.

        Raises:
            ExecutionFailedError: it fails with any gas up to ``request.gas``.
            BlockUnknownError: the chain has no such block.
        """
        with self._lock:
            return estimate_gas(lambda: self._state(block), request)

    def receipt(self, tx_hash: bytes) -> StoredReceipt | None:
        """Return the receipt of a transaction, or None."""
        with self._lock:
            return index.receipt_by_hash(self._store.connection, tx_hash)

    def receipt_of_block(self, number: int) -> StoredReceipt | None:
        """Return the receipt of a block's only transaction, or None (genesis, unknown block)."""
        with self._lock:
            return index.receipt_by_number(self._store.connection, number)

    def logs_of_block(self, number: int) -> list[StoredLog]:
        """Return every event of one block."""
        with self._lock:
            return index.logs_of_block(self._store.connection, number)

    def logs(self, query: LogQuery) -> list[StoredLog]:
        """Return the matching events in chain order.

        Raises:
            LogQueryTooLargeError: more match than one reply may hold.
        """
        with self._lock:
            return index.find_logs(self._store.connection, query)

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Accept a signed type-0 transaction and mine it into the next block.

        A transaction whose execution reverts is mined too, with status 0.

        Args:
            raw: its RLP encoding, at most 128 KiB.

        Returns:
            The 32-byte transaction hash.

        Raises:
            TransactionRejectedError: it is not acceptable; the state is unchanged.
            ChainError: the file cannot be written; the state is unchanged.
        """
        transaction = decode_transaction(raw)
        with self._lock:
            if index.receipt_by_hash(self._store.connection, transaction.hash) is not None:
                raise TransactionRejectedError("already known")
            self._check(transaction)
            try:
                self._mine(transaction, raw)
            except EvmValidationError as error:
                raise TransactionRejectedError(f"invalid transaction: {error}") from error
            except sqlite3.Error as error:
                raise ChainError(f"the chain file cannot be written: {error}") from error
            return bytes(transaction.hash)

    def _check(self, transaction: SignedTransactionAPI) -> None:
        if transaction.chain_id is None:
            raise TransactionRejectedError("only replay-protected (EIP-155) transactions allowed")
        if transaction.chain_id != self.chain_id:
            raise TransactionRejectedError(
                f"invalid chain id for signer: have {transaction.chain_id}, want {self.chain_id}"
            )
        try:
            transaction.check_signature_validity()
            sender = transaction.sender
        except (EvmValidationError, BadSignature) as error:
            raise TransactionRejectedError("invalid signature") from error
        state = self._state(None)
        nonce = state.get_nonce(sender)
        if transaction.nonce != nonce:
            fault = "low" if transaction.nonce < nonce else "high"
            raise TransactionRejectedError(
                f"nonce too {fault}: address 0x{sender.hex()}, tx: {transaction.nonce} state: {nonce}"
            )
        if transaction.gas > BLOCK_GAS_LIMIT:
            raise TransactionRejectedError(f"exceeds block gas limit: have {transaction.gas}, want {BLOCK_GAS_LIMIT}")
        if transaction.gas < transaction.intrinsic_gas:
            raise TransactionRejectedError(
                f"intrinsic gas too low: have {transaction.gas}, want {transaction.intrinsic_gas}"
            )
        cost = transaction.gas * transaction.gas_price + transaction.value
        balance = state.get_balance(sender)
        if cost > balance:
            raise TransactionRejectedError(
                f"insufficient funds for gas * price + value: have {balance}, want {cost} (send with gasPrice 0)"
            )

    def _mine(self, transaction: SignedTransactionAPI, raw: bytes) -> None:
        self._chain.header = self._chain.create_header_from_parent(self._head)
        with self._store.transaction() as connection:
            imported, receipts, computations = self._chain.mine_all([transaction])
            header = imported.imported_block.header
            logs = receipts[0].logs
            index.insert_block(
                connection,
                StoredReceipt(
                    number=header.block_number,
                    block_hash=header.hash,
                    tx_hash=transaction.hash,
                    raw=raw,
                    sender=transaction.sender,
                    contract=_created_contract(computations),
                    gas_used=receipts[0].gas_used,
                    status=int(computations[0].is_success),
                ),
                [
                    StoredLog(
                        number=header.block_number,
                        position=position,
                        address=log.address,
                        topics=tuple(topic.to_bytes(32, "big") for topic in log.topics),
                        data=bytes(log.data),
                        tx_hash=transaction.hash,
                        block_hash=header.hash,
                    )
                    for position, log in enumerate(logs)
                ],
            )
        self._head = header

    def _state(self, block: BlockId) -> StateAPI:
        header = self.header(block)
        previous = ConsortiumVM.get_prev_hashes(header.parent_hash, self._chain.chaindb) or ()
        return ConsortiumVM.build_state(self._store, header, ChainContext(self.chain_id), previous)


def decode_transaction(raw: bytes) -> SignedTransactionAPI:
    """Decode a signed type-0 transaction.

    Raises:
        TransactionRejectedError: too long, of another type, or not the canonical encoding of a transaction.
    """
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionRejectedError(f"oversized data: {len(raw)} bytes, limit {MAX_TRANSACTION_BYTES}")
    if not raw:
        raise TransactionRejectedError("empty transaction")
    if raw[0] < _FIRST_LEGACY_BYTE:
        raise TransactionRejectedError(
            "transaction type not supported: this chain takes type-0 (legacy, EIP-155) transactions"
        )
    try:
        transaction = ConsortiumVM.get_transaction_builder().decode(raw)
    except (rlp.RLPException, EvmValidationError, PyEVMError, ValueError, TypeError) as error:
        raise TransactionRejectedError(f"undecodable transaction: {type(error).__name__}") from error
    if transaction.encode() != raw:
        raise TransactionRejectedError("undecodable transaction: not the canonical encoding")
    return transaction


def _created_contract(computations: Sequence[ComputationAPI]) -> bytes | None:
    message = computations[0].msg
    return bytes(message.storage_address) if message.is_create else None
