"""The dialect through real processes: MOMENTS, UNION ALL, LEFT JOIN, clauses and parameters, with public proofs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from study_samples import LABORATORY, LOG_ROWS, MINIMUM, UNAUDITED, make_samples

from query.errors import ParameterInvalidError
from query.moments import MomentMatrix
from query.policy import Policy, encode_policy
from query.schema import encode_schema
from services.client import Tallystick
from services.deployment import LocalDeployment, TableInput
from services.errors import RequestConflictError
from services.verify import verify_published

SAMPLES = make_samples()
JOIN = "FROM hospital h JOIN laboratory l ON h.person = l.person"
CLINIC = replace(LABORATORY, name="branch", owner="bureau", cohort="other-cohort")
CLINIC_ROWS = [(Random(k).randrange(40, 120), Random(k + 99).randrange(120, 150)) for k in range(14)]


@pytest.fixture(scope="module")
def clinic(deployment: LocalDeployment) -> None:
    """A second table of the laboratory's schema, of another owner, about other people."""
    lines = "".join(f"{h // 10}.{h % 10},{s}\n" for h, s in CLINIC_ROWS)
    policy = encode_policy(Policy(minimum_group=MINIMUM, limits=UNAUDITED))
    table = TableInput(2, encode_schema(CLINIC), policy, f"hba1c,sodium\n{lines}".encode(), LOG_ROWS, "")
    deployment.register(table)


def test_moments_of_two_owners_equal_the_plaintext(agency: Tallystick, deployment: LocalDeployment) -> None:
    sql = f"SELECT MOMENTS(h.age, l.sodium, l.hba1c) AS m {JOIN} WHERE l.sodium > :least"
    result = agency.query(sql, {"least": 122}, purpose="regression")
    rows = [(SAMPLES.hospital[i][0], sodium, Fraction(hba1c, 10))
            for i, (hba1c, sodium) in SAMPLES.laboratory.items()
            if i in SAMPLES.hospital and hba1c is not None and sodium > 122]  # fmt: skip
    matrix = result.values["m"]
    assert isinstance(matrix, MomentMatrix)
    assert matrix.count == len(rows) >= MINIMUM + 10  # ten residual degrees of freedom are demanded of a model
    for i in range(3):
        assert matrix.total(i) == sum(row[i] for row in rows)
        assert [matrix.product(i, j) for j in range(3)] == [sum(row[i] * row[j] for row in rows) for j in range(3)]
    assert result.sql.endswith('PARAMETERS {"least": 122}')
    assert verify_published(deployment.ledger_access(), result.query_id).proof == result.proof


def test_a_union_of_two_owners_equals_the_plaintext(agency: Tallystick, clinic: None) -> None:
    sql = ("SELECT COUNT(*) AS n, SUM(sodium) AS s, COUNT(hba1c) AS h, AVG(hba1c) AS a "
           "FROM (SELECT * FROM laboratory UNION ALL SELECT * FROM branch) AS u WHERE u.sodium < 148")  # fmt: skip
    result = agency.query(sql, purpose="both laboratories")
    rows = [row for row in [*SAMPLES.laboratory.values(), *CLINIC_ROWS] if row[1] < 148]
    known = [hba1c for hba1c, _ in rows if hba1c is not None]
    assert result.values == {"n": len(rows), "s": sum(sodium for _, sodium in rows), "h": len(known),
                             "a": float(Fraction(sum(known), 10 * len(known)))}  # fmt: skip
    assert set(result.guards.values()) == {len(rows), len(known)}


def test_a_left_join_equals_the_plaintext(agency: Tallystick) -> None:
    sql = f"SELECT COUNT(*) AS n, COUNT(DISTINCT l.person) AS p, SUM(l.sodium) AS s {JOIN.replace('JOIN', 'LEFT JOIN')}"
    result = agency.query(sql, purpose="all patients")
    both = [i for i in SAMPLES.hospital if i in SAMPLES.laboratory]
    assert result.values == {
        "n": len(SAMPLES.hospital), "p": len(both), "s": sum(SAMPLES.laboratory[i][1] for i in both)}  # fmt: skip


def test_clauses_arrange_the_released_rows(agency: Tallystick) -> None:
    sql = "SELECT diabetic, COUNT(*) AS n FROM hospital GROUP BY diabetic HAVING n >= :least ORDER BY n DESC LIMIT 1"
    result = agency.query(sql, {"least": MINIMUM}, purpose="largest")
    counts = {flag: sum(row[1] == flag for row in SAMPLES.hospital.values()) for flag in (False, True)}
    largest = max(counts, key=lambda flag: counts[flag])
    assert result.rows() == [{"diabetic": largest, "n": counts[largest]}]


def test_parameters_belong_to_the_question(agency: Tallystick) -> None:
    sql = "SELECT COUNT(*) AS n FROM hospital WHERE age > :least"
    first = agency.submit(sql, {"least": 30}, purpose="one", request_id="parameters-1")
    assert agency.submit(sql, {"least": 30}, purpose="one", request_id="parameters-1") == first
    with pytest.raises(RequestConflictError):
        agency.submit(sql, {"least": 31}, purpose="one", request_id="parameters-1")
    assert agency.result(first).values == {"n": sum(row[0] > 30 for row in SAMPLES.hospital.values())}
    with pytest.raises(ParameterInvalidError, match="no value is given"):
        agency.query(sql, purpose="none")
    assert "hospital" in agency.explain(sql, {"least": 3})
