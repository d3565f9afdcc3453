"""The coordinator's process: ``python -m services.coordinator --config coordinator.toml``."""

from __future__ import annotations

import grpc

from proto.v1 import directory_pb2_grpc, study_pb2_grpc
from query.plan import Plan, compile_question
from query.publication import Publication
from services.config import CoordinatorConfig
from services.coordinator.batching import BatchingPublisher
from services.coordinator.directory import DirectoryServicer, TableCollector
from services.coordinator.jobs import Jobs
from services.coordinator.participants import LedgerOwners
from services.coordinator.publishing import LedgerPublisher
from services.coordinator.service import StudyServicer
from services.coordinator.store import StudyStore
from services.directory import read_directory
from services.entry import run_process
from services.ledger_access import open_ledger
from services.logging import get_logger
from services.party.client import PartyClient
from services.server import build_server

_log = get_logger("services.coordinator")


def serve(config: CoordinatorConfig) -> None:
    """Open the store and the ledger, go on with unfinished studies, and serve until a signal.

    Raises:
        ServiceError: something of the configuration cannot be used.
    """
    ledger = open_ledger(config.ledger)
    store = StudyStore(config.data_dir / "coordinator.sqlite")
    parties = tuple(PartyClient(endpoint, config.tls) for endpoint in sorted(config.parties, key=lambda p: p.number))
    collector = TableCollector(parties)

    def compile_sql(sql: str, publication: Publication) -> Plan:
        directory = read_directory(ledger.registry, collector.documents()).directory
        return compile_question(sql, directory, publication=publication)

    publisher = BatchingPublisher(LedgerPublisher(ledger), config.batch_window_s)
    owners = LedgerOwners(ledger, [party.name for party in parties])
    jobs = Jobs(store, parties, collector.documents, publisher, owners)
    studies = StudyServicer(jobs, store, compile_sql, max_watchers=config.workers // 2)

    def register(server: grpc.Server) -> None:
        study_pb2_grpc.add_StudyServiceServicer_to_server(studies, server)
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server(DirectoryServicer(collector), server)

    rules = {**StudyServicer.rules(), **DirectoryServicer.rules()}
    server = build_server(
        config.listen, config.tls, [register], rules, workers=config.workers, grace_s=config.stop_grace_s
    )
    jobs.resume()
    try:
        server.serve_until_signal(jobs.stop)
    finally:
        for party in parties:
            party.close()
        store.close()


def main(arguments: list[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    return run_process("coordinator", "The agencies' entry.", CoordinatorConfig, serve, arguments)
