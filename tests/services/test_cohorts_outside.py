"""Cohorts of owners outside the three through real processes: five members, three of which compute."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cohort_samples import EPSILON, PEOPLE, disguised, listed, table
from typer.testing import CliRunner

from ledger.cohorts import CohortState
from services.cli.main import app
from services.client import Tallystick
from services.cohort_proof import proof_of
from services.cohort_run import run_alignment
from services.deployment import LocalDeployment
from services.deployment_layout import PARTY_NAMES
from services.errors import RemoteError
from services.identity import Role
from services.party.client import PartyClient
from services.verify import verify_registrations
from zk.srs import development_srs

pytestmark = pytest.mark.slow  # a deployment of its own

NAMES = (*PARTY_NAMES, "pharmacy", "clinic")
HOSPITAL, LABORATORY, BUREAU, PHARMACY, CLINIC = range(5)
LOG_ROWS = 8
LISTS = {HOSPITAL: PEOPLE[:20], PHARMACY: PEOPLE[8:30], CLINIC: [*PEOPLE[:6], *PEOPLE[12:26]]}
OWNERS = ["hospital", "pharmacy", "clinic"]


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDeployment]:
    """Three computing parties and two owners outside; whoever stops one starts it again."""
    srs = development_srs(LOG_ROWS, b"cohorts outside")
    folder = tmp_path_factory.mktemp("five")
    with LocalDeployment(folder, srs=srs, names=NAMES, message_timeout_s=20.0) as running:
        yield running


@pytest.fixture(scope="module")
def members(five: LocalDeployment) -> Iterator[list[PartyClient]]:
    clients = [five.party_client(number, Role.OPERATOR, "operator") for number in range(len(NAMES))]
    yield clients
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def asker(five: LocalDeployment) -> Iterator[Tallystick]:
    with five.connect() as client:
        yield client


@pytest.fixture(scope="module")
def cohort(five: LocalDeployment) -> str:
    """One owner that computes, two that do not, and tables of all three."""
    lists = {number: listed([disguised(p) for p in people[::-1]]) for number, people in LISTS.items()}
    label = five.make_cohort("people", lists, "name", log_rows=LOG_ROWS, epsilon=EPSILON)
    for factor, (number, people) in enumerate(LISTS.items(), start=1):
        shuffled = random.Random(number).sample(people, len(people))
        owner = NAMES[number]  # unaudited: so few persons would refuse most questions beside each other
        five.register(table(number, f"t{owner}", owner, label, shuffled, factor, log_rows=LOG_ROWS, audited=False))
    return label


def test_the_ledger_has_every_owners_layout(five: LocalDeployment, cohort: str) -> None:
    ledger = five.ledger_access()
    record = ledger.cohorts.cohort("people", 1)
    assert record.label == cohort and record.state is CohortState.ACTIVE
    assert sorted(member.count for member in record.members) == [20, 20, 22]
    layouts = {member.layout for member in record.members}
    assert len(layouts) == 3
    assert all(ledger.registry.dataset(layout).log_rows == LOG_ROWS for layout in layouts)


def test_that_no_row_joins_two_persons_is_proved(asker: Tallystick, cohort: str) -> None:
    assert proof_of(asker.ledger, "people", 1) is None
    verified = asker.prove_cohort("people", 1)
    assert proof_of(asker.ledger, "people", 1) == verified.query.query_id
    assert verified.guards[0] in (20, 22)
    verify_registrations(asker.ledger, verified.query, [])


JOINS = {
    "inside and outside": (
        "SELECT COUNT(*) AS n, SUM(p.x) AS s FROM thospital h JOIN tpharmacy p ON h.person = p.person",
        {"n": 12, "s": 2 * sum(range(8, 20))},
    ),
    "two outside": (
        "SELECT COUNT(*) AS n, SUM(c.x) AS s FROM tclinic c JOIN tpharmacy p ON c.person = p.person",
        {"n": 14, "s": 3 * sum(range(12, 26))},
    ),
    "all three": (
        "SELECT COUNT(*) AS n FROM thospital h JOIN tpharmacy p ON h.person = p.person "
        "JOIN tclinic c ON h.person = c.person",
        {"n": 8},
    ),
    "persons once, two outside": (
        "SELECT COUNT(DISTINCT person) AS p, COUNT(*) AS n "
        "FROM (SELECT * FROM tclinic UNION ALL SELECT * FROM tpharmacy) AS u",
        {"p": 28, "n": 42},
    ),
    "persons once, all": (
        "SELECT COUNT(DISTINCT person) AS p FROM (SELECT * FROM thospital UNION ALL SELECT * FROM tclinic "
        "UNION ALL SELECT * FROM tpharmacy) AS u",
        {"p": 30},
    ),
}


@pytest.mark.parametrize("name", JOINS)
def test_joins_and_unions_are_over_persons(asker: Tallystick, cohort: str, name: str) -> None:
    sql, expected = JOINS[name]
    assert asker.query(sql, purpose="who is where?").values == expected


def test_whom_a_cohort_does_not_concern_need_not_be_there(five: LocalDeployment, members: list[PartyClient]) -> None:
    five.stop_party(CLINIC)
    try:
        label = five.make_cohort(
            "pair", {PHARMACY: listed(PEOPLE[:20]), LABORATORY: listed(PEOPLE[10:])}, "name",
            log_rows=LOG_ROWS, epsilon=EPSILON,
        )  # fmt: skip
    finally:
        five.start_party(CLINIC)
    assert five.ledger_access().cohorts.cohort("pair", 1).state is CohortState.ACTIVE
    with pytest.raises(RemoteError, match="entered no list"):
        five.register(table(CLINIC, "wrong", "clinic", label, PEOPLE[:9], 1, log_rows=LOG_ROWS))
    version, _ = members[PHARMACY].propose_cohort("pair", ["pharmacy", "laboratory"], LOG_ROWS, EPSILON)
    with pytest.raises(RemoteError, match="none of the cohort's owners"):
        members[CLINIC].join_cohort("pair", version, listed(PEOPLE), "name")
    members[PHARMACY].join_cohort("pair", version, listed(PEOPLE), "name")
    members[LABORATORY].join_cohort("pair", version, listed(PEOPLE), "name")
    with pytest.raises(RemoteError, match="none of the cohort's"):
        members[CLINIC].align_cohort("pair", version, 1)
    members[LABORATORY].abandon_cohort("pair", version)


def test_owners_of_whom_none_computes(five: LocalDeployment, asker: Tallystick) -> None:
    lists = {CLINIC: listed(PEOPLE[:25]), PHARMACY: listed(PEOPLE[5:])}
    label = five.make_cohort("away", lists, "name", log_rows=LOG_ROWS, epsilon=EPSILON)
    five.register(table(CLINIC, "aclinic", "clinic", label, PEOPLE[:25], 1, log_rows=LOG_ROWS))
    five.register(table(PHARMACY, "apharmacy", "pharmacy", label, PEOPLE[5:], 1, log_rows=LOG_ROWS))
    sql = "SELECT COUNT(*) AS n FROM aclinic a JOIN apharmacy b ON a.person = b.person"
    assert asker.query(sql, purpose="both?").values == {"n": 20}
    assert asker.prove_cohort("away", 1).guards[0] in (25, 31)


def join_all(members: list[PartyClient], name: str) -> int:
    version, _ = members[CLINIC].propose_cohort(name, OWNERS, LOG_ROWS, EPSILON)
    for number, people in LISTS.items():
        members[number].join_cohort(name, version, listed(people), "name")
    return version


def test_an_owner_that_deals_falsely_stops_the_attempt_and_the_next_one_works(
    five: LocalDeployment, members: list[PartyClient]
) -> None:
    version = join_all(members, "crooked")
    five.restart_party(PHARMACY, module="tests.services.crooked_owner")
    try:
        with pytest.raises(RemoteError) as caught:
            run_alignment(members, "crooked", version)
    finally:
        five.restart_party(PHARMACY)
    assert caught.value.code == "SHARE_MISMATCH"
    assert not any(members[owner].align_cohort("crooked", version, 0).aligned for owner in LISTS)
    assert sum(run_alignment(members, "crooked", version)) > 0
    assert five.ledger_access().cohorts.cohort("crooked", version).state is CohortState.ACTIVE


def test_an_owner_that_is_away_stops_the_attempt_and_the_next_one_works(
    five: LocalDeployment, members: list[PartyClient]
) -> None:
    version = join_all(members, "absent")
    five.stop_party(CLINIC)
    try:
        began = time.monotonic()
        with pytest.raises(RemoteError) as caught:
            run_alignment([member for member in members if member.number != CLINIC], "absent", version)
        assert time.monotonic() - began < 60
    finally:
        five.start_party(CLINIC)
    assert caught.value.status in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert sum(run_alignment(members, "absent", version)) > 0


def test_an_outside_owner_that_fails_before_it_confirms_does_so_later(
    five: LocalDeployment, asker: Tallystick, members: list[PartyClient]
) -> None:
    version = join_all(members, "late")
    five.restart_party(CLINIC, module="tests.services.forgetful_party")
    try:
        with pytest.raises(RemoteError, match="says the test"):
            run_alignment(members, "late", version)
    finally:
        five.restart_party(CLINIC)
    record = asker.ledger.cohorts.cohort("late", version)
    assert record.state is CohortState.PROPOSED and sum(member.confirmed for member in record.members) == 2
    assert run_alignment(members, "late", version) == ()
    assert asker.ledger.cohorts.cohort("late", version).state is CohortState.ACTIVE


def test_the_command_line_takes_owners_outside(five: LocalDeployment, tmp_path: Path) -> None:
    runner = CliRunner()
    operator = ["--config", str(five.folder / "operator.toml")]
    owners = [word for owner in OWNERS for word in ("--owner", owner)]
    owners += ["--log-rows", str(LOG_ROWS), "--epsilon", str(EPSILON)]

    def succeed(*arguments: str) -> str:
        done = runner.invoke(app, ["cohort", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "proposed shell.1" in succeed("create", "shell", *owners, "--party", "pharmacy", *operator)
    assert "  pharmacy: not joined" in succeed("list", *operator)
    for number, people in LISTS.items():
        (tmp_path / "list.csv").write_bytes(listed(people))
        joined = succeed(
            "join", "shell", str(tmp_path / "list.csv"), "--column", "name", "--party", NAMES[number], *operator
        )
        assert f"with {len(people)} identifiers" in joined
    aligned = succeed("align", "shell", *operator)
    assert '"cohort": "shell.1"' in aligned and "in 3 lists" in aligned
    (shell,) = [found for found in json.loads(succeed("list", "--json", *operator)) if found["cohort"] == "shell.1"]
    assert sorted((member["name"], member["identifiers"]) for member in shell["members"]) == [
        ("clinic", 20), ("hospital", 20), ("pharmacy", 22)
    ]  # fmt: skip
    assert "no row joins two persons" in succeed("prove", "shell", "--config", str(five.agency_config_path))
    assert "proposed shell.2" in succeed("extend", "shell", *owners, "--party", "clinic", *operator)
    assert "shell.2 abandoned" in succeed("abandon", "shell", "--party", "clinic", *operator)
    unknown = runner.invoke(app, ["cohort", "align", "nobody", *operator])
    assert unknown.exit_code == 1 and "error:" in unknown.stderr
