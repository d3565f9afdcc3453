"""DirectoryService, and what the coordinator knows of the parties' tables. Readers check everything on the ledger."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc

from proto.v1 import directory_pb2, directory_pb2_grpc
from services.errors import ServiceError
from services.identity import Role
from services.party.client import PartyClient, TableDocument, document_messages
from services.server import Rule, allow, service_rules

ASK_TIMEOUT_S: Final = 3.0
SILENT_PAUSE_S: Final = 10.0
"""How long a party that let a call run out is not asked again: nobody's question waits for it meanwhile."""


class TableCollector:
    """Documents of all tables. A party that does not answer keeps what it said last. Thread-safe.

    Args:
        parties: clients of all parties.
    """

    def __init__(self, parties: tuple[PartyClient, ...]) -> None:
        self._parties = parties
        self._known: dict[str, list[TableDocument]] = {}
        self._paused_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def collect(self) -> tuple[list[TableDocument], tuple[str, ...]]:
        """Ask every party; returns the documents and the names of those that did not answer."""
        with ThreadPoolExecutor(len(self._parties)) as pool:
            answers = list(pool.map(self._ask, self._parties))
        with self._lock:
            for party, answer in zip(self._parties, answers):
                if answer is not None:
                    self._known[party.name] = answer
            documents = [document for party in self._parties for document in self._known.get(party.name, [])]
        return documents, tuple(party.name for party, answer in zip(self._parties, answers) if answer is None)

    def documents(self) -> list[TableDocument]:
        """The documents alone."""
        return self.collect()[0]

    def _ask(self, party: PartyClient) -> list[TableDocument] | None:
        began = time.monotonic()
        if began < self._paused_until.get(party.name, began):
            return None
        try:
            return party.tables(ASK_TIMEOUT_S)
        except ServiceError:
            ended = time.monotonic()
            if ended - began >= ASK_TIMEOUT_S:
                self._paused_until[party.name] = ended + SILENT_PAUSE_S
            return None


class DirectoryServicer(directory_pb2_grpc.DirectoryServiceServicer):
    """Handlers of DirectoryService.

    Args:
        collector: where documents come from.
    """

    def __init__(self, collector: TableCollector) -> None:
        self._collector = collector

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Who may call what."""
        readers = allow(Role.AGENCY, Role.REGULATOR, Role.OPERATOR, Role.PARTY)
        return service_rules("DirectoryService", {"ListTables": readers})

    def ListTables(
        self, request: directory_pb2.ListTablesRequest, context: grpc.ServicerContext
    ) -> directory_pb2.ListTablesReply:
        """Return every table's documents."""
        documents, silent = self._collector.collect()
        return directory_pb2.ListTablesReply(tables=document_messages(documents), silent=silent)
