"""Deploys the contracts from their artifacts, and checks that an existing deployment is the expected one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ledger.artifacts import load_artifact
from ledger.client import LedgerClient
from ledger.cohorts import Cohorts
from ledger.errors import DeploymentInvalidError
from ledger.registry import Registry
from ledger.studies import Studies
from zk.pairing import G2


class StringParameters(Protocol):
    """What a deployment needs to know of a structured reference string; `zk.srs.Srs` has it."""

    @property
    def id(self) -> bytes:
        """32 bytes that name the string."""

    @property
    def tau_g2(self) -> G2:
        """[τ]_2."""

    @property
    def development(self) -> bool:
        """Whether somebody may know τ."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One set of contracts. Public.

    Args:
        verifier, registry, studies, cohorts: addresses.
        chain_id: the chain id they were given.
        srs_id: id of the structured reference string they were given, 32 bytes.
        production: whether they were deployed for real studies.
    """

    verifier: str
    registry: str
    studies: str
    chain_id: int
    srs_id: bytes
    production: bool
    cohorts: str


def tau_words(tau_g2: G2) -> list[int]:
    """[τ]_2 as the contracts take it: x1, x0, y1, y0.

    Raises:
        DeploymentInvalidError: it is the point at infinity.
    """
    if tau_g2 is None:
        raise DeploymentInvalidError("the string's [tau]_2 is the point at infinity")
    (x0, x1), (y0, y1) = tau_g2
    return [x1, x0, y1, y0]


def deploy_contracts(client: LedgerClient, srs: StringParameters, *, production: bool) -> Deployment:
    """Deploy verifier, registry, studies and cohorts; the client's account becomes the registry's admin.

    Args:
        srs: a verified string; a development one is refused by the contracts where ``production``.
        production: whether real studies will run on these contracts.

    Raises:
        TransactionRevertedError: a constructor refused (development string in production, precompiles that differ).
        DeploymentInvalidError: the chain did not create a contract.
    """
    arguments = [client.chain_id, srs.id, tau_words(srs.tau_g2), srs.development, production]
    verifier = _deploy(client, "ProofVerifier", *arguments)
    registry = _deploy(client, "Registry", verifier)
    studies = _deploy(client, "Studies", registry, verifier)
    cohorts = _deploy(client, "Cohorts", registry)
    deployment = Deployment(verifier, registry, studies, client.chain_id, srs.id, production, cohorts)
    check_deployment(client, deployment, srs)
    return deployment


def check_deployment(client: LedgerClient, deployment: Deployment, srs: StringParameters) -> None:
    """Check code, chain id, string and wiring of a deployment against this version and one's own string.

    Raises:
        DeploymentInvalidError: something differs.
    """
    chain = client.chain_info()
    if srs.development and (deployment.production or (chain is not None and chain.get("production"))):
        raise DeploymentInvalidError("a development string cannot serve a production chain")
    registry, studies = Registry(client, deployment.registry), Studies(client, deployment.studies)
    cohorts = Cohorts(client, deployment.cohorts)
    addresses = {
        "ProofVerifier": deployment.verifier,
        "Registry": registry.address,
        "Studies": studies.address,
        "Cohorts": cohorts.address,
    }
    for name, address in addresses.items():
        if not client.code(address).startswith(load_artifact(name).runtime):
            raise DeploymentInvalidError(f"the code at {address} is not this version's {name}")
    if studies.registry_address() != registry.address:
        raise DeploymentInvalidError(f"the studies contract reads another registry: {studies.registry_address()}")
    if cohorts.registry_address() != registry.address:
        raise DeploymentInvalidError(f"the cohorts contract reads another registry: {cohorts.registry_address()}")
    for contract in (registry, studies):
        if contract.verifier_address().lower() != deployment.verifier.lower():
            raise DeploymentInvalidError(f"the contract at {contract.address} asks another verifier")
        parameters = contract.parameters()
        if parameters != (client.chain_id, srs.id, tuple(tau_words(srs.tau_g2))):
            raise DeploymentInvalidError(f"the contract at {contract.address} has another chain id or string")
        if contract.self_test():
            raise DeploymentInvalidError(f"precompile {contract.self_test()} of this chain does not work as it must")
    expected = (client.chain_id, srs.id)
    if (deployment.chain_id, deployment.srs_id) != expected:
        raise DeploymentInvalidError("the deployment names another chain or string")


def _deploy(client: LedgerClient, name: str, *arguments: Any) -> str:
    artifact = load_artifact(name)
    factory = client.contract_factory(artifact.abi, artifact.bytecode)
    receipt = client.transact(factory.constructor(*arguments))
    if receipt.contract_address is None:
        raise DeploymentInvalidError(f"the chain created no {name}")
    return receipt.contract_address
