"""Contracts on a bare London EVM (pyrevm), for tests: deployments, transactions by name, reverts with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyrevm
from eth_abi import decode, encode
from eth_utils import keccak

from ledger.artifacts import load_artifact

CHAIN_ID = 20260
GAS = 8_000_000


class Reverted(Exception):
    """A transaction that failed; `reason` is the contract's, or the kind of halt; `gas` is what it burnt."""

    def __init__(self, reason: str, gas: int) -> None:
        super().__init__(f"{reason} after {gas} gas")
        self.reason, self.gas = reason, gas


def type_of(entry: dict[str, Any]) -> str:
    """ABI type of an interface entry, tuples expanded."""
    if entry["type"].startswith("tuple"):
        return f"({','.join(type_of(part) for part in entry['components'])}){entry['type'][5:]}"
    return str(entry["type"])


def account(number: int) -> str:
    return f"0x{number:040x}"


class Contract:
    """One deployed contract of a machine."""

    def __init__(self, machine: Machine, name: str, *arguments: Any, sender: str) -> None:
        artifact = load_artifact(name)
        self.machine = machine
        self.functions = {f["name"]: f for f in artifact.abi if f["type"] == "function"}
        constructor = next(f for f in artifact.abi if f["type"] == "constructor")
        types = [type_of(i) for i in constructor["inputs"]]
        self.address = machine.deploy(artifact.bytecode + encode(types, arguments), sender)

    def calldata(self, function: str, *arguments: Any) -> bytes:
        types = [type_of(i) for i in self.functions[function]["inputs"]]
        return bytes(keccak(text=f"{function}({','.join(types)})"))[:4] + encode(types, arguments)

    def send(self, function: str, *arguments: Any, sender: str, gas: int = GAS) -> Any:
        """Execute and keep the effects; return the decoded result."""
        output = self.machine.execute(sender, self.address, self.calldata(function, *arguments), gas)
        types = [type_of(o) for o in self.functions[function]["outputs"]]
        values: Sequence[Any] = decode(types, output) if types else (None,)
        return values[0]


class Machine:
    """A London EVM with one state; gas of the last transaction in `gas_used` (warm after the first: not for tables)."""

    def __init__(self) -> None:
        self.evm = pyrevm.EVM(gas_limit=30_000_000, spec_id="London")
        self.gas_used = 0
        self._funded: set[str] = set()

    def deploy(self, code: bytes, sender: str) -> str:
        self._fund(sender)
        try:
            address = str(self.evm.deploy(sender, code))
        except RuntimeError as error:
            raise Reverted(reason_of(str(error)), 0) from error
        assert len(self.evm.get_code(address)) <= 24_576, "EIP-170"
        return address

    def execute(self, sender: str, address: str, calldata: bytes, gas: int = GAS) -> bytes:
        self._fund(sender)
        try:
            output = self.evm.message_call(sender, address, calldata=calldata, gas=gas)
        except RuntimeError as error:
            result = self.evm.result
            raise Reverted(reason_of(str(error)), int(result.gas_used)) from error
        self.gas_used = int(self.evm.result.gas_used)
        return bytes(output)

    def _fund(self, sender: str) -> None:
        if sender not in self._funded:
            self._funded.add(sender)
            self.evm.set_balance(sender, 10**24)


def reason_of(text: str) -> str:
    """The Error(string) inside a halt's text, or the text."""
    at = text.find("0x08c379a0")
    if at < 0:
        return text.split("{")[0].strip()
    digits = "".join(ch for ch in text[at + 10 :].split(" ")[0] if ch in "0123456789abcdef")
    (reason,) = decode(["string"], bytes.fromhex(digits))
    return str(reason)
