"""The embedded ledger as a process: Ethereum JSON-RPC over HTTP on one chain file.

``python -m ledger.rpc --path chain.db --port 8545 --chain-id 20260`` prints ``ready http://host:port`` once it listens,
and stops on SIGTERM or SIGINT. POST / takes a request or a batch, GET /health answers while the chain is busy: the EVM
runs in one worker thread. There is no authentication: transactions carry signatures, reads are public. Bind it to
loopback, or put a gateway in front.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import rlp  # type: ignore[import-untyped]
from aiohttp import web
from eth.exceptions import PyEVMError
from eth_utils.exceptions import ValidationError as EvmValidationError

from ledger.chain import EmbeddedChain
from ledger.errors import (
    BlockUnknownError,
    ChainError,
    ExecutionFailedError,
    LedgerError,
    LogQueryTooLargeError,
    RpcError,
    TransactionRejectedError,
)
from ledger.rpc_encoding import Json, hex_data
from ledger.rpc_methods import RpcMethods

_LOG: Final = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_BATCH: Final = 100
MAX_NESTING: Final = 64
DEFAULT_CHAIN_ID: Final = 20260

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603
SERVER_ERROR: Final = -32000
LIMIT_EXCEEDED: Final = -32005
EXECUTION_REVERTED: Final = 3

# strings are consumed whole (possessive, end optional: linear on any input), so that only real brackets are counted
_BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)

_INTERNAL_FAULTS: Final = (
    PyEVMError,
    EvmValidationError,
    rlp.RLPException,
    sqlite3.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class RpcHandler:
    """Turns request bodies into answers: transport-free, blocking, never raises for what a caller sent."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._methods = RpcMethods(chain)

    def answer(self, body: bytes) -> bytes | None:
        """Answer one request body.

        Args:
            body: what the caller posted, any bytes.

        Returns:
            The JSON answer, or None where the body holds only notifications.
        """
        try:
            _check_nesting(body)
            document = json.loads(body)
        except (ValueError, RecursionError):
            return _encode(_error_reply(None, PARSE_ERROR, "parse error: the body is not JSON"))
        if not isinstance(document, list):
            reply = self._answer_one(document)
            return None if reply is None else _encode(reply)
        if not 1 <= len(document) <= MAX_BATCH:
            return _encode(_error_reply(None, INVALID_REQUEST, f"a batch holds 1 to {MAX_BATCH} requests"))
        replies = [reply for request in document if (reply := self._answer_one(request)) is not None]
        return _encode(replies) if replies else None

    def _answer_one(self, request: object) -> dict[str, Json] | None:
        if not isinstance(request, dict):
            return _error_reply(None, INVALID_REQUEST, "a request is a JSON object")
        identifier = request.get("id")
        if isinstance(identifier, bool) or not isinstance(identifier, (str, int, type(None))):
            return _error_reply(None, INVALID_REQUEST, "a request id is a string or an integer")
        method = request.get("method")
        if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
            return _error_reply(identifier, INVALID_REQUEST, "a request has jsonrpc 2.0 and a method name")
        try:
            reply: dict[str, Json] = {
                "jsonrpc": "2.0",
                "id": identifier,
                "result": self._methods.call(method, request.get("params")),
            }
        except LedgerError as error:
            reply = _error_reply(identifier, *_describe(error))
        except _INTERNAL_FAULTS as error:
            _LOG.error("internal error in %r: %s: %s", method[:64], type(error).__name__, error)
            reply = _error_reply(identifier, INTERNAL_ERROR, f"internal error: {type(error).__name__}")
        return reply if "id" in request else None


def _check_nesting(body: bytes) -> None:
    """Bound the nesting before json.loads: py-evm raises the recursion limit beyond what the C stack holds.

    Raises:
        ValueError: brackets are nested deeper than ``MAX_NESTING``.
    """
    depth = 0
    for match in _BRACKETS.finditer(body):
        match body[match.start()]:
            case 0x5B | 0x7B:
                depth += 1
                if depth > MAX_NESTING:
                    raise ValueError("nested too deeply")
            case 0x5D | 0x7D:
                depth -= 1


