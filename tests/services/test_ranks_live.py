"""Order statistics through real processes: asked by an agency, computed by three parties, labelled wherever shown; in
no log, not on the ledger; refused where a policy does not name them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from study_samples import MINIMUM, UNAUDITED, make_samples, table_input, table_inputs
from typer.testing import CliRunner

from ledger.studies import QueryState
from query.aggregates import Statistic
from query.errors import SqlUnsupportedError
from query.kinds import BoundedInteger
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema
from query.unproved import Unproved
from services.cli.main import app
from services.cli.query import _print_result
from services.client import Tallystick
from services.client_errors import QueryFailedError
from services.deployment import LocalDeployment
from services.errors import DisclosureRefusedError, RefusedError, RemoteError
from services.identity import Role

SAMPLES = make_samples()
ALLOWED = (Statistic.COUNT, Statistic.AVG, Statistic.MEDIAN, Statistic.MAX, Statistic.QUANTILE)
JOIN = "FROM hospital h JOIN laboratory l ON h.person = l.person"
SQL = f"SELECT COUNT(*) AS n, MEDIAN(h.age) AS m, MAX(l.sodium) AS top, AVG(h.age) AS mean {JOIN} WHERE l.sodium < 147"
ROWS = [(SAMPLES.hospital[i][0], sodium) for i, (_, sodium) in SAMPLES.laboratory.items()
        if i in SAMPLES.hospital and sodium < 147]  # fmt: skip


@pytest.fixture(scope="module")
def allowing(deployment: LocalDeployment) -> Iterator[None]:
    """Two owners that name order statistics; the policies of before are put back."""
    named = encode_policy(Policy(minimum_group=MINIMUM, statistics=ALLOWED, limits=UNAUDITED))
    before = table_inputs(SAMPLES)
    with (
        deployment.party_client(0, Role.OPERATOR, "operator") as hospital,
        deployment.party_client(1, Role.OPERATOR, "operator") as laboratory,
    ):
        hospital.set_policy("hospital", named)
        laboratory.set_policy("laboratory", named)
        yield
        hospital.set_policy("hospital", before[0].policy)
        laboratory.set_policy("laboratory", before[1].policy)


def cli(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_owners_answer_beside_proved_sums(
    agency: Tallystick, allowing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    stages: list[str] = []
    result = agency.query(SQL, purpose="ages", on_progress=lambda update: stages.extend(s for s, _ in update.stages))
    ages = [age for age, _ in ROWS]
    assert result.values == {
        "n": len(ROWS), "m": Unproved(float(statistics.median(ages))), "top": Unproved(max(s for _, s in ROWS)),
        "mean": sum(ages) / len(ages),
    }  # fmt: skip
    assert result.unproved == ("m", "top")
    assert result.guards == {}
    assert "ranks" in stages
    assert len(result.sums) == len(result.opening)
    _print_result(result)
    shown = capsys.readouterr().out
    assert f"n = {len(ROWS)}\n" in shown and "(UNPROVED)\n" in shown and "UNPROVED: m, top." in shown


def test_a_table_that_is_only_named_changes_nothing(agency: Tallystick, allowing: None) -> None:
    sql = "SELECT COUNT(*) AS n, MEDIAN(h.age) AS m FROM hospital h LEFT JOIN laboratory l ON h.person = l.person"
    ages = [age for age, *_ in SAMPLES.hospital.values()]
    found = agency.query(sql, purpose="everybody's age")
    assert found.values == {"n": len(ages), "m": Unproved(float(statistics.median(ages)))}
    assert {column.owner for column in found.plan.columns} == {"hospital"}


def test_a_single_owner_answers_through_all_three_parties(agency: Tallystick, allowing: None) -> None:
    sql = "SELECT PERCENTILE_DISC(0.9) WITHIN GROUP (ORDER BY hba1c) AS q FROM laboratory WHERE sodium > 120"
    known = sorted(h for h, sodium in SAMPLES.laboratory.values() if h is not None and sodium > 120)
    expected = Decimal(known[-(-len(known) * 9 // 10) - 1]).scaleb(-1)
    assert agency.query(sql, purpose="ninth decile").values == {"q": Unproved(expected)}


def test_an_owner_that_does_not_name_them_refuses(agency: Tallystick, allowing: None) -> None:
    for sql, table in ((f"SELECT MIN(h.age) AS a {JOIN}", "hospital"),
                       ("SELECT MAX(arrears) AS a FROM credit", "credit")):  # fmt: skip
        with pytest.raises(RefusedError, match=table) as refused:
            agency.query(sql, purpose="not named")
        assert refused.value.rule == "POLICY_STATISTIC"
    with pytest.raises(RefusedError, match="credit"):  # its column is only in the filter
        agency.query("SELECT MEDIAN(h.age) AS m FROM hospital h JOIN credit c ON h.person = c.person "
                     "WHERE c.arrears > 0", purpose="filter")  # fmt: skip
    with pytest.raises(SqlUnsupportedError, match="public"):
        agency.query("SELECT MEDIAN(age) AS m FROM hospital", purpose="public", publish="public")


def test_quantiles_by_name_carry_the_label(agency: Tallystick, allowing: None) -> None:
    report = agency.quantiles("hospital.age", points=("0.25", "0.5", "1"), where="hospital.diabetic", purpose="ages")
    ages = sorted(age for age, diabetic, *_ in SAMPLES.hospital.values() if diabetic)
    quarter, top = ages[-(-len(ages) // 4) - 1], ages[-1]
    (found,) = report.variables
    assert (found.n, found.values) == (
        len(ages), (Unproved(quarter), Unproved(float(statistics.median(ages))), Unproved(top)))  # fmt: skip
    assert f"{top} (UNPROVED)" in str(report) and "the proofs cover the counts n alone" in str(report)
    assert report.as_json()["variables"][0]["values"][2] == {"value": str(top), "proved": False}


def test_too_small_a_group_is_refused(agency: Tallystick, allowing: None) -> None:
    with pytest.raises(DisclosureRefusedError):
        agency.query("SELECT MEDIAN(age) AS m FROM hospital WHERE rare", purpose="two people")


def test_the_label_is_printed_and_a_bundle_says_what_it_does_not_cover(
    agency: Tallystick, allowing: None, deployment: LocalDeployment, tmp_path: Path
) -> None:
    config = ["--config", deployment.agency_config_path]
    bundle = tmp_path / "ranks.tally"
    asked = ["query", "run", SQL, "--purpose", "json", "--bundle", bundle, "--json", *config]
    answer = json.loads(cli(*asked))
    assert answer["unproved"] == ["m", "top"]
    assert answer["rows"][0]["top"] == {"value": str(max(s for _, s in ROWS)), "proved": False}
    assert answer["rows"][0]["n"] == str(len(ROWS))
    pinned = ["--srs", deployment.srs_path, "--deployment", deployment.folder / "deployment.json"]
    audited = json.loads(cli("verify", bundle, *pinned, "--json"))
    assert audited["verified"] and audited["sql_recompiled"]
    assert audited["unproved"] == ["m", "top"]
    assert any(text.startswith("m, top: UNPROVED") for text in audited["not_shown"])
    assert audited["result"][0]["n"] == str(len(ROWS)) and "UNPROVED" in audited["result"][0]["m"]
    assert "m, top: UNPROVED" in cli("verify", bundle, *pinned)
    explained = json.loads(cli("query", "explain", SQL, "--json", *config))
    assert explained["unproved"] == ["m", "top"] and explained["estimate"]["unproved"]["rounds"] > 0


@pytest.mark.slow  # restarts a party twice
def test_a_party_that_singles_a_person_out_gets_nothing(
    agency: Tallystick, allowing: None, deployment: LocalDeployment
) -> None:
    """Every attempt ends before anything is published, and the query fails; an honest party answers afterwards."""
    deployment.restart_party(1, module="tests.services.rank_liar")
    try:
        query_id = agency.submit(SQL, purpose="one person")
        with pytest.raises(QueryFailedError, match="proved counts") as failed:
            agency.result(query_id)
        assert failed.value.code == "CONTRIBUTION_REJECTED"
        assert agency.ledger.studies.state(query_id) is QueryState.FAILED
        with pytest.raises(RemoteError), deployment.party_client(0, Role.AGENCY, "agency") as party:
            party.release(query_id)
    finally:
        deployment.restart_party(1)
    assert agency.query(SQL, purpose="all of them").values["n"] == len(ROWS)


SECRET = 987_654_321_012_345
MARKERS = TableSchema(
    "markers", "bureau", "patients", "person", "a-ward", (ColumnSchema("marker", BoundedInteger(0, 1 << 50)),)
)


def test_the_result_stands_in_no_log_and_not_on_the_ledger(agency: Tallystick, deployment: LocalDeployment) -> None:
    """A value that cannot be met by chance is searched for in everything that every process wrote."""
    policy = Policy(minimum_group=MINIMUM, statistics=(Statistic.MAX, Statistic.COUNT), limits=UNAUDITED)
    deployment.register(table_input(2, MARKERS, policy, [(i, SECRET if i == 30 else 1000 + i) for i in range(40)]))
    result = agency.query("SELECT MAX(marker) AS a FROM markers", purpose="secret")
    assert result.values == {"a": Unproved(SECRET)}
    assert str(SECRET) not in repr(result.proof)
    patterns = [str(SECRET).encode(), f"{SECRET:x}".encode(), SECRET.to_bytes(7, "big"), SECRET.to_bytes(7, "little")]
    owners = deployment.folder / "party-2"
    looked = [path for path in deployment.folder.rglob("*") if path.is_file() and owners not in path.parents]
    assert any(path.suffix == ".log" for path in looked) and any(path.name.startswith("chain.db") for path in looked)
    for path in looked:
        content = path.read_bytes()
        assert not any(pattern in content for pattern in patterns), path
