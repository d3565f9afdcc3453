"""The differencing auditor against generated pairs of questions and against published attacks, on real rows."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from query_oracle import Integers, evaluate_relation
from query_tables import registered

from query.audit.columns import domains_of
from query.audit.differencing import Gap, Released, find_gaps
from query.audit.membership import guard_rows
from query.directory import Directory, RegisteredTable
from query.kinds import Boolean, BoundedInteger, Category
from query.plan import compile_question
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema, physical_columns
from zk.relation import Relation

K = 10
CLINIC = TableSchema("clinic", "st-anne", "patients", "person", "city", (
    ColumnSchema("age", BoundedInteger(0, 99)),
    ColumnSchema("pulse", BoundedInteger(30, 200), nullable=True),
    ColumnSchema("smoker", Boolean()),
    ColumnSchema("ward", Category(("a", "b", "c"))),
))
BANK = TableSchema("bank", "credit", "clients", "person", "city", (
    ColumnSchema("arrears", BoundedInteger(0, 1000)), ColumnSchema("late", Boolean())))
TABLES = (registered(CLINIC, 1, log_rows=8), registered(BANK, 2, log_rows=8))
DOMAINS = domains_of(1, CLINIC) | domains_of(2, BANK)


@dataclass
class City:
    """Rows of both tables, and an owner's side that answers or refuses as the parties would, on plaintext."""

    rng: Random

    def __post_init__(self) -> None:
        rng, self.people = self.rng, 200
        self.history: list[Released] = []
        self.counts: dict[tuple[bytes, int], int] = {}
        self.columns: dict[tuple[int, int], Integers] = {}
        clinic = [None if rng.random() < 0.15 and row else {
            "age": int(rng.triangular(0, 99, 45)), "pulse": None if rng.random() < 0.1 else rng.randint(30, 200),
            "smoker": rng.random() < 0.3, "ward": "c" if row % 40 == 0 else rng.choice("ab"),
        } for row in range(self.people)]
        bank = [None if rng.random() < 0.3 else {"arrears": rng.randint(0, 1000), "late": rng.random() < 0.4}
                for _ in range(self.people)]
        for table, records in zip(TABLES, (clinic, bank), strict=True):
            self._encode(table, records)

    def _encode(self, table: RegisteredTable, records: list) -> None:
        encoded = encode_rows(table.schema, records, table.log_rows)
        for place, column in enumerate(physical_columns(table.schema)):
            self.columns[table.dataset, place] = encoded[column.name]

    def rows_of(self, relation: Relation) -> dict[int, int]:
        inputs = [self.columns[column.dataset, column.column] for column in relation.registered]
        return dict(enumerate(evaluate_relation(relation, inputs).sums))

    def ask(self, sql: str, directory: Directory | None = None) -> bool:
        """Whether anything is released."""
        relation = compile_question(sql, directory or Directory(TABLES)).relation
        query_id = len(self.history).to_bytes(32, "big")
        sums = self.rows_of(relation)
        kept = tuple(row for row in guard_rows(relation) if sums[row] >= K)
        if not kept:
            return False
        asked = Released(query_id, relation, kept)
        gaps = find_gaps(self.history, asked, DOMAINS)
        new = {(query_id, row): sums[row] for row in kept}
        if any(gap.closed_by(self._value(gap, new), K) for gap in gaps):
            return False
        self.history.append(asked)
        self.counts |= new
        return True

    def _value(self, gap: Gap, new: dict[tuple[bytes, int], int]) -> int:
        known = self.counts | new
        return sum(c * known[guard.query_id, guard.row] for c, guard in gap.terms)

    def count(self, sql: str) -> int:
        relation = compile_question(sql, Directory(TABLES)).relation
        return self.rows_of(relation)[0]


@pytest.fixture
def city(rng: Random) -> City:
    return City(rng)


def _where(*conditions: str) -> str:
    kept = [condition for condition in conditions if condition]
    return "SELECT COUNT(*) FROM clinic" + (f" WHERE {' AND '.join(kept)}" if kept else "")


def _pairs(rng: Random) -> tuple[str, str, str]:
    """Two questions, and a third that counts the people by whom they differ; one contains the other."""
    t, u = sorted(rng.sample(range(5, 95), 2))
    base = rng.choice(["", "smoker", "ward = 'a'", "pulse > 80", "NOT smoker AND pulse IS NOT NULL"])
    kind = rng.randrange(6)
    if kind == 0:
        return _where(base, f"age >= {t}"), _where(base, f"age >= {u}"), _where(base, f"age >= {t}", f"age < {u}")
    if kind == 1:
        return _where(base), _where(base, f"age <> {t}"), _where(base, f"age = {t}")
    if kind == 2:
        return _where(base), _where(base, f"NOT (age BETWEEN {t} AND {u})"), _where(base, f"age BETWEEN {t} AND {u}")
    if kind == 3:
        return _where("ward IN ('a', 'b', 'c')"), _where("ward <> 'c'"), _where("ward = 'c'")
    if kind == 4:
        lo, hi = f"age >= {t} OR smoker", f"age >= {u} OR smoker"
        return _where(f"({lo})"), _where(f"({hi})"), _where(f"age >= {t}", f"age < {u}", "NOT smoker")
    return (_where(base, "(pulse IS NULL OR pulse IS NOT NULL)"),
            _where(base, f"(age + age >= {2 * t})"), _where(base, f"age < {t}"))


