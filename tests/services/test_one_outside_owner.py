"""A fourth member beside the three: it owns a table, holds no shares, and is needed only for questions about its table
(docs/adr/0026). Five members, and more of what can go wrong: test_outside_owners.py."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

for folder in ("query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from outside_scene import HOSPITAL, PHARMACY, Scene, check_answer  # noqa: E402
from study_samples import MINIMUM  # noqa: E402

from ledger.studies import QueryState  # noqa: E402
from proto.v1 import party_pb2  # noqa: E402
from query.publication import Publication  # noqa: E402
from services.client import Tallystick  # noqa: E402
from services.client_errors import QueryFailedError  # noqa: E402
from services.deployment import LocalDeployment  # noqa: E402
from services.directory import question_hash, text_hash  # noqa: E402
from services.errors import DisclosureRefusedError, RefusedError, RemoteError  # noqa: E402
from services.identity import Role  # noqa: E402
from services.party.client import document_messages  # noqa: E402
from services.party.verdict import Verdict  # noqa: E402
from services.verify import verify_published  # noqa: E402

JOIN = "FROM patients p JOIN drugs d ON p.person = d.person"
COUNT = f"SELECT COUNT(*) AS n {JOIN}"


@pytest.fixture(scope="module")
def scene(deployment: LocalDeployment) -> Scene:
    """A table of the hospital and one of the pharmacy, registered."""
    made = Scene()
    for table in made.tables("patients", "drugs"):
        assert deployment.register(table).version == 1
    return made


def test_a_join_with_its_table_is_answered_as_the_pooled_rows_answer_it(
    agency: Tallystick, deployment: LocalDeployment, scene: Scene
) -> None:
    sql = f"SELECT p.diabetic, COUNT(*) AS n, SUM(d.cost) AS s, AVG(p.age) AS a {JOIN} WHERE d.cost > 1500 " \
          "GROUP BY p.diabetic"  # fmt: skip
    query_id = check_answer(agency, scene, sql)
    verified = verify_published(deployment.ledger_access(), query_id)
    assert verified.query.relation.hidden_guards
    assert verified.guards == {}


def test_its_public_numbers_need_nobody_else(agency: Tallystick, deployment: LocalDeployment, scene: Scene) -> None:
    deployment.stop_party(1)
    try:
        check_answer(agency, scene, "SELECT COUNT(*) AS n, SUM(cost) AS s FROM drugs", Publication.PUBLIC)
    finally:
        deployment.start_party(1)


def test_its_policy_and_its_data_refuse_on_the_ledger(
    agency: Tallystick, deployment: LocalDeployment, scene: Scene
) -> None:
    query_id = agency.submit(f"SELECT SUM(d.margin) AS s {JOIN}", purpose="what does it earn?")
    with pytest.raises(RefusedError, match="margin"):
        agency.result(query_id)
    assert deployment.ledger_access().studies.state(query_id) is QueryState.REFUSED
    few = "SELECT COUNT(*) AS n FROM drugs WHERE cost > 8500"
    assert 0 < scene.count(few) < MINIMUM
    query_id = agency.submit(few, purpose="a few people")
    with pytest.raises(DisclosureRefusedError):
        agency.result(query_id)
    assert deployment.ledger_access().studies.state(query_id) is QueryState.REFUSED


def test_it_has_no_part_of_a_result_and_proves_nothing_that_does_not_concern_it(
    agency: Tallystick, deployment: LocalDeployment, scene: Scene
) -> None:
    result = agency.query(COUNT, purpose="parts")
    with deployment.party_client(PHARMACY, Role.AGENCY, "agency") as owner, pytest.raises(RemoteError) as nothing:
        owner.release(result.query_id)
    assert nothing.value.code == "RECORD_UNKNOWN"
    sql, salt = "SELECT COUNT(*) AS n FROM patients", secrets.token_bytes(32)
    query_id = agency.ledger.studies.propose(
        agency.compile(sql).relation, nonce=secrets.randbits(64), purpose_hash=text_hash("purpose", salt, "why"),
        sql_hash=question_hash(Publication.AGENCY, salt, sql),
    )  # fmt: skip
    request = party_pb2.ConsiderRequest(
        query_id=query_id, sql=sql, purpose="why", salt=salt, proposer="agency",
        tables=document_messages(agency._coordinator.tables()),
    )  # fmt: skip
    clients = [deployment.party_client(number, Role.COORDINATOR, "coordinator") for number in (HOSPITAL, PHARMACY)]
    assert [client.consider(request) for client in clients] == [Verdict.APPROVED, Verdict.ACKNOWLEDGED]
    with pytest.raises(RemoteError) as unconcerned:
        clients[1].prove(query_id, 1, lambda event: None)
    assert unconcerned.value.code == "STATE_CONFLICT"
    for client in clients:
        client.close()


@pytest.mark.slow
def test_it_is_missed_only_where_it_is_concerned(
    agency: Tallystick, deployment: LocalDeployment, scene: Scene
) -> None:
    deployment.stop_party(PHARMACY)
    try:
        check_answer(agency, scene, "SELECT COUNT(*) AS n, SUM(age) AS s FROM patients")
        with pytest.raises(QueryFailedError, match="pharmacy") as failed:
            agency.query(COUNT, purpose="nobody there")
        assert failed.value.code == "PEER_UNAVAILABLE"
        check_answer(agency, scene, "SELECT COUNT(*) AS n, SUM(age) AS s FROM patients")
    finally:
        deployment.start_party(PHARMACY)
    check_answer(agency, scene, COUNT)
