"""Typed errors of the ledger package.

    LedgerError
    ├── ChainError                      raised inside the node, by the embedded chain
    │   ├── ChainMismatchError          the file belongs to another chain id, mode or file format
    │   ├── ChainInUseError             another process (or object) holds the file
    │   ├── ChainCorruptError           the file is not a chain, or its parts disagree
    │   ├── TransactionRejectedError    a raw transaction that was not accepted (nonce, gas, signature, chain id)
    │   ├── ExecutionFailedError        a simulated call that reverted or ran out of gas
    │   ├── BlockUnknownError           a block number or hash that this chain does not have
    │   └── LogQueryTooLargeError       a log query with more answers than one reply may hold
    ├── ArtifactMismatchError           a compiled contract that is missing, unreadable or not what its sources say
    ├── DeploymentInvalidError          contracts at an address that are not the ones this version deploys
    ├── RecordInvalidError              what stands on the ledger does not fit together
    ├── RpcError                        one JSON-RPC error object: code, message, data
    └── ClientError                     raised by the client, about a ledger reached over HTTP
        ├── LedgerUnreachableError      no node answers at the endpoint
        ├── LedgerTimeoutError          no answer, or no receipt, in the time allowed
        ├── LedgerRequestError          the node answered with an error
        ├── LedgerResponseError         the node's answer does not make sense
        ├── SigningKeyError             a missing or malformed signing key
        └── TransactionRevertedError    a contract refused, with its reason

Messages carry hashes, addresses and numbers that are public on the ledger, never key material.
"""

from __future__ import annotations


class LedgerError(Exception):
    """Root of every error this package raises on purpose."""


class ChainError(LedgerError):
    """An error of the embedded chain."""


class ChainMismatchError(ChainError):
    """The chain file was created with another chain id, mode or file format."""


class ChainInUseError(ChainError):
    """The chain file is held by another process or object: one connection per file."""


class ChainCorruptError(ChainError):
    """The file is not a chain, or its parts contradict each other."""


class TransactionRejectedError(ChainError):
    """A raw transaction was not accepted; the state is unchanged."""


class ExecutionFailedError(ChainError):
    """A simulated execution failed.

    Attributes:
        output: revert data, empty unless the contract reverted with data.
        is_revert: True for REVERT, False for out of gas and other halts.
    """

    def __init__(self, message: str, *, output: bytes, is_revert: bool) -> None:
        super().__init__(message)
        self.output = output
        self.is_revert = is_revert


class BlockUnknownError(ChainError):
    """The block asked for is not part of this chain."""


class LogQueryTooLargeError(ChainError):
    """The log query matches more entries than one reply may hold: narrow the block range."""


class ArtifactMismatchError(LedgerError):
    """A compiled contract is missing, unreadable or not what its sources compile to."""


class DeploymentInvalidError(LedgerError):
    """The contracts at an address are not the ones this version deploys, or not set up as expected."""


class RecordInvalidError(LedgerError):
    """What stands on the ledger (a dataset, a query, a record) is unknown or does not fit together."""


class RpcError(LedgerError):
    """One JSON-RPC error object.

    Attributes:
        code: JSON-RPC or Ethereum error code.
        message: short public text.
        data: optional 0x-hex data (revert data for code 3).
    """

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class ClientError(LedgerError):
    """An error of the client side, about a ledger reached over HTTP."""


class LedgerUnreachableError(ClientError):
    """No node answers at the endpoint."""


class LedgerTimeoutError(ClientError):
    """No answer, or no confirmed receipt, in the time allowed.

    Attributes:
        tx_hash: 0x hash of the transaction whose outcome is unknown, or None where none was sent.
    """

    def __init__(self, message: str, *, tx_hash: str | None = None) -> None:
        super().__init__(message)
        self.tx_hash = tx_hash


class LedgerRequestError(ClientError):
    """The node answered with a JSON-RPC error.

    Attributes:
        code: the JSON-RPC error code, None where the node gave none.
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class LedgerResponseError(ClientError):
    """The node's answer does not make sense (no contract at the address, wrong shape, not JSON-RPC)."""


class SigningKeyError(ClientError):
    """The client has no signing key, or was given one that is not a secp256k1 private key."""


class TransactionRevertedError(ClientError):
    """A contract refused the call or transaction.

    Attributes:
        reason: the decoded reason, or a description where the contract gave none.
        data: raw revert data, possibly empty.
        tx_hash: 0x hash of the mined transaction, None where it was refused before it was sent.
    """

    def __init__(self, reason: str, *, data: bytes = b"", tx_hash: str | None = None) -> None:
        super().__init__(reason if tx_hash is None else f"{reason} (transaction {tx_hash})")
        self.reason = reason
        self.data = data
        self.tx_hash = tx_hash