@pytest.mark.parametrize("turn", range(10))
def test_of_a_thousand_close_pairs_none_is_released_together(rng: Random, turn: int) -> None:
    city, close, both, far = City(rng), 0, 0, 0
    while close < 100:
        first, second, between = _pairs(rng)
        people = city.count(between)
        questions = [first, second] if rng.random() < 0.5 else [second, first]
        city.history, city.counts = [], {}
        answered = [city.ask(question) for question in questions]
        if 0 < people < K:
            close += 1
            both += all(answered)
        elif all(answered):
            far += 1
    assert both == 0
    assert far > 0, "pairs that differ by enough people are answered"


def test_ranges_that_slide_are_not_released_together(city: City) -> None:
    assert city.ask(_where("age BETWEEN 30 AND 60"))
    first, second = city.count(_where("age = 30")), city.count(_where("age = 61"))
    assert first + second < K
    assert not city.ask(_where("age BETWEEN 31 AND 61"))
    assert city.ask(_where("age BETWEEN 61 AND 99"))


def test_unrelated_groups_are_released(city: City) -> None:
    for question in (_where(), _where("smoker"), _where("ward = 'a'"), _where("age >= 50"), _where("pulse > 100")):
        assert city.ask(question), question


def test_repeating_a_question_is_no_gap(city: City) -> None:
    assert city.ask(_where("age >= 40"))
    assert city.ask(_where("age + 1 >= 41")), "another text for the same people"


def test_the_complement_attack_is_refused(city: City) -> None:
    assert 0 < city.count(_where("ward = 'c'")) < K
    assert city.ask(_where())
    assert not city.ask(_where("NOT ward = 'c'"))


def test_the_margin_of_a_suppressed_cell_is_refused(city: City) -> None:
    assert city.ask("SELECT ward, COUNT(*) FROM clinic GROUP BY ward")
    assert len(city.history[0].guards) == 2, "the third ward is suppressed"
    assert not city.ask(_where())


def test_cells_are_refused_after_their_margin(city: City) -> None:
    assert city.ask(_where())
    assert not city.ask("SELECT ward, COUNT(*) FROM clinic GROUP BY ward")


def test_margins_of_a_table_without_small_cells_are_released(city: City) -> None:
    assert city.ask("SELECT smoker, COUNT(*) FROM clinic GROUP BY smoker")
    assert city.ask(_where())
    assert city.ask(_where("smoker"))


def test_the_general_tracker_is_refused(city: City) -> None:
    """Schlörer's and Denning's tracker: three large groups whose combination is a small one."""
    assert 0 < city.count(_where("ward = 'c'")) < K
    assert city.ask(_where("ward = 'c' OR smoker"))
    assert not (city.ask(_where("ward = 'c' OR NOT smoker")) and city.ask(_where()))


def test_a_tracker_of_three_groups_is_refused(city: City) -> None:
    """C AND D is small and asked by nobody: C, D, and C OR D tell it."""
    old = next(age for age in range(50, 99) if 0 < city.count(_where(f"age >= {age}", "smoker")) < K)
    answered = [city.ask(_where(c)) for c in ("smoker", f"age >= {old}", f"(smoker OR age >= {old})")]
    assert not all(answered)


def test_presence_in_a_second_table_is_a_group(city: City) -> None:
    joined = "SELECT COUNT(*) FROM clinic JOIN bank ON clinic.person = bank.person WHERE clinic.age >= 97"
    assert not city.ask(joined)
    assert city.ask("SELECT COUNT(*) FROM clinic JOIN bank ON clinic.person = bank.person WHERE bank.late")
    assert city.ask("SELECT COUNT(*) FROM clinic JOIN bank ON clinic.person = bank.person")


def test_two_versions_of_a_table_differ_by_people(city: City) -> None:
    assert city.ask(_where())
    newer = Directory([registered(CLINIC, 1, log_rows=8, version=2)])
    present = city.columns[1, 0]
    absent = int(np.flatnonzero(np.asarray(present, dtype=int) == 0)[0])
    city.columns[1, 0] = present.copy()
    city.columns[1, 0][absent] = 1
    assert not city.ask(_where(), newer), "the answers differ by one person"


def test_nothing_to_compare_with_is_no_gap() -> None:
    relation = compile_question(_where("smoker"), Directory(TABLES)).relation
    assert find_gaps([], Released(bytes(32), relation, guard_rows(relation)), DOMAINS) == ()


def test_gaps_are_the_same_at_every_party(city: City) -> None:
    for question in (_where(), _where("smoker"), "SELECT ward, COUNT(*) FROM clinic GROUP BY ward"):
        city.ask(question)
    relation = compile_question(_where("age >= 30"), Directory(TABLES)).relation
    asked = Released(bytes(31) + b"x", relation, guard_rows(relation))
    assert find_gaps(city.history, asked, DOMAINS) == find_gaps(list(city.history), asked, dict(DOMAINS)) != ()


@pytest.mark.parametrize(("value", "closed"), [(0, False), (1, True), (K - 1, True), (K, False), (-1, True)])
def test_what_a_gap_forbids(value: int, closed: bool) -> None:
    assert Gap((), 1).closed_by(value, K) is closed
    assert Gap((), 1, may_vanish=False).closed_by(0, K)
    assert Gap((), 3).closed_by(3 * (K - 1), K)
    assert not Gap((), 3).closed_by(3 * K, K)
