"""The cost of a relation counts what stands in it."""

from __future__ import annotations

from relations import everything, grouped, plain, ranged, two_groups
from samples import masked_sum

from zk.cost import relation_cost
from zk.encoding import encode_relation


def test_counts_are_those_of_the_relation() -> None:
    relation = everything()
    cost = relation_cost(relation)
    assert (cost.registered, cost.openings, cost.lookups, cost.limbs) == (4, len(relation.opened), 2, 0)
    assert cost.commitments == 5 + 1 + 1 + 5  # witnesses, multiplicities, s, round 2
    assert (cost.sums, cost.cells) == (4, 2)
    assert cost.zero_forms == 5 + 1 + 2 + 1 + 1  # own, product, lookups, table, group
    assert cost.words == len(encode_relation(relation))
    assert relation_cost(ranged()).limbs == 1


def test_plain_sums_need_no_commitment() -> None:
    assert relation_cost(plain()).commitments == 1
    assert relation_cost(grouped()).commitments == 1 + relation_cost(grouped(sealed=False)).commitments


def test_gas_grows_with_what_is_asked() -> None:
    assert relation_cost(masked_sum(3)).gas < relation_cost(two_groups()).gas < relation_cost(everything()).gas
    assert relation_cost(masked_sum(3)).gas == relation_cost(masked_sum(12)).gas
