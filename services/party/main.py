"""The party's process: ``python -m services.party --config party.toml``."""

from __future__ import annotations

import threading
import time
from typing import Final

import mpc.kernels
import zk.kernels
from mpc.kernels.memory import keep_freed_memory
from services.channel import PeerNetwork
from services.config import PartyConfig
from services.entry import run_process
from services.errors import ConfigInvalidError, PeerUnavailableError
from services.ledger_access import open_ledger
from services.logging import get_logger
from services.party.approval import Approver
from services.party.cohort_store import CohortStore
from services.party.cohorts import CohortKeeper
from services.party.history import AnswerHistory
from services.party.layouts import LayoutRegistrar
from services.party.proving import Proving
from services.party.rank_reading import RankReader
from services.party.registration import Registrar
from services.party.releasing import Releasing
from services.party.service import PartyServicer, party_rules
from services.party.store import PartyStore
from services.prover.client import ProverClient
from services.server import build_server

_log = get_logger("services.party")

PROVER_WAIT_S: Final = 120.0


def serve(config: PartyConfig) -> None:
    """Open the store, the ledger and the prover, and serve until a signal.

    Raises:
        ServiceError: something of the configuration cannot be used, or the prover has another string than the ledger.
        LedgerError: the ledger does not answer.
    """
    keep_freed_memory()
    ledger = open_ledger(config.ledger)
    store = PartyStore(config.data_dir / "party.sqlite")
    prover = ProverClient(config.prover, config.tls)
    network = PeerNetwork(config.number, config.peers, config.tls)
    names = {peer.name: peer.number for peer in config.peers} | {config.name: config.number}
    registrar = Registrar(config.name, store, ledger, prover)
    history = AnswerHistory(config.number, store, ledger)
    approver = Approver(config.name, store, ledger, history)
    ranks = RankReader(config.name, names, store, ledger)
    proving = Proving(
        config.number, names, store, ledger, network, prover, approver, history, ranks, config.message_timeout_s
    )
    cohort_store = CohortStore(config.data_dir / "cohorts.sqlite")
    layouts = LayoutRegistrar(store, ledger, prover)
    cohorts = CohortKeeper(
        config.number,
        names,
        cohort_store,
        ledger,
        network,
        prover,
        layouts,
        config.message_timeout_s,
        config.cohort_budget,
    )
    servicer = PartyServicer(store, registrar, approver, proving, Releasing(store, ledger), cohorts)
    rules = {**party_rules(config.coordinator), **network.rules()}
    server = build_server(
        config.listen,
        config.tls,
        [servicer.add_to, network.add_to],
        rules,
        workers=config.workers,
        grace_s=config.stop_grace_s,
    )
    registrar.recover()
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    _check_string(prover, ledger.deployment.srs_id)
    network.start()
    try:
        server.serve_until_signal(network.stop)
    finally:
        proving.stop()
        prover.close()
        store.close()
        cohort_store.close()


def _warm_up() -> None:
    """Compile what the first session would have to wait for; a session's streams come first."""
    mpc.kernels.warm_up()
    zk.kernels.warm_up()


def _check_string(prover: ProverClient, srs_id: bytes) -> None:
    """Wait for the prover and compare its structured reference string with the ledger's."""
    deadline = time.monotonic() + PROVER_WAIT_S
    while True:
        try:
            info = prover.srs_info()
            break
        except PeerUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    if info.id != srs_id:
        raise ConfigInvalidError("the prover has loaded another structured reference string than the ledger's")


def main(arguments: list[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    return run_process("party", "An owner's side of Tallystick.", PartyConfig, serve, arguments)
