"""Policies: canonical, hashed, and each clause refuses what it should and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.aggregates import Statistic
from query.directory import Directory
from query.errors import PolicyInvalidError, PolicyRefusedError
from query.plan import compile_question
from query.policy import Asker, Policy, check_policy, encode_policy, parse_policy, policy_hash
from query.publication import Publication

SQL = "SELECT AVG(age), COUNT(*) FROM hospital h JOIN laboratory l ON h.person = l.person WHERE diabetic"
ASKER = Asker("statistics-office", "agency")
FULL = Policy(
    20,
    False,
    ("statistics-office",),
    ("agency", "auditor"),
    (Statistic.AVG, Statistic.COUNT),
    ("biolab",),
    ("bmi",),
    ("smoker",),
    2_000_000_000,
)


def check(policy: Policy, asker: Asker = ASKER, now_s: int = 1_000_000_000) -> None:
    table = registered(HOSPITAL, 1, policy=policy)
    check_policy(compile_question(SQL, Directory([table, registered(LABORATORY, 2)])), table, asker, now_s)


@pytest.mark.parametrize(
    "policy", [Policy(), FULL, Policy(members=(), statistics=(), public_release=True)], ids=["default", "full", "empty"]
)
def test_canonical_text_round_trips(policy: Policy) -> None:
    assert parse_policy(encode_policy(policy)) == policy
    assert policy_hash(parse_policy(json.dumps(json.loads(encode_policy(policy)), indent=1))) == policy_hash(policy)


def test_policies_of_before_public_release_keep_their_hash() -> None:
    """Text and hash as the first release wrote them."""
    old = (
        b'{"automatic":true,"expires_at_s":null,"format":"tallystick.policy/1","hidden_filters":[],"hidden_values":[],'
        b'"members":["a"],"minimum_group":5,"partners":null,"roles":null,"statistics":null}'
    )
    assert encode_policy(Policy(minimum_group=5, members=("a",))) == old
    assert policy_hash(Policy()).hex() == "332c3bd0dfcd21dce69bb5e6e105414bdbf15c7756282f3485dd71c8bf47fe0f"
    spelled = json.dumps({**json.loads(old), "public_release": False})
    assert encode_policy(parse_policy(spelled)) == old
    assert policy_hash(Policy(public_release=True)) != policy_hash(Policy())
    for wrong in (1, "true", None):
        with pytest.raises(PolicyInvalidError, match="public_release"):
            parse_policy(json.dumps({**json.loads(old), "public_release": wrong}))


def test_numbers_are_public_only_where_the_owner_allows_it() -> None:
    allowed, closed = registered(HOSPITAL, 1, policy=Policy(public_release=True)), registered(LABORATORY, 2)
    directory = Directory([allowed, closed])
    public = compile_question(SQL, directory, publication=Publication.PUBLIC)
    check_policy(public, allowed, ASKER, 0)
    with pytest.raises(PolicyRefusedError) as refused:
        check_policy(public, closed, ASKER, 0)
    assert (refused.value.rule, refused.value.table) == ("public_release", "laboratory")
    check_policy(compile_question(SQL, directory), closed, ASKER, 0)
    assert all("everyone sees it" in line for line in public.disclosures)
    assert not all("everyone sees it" in line for line in compile_question(SQL, directory).disclosures)


def test_none_and_empty_are_different_policies() -> None:
    assert policy_hash(Policy(members=None)) != policy_hash(Policy(members=()))


@pytest.mark.parametrize("policy", [Policy(), FULL], ids=["default", "full"])
def test_a_question_within_the_policy_passes(policy: Policy) -> None:
    check(policy)


REFUSED: dict[str, dict[str, Any]] = {
    "member": {"members": ("someone-else",)},
    "role": {"roles": ()},
    "statistic": {"statistics": (Statistic.AVG,)},
    "partner": {"partners": ("a-bank",)},
    "value": {"hidden_values": ("age",)},
    "filter": {"hidden_filters": ("diabetic",)},
    "expiry": {"expires_at_s": 1_000_000_000},
}


@pytest.mark.parametrize(("rule", "changes"), REFUSED.items(), ids=list(REFUSED))
def test_each_clause_refuses_by_name(rule: str, changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefusedError) as refusal:
        check(replace(FULL, **changes))
    assert (refusal.value.rule, refusal.value.table) == (rule, "hospital")


def test_the_asker_counts() -> None:
    with pytest.raises(PolicyRefusedError, match="rule member"):
        check(FULL, Asker("a-bank", "agency"))
    with pytest.raises(PolicyRefusedError, match="rule role"):
        check(FULL, Asker("statistics-office", "owner"))


def test_a_plan_compiled_below_the_minimum_or_for_another_version_is_refused() -> None:
    lenient = registered(HOSPITAL, 1, minimum_group=3, policy=Policy(minimum_group=3))
    plan = compile_question("SELECT COUNT(*) FROM hospital", Directory([lenient]))
    check_policy(plan, lenient, ASKER, 0)
    with pytest.raises(PolicyRefusedError, match="rule minimum_group"):
        check_policy(plan, registered(HOSPITAL, 1, minimum_group=3), ASKER, 0)
    for other in (registered(HOSPITAL, 1, version=2), registered(LABORATORY, 1)):
        with pytest.raises(PolicyRefusedError, match="rule dataset"):
            check_policy(plan, other, ASKER, 0)


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(encode_policy(Policy())), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        changed(format="x"),
        changed(minimum_group=1),
        changed(minimum_group=True),
        changed(minimum_group=None),
        changed(automatic=1),
        changed(members="all"),
        changed(members=[1]),
        changed(members=["a", "a"]),
        changed(members=["\n"]),
        changed(statistics=["MODE"]),
        changed(hidden_values=None),
        changed(expires_at_s=-1),
        changed(expires_at_s="x"),
        changed(more=1),
    ],
    ids=range(16),
)
def test_text_that_is_no_policy(text: str) -> None:
    with pytest.raises(PolicyInvalidError):
        parse_policy(text)
