"""Real processes of five members, two of whom own tables and hold no shares (docs/adr/0026).

Every answer equals DuckDB's over the pooled rows. An owner who is not concerned may be away; one who is concerned and
away costs the question and not the next one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from typer.testing import CliRunner

for folder in ("query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from outside_scene import CLINIC, NAMES, PHARMACY, Scene, check_answer, deployment_of_five  # noqa: E402
from study_samples import MINIMUM  # noqa: E402

from ledger.bundle_codec import store_bundle  # noqa: E402
from ledger.studies import QueryState  # noqa: E402
from query.publication import Publication  # noqa: E402
from query.unproved import Unproved  # noqa: E402
from services.cli.main import app  # noqa: E402
from services.client import Tallystick  # noqa: E402
from services.client_errors import ApprovalPendingError, QueryFailedError  # noqa: E402
from services.config import COMPUTING  # noqa: E402
from services.coordinator.store import StudyState  # noqa: E402
from services.deployment import LocalDeployment  # noqa: E402
from services.errors import DisclosureRefusedError, RefusedError, RemoteError  # noqa: E402
from services.identity import Role  # noqa: E402
from services.verify import verify_published  # noqa: E402

pytestmark = pytest.mark.slow

DRUGS = "FROM patients p JOIN drugs d ON p.person = d.person"
OUTSIDE = "FROM drugs d JOIN visits v ON d.person = v.person"
EVERYWHERE = " UNION ALL ".join(f"SELECT * FROM ward_{name}" for name in NAMES)

QUESTIONS = {
    "one outside owner": "SELECT COUNT(*) AS n, SUM(cost) AS s, VAR_POP(cost) AS v FROM drugs",
    "inside and outside, a filter outside, groups inside":
        f"SELECT p.diabetic, COUNT(*) AS n, SUM(d.cost) AS s, AVG(p.age) AS a {DRUGS} WHERE d.cost > 1500 "
        "GROUP BY p.diabetic",
    "inside and outside, groups outside":
        f"SELECT d.chronic, COUNT(*) AS n, SUM(p.age) AS s {DRUGS} GROUP BY d.chronic",
    "products across": f"SELECT COUNT(*) AS n, COVAR_POP(p.age, d.cost) AS c, CORR(p.age, d.cost) AS r {DRUGS}",
    "two outside owners":
        f"SELECT v.site, COUNT(*) AS n, SUM(d.cost) AS s {OUTSIDE} WHERE d.chronic GROUP BY v.site",
    "null values of an outside owner": f"SELECT COUNT(*) AS n, AVG(v.days) AS a, SUM(d.cost) AS s {OUTSIDE}",
    "groups of two outside owners":
        f"SELECT d.chronic, v.site, COUNT(*) AS n, SUM(d.cost) AS s {OUTSIDE} GROUP BY d.chronic, v.site",
    "inside and two outside owners":
        f"SELECT COUNT(*) AS n, SUM(d.cost) AS s, SUM(p.age) AS a {DRUGS} JOIN visits v ON p.person = v.person "
        "WHERE v.site = 'south'",
    "left join": "SELECT COUNT(*) AS n, COUNT(d.cost) AS k, SUM(d.cost) AS s FROM visits v LEFT JOIN drugs d "
        "ON v.person = d.person",
    "five owners' rows": f"SELECT COUNT(*) AS n, SUM(bmi) AS s, AVG(bmi) AS a FROM ({EVERYWHERE}) AS u WHERE smoker",
}  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The members' rows."""
    return Scene()


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> Iterator[LocalDeployment]:
    """A running deployment with every table registered."""
    with deployment_of_five(tmp_path_factory.mktemp("five")) as running:
        with ThreadPoolExecutor(2) as pool:
            for registered in pool.map(running.register, scene.tables()):
                assert registered.version == 1
        yield running


