"""Publishing proofs on the ledger with the coordinator's own account; anyone could."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import TransactionRevertedError
from ledger.studies import QueryState
from services.ledger_access import LedgerAccess
from services.range_tables import range_table
from zk.errors import ProofRejectedError
from zk.proof import Proof, decode_proof
from zk.statement import Statement

Published = tuple[str, int]
"""Transaction, and its gas or an equal share of it."""


class LedgerPublisher:
    """Sends ``Studies.publish`` and ``Studies.publishBatch``.

    Args:
        ledger: signs with the coordinator's account.
    """

    def __init__(self, ledger: LedgerAccess) -> None:
        self._ledger = ledger

    def publish(self, query_id: bytes, proof: bytes) -> Published:
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
            try:
                receipt = studies.publish(*self._answer(query_id, proof))
                return receipt.tx_hash, receipt.gas_used
            except TransactionRevertedError:
                if studies.state(query_id) is not QueryState.PUBLISHED:
                    raise
        published = studies.published(query_id)
        if published.shown != (decoded.constants, decoded.sums, decoded.release, decoded.rows):
            raise ProofRejectedError("another proof of this query is published")
        found = self._ledger.client.receipt(published.tx_hash)
        return published.tx_hash, 0 if found is None else -(-found.gas_used // published.together)

    def fits_batch(self, query_id: bytes, proof: bytes) -> bool:
        """Whether a proof is small enough to be published with others; raises as `publish`."""
        return self._ledger.studies.fits_batch(*self._answer(query_id, proof))

    def publish_together(self, answers: Sequence[tuple[bytes, bytes]]) -> Published:
        """Publish query ids' proofs in one transaction, all or none; return it and each one's share of its gas.

        Raises:
            TransactionRevertedError, ProofRejectedError, LedgerError: as `publish`, for any of them.
        """
        receipt = self._ledger.studies.publish_batch([self._answer(*answer) for answer in answers])
        return receipt.tx_hash, -(-receipt.gas_used // len(answers))

    def _answer(self, query_id: bytes, proof: bytes) -> tuple[Statement, Proof]:
        studies = self._ledger.studies
        query = studies.query(query_id)
        relation = query.relation
        commitments = tuple(self._ledger.registry.commitment(column) for column in relation.registered)
        table = range_table(self._ledger, relation)
        statement = studies.statement(query_id, relation, commitments, table, query.minimum_group)
        return statement, decode_proof(relation, proof)
