"""A process's view of its ledger: the client, the contracts, and what the process itself pins.

The deployment file is public: addresses, chain id, and id and [τ]_2 of the structured reference string. Its holder
verifies proofs against his own file, not against what a node says; `tallystick ledger deploy` writes it from a string
that was verified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ledger.client import LedgerClient
from ledger.cohorts import Cohorts
from ledger.deploy import Deployment
from ledger.registry import Registry
from ledger.studies import Studies
from services.config import LedgerConfig
from services.errors import ConfigInvalidError
from services.identity import store_private
from zk.errors import ZkError
from zk.pairing import G2
from zk.srs import Srs, decode_g2, encode_g2

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class LedgerAccess:
    """The ledger as one process uses it.

    Args:
        client: signs with the process's account, if it has one.
        registry: members and datasets.
        studies: queries.
        cohorts: common row orders.
        deployment: what the process pins.
        tau_g2: [τ]_2 of the pinned string.
        confirmations: blocks that make a record final.
    """

    client: LedgerClient
    registry: Registry
    studies: Studies
    cohorts: Cohorts
    deployment: Deployment
    tau_g2: G2
    confirmations: int

    def is_final(self, block_number: int) -> bool:
        """Whether a block is deep enough."""
        return self.client.block_number() >= block_number + self.confirmations


def open_ledger(config: LedgerConfig) -> LedgerAccess:
    """Open the ledger a configuration names; nothing is asked of the node yet.

    Raises:
        ConfigInvalidError: the deployment or account file is missing or malformed, or of another chain.
    """
    if config.deployment is None:
        raise ConfigInvalidError("ledger.deployment: the file with the contracts' addresses is not named")
    deployment, tau_g2 = load_deployment(config.deployment)
    if deployment.chain_id != config.chain_id:
        raise ConfigInvalidError(f"ledger.chain_id is {config.chain_id}, the deployment's {deployment.chain_id}")
    key = None if config.account is None else load_account(config.account)
    client = LedgerClient(config.url, key, timeout_s=TIMEOUT_S, confirmations=config.confirmations)
    registry, studies = Registry(client, deployment.registry), Studies(client, deployment.studies)
    cohorts = Cohorts(client, deployment.cohorts)
    return LedgerAccess(client, registry, studies, cohorts, deployment, tau_g2, config.confirmations)


def store_deployment(path: Path, deployment: Deployment, srs: Srs) -> None:
    """Write a deployment file."""
    values = {
        "verifier": deployment.verifier,
        "registry": deployment.registry,
        "studies": deployment.studies,
        "cohorts": deployment.cohorts,
        "chain_id": deployment.chain_id,
        "srs_id": deployment.srs_id.hex(),
        "tau_g2": encode_g2(srs.tau_g2).hex(),
        "production": deployment.production,
    }
    path.write_text(json.dumps(values, indent=2) + "\n")


def load_deployment(path: Path) -> tuple[Deployment, G2]:
    """Read a deployment file: the deployment and [τ]_2.

    Raises:
        ConfigInvalidError: missing or malformed.
    """
    try:
        values = json.loads(path.read_text())
        deployment = Deployment(
            str(values["verifier"]),
            str(values["registry"]),
            str(values["studies"]),
            int(values["chain_id"]),
            bytes.fromhex(values["srs_id"]),
            bool(values["production"]),
            str(values["cohorts"]),
        )
        return deployment, decode_g2(bytes.fromhex(values["tau_g2"]))
    except OSError as error:
        raise ConfigInvalidError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ZkError) as error:
        raise ConfigInvalidError(f"{path} is no deployment file") from error


def load_account(path: Path) -> bytes:
    """Read a secret account key: 64 hexadecimal digits.

    Raises:
        ConfigInvalidError: missing or malformed; the content stays out of the message.
    """
    try:
        key = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise ConfigInvalidError(f"cannot read {path}: {error.strerror}") from error
    except ValueError:
        raise ConfigInvalidError(f"{path} holds no account key") from None  # the cause may quote it
    if len(key) != 32:
        raise ConfigInvalidError(f"{path} holds no account key")
    return key


def store_account(path: Path, key: bytes) -> None:
    """Write a secret account key, mode 0600."""
    store_private(path, key.hex().encode())