@pytest.fixture(scope="module")
def asker(five: LocalDeployment) -> Iterator[Tallystick]:
    """The agency."""
    with five.connect() as client:
        yield client


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_an_answer_is_that_of_the_pooled_rows(
    asker: Tallystick, five: LocalDeployment, scene: Scene, name: str
) -> None:
    query_id = check_answer(asker, scene, QUESTIONS[name])
    verified = verify_published(five.ledger_access(), query_id)
    assert verified.query.state is QueryState.PUBLISHED
    assert not verified.query.relation.hidden_guards or verified.guards == {}


@pytest.mark.parametrize("publish", [Publication.COUNTS, Publication.PUBLIC])
def test_counts_and_numbers_may_be_for_everybody(
    asker: Tallystick, five: LocalDeployment, scene: Scene, publish: Publication
) -> None:
    sql = f"SELECT COUNT(*) AS n, SUM(d.cost) AS s {OUTSIDE}"
    verified = verify_published(five.ledger_access(), check_answer(asker, scene, sql, publish))
    ((n, s),) = scene.twin.ask_rows(sql)
    assert verified.guards == {0: n}
    assert verified.public == ({0: n, 1: s} if publish is Publication.PUBLIC else {})


def test_a_median_of_five_owners_rows_is_told_unproved(asker: Tallystick, scene: Scene) -> None:
    sql = f"SELECT COUNT(*) AS n, MEDIAN(bmi) AS m FROM ({EVERYWHERE}) AS u"
    ((n, median),) = scene.twin.ask_rows(sql)
    result = asker.query(sql, purpose="the one in the middle")
    assert result.values == {"n": n, "m": Unproved(median)}
    assert result.unproved == ("m",)


def test_a_regression_by_name_over_an_inside_and_two_outside_owners(asker: Tallystick, scene: Scene) -> None:
    model = asker.ols("drugs.cost", "patients.age", "visits.days", purpose="what raises costs?")
    rows = scene.twin.ask_rows(f"SELECT d.cost, p.age, v.days {DRUGS} JOIN visits v ON p.person = v.person "
                               "WHERE v.days IS NOT NULL")  # fmt: skip
    cost, *terms = np.array(rows, dtype=float).T
    theirs = sm.OLS(cost, sm.add_constant(np.column_stack(terms))).fit()
    assert model.n == len(rows)
    for found, value, error in zip(model.coefficients, theirs.params, theirs.bse, strict=True):
        assert (found.value, found.se) == pytest.approx((value, error), rel=1e-9)


def test_questions_at_the_same_time_keep_apart(asker: Tallystick, scene: Scene) -> None:
    names = ("one outside owner", "two outside owners", "five owners' rows", "products across")
    with ThreadPoolExecutor(len(names)) as pool:
        answered = set(pool.map(lambda name: check_answer(asker, scene, QUESTIONS[name]), names))
    assert len(answered) == len(names)


# --- who may say no --------------------------------------------------------------------------------------------------


def works(asker: Tallystick, scene: Scene) -> None:
    """The next query works."""
    check_answer(asker, scene, f"SELECT COUNT(*) AS n, SUM(d.cost) AS s {DRUGS}")


