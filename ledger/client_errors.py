"""What web3.py, requests and the node report, as this package's typed errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
from eth_abi.exceptions import DecodingError
from web3.exceptions import (
    BadFunctionCallOutput,
    BadResponseFormat,
    ContractLogicError,
    InsufficientData,
    MismatchedABI,
    Web3RPCError,
    Web3ValidationError,
)

from ledger.errors import (
    LedgerRequestError,
    LedgerResponseError,
    LedgerTimeoutError,
    LedgerUnreachableError,
    TransactionRevertedError,
)
from ledger.revert import describe_revert

_REVERT_PREFIX = "execution reverted: "


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Run a block that talks to the node at ``url`` and raise only ``ClientError`` for what goes wrong there.

    Raises:
        TransactionRevertedError: a contract refused.
        LedgerRequestError: the node answered with an error.
        LedgerTimeoutError: the node did not answer in time.
        LedgerUnreachableError: the connection was refused or broke.
        LedgerResponseError: the answer does not make sense.
    """
    try:
        yield
    except ContractLogicError as error:
        raise reverted(error) from error
    except Web3RPCError as error:
        raise LedgerRequestError(f"the ledger node refused: {error.message}", code=_code_of(error)) from error
    except requests.exceptions.Timeout as error:
        raise LedgerTimeoutError(f"the ledger node at {url} did not answer in time") from error
    except requests.exceptions.ConnectionError as error:
        raise LedgerUnreachableError(f"no ledger node answers at {url}") from error
    except requests.exceptions.RequestException as error:
        raise LedgerResponseError(f"{url} does not answer like a ledger node: {type(error).__name__}") from error
    except (BadFunctionCallOutput, InsufficientData, DecodingError) as error:
        raise LedgerResponseError(
            "the answer does not fit the contract's interface: wrong address, or no contract there"
        ) from error
    except (MismatchedABI, Web3ValidationError) as error:
        raise LedgerRequestError(f"the arguments do not fit the contract's interface: {error}") from error
    except (BadResponseFormat, KeyError, ValueError) as error:
        raise LedgerResponseError(f"{url} does not answer like a ledger node: {type(error).__name__}") from error


def reverted(error: ContractLogicError, tx_hash: str | None = None) -> TransactionRevertedError:
    """Return our error for web3.py's, with the reason decoded from the revert data where there is any."""
    data = revert_data(error.data)
    if data:
        return TransactionRevertedError(describe_revert(data), data=data, tx_hash=tx_hash)
    message = (error.message or "").removeprefix(_REVERT_PREFIX)
    reason = describe_revert(b"") if message in ("", "execution reverted") else message
    return TransactionRevertedError(reason, tx_hash=tx_hash)


def revert_data(data: object) -> bytes:
    """Return the bytes of a JSON-RPC error's data field, empty where it holds none."""
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""


def _code_of(error: Web3RPCError) -> int | None:
    response = error.rpc_response
    if not isinstance(response, Mapping):
        return None
    details = response.get("error")
    code = details.get("code") if isinstance(details, Mapping) else None
    return code if isinstance(code, int) else None
