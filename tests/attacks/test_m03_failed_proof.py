"""M3: a joint proof that fails must not tell what it failed on: r(ζ) is tested under a random factor before A(ωζ), W
and V, whose dropped remainder would show it."""

from __future__ import annotations

from random import Random

from joint_harness import run_session
from samples import Sample, boolean, integer, sample

from services.party.session import ContributionRejectedError
from zk.builder import RelationBuilder

ROWS, PROBE = 8, 5


def joined(present: int) -> Sample:
    """Owner 0 registers a probe: id 1 on one row only. Owner 1 has an id there or not. The alignment form
    id_A·p_B − p_A·id_B = 0 fails by what owner 1 has on that row."""
    rng, builder = Random(1), RelationBuilder(3)
    id_a, p_a = builder.registered(integer(1, 1)), builder.registered(boolean(1, 0))
    id_b, p_b = builder.registered(integer(2, 1)), builder.registered(boolean(2, 0))
    builder.sum([(1, 0, p_b)])
    builder.sum([(1, 0, p_a), (1, 0, id_a), (1, 0, id_b)], 0)
    builder.vanish([(1, id_a, p_b), (-1, p_a, id_b)])
    has = [rng.randrange(2) for _ in range(ROWS)]
    has[PROBE] = present
    probe = [int(i == PROBE) for i in range(ROWS)]
    columns = {1: [7 * x for x in probe], 2: [0] * ROWS, 3: [rng.randrange(10**6) * h for h in has], 4: has}
    return sample(builder.build(), columns)


def test_m3_a_probe_of_another_owners_row_stops_at_the_masked_remainder() -> None:
    """The registered columns themselves break the form, so that every message up to there is honest."""
    opened = set()
    for _ in range(3):
        outcome = run_session(joined(1), {1: 0, 2: 0, 3: 1, 4: 1}, minimum=0)
        for result in outcome.results:
            assert isinstance(result, ContributionRejectedError)
            assert "r(zeta)" in result.check
            assert result.suspects == (0, 1, 2)
        tags = outcome.tags()
        assert any("remainder/opened" in tag for tag in tags)
        assert not any(mark in tag for tag in tags for mark in ("shifted", "first", "bind", "guards", "final"))
        parts = {payload for *_, tag, payload in outcome.messages if "remainder/opened" in tag and len(payload) == 32}
        opened |= {frozenset(parts)}
    assert len(opened) == 3


def test_m3_the_same_statement_holds_where_the_row_is_absent() -> None:
    """The one bit that remains, documented and charged to the budget."""
    outcome = run_session(joined(0), {1: 0, 2: 0, 3: 1, 4: 1}, minimum=0)
    assert outcome.proof().rows[0] == sum(joined(0).columns[4])
