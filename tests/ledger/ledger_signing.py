"""Raw transactions signed by a test account that never had a balance."""

from __future__ import annotations

from typing import Any

from eth_account import Account
from eth_utils import keccak, to_checksum_address
from node_process import CHAIN_ID, GAS

ACCOUNT = Account.from_key(keccak(b"test account"))
SENDER = bytes.fromhex(ACCOUNT.address[2:])


def word(value: int) -> bytes:
    """32 bytes, big-endian."""
    return value.to_bytes(32, "big")


def signed(nonce: int, to: bytes | None, data: bytes, **changes: Any) -> bytes:
    """A signed type-0 transaction; ``changes`` replaces fields."""
    fields = {"nonce": nonce, "gasPrice": 0, "gas": GAS, "value": 0, "data": data, "chainId": CHAIN_ID, **changes}
    if to is not None:
        fields["to"] = to_checksum_address(to)
    return bytes(ACCOUNT.sign_transaction(fields).raw_transaction)
