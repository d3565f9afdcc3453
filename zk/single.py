"""A single prover: one contributor who owns every column. The same code as a joint proof, without masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zk.errors import ProtocolStateError, WitnessUnsatisfiedError
from zk.field import FR
from zk.owners import column_owners
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret
from zk.srs import Srs
from zk.statement import Statement, opened_rows


def prove(
    srs: Srs,
    statement: Statement,
    secrets: Mapping[int, RegisteredSecret],
    release: int | Callable[[Sequence[int]], int],
) -> tuple[Proof, list[int]]:
    """Prove a statement about columns one party holds.

    Args:
        secrets: every registered column, by index.
        release: release word; its rows are opened in the proof. 0 where sums are plain. Or what chooses it from all
            rows of s, before anything is made; what that raises is raised here.

    Returns:
        The proof and all rows of s; they are secret but for the opened ones.

    Raises:
        WitnessUnsatisfiedError: the columns do not satisfy the relation.
        ProtocolStateError: the release word is 0; a proof that releases nothing is refused everywhere.
        RelationInvalidError, SizeMismatchError: as `Contributor`.
    """
    relation = statement.relation
    owners = column_owners(relation, {i: 0 for i in range(1, len(relation.registered) + 1)}, alone=True)
    contributor = Contributor(statement, srs, 0, owners, secrets)
    none = FR.zeros(1)
    parts = contributor.sum_parts()
    sums = FR.to_integers(parts)
    chosen = release if isinstance(release, int) else release(sums)
    if not chosen and not relation.plain:
        raise ProtocolStateError("a proof that releases nothing is refused everywhere")
    if relation.plain:
        contributor.publish_sums(sums)
    else:
        contributor.accept_sums(parts, FR.random(1))
    if relation.hidden_guards:
        contributor.derive_bits([sums[row] for row in relation.guard_rows])
    sealed = 0 if relation.plain else 1
    contributor.absorb_round1(contributor.commit_round1(FR.zeros(relation.round1_count + sealed)))
    contributor.absorb_round2(contributor.commit_round2(FR.zeros(relation.round2_count)))
    contributor.absorb_accumulator(contributor.commit_accumulator(none))
    contributor.absorb_quotient(contributor.commit_quotient(none))
    values = contributor.own_values()
    contributor.share_values()
    contributor.absorb_values(values)
    contributor.prove_alone()
    if FR.to_integers(contributor.remainder_part()) != [0]:
        raise WitnessUnsatisfiedError("the columns do not satisfy the relation")
    contributor.absorb_shifted(contributor.shifted_part(none))
    rows = tuple(sums[v] for v in opened_rows(relation, chosen))
    contributor.absorb_opening(chosen, rows, contributor.opening_part(chosen, rows, none))
    return contributor.finish(contributor.final_part(none)), sums
