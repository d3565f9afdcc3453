"""Numbers for everybody: asked for by the agency, allowed by every owner, opened on the ledger, read by anybody.

Public numbers of one owner need that owner alone; two of the three parties are stopped for that.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from study_samples import HOSPITAL, LABORATORY, MINIMUM, UNAUDITED, make_samples, table_inputs
from typer.testing import CliRunner

from ledger.bundle_codec import store_bundle
from ledger.errors import TransactionRevertedError
from ledger.studies import QueryState
from proto.v1 import common_pb2, party_pb2
from query.dominance import DominanceClause, LargestRule
from query.limits import Limits
from query.policy import Policy, encode_policy
from query.publication import Publication
from query.schema import encode_schema
from services.audit import audit_bundle
from services.bundle import make_bundle
from services.cli.main import app
from services.client import Tallystick
from services.client_errors import ResultRejectedError
from services.convert import publication_message
from services.coordinator.publishing import LedgerPublisher
from services.deployment import LocalDeployment
from services.directory import question_hash, text_hash
from services.errors import (
    DisclosureRefusedError,
    PeerUnavailableError,
    RefusedError,
    RemoteError,
    RequestConflictError,
    RequestInvalidError,
)
from services.identity import Role
from services.opening import OpeningInvalidError, opening_of, verify_opening
from services.party.client import document_messages
from services.results import RowOpening
from services.verify import verify_published
from zk.errors import ProofRejectedError
from zk.proof import encode_proof

SAMPLES = make_samples()
ROWS = SAMPLES.hospital
JOIN = "FROM clinic h JOIN registry l ON h.person = l.person"
ALONE = "SELECT COUNT(*) AS n, SUM(age) AS a, COUNT(diabetic) AS d FROM clinic"
SUMS = {"n": len(ROWS), "a": sum(age for age, *_ in ROWS.values()), "d": len(ROWS)}


@pytest.fixture(scope="module", autouse=True)
def tables(deployment: LocalDeployment) -> None:
    """``clinic`` and ``registry`` may be made public, ``laboratory`` may not."""
    hospital, laboratory, _ = table_inputs(SAMPLES)
    public = encode_policy(Policy(minimum_group=MINIMUM, public_release=True, limits=UNAUDITED))
    for table, schema, name in ((hospital, HOSPITAL, "clinic"), (laboratory, LABORATORY, "registry")):
        named = encode_schema(dataclasses.replace(schema, name=name))
        deployment.register(dataclasses.replace(table, schema=named, policy=public))
    ruled = Limits(audited=False, dominance=DominanceClause((LargestRule(1, 50),), ("age",)))
    policy = encode_policy(Policy(minimum_group=MINIMUM, public_release=True, limits=ruled))
    named = encode_schema(dataclasses.replace(HOSPITAL, name="hospice"))
    deployment.register(dataclasses.replace(hospital, schema=named, policy=policy))


@pytest.fixture(scope="module")
def only_the_hospital(deployment: LocalDeployment) -> Iterator[LocalDeployment]:
    """Two parties are gone; the tests that ask for this are the last ones here."""
    for number in (1, 2):
        deployment.stop_party(number)
    yield deployment
    for number in (1, 2):
        deployment.start_party(number)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_public_join_is_read_by_everybody(agency: Tallystick, deployment: LocalDeployment, tmp_path: Path) -> None:
    sql = f"SELECT COUNT(*) AS n, SUM(h.age) AS a, SUM(l.sodium) AS s {JOIN}"
    result = agency.query(sql, purpose="public", publish="public")
    both = [i for i in ROWS if i in SAMPLES.laboratory]
    sums = (len(both), sum(ROWS[i][0] for i in both), sum(SAMPLES.laboratory[i][1] for i in both))
    assert (result.values["n"], result.values["a"], result.values["s"]) == sums
    assert (result.publication, result.opening) == (Publication.PUBLIC, ())
    found = verify_published(deployment.ledger_access(), result.query_id)
    assert tuple(found.public[row] for row in range(len(result.sums))) == result.sums
    assert set(found.guards) == {0}

    with deployment.party_client(0, Role.AGENCY, "agency") as client, pytest.raises(RemoteError, match="on the ledger"):
        client.release(result.query_id)

    public, full = tmp_path / "public.tally", tmp_path / "full.tally"
    store_bundle(make_bundle(deployment.ledger_access(), result.query_id), public)
    store_bundle(agency.bundle(result), full)
    string = ["--srs", deployment.srs_path]
    seen = json.loads(run("verify", public, *string, "--json"))
    assert list(seen["public"].values()) == list(found.public.values())
    seen = json.loads(run("verify", full, *string, "--json"))
    assert seen["sql_recompiled"]
    assert seen["result"] == [{"n": str(sums[0]), "a": str(sums[1]), "s": str(sums[2])}]
    assert "public" in run("verify", full, *string)


def test_a_small_group_stays_closed_among_public_ones(agency: Tallystick, deployment: LocalDeployment) -> None:
    sql = f"SELECT h.rare, COUNT(*) AS n, SUM(l.sodium) AS s {JOIN} GROUP BY h.rare"
    result = agency.query(sql, purpose="public groups", publish=Publication.PUBLIC)
    common = [i for i in ROWS if i in SAMPLES.laboratory and not ROWS[i][2]]
    sodium = sum(SAMPLES.laboratory[i][1] for i in common)
    assert result.rows() == [{"rare": False, "n": len(common), "s": sodium}, {"rare": True, "n": None, "s": None}]
    assert set(verify_published(deployment.ledger_access(), result.query_id).public) == {0, 2}


def test_a_total_of_two_people_stays_closed_and_squares_are_let_out_by_nobody(
    agency: Tallystick, deployment: LocalDeployment, tmp_path: Path
) -> None:
    """Through all processes: the rule of one owner, the sum it adds, and a bundle that says what it is."""
    nobody = Limits(dominance=DominanceClause((LargestRule(1, 50),), ("ages",)))
    unprotected = encode_policy(Policy(minimum_group=MINIMUM, limits=nobody))
    with (deployment.party_client(0, Role.OPERATOR, "operator") as owner,
          pytest.raises(RemoteError, match="ages is no column of numbers")):  # fmt: skip
        owner.set_policy("hospice", unprotected)
    join = "FROM hospice h JOIN registry l ON h.person = l.person"
    explained = agency.explain(f"SELECT SUM(h.age) AS a {join}")
    assert "dominance of hospice: (1,50); it adds 1 sum that nobody sees" in explained
    for publish in (Publication.AGENCY, Publication.PUBLIC):
        result = agency.query(f"SELECT SUM(h.age) AS a {join}", purpose="total", publish=publish)
        assert result.values == {"a": sum(ROWS[i][0] for i in ROWS if i in SAMPLES.laboratory)}
        assert [value is None for value in result.sums] == [False, False, True]
        assert [row.row for row in result.opening] == ([] if publish is Publication.PUBLIC else [0, 1])
        store_bundle(agency.bundle(result), tmp_path / f"{publish}.tally")
        seen = json.loads(run("verify", tmp_path / f"{publish}.tally", "--json"))
        assert seen["sql_recompiled"]
        assert seen["result"] == [{"a": str(result.values["a"])}]
        with pytest.raises(DisclosureRefusedError):
            agency.query(f"SELECT SUM(CASE WHEN h.rare THEN h.age ELSE 0 END) AS a {join}", purpose="two",
                         publish=publish)  # fmt: skip


def test_without_being_asked_nothing_is_public(agency: Tallystick, deployment: LocalDeployment) -> None:
    result = agency.query(ALONE, purpose="for us")
    assert result.values == SUMS
    assert result.opening
    assert verify_published(deployment.ledger_access(), result.query_id).public == {}


def test_every_owner_must_allow_it(agency: Tallystick) -> None:
    for sql in (
        "SELECT COUNT(*) AS n FROM laboratory",
        "SELECT COUNT(*) AS n FROM clinic h JOIN laboratory l ON h.person = l.person",
    ):
        with pytest.raises(RefusedError, match="may not be made public") as refused:
            agency.query(sql, purpose="public", publish="public")
        assert refused.value.rule == "POLICY_PUBLIC_RELEASE"
        assert agency.query(sql, purpose="for us").values["n"] > 0


def test_only_agency_and_public_can_be_asked_for(agency: Tallystick) -> None:
    with pytest.raises(RequestInvalidError, match="publish"):
        agency.query(ALONE, purpose="x", publish="world")
    first = agency.submit(ALONE, purpose="x", request_id="seen-by", publish="public")
    assert agency.submit(ALONE, purpose="x", request_id="seen-by", publish="public") == first
    with pytest.raises(RequestConflictError):
        agency.submit(ALONE, purpose="x", request_id="seen-by")
    assert agency.result(first).values == SUMS


@pytest.mark.parametrize("asked", list(Publication))
def test_a_coordinator_cannot_change_who_sees_the_numbers(
    agency: Tallystick, deployment: LocalDeployment, asked: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, salt = agency.compile(f"SELECT COUNT(*) AS n {JOIN}", publish=asked), secrets.token_bytes(32)
    query_id = agency.ledger.studies.propose(
        plan.relation, nonce=secrets.randbits(64), sql_hash=question_hash(asked, salt, plan.sql),
        purpose_hash=text_hash("purpose", salt, "why"),
    )  # fmt: skip

    def consider(publication: Publication) -> None:
        with deployment.party_client(0, Role.COORDINATOR, "coordinator") as party:
            party.consider(party_pb2.ConsiderRequest(
                query_id=query_id, sql=plan.sql, purpose="why", salt=salt, proposer="agency",
                tables=document_messages(agency._coordinator.tables()), publication=publication_message(publication),
            ))  # fmt: skip

    for other in set(Publication) - {asked}:
        with pytest.raises(RemoteError, match="whose hash stands on the ledger"):
            consider(other)
    consider(asked)


def test_the_people_between_an_earlier_answer_and_one_proved_alone_are_counted(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    """Two people are in the first answer and not in the second, which is public; both count enough by themselves."""
    audited = encode_policy(Policy(minimum_group=MINIMUM, public_release=True))
    census = encode_schema(dataclasses.replace(HOSPITAL, name="census"))
    deployment.register(dataclasses.replace(table_inputs(SAMPLES)[0], schema=census, policy=audited))
    everybody = agency.query("SELECT COUNT(*) AS n FROM census", purpose="all", publish="public")
    assert everybody.values == {"n": len(ROWS)}
    with pytest.raises(DisclosureRefusedError):
        agency.query("SELECT COUNT(*) AS n FROM census WHERE NOT rare", purpose="all others", publish="public")
    adults = "SELECT COUNT(*) AS n FROM census WHERE NOT diabetic"
    healthy = sum(not row[1] for row in ROWS.values())
    assert MINIMUM < healthy < len(ROWS) - MINIMUM
    assert agency.query(adults, purpose="far enough apart", publish="public").values == {"n": healthy}


def test_the_ledger_takes_no_other_sum(agency: Tallystick, deployment: LocalDeployment) -> None:
    """A coordinator that publishes first, with a sum of its own."""
    asked = agency.compile(ALONE, publish=Publication.PUBLIC)
    salt = secrets.token_bytes(32)
    query_id = agency.ledger.studies.propose(
        asked.relation, nonce=secrets.randbits(64), sql_hash=question_hash(Publication.PUBLIC, salt, ALONE),
        purpose_hash=text_hash("purpose", salt, "why"),
    )  # fmt: skip
    with deployment.party_client(0, Role.COORDINATOR, "coordinator") as party:
        party.consider(party_pb2.ConsiderRequest(
            query_id=query_id, sql=ALONE, purpose="why", salt=salt, proposer="agency",
            tables=document_messages(agency._coordinator.tables()), publication=common_pb2.PUBLICATION_PUBLIC,
        ))  # fmt: skip
        encoded = party.prove(query_id, 1, lambda event: None)
    lie = (int.from_bytes(encoded[:32], "big") + 1).to_bytes(32, "big") + encoded[32:]
    publisher = LedgerPublisher(deployment.ledger_access("coordinator"))
    with pytest.raises(TransactionRevertedError):
        publisher.publish(query_id, lie)
    publisher.publish(query_id, encoded)
    assert verify_published(deployment.ledger_access(), query_id).public[0] == len(ROWS)


def test_a_result_meant_for_the_agency_is_not_taken_from_a_public_record(
    agency: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    query_id = agency.submit(ALONE, purpose="public", publish="public")
    list(agency.watch(query_id))
    honest = agency.study(query_id)
    with monkeypatch.context() as lying_coordinator:
        renamed = dataclasses.replace(honest, sql=ALONE.replace("AS a", "AS b"))
        lying_coordinator.setattr(agency._coordinator, "watch", lambda query_id: iter([renamed]))
        with pytest.raises(ResultRejectedError, match="not the question proposed"):
            agency.result(query_id)
    assert agency.result(query_id).values == SUMS


# --- one owner alone -------------------------------------------------------------------------------------------------


def test_one_owner_proves_public_numbers_alone(
    only_the_hospital: LocalDeployment, agency: Tallystick, tmp_path: Path
) -> None:
    with pytest.raises(PeerUnavailableError):
        _raise_as_ended(agency, lambda: agency.query(ALONE, purpose="for us"))
    result = agency.query(ALONE, purpose="everybody's", publish="public")
    assert result.values == SUMS
    assert (result.proof.sums, result.proof.release) == (None, 0)
    assert result.gas <= 245_000
    assert "alone" in result.stages_s
    regulator = only_the_hospital.ledger_access()
    found = verify_published(regulator, result.query_id)
    assert tuple(found.public.values()) == result.sums
    with pytest.raises(OpeningInvalidError, match="for everybody"):
        opening_of(regulator, result.query_id, result.opening)
    with pytest.raises(OpeningInvalidError, match="nothing to open"):
        verify_opening(regulator, opening_of(regulator, result.query_id, [RowOpening(0, SUMS["n"], (1, 2))]))
    bundle = agency.bundle(result)
    audit = audit_bundle(bundle)
    assert [str(output.value) for output in audit.outputs] == [str(value) for value in SUMS.values()]
    shown = run("verify", result.query_id.hex(), "--deployment", only_the_hospital.folder / "deployment.json",
                "--url", only_the_hospital.ledger_url)  # fmt: skip
    assert f"sum 0 = {SUMS['n']}, public" in shown
    with pytest.raises(ProofRejectedError, match="another proof"):
        LedgerPublisher(only_the_hospital.ledger_access("coordinator")).publish(
            result.query_id, encode_proof(dataclasses.replace(result.proof, constants=(0, *result.proof.constants[1:])))
        )


def test_one_owner_alone_hides_small_groups_and_refuses_small_counts(
    only_the_hospital: LocalDeployment, agency: Tallystick
) -> None:
    grouped = agency.query("SELECT rare, COUNT(*) AS n, SUM(age) AS a FROM clinic GROUP BY rare", purpose="public",
                           publish="public")  # fmt: skip
    common = [row for row in ROWS.values() if not row[2]]
    assert grouped.rows() == [
        {"rare": False, "n": len(common), "a": sum(row[0] for row in common)}, {"rare": True, "n": None, "a": None}
    ]  # fmt: skip
    assert grouped.proof.sums is not None
    for narrow in ("COUNT(*) AS n", "COUNT(*) AS n, SUM(CASE WHEN rare THEN age ELSE 0 END) AS a"):
        where = " WHERE rare" if "CASE" not in narrow else " WHERE rare AND age > 0"
        with pytest.raises(DisclosureRefusedError):
            agency.query(f"SELECT {narrow} FROM clinic{where}", purpose="too narrow", publish="public")
        newest = next(agency.studies(1))
        assert agency.ledger.studies.state(newest.query_id) is QueryState.REFUSED
    assert agency.query(ALONE, purpose="again", publish="public").values == SUMS


def test_one_owner_alone_keeps_dominance_rules(only_the_hospital: LocalDeployment, agency: Tallystick) -> None:
    result = agency.query("SELECT SUM(age) AS a FROM hospice", purpose="public", publish="public")
    assert result.values == {"a": SUMS["a"]}
    assert result.proof.sums is not None
    assert set(verify_published(only_the_hospital.ledger_access(), result.query_id).public) == {0, 1}
    assert audit_bundle(agency.bundle(result)).plan is not None
    with pytest.raises(DisclosureRefusedError):
        agency.query("SELECT SUM(CASE WHEN rare THEN age ELSE 0 END) AS a FROM hospice", purpose="two",
                     publish="public")  # fmt: skip


def _raise_as_ended(agency: Tallystick, ask: Callable[[], object]) -> None:
    """Run a question whose parties are gone; its study ends with the code of a party that does not answer."""
    from services.client_errors import QueryFailedError

    try:
        ask()
    except QueryFailedError as error:
        raise PeerUnavailableError(str(error)) from error
