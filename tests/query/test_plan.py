"""What the compiler proves: sums, guards, masks, bounds, and what it says about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.directory import Directory, RegisteredTable
from query.errors import BoundExceededError, DirectoryInvalidError, UnknownTableError
from query.explain import explain_plan
from query.plan import SUM_LIMIT, Plan, check_bound, compile_question
from query.policy import Policy
from query.publication import Publication
from zk.decoding import decode_relation
from zk.encoding import encode_relation, relation_hash

J = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def names(plan: Plan) -> list[str]:
    return [spec.name for spec in plan.sums]


MASKS = {
    "SELECT COUNT(*) FROM hospital": ["hospital.present"],
    "SELECT COUNT(*) FROM hospital WHERE diabetic AND diabetic": ["hospital.diabetic"],
    "SELECT COUNT(*) FROM hospital WHERE smoker": ["hospital.smoker"],  # null is not true, and smoker implies known
    "SELECT COUNT(smoker) FROM hospital": ["hospital.smoker__known"],
    "SELECT COUNT(region) FROM hospital WHERE diabetic": ["hospital.diabetic*hospital.region__known"],
    "SELECT SUM(age) FROM hospital": ["hospital.present", "hospital.age"],
    "SELECT SUM(bmi) FROM hospital": ["hospital.bmi__known", "hospital.bmi"],
    "SELECT VAR_POP(age), AVG(age), COUNT(*) FROM hospital": [
        "hospital.present",
        "hospital.age",
        "hospital.age*hospital.age",
    ],
    "SELECT COVAR_POP(age, bmi) FROM hospital": [
        "hospital.bmi__known",
        "hospital.bmi__known*hospital.age",
        "hospital.bmi",
        "hospital.age*hospital.bmi",
    ],
    f"SELECT COUNT(*) {J}": ["hospital.present*laboratory.present"],
    f"SELECT SUM(age) {J} WHERE diabetic": [
        "hospital.diabetic*laboratory.present",
        "hospital.diabetic*hospital.age*laboratory.present",
    ],
    f"SELECT COVAR_SAMP(age, chol) {J}": [
        "hospital.present*laboratory.present",
        "hospital.age*laboratory.present",
        "hospital.present*laboratory.chol",
        "hospital.age*laboratory.chol",
    ],
    # a boolean's sum counts rows, so it is a guard and subject to the minimum group
    "SELECT AVG(diabetic) FROM hospital": ["hospital.present", "hospital.diabetic"],
}


@pytest.mark.parametrize(("sql", "expected"), MASKS.items(), ids=list(MASKS))
def test_masks_are_simplified(sql: str, expected: list[str], directory: Directory) -> None:
    assert names(compile_question(sql, directory)) == expected


def test_every_sum_is_guarded_by_the_count_of_its_rows(directory: Directory) -> None:
    plan = compile_question(
        f"SELECT CORR(bmi, chol), CORR(age, abnormal), AVG(smoker), COUNT(*) {J} WHERE diabetic", directory
    )
    guards = {spec.name: plan.sums[spec.guard].name for spec in plan.sums}
    assert (
        guards["hospital.diabetic*hospital.bmi*laboratory.chol"]
        == "hospital.bmi__known*hospital.diabetic*laboratory.present"
    )
    assert guards["hospital.diabetic*hospital.age*laboratory.abnormal"] == "hospital.diabetic*laboratory.abnormal"
    assert (
        guards["hospital.diabetic*hospital.smoker*laboratory.present"]
        == "hospital.diabetic*hospital.smoker*laboratory.present"
    )
    assert tuple(spec.guard for spec in plan.sums) == plan.relation.guards


def test_no_form_multiplies_more_than_one_part_of_each_owner(directory: Directory) -> None:
    plan = compile_question(f"SELECT CORR(bmi, hba1c), VAR_SAMP(age) {J} WHERE diabetic AND abnormal", directory)
    relation = plan.relation
    owners: dict[int, set[int]] = {0: set()}
    for index, column in enumerate(relation.registered, start=1):
        owners[index] = {column.dataset}
    for index in relation.witness_indices():
        owners[index] = set().union(*(owners[t.left] | owners[t.right] for t in relation.definition(index)))
        assert len(owners[index]) == 1  # every part is one owner's own
    assert all(len(form) == 1 for form in relation.sum_forms)


def test_columns_name_what_to_bring(directory: Directory) -> None:
    plan = compile_question(f"SELECT SUM(bmi) {J} WHERE abnormal", directory)
    assert [(c.owner, c.table, c.name) for c in plan.columns] == [
        ("st-anne", "hospital", "bmi__known"),
        ("biolab", "laboratory", "abnormal"),
        ("st-anne", "hospital", "bmi"),
    ]
    assert [c.registered for c in plan.columns] == list(plan.relation.registered)
    assert [(use.table, use.values, use.filters, use.partners) for use in plan.uses] == [
        ("hospital", ("bmi",), (), ("biolab",)),
        ("laboratory", (), ("abnormal",), ("st-anne",)),
    ]


def test_the_same_question_has_the_same_identity_and_another_has_not(directory: Directory) -> None:
    sql = f"SELECT AVG(bmi) {J} WHERE abnormal"
    first, again = (compile_question(text, directory) for text in (sql, sql.replace(" WHERE", "\n -- so\n where")))
    assert relation_hash(first.relation) == relation_hash(again.relation)
    assert decode_relation(encode_relation(first.relation)) == first.relation
    newer = Directory([registered(HOSPITAL, 1, version=2), registered(LABORATORY, 2)])
    assert relation_hash(compile_question(sql, newer).relation) != relation_hash(first.relation)
    other = compile_question(f"SELECT AVG(bmi) {J} WHERE diabetic", directory)
    assert relation_hash(other.relation) != relation_hash(first.relation)


def test_bounds_are_exact_and_refused_when_they_could_wrap(directory: Directory) -> None:
    plan = compile_question("SELECT VAR_POP(balance) FROM hospital", directory)
    assert [spec.bound for spec in plan.sums] == [64, 64 * 2 * 10**9, 64 * (2 * 10**9) ** 2]
    check_bound("x", SUM_LIMIT - 1)
    with pytest.raises(BoundExceededError, match="bits"):
        check_bound("x", SUM_LIMIT)


def test_the_largest_minimum_group_decides() -> None:
    tables = [registered(HOSPITAL, 1, minimum_group=12), registered(LABORATORY, 2, policy=Policy(minimum_group=20))]
    assert compile_question(f"SELECT COUNT(*) {J}", Directory(tables)).minimum_group == 20
    assert compile_question("SELECT COUNT(*) FROM hospital", Directory(tables)).minimum_group == 12
    assert compile_question(f"SELECT COUNT(*) {J}", Directory(tables), 30).minimum_group == 30


def test_disclosures_are_plain_and_complete(directory: Directory) -> None:
    plan = compile_question(f"SELECT CORR(age, chol) {J} WHERE smoker", directory)
    rows = "patients in hospital and in laboratory where hospital.smoker"
    assert plan.disclosures == (
        f"the number of {rows}: to the agency alone, and only if at least 10, which is proved to everyone",
        f"the sum of hospital.age over {rows}: to the agency alone",
        f"the sum of laboratory.chol over {rows}: to the agency alone",
        f"the sum of squares of hospital.age over {rows}: to the agency alone",
        f"the sum of squares of laboratory.chol over {rows}: to the agency alone",
        f"the sum of products of hospital.age and laboratory.chol over {rows}: to the agency alone",
    )
    known = compile_question("SELECT SUM(bmi) FROM hospital", directory)
    assert known.disclosures[0].startswith("the number of patients in hospital where hospital.bmi is known: to the")


def test_explain_names_everything(directory: Directory) -> None:
    plan = compile_question(f"SELECT AVG(age) AS mean {J}", directory)
    text = explain_plan(plan)
    for part in (
        "hospital of st-anne",
        "laboratory.present",
        "mean: AVG",
        "is its own guard",
        "guarded by sum 0",
        *plan.disclosures,
    ):
        assert part in text


def test_directory_refuses_what_does_not_fit(directory: Directory) -> None:
    with pytest.raises(UnknownTableError):
        directory.table("clinic")
    assert directory.table("hospital").owner == "st-anne"
    for changes in ({"dataset": -1}, {"version": 1 << 32}, {"log_rows": 2}, {"rows": 65}, {"minimum_group": 1}):
        with pytest.raises(DirectoryInvalidError):
            registered(HOSPITAL, **({"dataset": 1} | changes))
    twice: list[list[RegisteredTable]] = [
        [registered(HOSPITAL, 1), registered(HOSPITAL, 2)],
        [registered(HOSPITAL, 1), registered(LABORATORY, 1)],
    ]
    for tables in twice:
        with pytest.raises(DirectoryInvalidError):
            Directory(tables)


def test_guards_are_hidden_unless_the_agency_wants_them_opened_or_they_do_not_fit(directory: Directory) -> None:
    sql = f"SELECT AVG(age) {J}"
    hidden = compile_question(sql, directory)
    counts = compile_question(sql, directory, publication=Publication.COUNTS)
    public = compile_question(sql, directory, publication=Publication.PUBLIC)
    assert [plan.relation.hidden_guards for plan in (hidden, counts, public)] == [True, False, False]
    assert replace(hidden.relation, hidden_guards=False, opened=counts.relation.opened) == counts.relation
    assert hidden.sums == counts.sums
    assert counts.disclosures[0].endswith("opened on the ledger, where everyone sees it, and only if at least 10")
    assert "guards     hidden: proved to count at least 10 rows, and not opened" in explain_plan(hidden)
    assert "guards     opened on the ledger\n" in explain_plan(counts) and "\nguards     opened" in explain_plan(public)
    small = Directory([registered(HOSPITAL, 1, log_rows=4, rows=10), registered(LABORATORY, 2, log_rows=4, rows=10)])
    unfit = compile_question(sql, small)
    assert not unfit.relation.hidden_guards
    assert "guards     opened on the ledger: to be hidden they need more rows" in explain_plan(unfit)
    assert not compile_question(sql, directory, (1 << hidden.relation.log_rows) + 1).relation.hidden_guards
