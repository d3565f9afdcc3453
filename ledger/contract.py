"""One deployed contract: its address, its ABI from the artifacts, and calls and transactions by function name."""

from __future__ import annotations

from typing import Any, ClassVar

from ledger.artifacts import load_artifact
from ledger.client import LedgerClient, Receipt


class BoundContract:
    """A contract of ours at an address.

    Args:
        client: ledger client; its account signs what this object sends.
        address: of the contract.
    """

    artifact: ClassVar[str]

    def __init__(self, client: LedgerClient, address: str) -> None:
        self.client = client
        self.contract = client.contract_at(load_artifact(self.artifact).abi, address)
        self.address = str(self.contract.address)

    def _call(self, function: str, *arguments: Any) -> Any:
        return self.client.call(self.contract.get_function_by_name(function)(*arguments))

    def _send(self, function: str, *arguments: Any, gas: int | None = None) -> Receipt:
        return self.client.transact(self.contract.get_function_by_name(function)(*arguments), gas=gas)
