"""An agency's connection: the ledger, the coordinator and the parties, and what can be looked at through them."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from query.explain import explain_plan, policy_decisions
from query.parameters import question_text
from query.plan import Plan, compile_question
from query.policy import Asker
from query.publication import Publication
from services.config import AgencyConfig, load_config
from services.convert_study import checked_sql
from services.coordinator.client import CoordinatorClient, StudyUpdate
from services.directory import DirectoryView, read_directory
from services.errors import ConfigInvalidError, RequestInvalidError
from services.identity import Role, parse_identity
from services.ledger_access import load_account, open_ledger
from services.party.client import PartyClient

Parameters = Mapping[str, object]


class AgencyConnection:
    """A connection as one agency. Use it as a context manager or close it. Thread-safe.

    Args:
        config: certificate, coordinator, parties and ledger.

    Raises:
        ConfigInvalidError: a file of the configuration cannot be used.
    """

    def __init__(self, config: AgencyConfig) -> None:
        self.ledger = open_ledger(config.ledger)
        if config.ledger.account is None:
            raise ConfigInvalidError("ledger.account: an agency needs its account key")
        self._secret = load_account(config.ledger.account)
        self._member = parse_identity(config.tls.certificate.read_bytes()).name
        self._coordinator = CoordinatorClient(config.coordinator, config.tls)
        self._parties = tuple(  # results come from the computing parties alone
            PartyClient(endpoint, config.tls)
            for endpoint in sorted(config.parties, key=lambda p: p.number)
            if endpoint.computes
        )

    @classmethod
    def connect(cls, config: AgencyConfig | Path | str) -> Self:
        """Connect with a configuration or the path of its file.

        Raises:
            ConfigInvalidError: it cannot be used.
        """
        return cls(config if isinstance(config, AgencyConfig) else load_config(AgencyConfig, Path(config)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._coordinator.close()
        for party in self._parties:
            party.close()

    # --- looking -------------------------------------------------------------------------------------------------

    def directory(self) -> DirectoryView:
        """The ledger's directory with every usable table's meaning.

        Raises:
            ServiceError, LedgerError: coordinator or ledger do not answer.
        """
        return read_directory(self.ledger.registry, self._coordinator.tables())

    def tables(self) -> list[str]:
        """Names of the usable tables; raises as `directory`."""
        return sorted(table.schema.name for table in self.directory().directory)

    def compile(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> Plan:
        """Compile a question against the ledger's directory; starts nothing.

        Args:
            sql, parameters: as `query`.

        Raises:
            RequestInvalidError: ``publish`` is not one of `Publication`.
            QueryError: the question cannot be asked; names the construct, table or column.
            ServiceError, LedgerError: as `directory`.
        """
        publication, text = chosen_publication(publish), checked_sql(question_text(sql, parameters))
        return compile_question(text, self.directory().directory, publication=publication)

    def considered(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> tuple[Plan, tuple[str, ...]]:
        """A compiled question, and which clause of which table's policy would decide on it, in words.

        Raises as `compile`.
        """
        publication, text = chosen_publication(publish), checked_sql(question_text(sql, parameters))
        directory = self.directory().directory
        plan = compile_question(text, directory, publication=publication)
        asker = Asker(self._member, Role.AGENCY.value)
        return plan, policy_decisions(plan, directory, asker, int(time.time()))

    def explain(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> str:
        """Say in words what a question would compute and disclose; raises as `compile`."""
        return explain_plan(*self.considered(sql, parameters, publish))

    def studies(self, limit: int = 20) -> Iterator[StudyUpdate]:
        """Yield one's own studies, newest first.

        Raises:
            ServiceError: the coordinator does not answer.
        """
        token = ""
        while limit > 0:
            found, token = self._coordinator.page(min(limit, 100), token)
            yield from found[:limit]
            limit = limit - len(found) if token else 0

    def study(self, query_id: bytes) -> StudyUpdate:
        """The present state of a study; raises as `studies`."""
        return self._coordinator.get(query_id)

    def watch(self, query_id: bytes) -> Iterator[StudyUpdate]:
        """Yield a study's states until its final one; raises as `studies`."""
        return self._coordinator.watch(query_id)

    def _derived(self, label: str, request_id: str) -> bytes:
        """32 bytes that only this agency can compute again."""
        return hmac.digest(self._secret, f"tallystick.{label}.v1 {request_id}".encode(), hashlib.sha256)


def chosen_publication(publish: Publication | str) -> Publication:
    """Who is to see the numbers.

    Raises:
        RequestInvalidError: neither ``"agency"`` nor ``"public"``.
    """
    try:
        return Publication(publish)
    except ValueError as error:
        raise RequestInvalidError("publish", f"expected one of {', '.join(Publication)}") from error
