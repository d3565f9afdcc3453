"""Parts of values have counts of their own: a CASE, or a product with a boolean, is no way around the minimum group."""

from __future__ import annotations

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.audit.columns import domains_of
from query.audit.differencing import Released, find_gaps
from query.directory import Directory
from query.errors import SqlUnsupportedError
from query.plan import Plan, compile_question

DIRECTORY = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])
JOINED = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def plan(sql: str) -> Plan:
    return compile_question(sql, DIRECTORY)


def guards(sql: str) -> int:
    return len(set(plan(sql).relation.guards))


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("SELECT SUM(age) FROM hospital", 1),
        ("SELECT SUM(2 * age + 3) FROM hospital", 1),
        ("SELECT SUM(CASE WHEN age = 97 THEN balance ELSE 0 END) FROM hospital", 2),
        ("SELECT SUM(CASE WHEN age = 97 THEN 1000 ELSE 0 END) FROM hospital", 2),
        ("SELECT SUM(CASE WHEN age = 97 THEN balance ELSE 1 END) FROM hospital", 2),  # the others: all less these
        ("SELECT SUM(2 * age - CASE WHEN age = 97 THEN age ELSE 0 END) FROM hospital", 2),
        ("SELECT SUM(age * diabetic) FROM hospital", 2),
        (f"SELECT SUM(h.diabetic * l.chol) {JOINED}", 2),
        (f"SELECT SUM(h.diabetic * l.abnormal) {JOINED}", 3),
        ("SELECT VAR_POP(CASE WHEN age = 97 THEN age ELSE 0 END) FROM hospital", 2),
        ("SELECT SUM(CASE WHEN age < 20 THEN 1 WHEN age < 40 THEN 2 ELSE 3 END) FROM hospital", 4),
        ("SELECT AVG(WIDTH_BUCKET(age, 97, 99, 2)) FROM hospital", 4),
        # counted by the statistic itself
        ("SELECT SUM(CASE WHEN age = 97 THEN balance END) FROM hospital", 1),
        ("SELECT SUM(CASE WHEN age = 97 THEN 2 * age + balance END) FROM hospital", 1),
        ("SELECT AVG(diabetic) FROM hospital", 2),
        ("SELECT SUM(CASE WHEN age = 97 THEN 1 ELSE 0 END) FROM hospital", 2),
        # but not what is inside
        ("SELECT SUM(CASE WHEN age > 60 THEN age * diabetic END) FROM hospital", 2),
        ("SELECT SUM(CASE WHEN age > 60 THEN CASE WHEN diabetic THEN age ELSE 0 END END) FROM hospital", 2),
    ],
)
def test_every_part_of_a_value_is_counted(sql: str, counts: int) -> None:
    assert guards(sql) == counts


def test_products_of_parts_are_counted() -> None:
    """Each group may be large, and one person be in both."""
    older, diabetic = "CASE WHEN h.age > 60 THEN h.age ELSE 0 END", "CASE WHEN h.diabetic THEN l.chol ELSE 0 END"
    value = "CASE WHEN l.abnormal THEN l.chol ELSE 0 END"
    assert guards(f"SELECT COVAR_POP({older}, {value}) {JOINED}") == 4
    with pytest.raises(SqlUnsupportedError, match="CASE over two tables"):
        plan(f"SELECT COVAR_POP({older}, {diabetic}) {JOINED}")


def test_branches_that_exclude_each_other_have_no_common_count() -> None:
    """It would be 0, and nothing could ever be released beside it."""
    value = "CASE WHEN age < 40 THEN age ELSE 2 * age END"
    assert guards(f"SELECT VAR_POP({value}) FROM hospital") == 2
    tiers = "CASE WHEN age < 20 THEN 1 WHEN age < 40 THEN 2 ELSE 3 END"
    assert guards(f"SELECT VAR_POP({tiers}) FROM hospital") == 4


@pytest.mark.parametrize(
    "value", ["CASE WHEN age < 40 THEN 2 * age ELSE 3 * age END", "CASE WHEN age < 40 THEN 5 ELSE 7 END"]
)
def test_numbers_before_a_value_make_parts_of_it(value: str) -> None:
    """With everybody's sum, which another question gives, each part's follows."""
    assert guards(f"SELECT SUM({value}) FROM hospital") == 2


def test_the_auditor_sees_the_parts() -> None:
    """Those below 98, after those below 97."""
    first = plan("SELECT SUM(CASE WHEN age < 97 THEN age ELSE 0 END) FROM hospital")
    second = plan("SELECT SUM(age) FROM hospital WHERE age < 98")
    asked = [Released(bytes([k]) * 32, p.relation, tuple(sorted(set(p.relation.guards)))) for k, p in
             enumerate((first, second), 1)]
    gaps = find_gaps(asked[:1], asked[1], domains_of(registered(HOSPITAL, 1).dataset, HOSPITAL))
    assert gaps
    assert {term.query_id for gap in gaps for _, term in gap.terms} == {asked[0].query_id, asked[1].query_id}
