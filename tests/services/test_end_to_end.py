"""Real processes on loopback: a ledger node, three parties with their provers, a coordinator, and an agency.

Every case of bad input ends in one typed error, and the next query works.
"""

from __future__ import annotations

import dataclasses
import statistics
from pathlib import Path

import pytest
from study_samples import LOG_ROWS, MINIMUM, make_samples, table_inputs

from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.studies import QueryState
from query.aggregates import Statistic
from query.errors import QueryError, SqlSyntaxError, SqlUnsupportedError, UnknownColumnError, UnknownTableError
from query.policy import Policy, encode_policy
from services.client import Tallystick
from services.client_errors import ApprovalPendingError, QueryCancelledError, QueryFailedError, ResultRejectedError
from services.config import TlsConfig
from services.coordinator.publishing import LedgerPublisher
from services.demo.rogue_coordinator import RogueCoordinator
from services.deployment import LocalDeployment
from services.errors import DisclosureRefusedError, RefusedError, RemoteError, RequestConflictError
from services.identity import DemoAuthority, Role
from services.party.client import PartyClient
from services.range_tables import table_proof
from services.results import combine_parts
from services.unavailable import PeerNotTrustedError
from services.verify import verify_published
from zk.errors import ProofRejectedError
from zk.pairing import G2_GENERATOR
from zk.proof import encode_proof
from zk.range_table import table_commitment
from zk.srs import load_srs

SAMPLES = make_samples()
COUNT = "SELECT COUNT(*) AS n FROM hospital"
JOIN = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def works(agency: Tallystick) -> None:
    """The next query works."""
    assert agency.query(COUNT, purpose="still there?").values == {"n": len(SAMPLES.hospital)}


# --- what should work ------------------------------------------------------------------------------------------------


def test_a_join_equals_the_plaintext_and_verifies_everywhere(agency: Tallystick, deployment: LocalDeployment) -> None:
    seen: list[str] = []
    result = agency.query(
        f"SELECT COUNT(*) AS n, AVG(h.age) AS age, COVAR_SAMP(h.age, l.hba1c) AS c {JOIN}",
        purpose="test",
        on_progress=lambda update: seen.append(update.state.value),
    )
    both = [i for i in SAMPLES.hospital if i in SAMPLES.laboratory]
    ages = {i: SAMPLES.hospital[i][0] for i in both}
    levels = {i: level for i in both if (level := SAMPLES.laboratory[i][0]) is not None}
    known = [ages[i] for i in levels]
    shifted = [level - 30 for level in levels.values()]
    products = sum(a * b for a, b in zip(known, shifted))
    assert result.sums == (len(both), sum(ages.values()), len(known), sum(known), sum(shifted), products)
    assert result.values["n"] == len(both)
    expected = statistics.covariance(known, [level / 10 for level in levels.values()])
    assert result.values["c"] == pytest.approx(expected, rel=1e-12)
    assert set(result.guards.values()) == {len(both), len(known)}
    assert seen[0] == "CONSIDERING"
    assert seen[-1] == "PUBLISHED"
    assert {"propose", "shares", "final", "publish", "verify", "release"} <= result.stages_s.keys()
    regulator = deployment.ledger_access()
    verified = verify_published(regulator, result.query_id)
    assert verified.proof == result.proof
    assert verified.published.tx_hash == result.tx
    assert result.query_id == verified.statement.subject


def test_a_joint_proof_of_four_columns_and_four_sums_is_published_within_its_gas(agency: Tallystick) -> None:
    for publish, guards, gas in (("counts", 1, 300_000), ("agency", 0, 315_000)):
        result = agency.query(f"SELECT COVAR_POP(h.age, l.sodium) AS c {JOIN}", purpose="gas", publish=publish)
        assert (len(result.plan.relation.registered), len(result.sums), len(result.guards)) == (4, 4, guards)
        assert result.gas <= gas