def _describe(error: LedgerError) -> tuple[int, str, str | None]:
    match error:
        case RpcError():
            return error.code, error.message, error.data
        case ExecutionFailedError(is_revert=True):
            return EXECUTION_REVERTED, str(error), hex_data(error.output)
        case ExecutionFailedError() | TransactionRejectedError() | BlockUnknownError():
            return SERVER_ERROR, str(error), None
        case LogQueryTooLargeError():
            return LIMIT_EXCEEDED, str(error), None
        case ChainError():
            return INTERNAL_ERROR, str(error), None
        case _:
            return INTERNAL_ERROR, f"internal error: {type(error).__name__}", None


def _error_reply(identifier: str | int | None, code: int, message: str, data: str | None = None) -> dict[str, Json]:
    error: dict[str, Json] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": identifier, "error": error}


def _encode(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


class LedgerNode:
    """HTTP server of one chain, on the running event loop.

    Args:
        chain: the open chain; the node does not close it.
        host: address to bind.
        port: port to bind, 0 for any free one.
    """

    def __init__(self, chain: EmbeddedChain, host: str = "127.0.0.1", port: int = 0) -> None:
        self._chain = chain
        self._handler = RpcHandler(chain)
        self._host, self._port = host, port
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evm")
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_post("/", self._post)
        application.router.add_get("/health", self._health)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=5.0)

    async def start(self) -> str:
        """Start listening and return the node's URL.

        Raises:
            OSError: the address cannot be bound.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        shown_host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{shown_host}:{port}"

    async def stop(self) -> None:
        """Stop listening and wait for what is being executed."""
        await self._runner.cleanup()
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: self._worker.shutdown(wait=True, cancel_futures=True)
        )

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            reply = _error_reply(None, INVALID_REQUEST, f"the request body exceeds {MAX_BODY_BYTES} bytes")
            return web.Response(body=_encode(reply), content_type="application/json", status=413)
        answer = await asyncio.get_running_loop().run_in_executor(self._worker, self._handler.answer, body)
        if answer is None:
            return web.Response(status=204)
        return web.Response(body=answer, content_type="application/json")

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"status": "serving", "chainId": self._chain.chain_id, "blockNumber": self._chain.head_number}
        )


def serve(
    path: Path | str,
    host: str = "127.0.0.1",
    port: int = 0,
    chain_id: int = DEFAULT_CHAIN_ID,
    production: bool = False,
    ready_callback: Callable[[str], None] | None = None,
) -> None:
    """Serve a chain file until SIGTERM or SIGINT; call it from the main thread of a process.

    Args:
        path: the chain file; created if missing.
        host: address to bind.
        port: port to bind, 0 for any free one.
        chain_id: chain id, fixed when the file is created.
        production: mode, fixed when the file is created.
        ready_callback: called once with the URL when the node listens.

    Raises:
        ChainError: the file cannot be opened as this chain.
        OSError: the address cannot be bound.
    """
    with EmbeddedChain(path, chain_id=chain_id, production=production) as chain:
        asyncio.run(_serve_until_signalled(LedgerNode(chain, host, port), ready_callback))


async def _serve_until_signalled(node: LedgerNode, ready_callback: Callable[[str], None] | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        url = await node.start()
        if ready_callback is not None:
            ready_callback(url)
        await stopping.wait()
    finally:
        await node.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node from the command line; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m ledger.rpc", description="Embedded ledger node (JSON-RPC).")
    parser.add_argument("--path", type=Path, required=True, help="chain file, created if missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8545, help="port to bind, 0 for any (default: %(default)s)")
    parser.add_argument("--chain-id", type=int, default=DEFAULT_CHAIN_ID, help="chain id (default: %(default)s)")
    parser.add_argument("--production", action="store_true", help="mark the chain as production at genesis")
    options = parser.parse_args(argv)
    try:
        serve(
            options.path,
            options.host,
            options.port,
            options.chain_id,
            options.production,
            _announce,
        )
    except (LedgerError, OSError, ValueError) as error:
        sys.stderr.write(f"ledger node: {error}\n")
        return 1
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
