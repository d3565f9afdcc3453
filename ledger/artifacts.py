"""The compiled contracts that belong to this version: interface, bytecode, and what they were compiled from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ledger.errors import ArtifactMismatchError

ARTIFACTS: Final = Path(__file__).with_name("artifacts")
CONTRACTS: Final = ("ProofVerifier", "Registry", "Studies", "Cohorts")
EVM_VERSION: Final = "london"
IMMUTABLE_BYTES: Final = 32 * 40  # room for the immutables that follow the code; what is used now is 33 words
MAX_CODE_BYTES: Final = 24_576 - IMMUTABLE_BYTES  # EIP-170


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. Public.

    Args:
        contract: its name.
        compiler: compiler and version.
        evm_version: instruction set it was compiled for.
        sources: SHA-256 of each source by file name.
        abi: JSON interface.
        bytecode: creation code.
        runtime: the code a deployed contract begins with; its immutables follow.
    """

    contract: str
    compiler: str
    evm_version: str
    sources: tuple[tuple[str, str], ...]
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    runtime: bytes


@lru_cache(maxsize=8)
def load_artifact(contract: str) -> Artifact:
    """Read a compiled contract.

    Args:
        contract: one of `CONTRACTS`.

    Raises:
        ArtifactMismatchError: there is no such artifact, or it is malformed.
    """
    if contract not in CONTRACTS:
        raise ArtifactMismatchError(f"there is no contract named {contract!r}")
    try:
        stored = json.loads((ARTIFACTS / f"{contract}.json").read_text(encoding="utf-8"))
        return Artifact(
            contract=stored["contract"],
            compiler=stored["compiler"],
            evm_version=stored["evm_version"],
            sources=tuple(sorted(stored["sources"].items())),
            abi=tuple(stored["abi"]),
            bytecode=bytes.fromhex(stored["bytecode"].removeprefix("0x")),
            runtime=bytes.fromhex(stored["runtime"].removeprefix("0x")),
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtifactMismatchError(f"the artifact of {contract} cannot be read: {type(error).__name__}") from error
