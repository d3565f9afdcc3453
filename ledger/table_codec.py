"""Range tables in the form the verifier's contract takes them. Public data only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zk.errors import ProofRejectedError
from zk.range_table import TableProof, table_gap
from zk.transcript import FR_MODULUS


def table_arguments(proof: TableProof) -> tuple[Any, ...]:
    """Arguments of ``registerTable``: the proof, and the inverse of its one denominator.

    Raises:
        ProofRejectedError: ``"denominator"``: the challenge lies in the domain; there is no such registration.
    """
    gap = table_gap(proof)
    if gap == 0:
        raise ProofRejectedError("denominator")
    inverse = pow(gap, -1, FR_MODULUS)
    return proof.log_rows, proof.bits, proof.commitment, proof.value, proof.quotients, inverse


def decode_table(arguments: Sequence[Any]) -> TableProof:
    """Read a table's proof back out of a transaction's arguments; `zk.range_table.verify_table` checks it.

    Args:
        arguments: as `table_arguments` gives them.
    """
    log_rows, bits, commitment, value, quotients, _ = arguments
    first, second, third, fourth = (tuple(point) for point in quotients)
    return TableProof(log_rows, bits, tuple(commitment), value, (first, second, third, fourth))
