"""[shape]: how many columns stand in which round, how many are opened and in which order come from the relation, never
from the prover's message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forger import Forger, commit
from samples import Sample, boolean, integer, masked_sum_sample, sample, two_tables_sample

from zk.builder import RelationBuilder
from zk.errors import ProofRejectedError
from zk.proof import decode_proof, encode_proof
from zk.relation import Relation, relation_of
from zk.verifier import verify_proof


def refused(target: Sample, encoded: bytes) -> None:
    with pytest.raises(ProofRejectedError):
        verify_proof(target.srs.tau_g2, target.statement, decode_proof(target.relation, encoded))


def test_shape_a_column_committed_after_the_challenge_has_no_place() -> None:
    """One witness commitment fewer or more in round 1, with everything else following along."""
    target = masked_sum_sample()
    proof = target.prove()
    late = commit([1, 2, 3])
    for points in (proof.round1[:1], proof.round1[1:], (*proof.round1, late), (late, *proof.round1), ()):
        moved = replace(proof, round1=points)
        with pytest.raises(ProofRejectedError, match="shape"):
            verify_proof(target.srs.tau_g2, target.statement, moved)
        refused(target, encode_proof(moved))


def test_shape_words_cannot_slide_between_fields() -> None:
    """Bytes of the right length whose fields were cut elsewhere."""
    target = two_tables_sample(3)
    encoded = encode_proof(target.prove(0b1))
    words = [encoded[i : i + 32] for i in range(0, len(encoded), 32)]
    for cut in range(1, len(words)):
        refused(target, b"".join(words[cut:] + words[:cut]))
    for place in range(len(words) - 1):
        exchanged = list(words)
        exchanged[place], exchanged[place + 1] = words[place + 1], words[place]
        if exchanged != words:
            refused(target, b"".join(exchanged))


def more_opened(relation: Relation) -> Relation:
    """The same meaning with a column more opened than needed (an unopened product of `two_tables`, if it has one)."""
    extra = sorted(set(relation.witness_indices()) - set(relation.opened))
    return relation_of(
        relation.log_rows, relation.registered, relation.witness_count, tuple(sorted({*relation.opened, *extra[:1]})),
        [list(f) for f in relation.zero_forms], [list(f) for f in relation.sum_forms], relation.guards,
    )


def test_shape_values_a_relation_does_not_open_have_no_place() -> None:
    target = masked_sum_sample()
    proof = target.prove()
    for values in (proof.values[:1], (*proof.values, 5), proof.values[::-1], (0,) * len(proof.values)):
        with pytest.raises(ProofRejectedError):
            verify_proof(target.srs.tau_g2, target.statement, replace(proof, values=values))


def test_shape_the_same_question_in_another_shape_is_another_statement() -> None:
    builder = RelationBuilder(3)
    f = builder.registered(boolean(1, 0))
    x = builder.registered(integer(1, 1))
    builder.sum([(1, 0, f)])
    builder.sum([(1, 0, builder.product(f, x))], 0)
    target = sample(builder.build(), {1: [1, 0] * 4, 2: list(range(8))})
    other = more_opened(target.relation)
    assert other != target.relation
    assert target.asked(relation=other).hash != target.statement.hash
    proof = target.prove()
    with pytest.raises(ProofRejectedError, match="shape"):
        verify_proof(target.srs.tau_g2, target.asked(relation=other), proof)


class LateColumn(Forger):
    """Commits a false u only when δ is known, as an earlier design allowed: the transcript has u's place before β."""

    def commit_round1(self) -> None:
        super().commit_round1()
        place = self.relation.witness_count - 1
        honest = self.round1[place]
        self.rows[self.relation.column_count] = [v + 1 for v in self.rows[self.relation.column_count]]
        self.poly[self.relation.column_count] = self.blind(self.rows[self.relation.column_count], self.random(2))
        late = commit(self.poly[self.relation.column_count])
        assert late != honest
        self.round1 = [*self.round1[:place], late]


def test_shape_a_witness_exchanged_after_round_1_is_noticed() -> None:
    target = masked_sum_sample()
    proof = LateColumn(target).prove()
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(target.srs.tau_g2, target.statement, proof)
