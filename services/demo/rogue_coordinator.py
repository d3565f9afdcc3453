"""A coordinator that cheats: it does what the real one may do with its certificate, and then publishes what it likes.

Nobody has to trust the coordinator, so this is the strongest cheater a deployment must survive besides its parties.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from ledger.studies import QueryState
from proto.v1 import party_pb2
from query.plan import Plan
from query.publication import Publication
from services.client import Tallystick
from services.config import COMPUTING
from services.coordinator.attempt import AttemptOutcome, JointAttempt
from services.coordinator.client import CoordinatorClient
from services.coordinator.participants import LedgerOwners, participants
from services.demo.errors import DemoFailedError
from services.deployment import LocalDeployment
from services.directory import text_hash
from services.identity import Role
from services.party.client import PartyClient, ReleasedParts, TableDocument, document_messages
from zk.proof import Proof, decode_proof
from zk.statement import Statement

PURPOSE = "seeing whether the coordinator can cheat"


class RogueCoordinator:
    """Holds the coordinator's certificate. A context manager.

    Args:
        deployment: running.
    """

    def __init__(self, deployment: LocalDeployment) -> None:
        self._deployment = deployment
        self._parties = tuple(
            deployment.party_client(number, Role.COORDINATOR, "coordinator") for number in range(len(deployment.names))
        )
        self._owners = LedgerOwners(deployment.ledger_access(), deployment.names)

    def __enter__(self) -> RogueCoordinator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for party in self._parties:
            party.close()

    def approved(self, agency: Tallystick, plan: Plan) -> Statement:
        """Let the agency propose a question and the owners approve it, and return what is to be proved.

        Raises:
            DemoFailedError: it is not approved by all owners.
            ServiceError, LedgerError: a party or the ledger refuses or does not answer.
        """
        salt, nonce = secrets.token_bytes(32), secrets.randbits(256)
        studies = agency.ledger.studies
        query_id = studies.propose(plan.relation, nonce=nonce, sql_hash=text_hash("sql", salt, plan.sql),
                                   purpose_hash=text_hash("purpose", salt, PURPOSE))
        request = party_pb2.ConsiderRequest(query_id=query_id, sql=plan.sql, purpose=PURPOSE, salt=salt,
                                            proposer="agency", tables=document_messages(self._documents()))
        asked = self._asked(query_id)
        with ThreadPoolExecutor(len(asked)) as pool:
            list(pool.map(lambda party: party.consider(request), asked))
        if studies.state(query_id) is not QueryState.APPROVED:
            raise DemoFailedError("the owners did not approve the question to cheat on")
        return studies.statement(query_id, plan.relation, agency.directory().commitments(plan))

    def proved(self, statement: Statement) -> Proof:
        """Have the parties prove an approved query, and keep the proof instead of publishing it.

        Raises:
            DemoFailedError: the attempt failed.
        """
        outcome, detail = JointAttempt(self._asked(statement.subject), statement.subject, 1, lambda stages: None).run()
        if outcome is not AttemptOutcome.PROVED:
            raise DemoFailedError(f"the joint proof to cheat with failed: {detail.message}")
        return decode_proof(statement.relation, detail.proof)

    def _asked(self, query_id: bytes) -> tuple[PartyClient, ...]:
        return participants(self._parties, self._owners(query_id), Publication.AGENCY)

    def _documents(self) -> list[TableDocument]:
        config = self._deployment.agency_config
        client = CoordinatorClient(config.coordinator, config.tls)
        try:
            return client.tables()
        finally:
            client.close()


def released_to_agency(deployment: LocalDeployment, query_id: bytes) -> list[ReleasedParts]:
    """What the computing parties send the agency for a published query. Secret.

    Raises:
        ServiceError: a party refuses or does not answer.
    """
    parts = []
    for number in range(COMPUTING):
        party = deployment.party_client(number, Role.AGENCY, "agency")
        try:
            parts.append(party.release(query_id))
        finally:
            party.close()
    return parts
