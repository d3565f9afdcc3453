"""Cohorts through real processes: owners' lists to a common order, tables laid out by identifiers, and the proof."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cohort_samples import EPSILON, LOG_ROWS, PEOPLE, disguised, listed, table
from typer.testing import CliRunner

from ledger.cohorts import CohortState
from ledger.errors import RecordInvalidError
from query.layout import cohort_question
from services.cli.main import app
from services.client import Tallystick
from services.cohort_proof import cohort_relation, proof_of
from services.cohort_run import run_alignment
from services.deployment import LocalDeployment
from services.errors import RefusedError, RemoteError
from services.identity import Role
from services.party.client import PartyClient
from services.verify import verify_registrations

HOSPITAL, LABORATORY, BUREAU = 0, 1, 2
CLINIC, LOANS = PEOPLE[:22], PEOPLE[14:36]
COMMON = 8


@pytest.fixture(scope="module")
def parties(deployment: LocalDeployment) -> Iterator[list[PartyClient]]:
    clients = [deployment.party_client(number, Role.OPERATOR, "operator") for number in range(3)]
    yield clients
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def cohort(deployment: LocalDeployment) -> str:
    """A cohort of hospital and bureau; the laboratory computes, and owns nothing of it."""
    lists = {HOSPITAL: listed(CLINIC), BUREAU: listed([disguised(person) for person in LOANS])}
    return deployment.make_cohort("people", lists, "name", log_rows=LOG_ROWS, epsilon=EPSILON)


def test_tables_laid_out_by_identifiers_join_on_persons(
    deployment: LocalDeployment, agency: Tallystick, cohort: str
) -> None:
    assert cohort == "people.1"
    shuffled = random.Random(3).sample(LOANS, len(LOANS))
    deployment.register(table(HOSPITAL, "clinic", "hospital", cohort, [disguised(p) for p in CLINIC[2:]], 1))
    deployment.register(table(BUREAU, "loans", "bureau", cohort, shuffled, 2))
    question = "SELECT COUNT(*) AS n, SUM(l.x) AS s FROM clinic c JOIN loans l ON c.person = l.person"
    assert agency.query(question, purpose="who is in both?").values == {"n": COMMON, "s": 2 * sum(range(14, 22))}
    assert agency.query("SELECT COUNT(*) AS n FROM clinic", purpose="how many?").values == {"n": len(CLINIC) - 2}


def test_the_ledger_holds_who_took_part_and_no_person(deployment: LocalDeployment, cohort: str) -> None:
    ledger = deployment.ledger_access()
    record = ledger.cohorts.cohort("people", 1)
    assert record.label == cohort and record.state is CohortState.ACTIVE and record.log_rows == LOG_ROWS
    assert sorted(member.count for member in record.members) == [22, 22]
    assert all(member.joined and member.confirmed and member.layout for member in record.members)
    assert record in ledger.cohorts.cohorts()
    with pytest.raises(RecordInvalidError):
        ledger.cohorts.cohort("people", 9)


def test_no_row_joins_two_persons_is_proved_on_the_ledger(
    deployment: LocalDeployment, agency: Tallystick, cohort: str
) -> None:
    assert proof_of(agency.ledger, "people", 1) is None
    verified = agency.prove_cohort("people", 1)
    assert proof_of(agency.ledger, "people", 1) == verified.query.query_id
    assert verified.guards == {0: 22}  # what a registration shows anyway
    verify_registrations(agency.ledger, verified.query, [])
    assert agency.directory().layouts.keys() >= {entry.dataset for entry in verified.query.datasets}
    assert not any(name.startswith("layout") for name in agency.tables())
    with pytest.raises(RefusedError, match="no version"):
        agency.prove_cohort("people", 7)
    with pytest.raises(RefusedError):
        cohort_relation(agency.ledger, "nobody", 1)


def test_another_relation_under_a_cohorts_name_is_refused(agency: Tallystick, cohort: str) -> None:
    """The text says the cohort, the relation on the ledger is another: the owners compile the text themselves."""
    from services.directory import text_hash

    salt, text = bytes(32), cohort_question("people", 1)
    relation = agency.compile("SELECT COUNT(*) AS n FROM hospital").relation
    query_id = agency.ledger.studies.query_id(agency.ledger.client.address, 77, relation)
    agency.ledger.studies.propose(
        relation, nonce=77, sql_hash=text_hash("sql", salt, text), purpose_hash=text_hash("purpose", salt, "p")
    )
    agency._coordinator.submit("cohort-lie", text, "p", query_id, salt)
    with pytest.raises(RefusedError) as caught:
        agency.result(query_id)
    assert caught.value.rule == "RELATION_MISMATCH"


def test_persons_outside_the_cohort_and_named_twice_are_refused(deployment: LocalDeployment, cohort: str) -> None:
    for people, words in (([*CLINIC[:3], LOANS[-1]], "not in the cohort"), ([CLINIC[0], disguised(CLINIC[0])], "same")):
        with pytest.raises(RemoteError, match=words) as caught:
            deployment.register(table(HOSPITAL, "wrong", "hospital", cohort, people, 1))
        assert "Müller" not in str(caught.value)
    with pytest.raises(RemoteError, match="entered no list"):
        deployment.register(table(LABORATORY, "wrong", "laboratory", cohort, CLINIC, 1))


def test_extending_is_a_new_version_with_other_rows(
    deployment: LocalDeployment, agency: Tallystick, parties: list[PartyClient], cohort: str
) -> None:
    """Nobody joins twice, nothing runs before all have joined, and the old version stays as it is."""
    version, _ = parties[BUREAU].propose_cohort("people", ["hospital", "bureau"], LOG_ROWS, EPSILON)
    assert version == 2
    with pytest.raises(RemoteError, match="none of the cohort's owners"):
        parties[LABORATORY].join_cohort("people", version, listed(CLINIC), "name")
    with pytest.raises(RemoteError, match="another line has"):
        parties[HOSPITAL].join_cohort("people", version, listed([*CLINIC, disguised(CLINIC[0])]), "name")
    twice = listed([*CLINIC, disguised(CLINIC[0])])
    count, _ = parties[HOSPITAL].join_cohort("people", version, twice, "name", merge=True)
    assert count == len(CLINIC)
    with pytest.raises(RemoteError, match="joined already"):
        parties[HOSPITAL].join_cohort("people", version, listed(CLINIC), "name")
    with pytest.raises(RemoteError, match="has joined"):
        run_alignment(parties, "people", version)
    parties[BUREAU].join_cohort("people", version, listed([*LOANS, "new person"]), "name")
    seen = run_alignment(parties, "people", version)
    assert seen[1] >= COMMON and sum(place * count for place, count in enumerate(seen, 1)) == 45 + 12
    assert agency.ledger.cohorts.cohort("people").label == "people.2"
    assert agency.ledger.cohorts.cohort("people", 1).state is CohortState.ACTIVE
    with pytest.raises(RemoteError, match="ACTIVE"):
        parties[HOSPITAL].align_cohort("people", version, 9)
    verified = agency.prove_cohort("people", 2)
    assert verified.guards[0] in (22, 23)


def test_a_cohort_that_is_too_small_says_what_it_needs(parties: list[PartyClient]) -> None:
    version, _ = parties[HOSPITAL].propose_cohort("small", ["hospital", "bureau"], 5, EPSILON)
    parties[HOSPITAL].join_cohort("small", version, listed(CLINIC), "name")
    parties[BUREAU].join_cohort("small", version, listed(LOANS), "name")
    with pytest.raises(RemoteError, match="propose 2\\^6"):
        run_alignment(parties, "small", version)
    with pytest.raises(RemoteError, match="under way"):
        parties[BUREAU].propose_cohort("small", ["hospital", "bureau"], 6, EPSILON)
    parties[BUREAU].abandon_cohort("small", version)
    assert parties[BUREAU].propose_cohort("small", ["hospital", "bureau"], 6, EPSILON)[0] == 2
    with pytest.raises(RemoteError):
        parties[LABORATORY].abandon_cohort("small", 2)
    with pytest.raises(RemoteError, match="name"):
        parties[HOSPITAL].propose_cohort("two.words", ["hospital", "bureau"], 6, EPSILON)
    with pytest.raises(RemoteError, match="no party"):
        parties[HOSPITAL].propose_cohort("other", ["hospital", "nobody"], 6, EPSILON)
    with pytest.raises(RemoteError, match="has no proof"):
        parties[HOSPITAL].propose_cohort("other", [f"owner-{number}" for number in range(16)], 6, EPSILON)


def test_an_agency_does_not_run_alignments(deployment: LocalDeployment) -> None:
    with deployment.party_client(HOSPITAL, Role.AGENCY, "agency") as client, pytest.raises(RemoteError) as caught:
        client.align_cohort("people", 1, 5)
    assert caught.value.status == "PERMISSION_DENIED"


def test_the_command_line_makes_joins_aligns_lists_and_proves(deployment: LocalDeployment, tmp_path: Path) -> None:
    runner = CliRunner()
    operator = ["--config", str(deployment.folder / "operator.toml")]
    hospital, bureau = ["--party", "hospital", *operator], ["--party", "bureau", *operator]
    owners = ["--owner", "hospital", "--owner", "bureau", "--log-rows", str(LOG_ROWS), "--epsilon", str(EPSILON)]

    def succeed(*arguments: str) -> str:
        done = runner.invoke(app, ["cohort", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "proposed shell.1" in succeed("create", "shell", *owners, *hospital)
    for name, people in (("clinic", CLINIC), ("loans", LOANS)):
        (tmp_path / f"{name}.csv").write_bytes(listed(people))
    failed = runner.invoke(app, ["cohort", "align", "shell", *operator])
    assert failed.exit_code == 1 and "has joined" in failed.stderr
    for name, party in (("clinic", hospital), ("loans", bureau)):
        joined = succeed("join", "shell", str(tmp_path / f"{name}.csv"), "--column", "name", *party)
        assert "with 22 identifiers" in joined
    assert '"cohort": "shell.1"' in succeed("align", "shell", *operator)
    assert "shell.1 ACTIVE: 2^6 rows" in succeed("list", *operator)
    assert "no row joins two persons" in succeed("prove", "shell", "--config", str(deployment.agency_config_path))
    (shell,) = [found for found in json.loads(succeed("list", "--json", *operator)) if found["cohort"] == "shell.1"]
    assert len(shell["proof"]) == 64 and [member["identifiers"] for member in shell["members"]] == [22, 22]
    again = runner.invoke(app, ["cohort", "create", "shell", *owners, *hospital])
    assert again.exit_code == 1 and "extend it" in again.stderr
    assert "proposed shell.2" in succeed("extend", "shell", *owners, *bureau)
    pinned = ["--deployment", str(deployment.folder / "deployment.json"), "--url", deployment.ledger_url]
    verified = runner.invoke(app, ["verify", shell["proof"], *pinned, "--config", str(deployment.agency_config_path)])
    assert verified.exit_code == 0 and "sum 0 counts 22 rows" in verified.stdout, verified.output
    assert "shell.2 abandoned" in succeed("abandon", "shell", *bureau)
    absent = runner.invoke(app, ["cohort", "extend", "absent", *owners, *hospital])
    assert absent.exit_code == 1 and "create it" in absent.stderr


@pytest.mark.slow  # restarts a party twice
def test_an_owner_that_fails_before_it_confirms_does_so_later(
    deployment: LocalDeployment, agency: Tallystick, parties: list[PartyClient]
) -> None:
    """Its rows are kept; nothing is aligned again, and the third party is not asked to."""
    version, _ = parties[BUREAU].propose_cohort("late", ["hospital", "bureau"], LOG_ROWS, EPSILON)
    parties[HOSPITAL].join_cohort("late", version, listed(CLINIC), "name")
    parties[BUREAU].join_cohort("late", version, listed(LOANS), "name")
    deployment.restart_party(HOSPITAL, module="tests.services.forgetful_party")
    try:
        with pytest.raises(RemoteError, match="says the test"):
            run_alignment(parties, "late", version)
    finally:
        deployment.restart_party(HOSPITAL)
    cohort = agency.ledger.cohorts.cohort("late", version)
    assert cohort.state is CohortState.PROPOSED and sum(member.confirmed for member in cohort.members) == 1
    with pytest.raises(RemoteError, match="not active"):
        deployment.register(table(BUREAU, "early", "bureau", cohort.label, LOANS, 1))
    assert run_alignment(parties, "late", version) == ()
    assert agency.ledger.cohorts.cohort("late", version).state is CohortState.ACTIVE
    assert agency.prove_cohort("late", version).guards[0] == 22


@pytest.mark.slow  # restarts a party twice
def test_a_party_that_deviates_gives_nobody_a_row_and_the_next_attempt_works(
    deployment: LocalDeployment, agency: Tallystick, parties: list[PartyClient]
) -> None:
    version, _ = parties[BUREAU].propose_cohort("bent", ["hospital", "bureau"], LOG_ROWS, EPSILON)
    parties[HOSPITAL].join_cohort("bent", version, listed(CLINIC), "name")
    parties[BUREAU].join_cohort("bent", version, listed(LOANS), "name")
    deployment.restart_party(LABORATORY, module="tests.services.bending_party")
    try:
        with pytest.raises(RemoteError) as caught:
            run_alignment(parties, "bent", version)
    finally:
        deployment.restart_party(LABORATORY)
    assert caught.value.code == "ALIGNMENT_ABORTED" and "tags/check" in caught.value.message
    assert not any(parties[owner].align_cohort("bent", version, 0).aligned for owner in (HOSPITAL, BUREAU))
    assert sum(run_alignment(parties, "bent", version)) > 0
    assert agency.ledger.cohorts.cohort("bent", version).state is CohortState.ACTIVE
