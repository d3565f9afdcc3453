"""M4: a step that refuses ends the contributor; no opening can be made again for another challenge."""

from __future__ import annotations

import pytest
from samples import Sample, masked_sum_sample

from zk.errors import ProtocolStateError, SizeMismatchError, ZkError
from zk.field import FR
from zk.prover import Contributor

NONE = FR.zeros(1)


def before_opening(target: Sample) -> Contributor:
    """A lone contributor that has opened A(ωζ)."""
    owners = dict.fromkeys(range(1, target.relation.column_count + 1), 0)
    contributor = Contributor(target.statement, target.srs, 0, owners, target.secrets)
    contributor.accept_sums(contributor.sum_parts(), FR.random(1))
    contributor.absorb_round1(contributor.commit_round1(FR.zeros(target.relation.round1_count + 1)))
    contributor.absorb_round2(contributor.commit_round2(FR.zeros(target.relation.round2_count)))
    contributor.absorb_accumulator(contributor.commit_accumulator(NONE))
    contributor.absorb_quotient(contributor.commit_quotient(NONE))
    values = contributor.own_values()
    contributor.share_values()
    contributor.absorb_values(values)
    contributor.values_opening(5, NONE)
    contributor.remainder_part()
    contributor.absorb_shifted(contributor.shifted_part(NONE))
    return contributor


@pytest.mark.parametrize("refused", ["a word of rows not shown", "a third opening"])
def test_m4_a_refused_opening_does_not_let_the_last_one_answer_another_challenge(refused: str) -> None:
    """A first version advanced the step before it refused, so that [V] could be made again for a z of choice."""
    target = masked_sum_sample()
    contributor = before_opening(target)
    point = contributor.opening_part(0, (), NONE)
    contributor.absorb_opening(0, (), point)
    contributor.finish(contributor.final_part(NONE))
    guard = (target.sums()[0],)
    if refused == "a third opening":
        contributor.absorb_opening(1, guard, contributor.opening_part(1, guard, NONE))
        contributor.finish(contributor.final_part(NONE))
    with pytest.raises(ZkError) as caught:
        contributor.opening_part(1, guard if refused == "a third opening" else (), NONE)
    assert isinstance(caught.value, ProtocolStateError | SizeMismatchError)
    with pytest.raises(ProtocolStateError):
        contributor.absorb_opening(1, guard, target.srs.powers[1:2])
    with pytest.raises(ProtocolStateError):
        contributor.final_part(NONE)