def test_relations_never_seen_before_verify_in_the_same_contracts(agency: Tallystick) -> None:
    one = agency.query("SELECT COUNT(*) AS n, VAR_POP(age) AS v, COUNT(diabetic) AS d, SUM(age) AS s FROM hospital "
                       "WHERE diabetic", purpose="one table")  # fmt: skip
    ages = [age for age, diabetic, _, _ in SAMPLES.hospital.values() if diabetic]
    assert one.values["s"] == sum(ages)
    assert one.values["v"] == pytest.approx(statistics.pvariance(ages), rel=1e-12)
    two = agency.query(f"SELECT SUM(h.age) AS a, SUM(l.sodium) AS s {JOIN} WHERE h.diabetic", purpose="two sides")
    both = [i for i, row in SAMPLES.hospital.items() if row[1] and i in SAMPLES.laboratory]
    assert two.values == {
        "a": sum(SAMPLES.hospital[i][0] for i in both),
        "s": sum(SAMPLES.laboratory[i][1] for i in both),
    }


def test_filters_and_groups_equal_the_plaintext_and_small_groups_stay_closed(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    """A range filter of one owner, groups of it, values of the other; one of the groups has too few rows."""
    sql = (f"SELECT h.rare, COUNT(*) AS n, SUM(l.sodium) AS s {JOIN} "
           "WHERE h.age >= 30 AND l.sodium BETWEEN 121 AND 149 GROUP BY h.rare")  # fmt: skip
    result = agency.query(sql, purpose="groups")
    chosen = [i for i, row in SAMPLES.hospital.items()
              if row[0] >= 30 and i in SAMPLES.laboratory and 121 <= SAMPLES.laboratory[i][1] <= 149]  # fmt: skip
    common = [i for i in chosen if not SAMPLES.hospital[i][2]]
    assert len(common) >= MINIMUM > len(chosen) - len(common)
    sodium = sum(SAMPLES.laboratory[i][1] for i in common)
    assert result.rows() == [{"rare": False, "n": len(common), "s": sodium}, {"rare": True, "n": None, "s": None}]
    assert result.values == {}
    assert result.plan.relation.hidden_guards and result.guards == {} and result.proof.rows == ()
    assert {opening.row for opening in result.opening if opening.value == len(common)} == {0}
    assert [opening.row for opening in result.opening] == [0, 2]
    verified = verify_published(deployment.ledger_access(), result.query_id)
    assert (verified.proof, verified.statement.minimum, verified.guards) == (result.proof, MINIMUM, {})
    again = agency.query(sql, purpose="groups", publish="counts")
    assert (again.rows(), again.guards) == (result.rows(), {0: len(common)})


def test_m9_the_range_table_stands_on_the_ledger_once_and_is_the_right_one(deployment: LocalDeployment) -> None:
    """The first registration put it there; whoever reads it checks it, and nobody can put another in its place."""
    reader, owner = deployment.ledger_access(), deployment.ledger_access("party-0")
    found = table_proof(reader, LOG_ROWS, LOG_ROWS)
    assert found.commitment == table_commitment(load_srs(deployment.srs_path), LOG_ROWS, LOG_ROWS)
    with pytest.raises(TransactionRevertedError):
        owner.registry.register_table(found)
    with pytest.raises(RecordInvalidError):
        table_proof(reader, LOG_ROWS, LOG_ROWS - 1)
    other = dataclasses.replace(reader, tau_g2=G2_GENERATOR)
    with pytest.raises(RecordInvalidError, match="false range table"):
        table_proof(other, LOG_ROWS, LOG_ROWS)


def test_m14_nothing_is_released_before_publication_nor_to_anybody_else(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    plan = agency.compile(COUNT)
    with RogueCoordinator(deployment) as rogue, deployment.party_client(1, Role.AGENCY, "agency") as client:
        statement = rogue.approved(agency, plan)
        query_id = statement.subject
        with pytest.raises(RemoteError, match="not published"):
            client.release(query_id)
        proof = rogue.proved(statement)
        with pytest.raises(RemoteError, match="not published"):  # the parts exist now, and stay where they are
            client.release(query_id)
        deployment.ledger_access("coordinator").studies.publish(statement, proof)
        with deployment.party_client(1, Role.AGENCY, "rival") as rival, pytest.raises(RemoteError, match="proposer"):
            rival.release(query_id)
        assert client.release(query_id).rows == (0,)


def test_m14_a_forged_part_is_rejected_and_the_true_ones_are_given_until_acknowledged(
    agency: Tallystick, deployment: LocalDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    query_id = agency.submit(COUNT, purpose="M14")
    assert [update.state.value for update in agency.watch(query_id)][-1] == "PUBLISHED"
    verified = verify_published(agency.ledger, query_id)
    clients = [deployment.party_client(n, Role.AGENCY, "agency") for n in range(3)]
    parts = [client.release(query_id) for client in clients]
    (opening,) = combine_parts(agency.ledger.tau_g2, verified, parts)
    assert opening.value == len(SAMPLES.hospital)
    lie = (int.from_bytes(parts[0].values, "big") ^ 1).to_bytes(32, "big")
    with pytest.raises(ResultRejectedError, match="not what the ledger's record seals"):
        combine_parts(agency.ledger.tau_g2, verified, [dataclasses.replace(parts[0], values=lie), *parts[1:]])
    with pytest.raises(ResultRejectedError):
        combine_parts(agency.ledger.tau_g2, verified, parts[:2])
    with pytest.raises(ResultRejectedError):
        combine_parts(agency.ledger.tau_g2, verified, [dataclasses.replace(parts[0], rows=()), *parts[1:]])
    renamed = dataclasses.replace(agency.study(query_id), sql="SELECT COUNT(*) AS deaths FROM hospital")
    with monkeypatch.context() as lying_coordinator:
        lying_coordinator.setattr(agency._coordinator, "watch", lambda query_id: iter([renamed]))
        with pytest.raises(ResultRejectedError, match="another SQL text"):
            agency.result(query_id)
    assert agency.result(query_id).values == {"n": len(SAMPLES.hospital)}
    with pytest.raises(RemoteError, match="RECORD_UNKNOWN"):
        clients[0].release(query_id)
    for client in clients:
        client.close()


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELEC COUNT(*) FROM hospital", QueryError),
        ("SELECT COUNT(* FROM hospital", SqlSyntaxError),
        ("SELECT MEDIAN(age + 1) FROM hospital", SqlUnsupportedError),
        ("SELECT COUNT(*) FROM hospitals", UnknownTableError),
        ("SELECT AVG(weight) FROM hospital", UnknownColumnError),
    ],
)
def test_a_question_that_cannot_be_asked_names_the_fault(agency: Tallystick, sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        agency.query(sql, purpose="test")


def test_a_request_id_continues_its_study_and_takes_no_other_body(agency: Tallystick) -> None:
    first = agency.query(COUNT, purpose="monthly", request_id="monthly-11")
    again = agency.submit(COUNT, purpose="monthly", request_id="monthly-11")
    assert again == first.query_id
    with pytest.raises(RequestConflictError):
        agency.query(f"SELECT SUM(h.age) AS a {JOIN}", purpose="monthly", request_id="monthly-11")
    works(agency)


def test_a_small_group_is_refused_without_saying_more(agency: Tallystick) -> None:
    with pytest.raises(DisclosureRefusedError) as refused:
        agency.query("SELECT SUM(age) AS a FROM hospital WHERE rare", purpose="too narrow")
    assert refused.value.rule == "DISCLOSURE"
    assert "2" not in str(refused.value)
    newest = next(agency.studies(1))
    assert newest.code == "DISCLOSURE"
    assert newest.attempts == 1
    assert agency.ledger.studies.state(newest.query_id) is QueryState.REFUSED
    works(agency)


def test_a_policy_refuses_by_its_rule(agency: Tallystick) -> None:
    with pytest.raises(RefusedError, match="systolic may not be aggregated") as refused:
        agency.query("SELECT AVG(systolic) AS s FROM hospital", purpose="hidden column")
    assert refused.value.rule == "POLICY_VALUE"
    works(agency)


def test_an_owner_that_has_not_approved_is_awaited_and_then_obeyed(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    sql = "SELECT SUM(arrears) AS s FROM credit"
    with pytest.raises(ApprovalPendingError) as pending:
        agency.query(sql, purpose="by hand")
    assert pending.value.owners == ("bureau",)
    works(agency)
    with deployment.party_client(2, Role.OPERATOR, "operator") as operator:
        (waiting,) = operator.pending()
        assert (waiting.query_id, waiting.sql, waiting.proposer) == (pending.value.query_id, sql, "agency")
        operator.decide(pending.value.query_id, approve=True)
        result = agency.result(pending.value.query_id, wait_for_approval_s=10.0)
        assert result.values == {"s": sum(arrears for (arrears,) in SAMPLES.credit.values())}
        with pytest.raises(ApprovalPendingError) as second:
            agency.query(sql, purpose="once more")
        operator.decide(second.value.query_id, approve=False)
        with pytest.raises(RefusedError):
            agency.result(second.value.query_id, wait_for_approval_s=10.0)
    with pytest.raises(ApprovalPendingError) as third:
        agency.query(sql, purpose="never mind")
    assert agency.cancel(third.value.query_id).state.value == "CANCELLED"
    assert agency.ledger.studies.state(third.value.query_id) is QueryState.CANCELLED
    with pytest.raises(QueryCancelledError):
        agency.result(third.value.query_id)


def test_m15_a_policy_changed_meanwhile_ends_what_was_proposed_under_the_old_one(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    sql = "SELECT COUNT(*) AS n, AVG(arrears) AS a FROM credit"
    with pytest.raises(ApprovalPendingError) as pending:
        agency.query(sql, purpose="before the change")
    strict = Policy(minimum_group=MINIMUM, statistics=(Statistic.COUNT,))
    with deployment.party_client(2, Role.OPERATOR, "operator") as operator:
        assert operator.set_policy("credit", encode_policy(strict)).startswith("0x")
        with pytest.raises(RemoteError, match="policy version"):
            operator.decide(pending.value.query_id, approve=True)
        agency.cancel(pending.value.query_id)
        with pytest.raises(RefusedError) as refused:
            agency.query(sql, purpose="after the change")
        assert refused.value.rule == "POLICY_STATISTIC"
        assert agency.query("SELECT COUNT(*) AS n FROM credit", purpose="allowed").values == {"n": len(SAMPLES.credit)}
        operator.set_policy("credit", encode_policy(Policy(minimum_group=MINIMUM, automatic=False)))
        with pytest.raises(RemoteError) as unknown:
            operator.withdraw("nothing")
        assert unknown.value.code == "RECORD_UNKNOWN"


def test_registrations_that_do_not_fit_are_refused_by_field(deployment: LocalDeployment) -> None:
    good = table_inputs(SAMPLES)[1]
    bad = [
        (dataclasses.replace(good, party=0), "schema.owner"),
        (dataclasses.replace(good, csv=b"row,hba1c\n1,5.0\n"), "header lacks sodium"),
        (dataclasses.replace(good, csv=b"row,hba1c,sodium\n1,5.01,130\n"), "row 1, column hba1c: more digits"),
        (dataclasses.replace(good, csv=b"row,hba1c,sodium\n"), "no row"),
        (dataclasses.replace(good, csv=b"\xff"), "not UTF-8"),
        (dataclasses.replace(good, policy=encode_policy(Policy(minimum_group=2))), "minimum_group"),
        (dataclasses.replace(good, schema=b"{}"), "schema"),
        (dataclasses.replace(good, log_rows=2), "log_rows"),
        (dataclasses.replace(good, log_rows=7), "SRS"),
    ]
    for table, fault in bad:
        with pytest.raises(RemoteError, match=fault) as refused:
            deployment.register(table)
        assert "5.01" not in refused.value.message


def test_a_wrong_certificate_gets_nowhere(agency: Tallystick, deployment: LocalDeployment, tmp_path: Path) -> None:
    stranger = TlsConfig.of(DemoAuthority.create().issue_files(tmp_path, Role.AGENCY, "agency"))
    foreign = deployment.agency_config.model_copy(update={"tls": stranger})
    with Tallystick.connect(foreign) as client, pytest.raises(PeerNotTrustedError):
        client.query(COUNT, purpose="foreign")
    query_id = agency.submit(COUNT, purpose="mine")
    assert [update.state.value for update in agency.watch(query_id)][-1] == "PUBLISHED"
    with deployment.party_client(0, Role.AGENCY, "other-agency") as other, pytest.raises(RemoteError) as refused:
        other.release(query_id)
    assert refused.value.code == "CALLER_REFUSED"
    with deployment.party_client(0, Role.AGENCY, "agency") as nosy, pytest.raises(RemoteError) as forbidden:
        nosy.pending()
    assert forbidden.value.code == "CALLER_REFUSED"
    posing = PartyClient(
        deployment.party_endpoint(0).model_copy(update={"name": "laboratory"}), deployment.tls(Role.AGENCY, "agency")
    )
    with posing, pytest.raises(PeerNotTrustedError):
        posing.tables()
    works(agency)


def test_a_truncated_or_replayed_proof_is_not_published(agency: Tallystick, deployment: LocalDeployment) -> None:
    first = agency.query(COUNT, purpose="to be replayed")
    publisher = LedgerPublisher(deployment.ledger_access("coordinator"))
    proof = encode_proof(first.proof)
    for wrong in (proof[:-32], proof[:-1], b"", proof + bytes(32)):
        with pytest.raises(ProofRejectedError, match="length"):
            publisher.publish(first.query_id, wrong)
    assert publisher.publish(first.query_id, proof)[0] == first.tx
    second = agency.query(COUNT, purpose="the same question again")
    with pytest.raises(ProofRejectedError, match="another proof"):
        publisher.publish(second.query_id, proof)
    with pytest.raises(RecordInvalidError):
        verify_published(deployment.ledger_access(), bytes(32))


def test_a_party_that_is_down_or_lies_stops_the_query_and_not_the_next(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    deployment.stop_party(2)
    with pytest.raises(QueryFailedError, match="bureau") as down:
        agency.query(COUNT, purpose="bureau is down")
    assert down.value.code == "PEER_UNAVAILABLE"
    deployment.start_party(2, module="services.demo.lying_party")
    with pytest.raises(QueryFailedError, match="nothing was released") as lie:
        agency.query(COUNT, purpose="bureau lies")
    assert lie.value.code == "CONTRIBUTION_REJECTED"
    newest = next(agency.studies(1))
    assert newest.attempts == 1
    assert newest.proof == b""
    assert agency.ledger.studies.state(newest.query_id) is QueryState.FAILED
    deployment.restart_party(2)
    works(agency)


def test_the_coordinator_keeps_its_studies_over_a_restart(agency: Tallystick, deployment: LocalDeployment) -> None:
    with pytest.raises(ApprovalPendingError) as pending:
        agency.query("SELECT COUNT(*) AS n FROM credit", purpose="over a restart")
    deployment.restart_coordinator()
    assert agency.study(pending.value.query_id).state.value == "CONSIDERING"
    with deployment.party_client(2, Role.OPERATOR, "operator") as operator:
        operator.decide(pending.value.query_id, approve=True)
    result = agency.result(pending.value.query_id, wait_for_approval_s=10.0)
    assert result.values == {"n": len(SAMPLES.credit)}
