"""Hidden guards in joint sessions: what nobody sees, which cells stay closed, and a party that lies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

for folder in ("zk", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import check_success, lying, nothing_released, run_session  # noqa: E402
from relations import hidden, hidden_everything  # noqa: E402
from samples import Sample, sample  # noqa: E402

from mpc.channel import LoopbackNetwork  # noqa: E402
from mpc.errors import MpcError  # noqa: E402
from mpc.replicated import Engine  # noqa: E402
from mpc.shares import AdditiveShare  # noqa: E402
from services.errors import ContributionRejectedError, DisclosureRefusedError  # noqa: E402
from services.party.session import JointSession, SessionPlan  # noqa: E402
from zk.errors import ProofRejectedError, RelationInvalidError  # noqa: E402
from zk.field import FR, Words  # noqa: E402
from zk.prover import Contributor  # noqa: E402

OWNERS = {1: 0, 2: 1, 3: 2}
MINIMUM = 5
ABANDONED = (ContributionRejectedError, ProofRejectedError, MpcError)


def counted(first: int, both: int, minimum: int = MINIMUM) -> Sample:
    """Guards of so many rows; the owners' columns are m, q and x."""
    relation = hidden()
    n, rng = relation.rows, Random(first)
    columns = {1: [1] * first + [0] * (n - first), 2: [1] * both + [0] * (n - both),
               3: [rng.randrange(100) for _ in range(n)]}  # fmt: skip
    return sample(relation, columns, minimum=minimum)


def plus_one(values: Words, place: int = 0) -> Words:
    out = values.copy()
    out[place : place + 1] = FR.add(out[place : place + 1], FR.from_integers([1]))
    return out


@pytest.mark.parametrize("first", [64, 40, 2 * MINIMUM])
def test_a_hidden_guard_is_opened_to_nobody(first: int) -> None:
    target = counted(first, MINIMUM)
    outcome = run_session(target, OWNERS, minimum=MINIMUM)
    check_success(target, outcome, MINIMUM)
    assert outcome.proof().rows == ()
    assert not any("guards/opened" in tag for tag in outcome.tags())


@pytest.mark.parametrize(("first", "both"), [(40, MINIMUM - 1), (MINIMUM, MINIMUM - 1), (40, 0), (40, 38)])
def test_small_and_close_guards_are_refused_before_any_bit_is_opened(first: int, both: int) -> None:
    outcome = run_session(counted(first, both), OWNERS, minimum=MINIMUM)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results), outcome.results
    assert not any("guards/opened" in tag or tag.startswith("session/final") for tag in outcome.tags())


def test_small_cells_stay_closed_and_the_others_are_released() -> None:
    relation = hidden_everything()
    n = relation.rows
    codes = [2 if i < 3 else 1 for i in range(n)]
    columns = {1: [1] * n, 2: codes, 3: [i % 8 for i in range(n)], 4: [i % 50 for i in range(n)]}
    target = sample(relation, columns, minimum=MINIMUM)
    outcome = run_session(target, {1: 0, 2: 1, 3: 2, 4: 1}, minimum=MINIMUM)
    check_success(target, outcome, MINIMUM, frozenset({1}))


def test_the_plan_and_the_statement_have_one_minimum() -> None:
    target = counted(40, 10)
    (channel, *_) = LoopbackNetwork(3, bytes(32), 1).channels
    for minimum in (MINIMUM - 1, MINIMUM + 1, 0):
        plan = SessionPlan(target.statement, {}, minimum, bytes(32), 1, target.srs.tau_g2)
        with pytest.raises(RelationInvalidError, match="minimum"):
            JointSession(plan, channel, None, lambda: None, audit=None)  # type: ignore[arg-type]


def other_bits(change: Callable[[Words], Words], blinders: bool = False) -> tuple[str, Callable[..., Any]]:
    def accept(prover: Contributor, bits: tuple[Words, Words], hiding: tuple[Words, Words]) -> None:
        if blinders:
            prover.accept_bits(bits, (change(hiding[0]), hiding[1]))
        else:
            prover.accept_bits((change(bits[0]), bits[1]), hiding)

    return "accept_bits", accept


def left_out(prover: Contributor, *_: Any) -> None:
    """Goes on without bits."""


LIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "another bit": other_bits(plus_one),
    "another top bit": other_bits(lambda bits: plus_one(bits, len(bits) - 1)),
    "another blinder": other_bits(plus_one, blinders=True),
    "no bits": ("accept_bits", left_out),
}


@pytest.mark.parametrize("liar", [0, 2])
@pytest.mark.parametrize("lie", list(LIES))
def test_m13_bits_other_than_those_computed_are_caught_before_anything_is_opened(lie: str, liar: int) -> None:
    outcome = run_session(counted(40, 10), OWNERS, minimum=MINIMUM, wrap=lying(liar, *LIES[lie]), timeout_s=5.0)
    for party in {0, 1, 2} - {liar}:
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
    nothing_released(outcome, {0, 1, 2} - {liar})
    assert not any("values" in tag or "session/shifted" in tag for tag in outcome.tags())


@pytest.mark.parametrize("step", ["enter/1", "product/2", "product/6", "product/12"])
@pytest.mark.parametrize(("first", "both"), [(40, 10), (40, 0)])
def test_m13_a_bent_product_of_the_bits_ends_the_attempt_whatever_is_counted(
    step: str, first: int, both: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No selective failure: the same abort before round 1 for every number."""
    honest, bent = Engine.reshare, []

    def bend(engine: Engine, additive: AdditiveShare, label: str, *, index: int = 0) -> Any:
        if engine.party == 1 and label == f"guards/bits/check/{step}":
            bent.append(label)
            additive = AdditiveShare(1, plus_one(additive.values))
        return honest(engine, additive, label, index=index)

    monkeypatch.setattr(Engine, "reshare", bend)
    outcome = run_session(counted(first, both), OWNERS, minimum=MINIMUM)
    assert len(bent) == 1
    assert all(isinstance(outcome.results[party], MpcError) for party in (0, 2)), outcome.results
    assert not any(tag.startswith("session/round1") for tag in outcome.tags())
