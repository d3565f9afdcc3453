"""Publishing a proof on the ledger with the coordinator's own account; anyone could."""

from __future__ import annotations

from ledger.errors import TransactionRevertedError
from ledger.studies import QueryState
from services.ledger_access import LedgerAccess
from services.range_tables import range_table
from zk.errors import ProofRejectedError
from zk.proof import decode_proof


class LedgerPublisher:
    """Sends ``Studies.publish``.

    Args:
        ledger: signs with the coordinator's account.
    """

    def __init__(self, ledger: LedgerAccess) -> None:
        self._ledger = ledger

    def publish(self, query_id: bytes, proof: bytes) -> tuple[str, int]:
        """Publish a proof; return transaction and gas. A query that is published already keeps its record.

        Raises:
            TransactionRevertedError: the contract refused.
            ProofRejectedError: the bytes are no proof of the query's relation.
            LedgerError: the ledger does not answer.
        """
        studies = self._ledger.studies
        query = studies.query(query_id)
        decoded = decode_proof(query.relation, proof)
        if query.state is not QueryState.PUBLISHED:
            commitments = tuple(self._ledger.registry.commitment(column) for column in query.relation.registered)
            table = range_table(self._ledger, query.relation)
            statement = studies.statement(query_id, query.relation, commitments, table)
            try:
                receipt = studies.publish(statement, decoded)
                return receipt.tx_hash, receipt.gas_used
            except TransactionRevertedError:
                if studies.state(query_id) is not QueryState.PUBLISHED:
                    raise
        published = studies.published(query_id)
        if published.shown != (decoded.constants, decoded.sums, decoded.release, decoded.rows):
            raise ProofRejectedError("another proof of this query is published")
        found = self._ledger.client.receipt(published.tx_hash)
        return published.tx_hash, 0 if found is None else found.gas_used
