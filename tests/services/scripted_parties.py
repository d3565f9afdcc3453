"""gRPC servers that answer the coordinator as a test tells them: real transport, scripted words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

import grpc

from proto.v1 import party_pb2, party_pb2_grpc
from services.config import PartyEndpoint, TlsConfig
from services.identity import Role
from services.party.client import PartyClient
from services.party.service import party_rules
from services.server import Server, build_server

NAMES = ("hospital", "laboratory", "bureau", "pharmacy", "clinic")
"""The last two are outside owners."""
PROOF = b"a proof" * 8


@dataclass
class Script:
    """What one party does; an exception is raised, in turn, before the default."""

    name: str
    consider: list[Exception | int] = field(default_factory=list)
    prove: list[Exception | bytes] = field(default_factory=list)
    hold: threading.Event | None = None
    frozen: threading.Event = field(default_factory=threading.Event)
    listed: int = 0
    considered: int = 0
    attempts: list[int] = field(default_factory=list)
    abandoned: int = 0


class ScriptedParty(party_pb2_grpc.PartyServiceServicer):
    """Answers from its script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def Tables(self, request: party_pb2.TablesRequest, context: grpc.ServicerContext) -> party_pb2.TablesReply:
        """One table whose documents name the party; where the script holds it, no answer."""
        self.script.listed += 1
        while self.script.frozen.is_set() and context.is_active():
            time.sleep(0.02)
        document = party_pb2.TableDocument(schema=self.script.name.encode(), policy=b"{}")
        return party_pb2.TablesReply(tables=[document])

    def Consider(self, request: party_pb2.ConsiderRequest, context: grpc.ServicerContext) -> party_pb2.ConsiderReply:
        """The next verdict; approved after the last."""
        self.script.considered += 1
        found = self.script.consider.pop(0) if self.script.consider else party_pb2.VERDICT_APPROVED
        if isinstance(found, Exception):
            raise found
        return party_pb2.ConsiderReply(verdict=found)  # type: ignore[arg-type]

    def Prove(self, request: party_pb2.ProveRequest, context: grpc.ServicerContext) -> Iterator[party_pb2.ProveEvent]:
        """The next proof or failure; a proof after the last."""
        self.script.attempts.append(request.attempt)
        yield party_pb2.ProveEvent(stage="seeds", elapsed_ms=1)
        hold = self.script.hold
        while hold is not None and context.is_active() and not hold.wait(0.02):
            pass
        found = self.script.prove.pop(0) if self.script.prove else PROOF
        if isinstance(found, Exception):
            raise found
        yield party_pb2.ProveEvent(stage="final", elapsed_ms=21)
        yield party_pb2.ProveEvent(proof=found, elapsed_ms=41)

    def Abandon(self, request: party_pb2.AbandonRequest, context: grpc.ServicerContext) -> party_pb2.AbandonReply:
        """Count it."""
        self.script.abandoned += 1
        return party_pb2.AbandonReply()


class ScriptedParties:
    """All of them, with clients that hold the coordinator's certificate. A context manager."""

    def __init__(self, issue_tls: Callable[[Role, str], TlsConfig]) -> None:
        self.scripts = tuple(Script(name) for name in NAMES)
        self._issue = issue_tls
        self._servers: list[Server] = []
        self.clients: tuple[PartyClient, ...] = ()

    def __enter__(self) -> ScriptedParties:
        tls = self._issue(Role.COORDINATOR, "coordinator")
        clients = []
        for number, (name, script) in enumerate(zip(NAMES, self.scripts)):
            server = self._serve(name, script, "127.0.0.1:0")
            endpoint = PartyEndpoint(name=name, address=f"127.0.0.1:{server.port}", number=number)
            clients.append(PartyClient(endpoint, tls))
        self.clients = tuple(clients)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.close()
        for server in self._servers:
            server.stop()

    def stop(self, number: int) -> None:
        """Take one party away."""
        self._servers[number].stop()

    def _serve(self, name: str, script: Script, listen: str) -> Server:
        party = ScriptedParty(script)
        register = [lambda server: party_pb2_grpc.add_PartyServiceServicer_to_server(party, server)]
        tls = self._issue(Role.PARTY, name)
        server = build_server(listen, tls, register, party_rules("coordinator"), workers=8, grace_s=0.0)
        server.start()
        self._servers.append(server)
        return server