def test_an_outside_owners_policy_refuses_on_the_ledger(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    for sql in (f"SELECT SUM(d.margin) AS s {DRUGS}", f"SELECT SUM(d.margin) AS s {OUTSIDE}"):
        query_id = asker.submit(sql, purpose="what do they earn?")
        with pytest.raises(RefusedError, match="margin") as refused:
            asker.result(query_id)
        assert refused.value.rule == "POLICY_VALUE"
        assert five.ledger_access().studies.state(query_id) is QueryState.REFUSED
    works(asker, scene)


@pytest.mark.parametrize("tables", [DRUGS, OUTSIDE, "FROM drugs d"])
def test_a_small_group_ends_on_the_ledger_though_only_outside_owners_have_tables_in_it(
    asker: Tallystick, five: LocalDeployment, scene: Scene, tables: str
) -> None:
    few = next(
        sql for limit in range(9000, 0, -100)
        if scene.count(sql := f"SELECT COUNT(*) AS n {tables} WHERE d.cost > {limit}") > 0
    )
    assert 0 < scene.count(few) < MINIMUM
    query_id = asker.submit(few, purpose="too few")
    with pytest.raises(DisclosureRefusedError):
        asker.result(query_id)
    assert five.ledger_access().studies.state(query_id) is QueryState.REFUSED
    works(asker, scene)


def test_a_person_at_an_outside_owner_decides(asker: Tallystick, five: LocalDeployment, scene: Scene) -> None:
    sql = "SELECT COUNT(*) AS n, SUM(o.litres) AS s FROM donors o JOIN patients p ON o.person = p.person"
    with pytest.raises(ApprovalPendingError) as pending:
        asker.query(sql, purpose="by hand")
    assert pending.value.owners == ("clinic",)
    with five.party_client(CLINIC, Role.OPERATOR, "operator") as operator:
        (waiting,) = operator.pending()
        assert (waiting.query_id, waiting.sql) == (pending.value.query_id, sql)
        operator.decide(waiting.query_id, approve=True)
        result = asker.result(waiting.query_id, wait_for_approval_s=10.0)
        assert [tuple(result.values.values())] == scene.twin.ask_rows(sql)
        with pytest.raises(ApprovalPendingError) as second:
            asker.query(sql, purpose="once more")
        operator.decide(second.value.query_id, approve=False)
        with pytest.raises(RefusedError):
            asker.result(second.value.query_id, wait_for_approval_s=10.0)
    assert five.ledger_access().studies.state(second.value.query_id) is QueryState.REFUSED


def test_a_total_that_one_person_makes_up_stays_closed_by_an_outside_owners_rule(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    join = "FROM grants g JOIN patients p ON g.person = p.person"
    check_answer(asker, scene, f"SELECT COUNT(*) AS n, SUM(g.amount) AS s {join}")
    few = f"SELECT COUNT(*) AS n, SUM(g.amount) AS s {join} WHERE g.few"
    ((n, total),) = scene.twin.ask_rows(few)
    assert n >= MINIMUM and total > 9000
    query_id = asker.submit(few, purpose="one of them")
    with pytest.raises(DisclosureRefusedError):
        asker.result(query_id)
    assert five.ledger_access().studies.state(query_id) is QueryState.REFUSED


def test_answers_about_an_outside_owners_people_are_audited_against_the_history(
    asker: Tallystick, scene: Scene
) -> None:
    """The three keep the history: all its persons, and all but a few, may not both be told."""
    everybody = "SELECT COUNT(*) AS n FROM smokers"
    check_answer(asker, scene, everybody)
    fewer = next(
        sql for limit in range(80, 0, -1)
        if scene.count(sql := f"{everybody} WHERE years < {limit}") < scene.count(everybody)
    )
    assert 0 < scene.count(everybody) - scene.count(fewer) < MINIMUM
    with pytest.raises(DisclosureRefusedError):
        asker.query(fewer, purpose="all but a few")
    check_answer(asker, scene, f"{everybody} WHERE years < 40")


# --- who gives what --------------------------------------------------------------------------------------------------


def test_an_outside_owner_has_no_part_of_a_result_and_an_agency_need_not_know_it(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    sql = f"SELECT COUNT(*) AS n, SUM(v.days) AS s {OUTSIDE}"
    query_id = asker.submit(sql, purpose="parts")
    assert [update.state.value for update in asker.watch(query_id)][-1] == "PUBLISHED"
    with five.party_client(PHARMACY, Role.AGENCY, "agency") as owner:
        with pytest.raises(RemoteError) as nothing:
            owner.release(query_id)
        assert nothing.value.code == "RECORD_UNKNOWN"
        owner.acknowledge(query_id)
    three = five.agency_config.model_copy(update={"parties": five.party_endpoints()[:COMPUTING]})
    with Tallystick.connect(three) as client:
        assert [tuple(client.result(query_id).values.values())] == scene.twin.ask_rows(sql)


def test_the_answer_of_outside_owners_is_verified_from_one_file(
    asker: Tallystick, five: LocalDeployment, tmp_path: Path
) -> None:
    result = asker.query(f"SELECT COUNT(*) AS n, SUM(d.cost) AS s {OUTSIDE}", purpose="to show")
    store_bundle(asker.bundle(result), tmp_path / "answer.tally")
    seen = run("verify", tmp_path / "answer.tally", "--srs", five.srs_path, "--json")
    assert json.loads(seen)["result"] == [{name: str(value) for name, value in result.values.items()}]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


# --- who may be away -------------------------------------------------------------------------------------------------


def test_an_outside_owner_is_missed_only_where_it_is_concerned(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    assert "an outside owner" in run("doctor", "--config", five.agency_config_path)
    five.stop_party(CLINIC)
    try:
        works(asker, scene)
        check_answer(asker, scene, QUESTIONS["inside and outside, groups outside"])
        for sql in (f"SELECT COUNT(*) AS n {OUTSIDE}", "SELECT COUNT(*) AS n FROM visits"):
            with pytest.raises(QueryFailedError, match="clinic") as failed:
                asker.query(sql, purpose="nobody there")
            assert failed.value.code == "PEER_UNAVAILABLE"
            works(asker, scene)
    finally:
        five.start_party(CLINIC)
    check_answer(asker, scene, QUESTIONS["two outside owners"])


def test_an_outside_owner_that_ends_while_it_proves_or_lies_costs_the_query_and_not_the_next(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    count = f"SELECT COUNT(*) AS n {OUTSIDE}"
    query_id = asker.submit(count, purpose="gone in between")
    for update in asker.watch(query_id):
        if update.state is StudyState.PROVING:
            os.kill(five.processes()[f"party-{PHARMACY}"], signal.SIGKILL)
            break
    five.stop_party(PHARMACY)
    with pytest.raises(QueryFailedError) as gone:
        asker.result(query_id)
    assert gone.value.code == "PEER_UNAVAILABLE"
    check_answer(asker, scene, "SELECT COUNT(*) AS n, SUM(age) AS s FROM patients")
    five.start_party(PHARMACY, module="services.demo.lying_party")
    with pytest.raises(QueryFailedError, match="nothing was released") as lie:
        asker.query(count, purpose="it lies")
    assert lie.value.code == "CONTRIBUTION_REJECTED"
    assert next(asker.studies(1)).attempts == 1
    five.restart_party(PHARMACY)
    works(asker, scene)


def test_outside_owners_need_not_know_one_another_unless_a_question_joins_them(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    """As when the clinic joined after the pharmacy's file was written."""
    path = five.folder / f"party-{PHARMACY}.toml"
    complete = path.read_text()
    head, _, last = complete.rpartition("[[peers]]")
    assert '"clinic"' in last
    five.stop_party(PHARMACY)
    path.write_text(head)
    five.start_party(PHARMACY)
    works(asker, scene)
    check_answer(asker, scene, "SELECT COUNT(*) AS n, COUNT(site) AS k FROM visits")
    with pytest.raises(QueryFailedError) as failed:
        asker.query(f"SELECT COUNT(*) AS n {OUTSIDE}", purpose="strangers")
    assert failed.value.code == "STATE_CONFLICT"
    five.stop_party(PHARMACY)
    path.write_text(complete)
    five.start_party(PHARMACY)
    check_answer(asker, scene, f"SELECT COUNT(*) AS n, SUM(d.cost) AS s {OUTSIDE}")


def test_public_numbers_of_an_outside_owner_need_that_owner_alone(
    asker: Tallystick, five: LocalDeployment, scene: Scene
) -> None:
    """Everybody else is gone; this is the last test here."""
    for number in range(len(NAMES)):
        if number != PHARMACY:
            five.stop_party(number)
    for sql in ("SELECT COUNT(*) AS n, SUM(cost) AS s FROM drugs",
                "SELECT chronic, COUNT(*) AS n, SUM(cost) AS s FROM drugs GROUP BY chronic"):  # fmt: skip
        check_answer(asker, scene, sql, Publication.PUBLIC)
    with pytest.raises(QueryFailedError) as failed:
        asker.query("SELECT COUNT(*) AS n FROM drugs", purpose="for us alone")
    assert failed.value.code == "PEER_UNAVAILABLE"
