"""A real ledger node in a process of its own, for tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CHAIN_ID = 20260
GAS = 1_000_000

SOURCE = """
event Put:
    who: indexed(address)
    kind: indexed(uint256)
    amount: uint256

total: public(uint256)

@external
def put(amount: uint256):
    assert amount < 100, "amount too big"
    self.total += amount
    log Put(who=msg.sender, kind=amount % 3, amount=amount)

@external
@view
def times(x: uint256, y: uint256, factor: uint256) -> uint256[2]:
    return ecmul([x, y], factor)

@external
def burn():
    for i: uint256 in range(100000):
        self.total += i
"""


class NodeProcess:
    """``python -m ledger.rpc`` on a free loopback port."""

    def __init__(self, path: Path, *options: str, chain_id: int = CHAIN_ID) -> None:
        self.path = path
        command = [sys.executable, "-m", "ledger.rpc", "--path", str(path), "--port", "0", "--chain-id", str(chain_id)]
        self.process = subprocess.Popen(
            [*command, *options], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().strip()
        self.url = self.first_line.removeprefix("ready ")

    def post(self, body: bytes) -> tuple[int, Any]:
        """Post raw bytes and return the HTTP status and the decoded answer (None for an empty one)."""
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status, answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, answer = error.code, error.read()
        return status, json.loads(answer) if answer else None

    def rpc(self, method: str, *params: Any) -> Any:
        """Call a method and return the reply object, with its result or its error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)})
        _, answer = self.post(body.encode())
        return answer

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self._reap()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the node to stop and return its exit status."""
        self.process.send_signal(number)
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait(timeout=30)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return status
