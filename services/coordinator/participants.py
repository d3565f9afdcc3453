"""Who takes part in a study: the computing parties and the outside owners whose tables it uses (docs/adr/0026).

An outside owner that a study does not concern is not asked and need not be up. Untrusted, like everything here: whoever
is left out does not approve, and nothing is published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ledger.errors import RecordInvalidError
from query.publication import Publication
from services.directory import party_names
from services.errors import StateConflictError
from services.ledger_access import LedgerAccess
from services.party.client import PartyClient


def participants(
    parties: Iterable[PartyClient], owners: Collection[str], publication: Publication
) -> tuple[PartyClient, ...]:
    """Who of all parties takes part.

    Args:
        parties: everybody, by number.
        owners: names of the owners of what is used; none where they are not known: each computing party then says
            what is wrong with the question.
        publication: who sees the numbers. Public ones of one owner's tables need that owner alone.
    """
    if publication is Publication.PUBLIC and len(owners) == 1:
        return tuple(party for party in parties if party.name in owners)
    return tuple(party for party in parties if party.computes or party.name in owners)


class LedgerOwners:
    """Finds the owners of what a query uses, on the ledger: of tables as of a cohort's layouts.

    Args:
        ledger: where queries are proposed.
        names: of all parties.
    """

    def __init__(self, ledger: LedgerAccess, names: Iterable[str]) -> None:
        self._ledger = ledger
        self._names = tuple(names)

    def __call__(self, query_id: bytes) -> frozenset[str]:
        """Names of a query's owners; none if it was never proposed.

        Raises:
            StateConflictError: one of them is no party of this coordinator.
            LedgerError: the ledger does not answer.
        """
        registry = self._ledger.registry
        try:
            datasets = [entry.dataset for entry in self._ledger.studies.query(query_id).datasets]
        except RecordInvalidError:
            return frozenset()
        found = party_names(registry, [registry.owner_of(dataset) for dataset in datasets], self._names)
        for dataset, name in zip(datasets, found, strict=True):
            if not name:
                raise StateConflictError(f"the owner of dataset {dataset:032x} is none of the parties known here")
        return frozenset(found)
