"""Seeing to it that the ledger has the range table that a registration looks up."""

from __future__ import annotations

from ledger.errors import RecordInvalidError, TransactionRevertedError
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.prover.client import ProverClient
from services.range_tables import table_proof
from zk.relation import Relation

_log = get_logger("services.party.tables")


def ensure_table(ledger: LedgerAccess, prover: ProverClient, relation: Relation) -> None:
    """Register the table a relation looks up, unless somebody has done so. Anyone may, once for each size.

    Raises:
        TransactionRevertedError: the contract refused it.
        ZkError, RemoteError, PeerUnavailableError: the prover failed.
        RecordInvalidError: the ledger shows a false one.
        LedgerError: the ledger does not answer.
    """
    if not relation.lookups:
        return
    size = (relation.log_rows, relation.table_bits)
    try:
        table_proof(ledger, *size)
    except RecordInvalidError:
        found = prover.prove_table(*size)
    else:
        return
    try:
        ledger.registry.register_table(found)
    except TransactionRevertedError:
        table_proof(ledger, *size)  # another party may have been faster; else this says what is wrong
        return
    _log.info("range table registered", log_rows=size[0], bits=size[1])
