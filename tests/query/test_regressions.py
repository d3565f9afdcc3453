"""The smallest group beside second moments: ten residual degrees of freedom for every model they determine."""

from __future__ import annotations

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.audit.regressions import smallest_groups
from query.directory import Directory
from query.plan import compile_question
from zk.relation import Relation

JOINED = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def relation(sql: str) -> Relation:
    return compile_question(sql, Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])).relation


@pytest.mark.parametrize(
    ("sql", "smallest"),
    [
        ("SELECT COUNT(*), AVG(age), VAR_SAMP(age) FROM hospital", 5),
        (f"SELECT CORR(h.age, l.chol) {JOINED}", 5),
        (f"SELECT MOMENTS(h.age, h.balance, l.chol) {JOINED}", 13),
        (f"SELECT MOMENTS(h.age, h.balance, h.bmi, l.chol, l.hba1c) {JOINED}", 15),
    ],
)
def test_models_need_ten_residual_degrees_of_freedom(sql: str, smallest: int) -> None:
    assert smallest_groups(relation(sql), 5) == (smallest,)
    assert smallest_groups(relation(sql), 40) == (40,)


def test_models_asked_for_in_pieces_count_as_one() -> None:
    """All second moments of three numbers that are never null, one by one: they stand under one guard."""
    pieces = ("VAR_POP(h.age)", "COVAR_POP(h.age, l.chol)", "VAR_POP(l.chol)", "COVAR_POP(h.age, h.age * h.age)",
              "VAR_POP(h.age * h.age)", "COVAR_POP(h.age * h.age, l.chol)")  # fmt: skip
    assert smallest_groups(relation(f"SELECT {', '.join(pieces[:3])} {JOINED}"), 5) == (5,)
    assert smallest_groups(relation(f"SELECT {', '.join(pieces)} {JOINED}"), 5) == (13,)


def test_an_indicator_among_the_predictors_keeps_the_minimum_group() -> None:
    """Its rows have few sums of their own, so that ten more are demanded of the others alone."""
    found = relation(f"SELECT MOMENTS(h.age, h.diabetic, h.balance, l.chol) {JOINED}")
    least = smallest_groups(found, 5)
    assert least[0] == 13
    assert set(least[1:]) == {5}
