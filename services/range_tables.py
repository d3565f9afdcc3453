"""Range tables as the ledger has them, each verified here before it is used.

A relation with lookups is proved against one table for each (N, κ). Its commitment stands on the ledger once, with a
proof that it is right on every row. Whoever verifies a proof takes it from there and checks it against the [τ]_2 that
he pins, so that neither a node nor whoever registered it is trusted (M9). Provers refuse one that is not canonical.
"""

from __future__ import annotations

from functools import lru_cache

from ledger.errors import RecordInvalidError
from services.ledger_access import LedgerAccess
from zk.errors import ProofRejectedError
from zk.pairing import G2
from zk.range_table import TableProof, verify_table
from zk.relation import Relation
from zk.statement import Point


def range_table(ledger: LedgerAccess, relation: Relation) -> Point | None:
    """[T] of the table a relation looks up, verified; None without lookups.

    Raises:
        RecordInvalidError: the ledger has no such table, or shows a false one.
        LedgerError: the ledger does not answer.
    """
    if not relation.lookups:
        return None
    return table_proof(ledger, relation.log_rows, relation.table_bits).commitment


def table_proof(ledger: LedgerAccess, log_rows: int, bits: int) -> TableProof:
    """A range table with its proof, verified; raises as `range_table`."""
    found = ledger.registry.table(log_rows, bits)
    if (found.log_rows, found.bits) != (log_rows, bits):
        raise RecordInvalidError("the ledger shows a range table of another size")
    try:
        _verify(ledger.tau_g2, found)
    except ProofRejectedError as error:
        raise RecordInvalidError(f"the ledger shows a false range table: {error}") from error
    return found


@lru_cache(maxsize=64)
def _verify(tau_g2: G2, found: TableProof) -> None:
    verify_table(tau_g2, found)
