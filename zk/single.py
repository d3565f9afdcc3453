"""A single prover: one contributor who owns every column. The same code as a joint proof, without masks."""

from __future__ import annotations

from collections.abc import Mapping

from zk.errors import WitnessUnsatisfiedError
from zk.field import FR
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret
from zk.srs import Srs
from zk.statement import Statement, opened_rows


def prove(
    srs: Srs, statement: Statement, secrets: Mapping[int, RegisteredSecret], release: int
) -> tuple[Proof, list[int]]:
    """Prove a statement about columns one party holds.

    Args:
        secrets: every registered column, by index.
        release: release word; its rows are opened in the proof.

    Returns:
        The proof and all sums; the sums are secret but for the opened rows.

    Raises:
        WitnessUnsatisfiedError: the columns do not satisfy the relation.
        ProtocolStateError: the release word is 0; a proof that releases nothing is refused everywhere.
        RelationInvalidError, SizeMismatchError: as `Contributor`.
    """
    contributor = Contributor(statement, srs, 0, {i: 0 for i in range(1, statement.relation.column_count + 1)}, secrets)
    none = FR.zeros(1)
    sums = contributor.sum_parts()
    contributor.accept_sums(sums, FR.random(1))
    contributor.absorb_witnesses(contributor.commit_witnesses(FR.zeros(statement.relation.witness_count + 1)))
    contributor.absorb_accumulator(contributor.commit_accumulator(none))
    contributor.absorb_quotient(contributor.commit_quotient(none))
    values = contributor.own_values()
    contributor.share_values()
    contributor.absorb_values(values)
    contributor.values_opening(1, none)
    if FR.to_integers(contributor.remainder_part()) != [0]:
        raise WitnessUnsatisfiedError("the columns do not satisfy the relation")
    contributor.absorb_shifted(contributor.shifted_part(none))
    opened = FR.to_integers(sums)
    rows = tuple(opened[v] for v in opened_rows(statement.relation, release))
    for word, shown in ((0, ()), (release, rows)):
        contributor.absorb_opening(word, shown, contributor.opening_part(word, shown, none))
        proof = contributor.finish(contributor.final_part(none))
    return proof, opened
