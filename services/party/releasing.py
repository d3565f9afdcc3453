"""Giving out this party's parts of a result: to the query's proposer alone, and only once the ledger shows the proof.

The parts given are those of the attempt whose very proof was published; parts of other attempts answer other masks and
never leave (M4, M14). An outside owner holds no part of s, hence none to give (docs/adr/0026).
"""

from __future__ import annotations

import hmac

from ledger.errors import RecordInvalidError
from ledger.studies import PublishedRecord
from services.convert import released_rows
from services.errors import CallerRefusedError, RecordUnknownError, StateConflictError
from services.identity import Caller
from services.ledger_access import LedgerAccess
from services.party.client import ReleasedParts
from services.party.store import PartyStore
from services.party.stored import StoredResult
from zk.proof import decode_proof
from zk.relation import Relation
from zk.statement import RELEASE_BITS


class Releasing:
    """Releases results.

    Args:
        store: this party's.
        ledger: where publications are read.
    """

    def __init__(self, store: PartyStore, ledger: LedgerAccess) -> None:
        self._store = store
        self._ledger = ledger

    def release(self, query_id: bytes, caller: Caller) -> ReleasedParts:
        """Return the parts of the released rows of the sealed column, and the shares of order statistics.

        Raises:
            RecordUnknownError: no such query, or its parts are gone.
            CallerRefusedError: the caller is not its proposer.
            StateConflictError: it is not published, or not deep enough yet.
            LedgerError: the ledger does not answer.
        """
        relation = self._require_proposer(query_id, caller)
        try:
            published = self._ledger.studies.published(query_id)
        except RecordInvalidError as error:
            raise StateConflictError("the query is not published") from error
        if not self._ledger.is_final(published.block_number):
            raise StateConflictError("the publication is not final yet: ask again after the next block")
        if published.sums is None or published.release >> RELEASE_BITS:
            raise RecordUnknownError("its numbers stand on the ledger, for everybody: there are no parts to give")
        result = self._published_result(query_id, relation, published)
        return ReleasedParts(released_rows(published.release), result.parts, result.quotients, result.ranks)

    def acknowledge(self, query_id: bytes, caller: Caller) -> None:
        """Forget the parts of a query whose result has arrived.

        Raises:
            RecordUnknownError, CallerRefusedError, LedgerError: as `release`.
        """
        self._require_proposer(query_id, caller)
        self._store.forget_results(query_id)

    def _require_proposer(self, query_id: bytes, caller: Caller) -> Relation:
        try:
            query = self._ledger.studies.query(query_id)
        except RecordInvalidError as error:
            raise RecordUnknownError("the ledger has no such query") from error
        member = self._ledger.registry.member(query.proposer)
        if not hmac.compare_digest(member.certificate_hash, caller.certificate_hash):
            raise CallerRefusedError("only the query's proposer may have its result")
        return query.relation

    def _published_result(self, query_id: bytes, relation: Relation, published: PublishedRecord) -> StoredResult:
        for result in self._store.results(query_id):
            proof = decode_proof(relation, result.proof)
            if (proof.constants, proof.sums, proof.release, proof.rows) == published.shown and result.parts:
                return result
        raise RecordUnknownError("this party holds no parts of the published result (any more)")
