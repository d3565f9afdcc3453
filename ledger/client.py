"""The ledger's one client: contract calls, signed transactions, receipts and events over any Ethereum JSON-RPC node.

Transactions are type 0 with an explicit gasPrice of 0 and an explicit nonce, so accounts without a balance can send
them on free-gas chains. web3.py's own retries are off: a transaction is sent once, its outcome is looked up by hash.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_account import Account
from eth_account.datastructures import SignedTransaction
from eth_account.signers.local import LocalAccount
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract.contract import Contract, ContractConstructor, ContractEvent, ContractFunction
from web3.exceptions import ContractLogicError, TransactionNotFound
from web3.types import TxParams, TxReceipt

from ledger.client_errors import reverted, translated_errors
from ledger.errors import (
    ClientError,
    LedgerRequestError,
    LedgerTimeoutError,
    LedgerUnreachableError,
    SigningKeyError,
    TransactionRevertedError,
)

_KEY_BYTES: Final = 32
_GAS_MARGIN: Final = 1.25
_NONCE_ATTEMPTS: Final = 3
_FIRST_POLL_S: Final = 0.02
_LAST_POLL_S: Final = 0.5
_METHOD_NOT_FOUND: Final = -32601

ContractAction = ContractFunction | ContractConstructor


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event as the chain stores it; ``topics`` are 32 bytes each, ``address`` is checksummed."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    tx_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event decoded with its contract's interface."""

    name: str
    args: Mapping[str, Any]
    address: str
    block_number: int
    tx_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Outcome of a mined transaction that succeeded."""

    tx_hash: str
    gas_used: int
    block_number: int
    block_hash: str
    contract_address: str | None
    logs: tuple[LogEntry, ...]


class LedgerClient:
    """Client of one ledger node, for one account or for reading only. Safe to use from several threads.

    Args:
        url: HTTP endpoint of the node.
        private_key: secret secp256k1 key of 32 bytes, or None for a client that only reads. Never shown or logged.
        timeout_s: the most seconds to wait for one answer, and for one receipt.
        confirmations: blocks that must follow a transaction's own before ``transact`` returns.

    Raises:
        SigningKeyError: the key is not a secp256k1 private key.
    """

    def __init__(
        self, url: str, private_key: bytes | None = None, *, timeout_s: float = 10.0, confirmations: int = 0
    ) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.confirmations = confirmations
        provider = HTTPProvider(url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None)
        provider.global_ccip_read_enabled = False  # a contract must not send its caller to other servers
        self._web3 = Web3(provider)
        self._account = None if private_key is None else _account_of(private_key)
        self._send_lock = threading.Lock()
        self._chain_id: int | None = None

    def __repr__(self) -> str:
        return f"LedgerClient(url={self.url!r}, address={None if self._account is None else self.address!r})"

    @property
    def address(self) -> str:
        """Checksummed address of the signing account.

        Raises:
            SigningKeyError: the client only reads.
        """
        return str(self._signer().address)

    @property
    def chain_id(self) -> int:
        """The node's chain id, asked once."""
        if self._chain_id is None:
            with translated_errors(self.url):
                self._chain_id = int(self._web3.eth.chain_id)
        return self._chain_id

    def chain_info(self) -> dict[str, Any] | None:
        """Return the embedded node's own description (chainId, production, client), None from any other node."""
        try:
            with translated_errors(self.url):
                answer = self._web3.manager.request_blocking("tallystick_chainInfo", [])  # type: ignore[arg-type]
        except LedgerRequestError as error:
            if error.code == _METHOD_NOT_FOUND:
                return None
            raise
        return dict(answer)

    def block_number(self) -> int:
        """Return the number of the newest block."""
        with translated_errors(self.url):
            return int(self._web3.eth.block_number)

    def code(self, address: str) -> bytes:
        """Return the code at an address, empty for none."""
        with translated_errors(self.url):
            return bytes(self._web3.eth.get_code(Web3.to_checksum_address(address)))

    def contract_at(self, abi: Sequence[Any], address: str) -> Contract:
        """Return web3.py's object for a deployed contract, for ``call``, ``transact`` and ``logs`` of this client."""
        return self._web3.eth.contract(address=Web3.to_checksum_address(address), abi=abi)

    def contract_factory(self, abi: Sequence[Any], bytecode: bytes | str) -> type[Contract]:
        """Return web3.py's class of a contract to deploy: ``transact(factory.constructor(...))``."""
        return self._web3.eth.contract(abi=abi, bytecode=bytecode)

    def call(self, function: ContractFunction, *, block: int | None = None) -> Any:
        """Execute a contract function without a transaction and return its decoded result.

        Args:
            function: a bound function, such as ``contract.functions.total(3)``.
            block: number of the block whose state to read, None for the newest.

        Raises:
            TransactionRevertedError: the contract refused; carries the reason.
            ClientError: the node could not be asked, or its answer does not fit.
        """
        with translated_errors(self.url):
            return function.call(self._sender(), block_identifier="latest" if block is None else block)

    def transact(self, action: ContractAction, *, gas: int | None = None) -> Receipt:
        """Sign, send and confirm one transaction.

        Args:
            action: a bound function or a constructor of a contract object of this client.
            gas: gas limit; None estimates it, which also finds a revert before anything is sent.

        Returns:
            The receipt of the successful transaction.

        Raises:
            TransactionRevertedError: the contract refused; ``tx_hash`` tells whether it was mined.
            LedgerTimeoutError: no receipt in time; ``tx_hash`` tells what to look for.
            ClientError: no signing key, or the node could not be asked or refused.
        """
        signer = self._signer()
        limit = self._estimate(action) if gas is None else gas
        with self._send_lock:
            signed, fields = self._send(signer, action, limit)
        tx_hash = signed.hash.to_0x_hex()
        receipt = self._wait_receipt(tx_hash, time.monotonic() + self.timeout_s)
        if receipt["status"] != 1:
            raise self._explain_failure(fields, receipt, tx_hash)
        if self.confirmations > 0:
            self.wait_confirmations(tx_hash, self.confirmations)
        return _receipt_of(receipt)

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Return the receipt of a transaction, None where it is unknown or not mined yet.

        Raises:
            TransactionRevertedError: it was mined and failed.
        """
        found = self._find_receipt(tx_hash)
        if found is None:
            return None
        if found["status"] != 1:
            raise TransactionRevertedError("the transaction was mined and failed", tx_hash=tx_hash)
        return _receipt_of(found)

    def wait_confirmations(self, tx_hash: str, confirmations: int) -> Receipt:
        """Wait until a transaction's block is still on the chain and has so many blocks after it.

        Raises:
            LedgerTimeoutError: that did not happen within the timeout.
            TransactionRevertedError: it was mined and failed.
        """
        deadline = time.monotonic() + self.timeout_s
        pause_s = _FIRST_POLL_S
        while True:
            head = self.block_number()
            receipt = self.receipt(tx_hash)
            if receipt is not None and head >= receipt.block_number + confirmations:
                return receipt
            if time.monotonic() >= deadline:
                raise LedgerTimeoutError(
                    f"transaction {tx_hash} has not {confirmations} confirmations after {self.timeout_s} s",
                    tx_hash=tx_hash,
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LAST_POLL_S)

    def logs(
        self,
        event: type[ContractEvent] | ContractEvent,
        *,
        from_block: int = 0,
        to_block: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Return a contract's events in chain order.

        Args:
            event: the event of a contract at an address, such as ``contract.events.Published``.
            from_block: first block, inclusive.
            to_block: last block, inclusive; None for the newest.
            where: values, or lists of alternatives, of indexed arguments.
        """
        bound = event() if isinstance(event, type) else event
        with translated_errors(self.url):
            found = bound.get_logs(
                from_block=from_block,
                to_block="latest" if to_block is None else to_block,
                argument_filters=None if where is None else dict(where),
            )
        return [
            Event(
                name=entry["event"],
                args=dict(entry["args"]),
                address=str(entry["address"]),
                block_number=int(entry["blockNumber"]),
                tx_hash=entry["transactionHash"].to_0x_hex(),
                log_index=int(entry["logIndex"]),
            )
            for entry in found
        ]

    def _signer(self) -> LocalAccount:
        if self._account is None:
            raise SigningKeyError("this ledger client has no signing key: it can only read")
        return self._account

    def _sender(self) -> TxParams:
        return {} if self._account is None else {"from": self._account.address}

    def _estimate(self, action: ContractAction) -> int:
        with translated_errors(self.url):
            estimate = action.estimate_gas({**self._sender(), "gasPrice": Web3.to_wei(0, "wei")})
        return int(estimate * _GAS_MARGIN)

    def _send(self, signer: LocalAccount, action: ContractAction, gas: int) -> tuple[SignedTransaction, TxParams]:
        """Send under the next nonce; on return the node has the transaction, or its outcome is unknown."""
        for _ in range(_NONCE_ATTEMPTS):
            with translated_errors(self.url):
                fields = action.build_transaction(
                    {
                        "from": signer.address,
                        "nonce": self._web3.eth.get_transaction_count(signer.address, "pending"),
                        "gas": gas,
                        "gasPrice": Web3.to_wei(0, "wei"),
                        "value": Web3.to_wei(0, "wei"),
                        "chainId": self.chain_id,
                    }
                )
            signed = signer.sign_transaction(fields)  # type: ignore[arg-type]  # wider than eth-account's TypedDict
            try:
                with translated_errors(self.url):
                    self._web3.eth.send_raw_transaction(signed.raw_transaction)
            except (LedgerUnreachableError, LedgerTimeoutError):
                return signed, fields  # it may have arrived: the receipt decides
            except LedgerRequestError as error:
                message = str(error).lower()
                if "already known" in message or "known transaction" in message:
                    return signed, fields
                if "nonce too low" in message:
                    continue  # another process sent with this account: not accepted, so safe to sign anew
                raise
            return signed, fields
        raise LedgerRequestError(f"account {signer.address} is used by another sender: the nonce keeps changing")

    def _find_receipt(self, tx_hash: str) -> TxReceipt | None:
        with translated_errors(self.url):
            try:
                return self._web3.eth.get_transaction_receipt(HexBytes(tx_hash))
            except TransactionNotFound:
                return None

    def _wait_receipt(self, tx_hash: str, deadline: float) -> TxReceipt:
        pause_s = _FIRST_POLL_S
        while True:
            try:
                receipt = self._find_receipt(tx_hash)
                fault: ClientError | None = None
            except (LedgerUnreachableError, LedgerTimeoutError) as error:
                receipt, fault = None, error
            if receipt is not None:
                return receipt
            if time.monotonic() >= deadline:
                raise LedgerTimeoutError(
                    f"no receipt of transaction {tx_hash} within {self.timeout_s} s; it may still be mined",
                    tx_hash=tx_hash,
                ) from fault
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LAST_POLL_S)

    def _explain_failure(self, fields: TxParams, receipt: TxReceipt, tx_hash: str) -> TransactionRevertedError:
        """Run the failed transaction again on the state before its block, to learn why it failed."""
        message: TxParams = {"from": fields["from"], "gas": fields["gas"], "data": fields["data"]}
        if fields.get("to"):
            message["to"] = fields["to"]
        try:
            with translated_errors(self.url):
                try:
                    self._web3.eth.call(message, block_identifier=int(receipt["blockNumber"]) - 1)
                except ContractLogicError as error:
                    return reverted(error, tx_hash)
        except ClientError as error:
            return TransactionRevertedError(f"failed: {error}", tx_hash=tx_hash)
        return TransactionRevertedError("failed for a reason the node no longer shows", tx_hash=tx_hash)


def _account_of(private_key: bytes) -> LocalAccount:
    if not isinstance(private_key, bytes) or len(private_key) != _KEY_BYTES:
        raise SigningKeyError(f"a signing key is {_KEY_BYTES} bytes")
    try:
        account: LocalAccount = Account.from_key(private_key)
    except (ValueError, ValidationError):
        raise SigningKeyError("the signing key is not a secp256k1 private key") from None  # the cause may quote it
    return account


def _receipt_of(receipt: TxReceipt) -> Receipt:
    address = receipt["contractAddress"]
    return Receipt(
        tx_hash=receipt["transactionHash"].to_0x_hex(),
        gas_used=int(receipt["gasUsed"]),
        block_number=int(receipt["blockNumber"]),
        block_hash=receipt["blockHash"].to_0x_hex(),
        contract_address=None if address is None else str(address),
        logs=tuple(
            LogEntry(
                address=str(log["address"]),
                topics=tuple(bytes(topic) for topic in log["topics"]),
                data=bytes(log["data"]),
                block_number=int(log["blockNumber"]),
                tx_hash=log["transactionHash"].to_0x_hex(),
                log_index=int(log["logIndex"]),
            )
            for log in receipt["logs"]
        ),
    )
