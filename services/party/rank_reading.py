"""What this party enters for the order statistics of a query: from the SQL it considered, compiled anew, and its own
columns."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.studies import QueryRecord
from query.layout import parse_cohort_question
from query.rank_inputs import entered_values
from query.sql import parse_question
from services.errors import StateConflictError
from services.ledger_access import LedgerAccess
from services.party.rank_session import RankStep
from services.party.recompiled import recompiled_plan
from services.party.store import PartyStore
from services.party.stored import StoredQuery


class RankReader:
    """Reads a party's part of order statistics.

    Args:
        name: the party's.
        numbers: number of every party by name.
        store, ledger: this party's.
    """

    def __init__(self, name: str, numbers: Mapping[str, int], store: PartyStore, ledger: LedgerAccess) -> None:
        self._name, self._numbers, self._store, self._ledger = name, numbers, store, ledger

    def step(self, query: QueryRecord, asked: StoredQuery) -> RankStep | None:
        """This party's part in the order statistics of a query; None where it asks for none.

        Args:
            query: as the ledger has it.
            asked: its text, which was compared with the ledger's hash when it was considered.

        Raises:
            StateConflictError: the text does not mean the relation on the ledger any more, or an owner is no party
                known here.
            RecordUnknownError: a column is missing.
            LedgerError: the ledger does not answer.
        """
        if parse_cohort_question(asked.sql) is not None:
            return None
        if not any(aggregate.statistic.ranked for aggregate in parse_question(asked.sql).aggregates):
            return None
        plan = recompiled_plan(self._store, self._ledger.registry, query, asked)
        if plan is None or plan.ranks is None:
            raise StateConflictError("the question does not mean the relation on the ledger any more")
        owners, entered = [], {}
        for number, (use, inputs) in enumerate(zip(plan.uses, plan.ranks.tables, strict=True)):
            if use.owner not in self._numbers:
                raise StateConflictError(f"the owner of {use.table} is no party known here")
            owners.append(self._numbers[use.owner])
            if inputs is not None and use.owner == self._name:
                names = inputs.relation.registered
                columns = [self._store.column(c.dataset, c.version, c.column).cells for c in names]
                entered[number] = entered_values(inputs, columns)
        return RankStep(plan.ranks, tuple(owners), entered)
