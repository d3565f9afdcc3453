"""Compiles the contracts into ``ledger/artifacts``: ``python -m ledger.compile [--check]``.

Vyper 0.4.3, EVM version london, optimised for gas, without the experimental code generator. The artifacts are part of
the repository, so that nobody needs the compiler to deploy; ``--check`` compiles again and compares byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

import vyper
from vyper.compiler import compile_code
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import OptimizationLevel, Settings

from ledger.artifacts import ARTIFACTS, CONTRACTS, EVM_VERSION, MAX_CODE_BYTES
from ledger.errors import ArtifactMismatchError

SOURCES: Final = Path(__file__).with_name("contracts")
FORWARDED: Final = {"Studies": ("ProofVerifier", "publish")}


def source_hashes() -> dict[str, str]:
    """SHA-256 of every contract source by file name, as the artifacts record them."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(SOURCES.glob("*.vy"))}


def compile_contract(name: str) -> str:
    """Compile one contract and return its artifact as JSON text.

    Args:
        name: file name of the contract without ``.vy``.

    Raises:
        ArtifactMismatchError: the deployed code would be larger than EIP-170 allows.
    """
    path = SOURCES / f"{name}.vy"
    settings = Settings(evm_version=EVM_VERSION, optimize=OptimizationLevel.GAS, experimental_codegen=False)
    output: dict[str, Any] = compile_code(
        path.read_text(encoding="utf-8"),
        contract_path=path.name,
        input_bundle=FilesystemInputBundle([SOURCES]),
        output_formats=["abi", "bytecode", "bytecode_runtime"],
        settings=settings,
    )
    code_bytes = len(output["bytecode_runtime"]) // 2 - 1
    if code_bytes > MAX_CODE_BYTES:
        raise ArtifactMismatchError(f"{name} has {code_bytes} bytes of code, at most {MAX_CODE_BYTES} fit")
    artifact = {
        "contract": name,
        "compiler": f"vyper {vyper.__long_version__}",
        "evm_version": EVM_VERSION,
        "sources": source_hashes(),
        "abi": [*output["abi"], *_forwarded(name)],
        "bytecode": output["bytecode"],
        "runtime": output["bytecode_runtime"],
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def _forwarded(name: str) -> list[dict[str, Any]]:
    """Interface entries of functions that a contract's default function takes by forwarding its calldata."""
    if name not in FORWARDED:
        return []
    source, function = FORWARDED[name]
    abi = json.loads(compile_contract(source))["abi"]
    (entry,) = [entry for entry in abi if entry.get("name") == function]
    return [{**entry, "outputs": [], "stateMutability": "nonpayable"}]


def check_artifacts() -> None:
    """Compile every contract again and compare with the stored artifacts.

    Raises:
        ArtifactMismatchError: an artifact is missing or differs from what its sources compile to.
    """
    for name in CONTRACTS:
        stored = ARTIFACTS / f"{name}.json"
        if not stored.is_file() or stored.read_text(encoding="utf-8") != compile_contract(name):
            raise ArtifactMismatchError(f"ledger/artifacts/{name}.json is not what ledger/contracts compiles to")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ledger.compile", description="Compile the contracts.")
    parser.add_argument("--check", action="store_true", help="compare with the stored artifacts, write nothing")
    options = parser.parse_args(arguments)
    if not options.check:
        ARTIFACTS.mkdir(exist_ok=True)
        for name in CONTRACTS:
            (ARTIFACTS / f"{name}.json").write_text(compile_contract(name), encoding="utf-8")
        return 0
    try:
        check_artifacts()
    except ArtifactMismatchError as error:
        sys.stderr.write(f"{error}\nrun: make contracts\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
