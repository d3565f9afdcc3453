"""Generated questions: for each DuckDB's answer on the pooled tables, or a typed refusal. Never a different number."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import duckdb
from query_oracle import Twin, evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered

from query.directory import Directory
from query.errors import QueryError
from query.kinds import Boolean, BoundedInteger, Category
from query.parameters import question_text
from query.plan import Plan, compile_question
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema
from query.statistics import finish_plan, result_rows

QUESTIONS = 430
ANSWERED = 300  # the others are refused: too large for tables of 64 rows, or never true

CREDIT = TableSchema("credit", "bank", "patients", "person", "city", (
    ColumnSchema("debt", BoundedInteger(-50, 10**4)), ColumnSchema("rated", Boolean(), nullable=True),
    ColumnSchema("band", Category(("a", "b"))),
))
CLINIC = replace(HOSPITAL, name="clinic", owner="bank", cohort="valley")
TABLES = {"hospital": (HOSPITAL, 32), "laboratory": (LABORATORY, 60), "credit": (CREDIT, 60), "clinic": (CLINIC, 28)}
DIRECTORY = Directory([registered(schema, 1 + k, rows=rows * 4 // 5)
                       for k, (schema, rows) in enumerate(TABLES.values())])

SOURCES = {
    "FROM hospital h": "h",
    "FROM hospital h JOIN laboratory l ON h.person = l.person": "hl",
    "FROM laboratory l LEFT JOIN hospital h ON h.person = l.person": "lh",
    "FROM hospital h LEFT JOIN laboratory l ON l.person = h.person LEFT JOIN credit c ON c.person = h.person": "hlc",
    "FROM credit c JOIN hospital h ON h.person = c.person JOIN laboratory l ON l.person = c.person": "chl",
    "FROM (SELECT * FROM hospital UNION ALL SELECT * FROM clinic) AS h": "u",
}
NUMBERS = {"h": ["h.age", "h.bmi", "h.balance"], "l": ["l.hba1c", "l.chol"], "c": ["c.debt"]}
FLAGS = {"h": ["h.diabetic", "h.smoker"], "l": ["l.abnormal"], "c": ["c.rated"]}
NAMES = {"h": ("h.region", ["north", "south", "west"]), "c": ("c.band", ["a", "b"])}
ONE, TWO = ["COUNT", "SUM", "AVG", "VAR_POP", "VAR_SAMP", "STDDEV_POP", "STDDEV_SAMP"], [
    "COVAR_POP", "COVAR_SAMP", "CORR", "REGR_COUNT", "REGR_AVGX", "REGR_AVGY", "REGR_SXX", "REGR_SYY", "REGR_SXY",
    "REGR_SLOPE", "REGR_INTERCEPT", "REGR_R2"]


class Writer:
    """Writes one question, for us and for DuckDB, which has no WIDTH_BUCKET and gets values in place of parameters."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.parameters: dict[str, object] = {}
        self.source = rng.choice(list(SOURCES))
        letters = SOURCES[self.source]
        self._union = letters == "u"
        self._tables = ["h"] if self._union else list(letters)

    def question(self) -> tuple[str, str, list[str]]:
        """Our text, DuckDB's, and the names of the keys."""
        rng = self._rng
        keys = [] if self._union or rng.random() < 0.55 else [self._key() for _ in range(rng.choice([1, 1, 2]))]
        outputs = [self._aggregate(k) for k in range(rng.choice([1, 2, 2, 3]))]
        if keys:  # by which a group of nulls is told from no group
            outputs.append(("COUNT(*)", "COUNT(*)"))
        selected = [(f"{ours} AS k{n}", f"{theirs} AS k{n}") for n, (ours, theirs) in enumerate(keys)]
        selected += [(f"{ours} AS o{n}", f"{theirs} AS o{n}") for n, (ours, theirs) in enumerate(outputs)]
        where = ("", "")
        if rng.random() < 0.7:
            condition = self._condition(2)
            where = tuple(f" WHERE {text}" for text in condition)
        grouped = [f" GROUP BY {', '.join(key[side] for key in keys)}" if keys else "" for side in (0, 1)]
        clauses = self._clauses([f"k{n}" for n in range(len(keys))], outputs)
        texts = [f"SELECT {', '.join(s[side] for s in selected)} {self.source}{where[side]}{grouped[side]}{clauses}"
                 for side in (0, 1)]
        return texts[0], texts[1], [f"k{n}" for n in range(len(keys))]

    def _clauses(self, keys: list[str], outputs: list[tuple[str, str]]) -> str:
        """HAVING on exact outputs; an order that tells all rows apart, and so a limit."""
        rng = self._rng
        exact = [f"o{n}" for n, (ours, _) in enumerate(outputs) if ours.startswith(("COUNT", "SUM", "REGR_COUNT"))]
        text = ""
        if exact and rng.random() < 0.3:
            sign = rng.choice(["<", "<=", ">", ">=", "<>"])
            text += f" HAVING {rng.choice(exact)} {sign} {rng.randrange(0, 40)}"
        if keys and rng.random() < 0.5:
            order = [*rng.sample(exact, min(len(exact), 1)), *keys]
            text += " ORDER BY " + ", ".join(
                f"{name}{rng.choice([' ASC', ' DESC'])} NULLS {rng.choice(['FIRST', 'LAST'])}" for name in order)
            if rng.random() < 0.5:
                text += f" LIMIT {rng.randrange(1, 4)}" + rng.choice(["", " OFFSET 1"])
        return text

    def _aggregate(self, number: int) -> tuple[str, str]:
        rng = self._rng
        if rng.random() < 0.25:
            person = f"{rng.choice(self._tables)}.person"
            persons = "COUNT(*)" if self._union else f"COUNT(DISTINCT {person})"
            text = rng.choice(["COUNT(*)", f"COUNT({person})", persons])
            return text, text
        if rng.random() < 0.35:
            function, arguments = rng.choice(TWO), [self._value(1), self._value(1)]
        else:
            function = rng.choice(ONE)
            arguments = [self._crossing() if len(self._tables) > 1 and rng.random() < 0.3 else self._value(2)]
        return tuple(f"{function}({', '.join(a[side] for a in arguments)})" for side in (0, 1))  # type: ignore[return-value]

    def _crossing(self) -> tuple[str, str]:
        left, right = (self._value(0, table) for table in self._rng.sample(self._tables, 2))
        sign = self._rng.choice("+-*")
        return f"{left[0]} {sign} {right[0]}", f"{left[1]} {sign} {right[1]}"

    def _value(self, depth: int, table: str | None = None) -> tuple[str, str]:
        """A value of one table."""
        rng = self._rng
        table = table or rng.choice(self._tables)
        kind = rng.randrange(6) if depth else rng.randrange(2)
        if kind == 0 and FLAGS[table]:
            flag = rng.choice(FLAGS[table])
            return flag, f"CAST({flag} AS INTEGER)"
        if kind <= 2:
            number = rng.choice(NUMBERS[table])
            return number, number
        inner = self._value(depth - 1, table)
        if kind == 3:
            sign, literal = rng.choice("+-*"), self._literal(rng.choice([2, 3, Decimal("0.5"), 10]))
            return f"({inner[0]} {sign} {literal[0]})", f"({inner[1]} {sign} {literal[1]})"
        condition, other = self._condition(0, table), self._value(0, table)
        ending = rng.choice([("", ""), (f" ELSE {other[0]}", f" ELSE {other[1]}")])
        return tuple(f"CASE WHEN {condition[s]} THEN {inner[s]}{ending[s]} END" for s in (0, 1))  # type: ignore[return-value]

    def _condition(self, depth: int, table: str | None = None) -> tuple[str, str]:
        rng = self._rng
        if depth and rng.random() < 0.6:
            joint = rng.choice(["AND", "AND", "OR"])
            parts = [self._condition(depth - 1, table) for _ in range(2)]
            if rng.random() < 0.2:
                parts[0] = f"NOT ({parts[0][0]})", f"NOT ({parts[0][1]})"
            return tuple(f"({parts[0][s]} {joint} {parts[1][s]})" for s in (0, 1))  # type: ignore[return-value]
        table = table or rng.choice(self._tables)
        kind = rng.randrange(5)
        if kind == 0 and table in NAMES:
            column, names = NAMES[table]
            chosen = [self._literal(name) for name in rng.sample(names, rng.randrange(1, len(names)))]
            sign = rng.choice(["IN", "NOT IN"])
            return tuple(f"{column} {sign} ({', '.join(c[s] for c in chosen)})" for s in (0, 1))  # type: ignore[return-value]
        if kind == 1:
            flag = rng.choice(FLAGS[table])
            text = rng.choice([flag, f"NOT {flag}", f"{flag} IS NULL", f"{flag} IS NOT NULL"])
            return text, text
        number = rng.choice(NUMBERS[table])
        if kind == 2:
            text = f"{number} IS{rng.choice(['', ' NOT'])} NULL"
            return text, text
        bound = self._literal(rng.choice([0, 5, 40, Decimal("30.5"), 200, -3]))
        sign = rng.choice(["<", "<=", ">", ">=", "=", "<>"])
        return f"{number} {sign} {bound[0]}", f"{number} {sign} {bound[1]}"

    def _literal(self, value: object) -> tuple[str, str]:
        """A literal, or a parameter that stands for it."""
        text = f"'{value}'" if isinstance(value, str) else str(value)
        if self._rng.random() < 0.8:
            return text, text
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}", text

    def _key(self) -> tuple[str, str]:
        rng = self._rng
        table = rng.choice(self._tables)
        kind = rng.randrange(4)
        if kind == 0 and table in NAMES:
            return NAMES[table][0], NAMES[table][0]
        if kind <= 1:
            flag = rng.choice(FLAGS[table])
            return flag, flag
        if kind == 2:
            condition = self._condition(0, table)
            return tuple(f"CASE WHEN {condition[s]} THEN 1 ELSE 0 END" for s in (0, 1))  # type: ignore[return-value]
        number = {"h": "h.age", "l": "l.chol", "c": "c.debt"}[table]
        steps = " + ".join(f"CASE WHEN {number} >= {bound} THEN 1 ELSE 0 END" for bound in (20, 60, 100))
        return f"WIDTH_BUCKET({number}, 20, 100, 2)", f"CASE WHEN {number} IS NOT NULL THEN {steps} END"


def released(plan: Plan, encoded: dict[str, object]) -> list[int | None]:
    """The proved sums without those of groups that have no rows: those are never let out."""
    evaluation = evaluate_plan(plan, encoded)  # type: ignore[arg-type]
    assert evaluation.holds
    if not plan.groups:
        return list(evaluation.sums)
    cells = len(plan.cells)
    counts = evaluation.sums[plan.outputs[-1].moments.count * cells :][:cells]
    return [value if counts[row % cells] else None for row, value in enumerate(evaluation.sums)]


def agree(ours: object, theirs: object, scale: float) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float | Decimal | int):
        return math.isclose(ours, float(theirs), rel_tol=1e-9, abs_tol=1e-12 * scale)
    if isinstance(ours, int | Decimal) and isinstance(theirs, int | Decimal) and not isinstance(ours, bool):
        return Fraction(ours) == Fraction(theirs)
    return ours == theirs


def test_generated_questions_agree_with_duckdb_or_are_refused() -> None:
    rng, twin, encoded = Random(20261129), Twin(), {}
    for schema, rows in TABLES.values():
        records = random_records(rng, schema, rows)
        encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
        twin.load(schema, records)
    outcomes: Counter[str] = Counter()
    for _ in range(QUESTIONS):
        writer = Writer(rng)
        ours, theirs, keys = writer.question()
        try:
            plan = compile_question(question_text(ours, writer.parameters), DIRECTORY)
        except QueryError as refusal:
            outcomes[type(refusal).__name__] += 1
            continue
        try:
            expected = twin.ask_rows(theirs)
        except duckdb.Error:  # more digits than its decimals hold, or a sum of squares beyond its doubles
            outcomes["not for DuckDB"] += 1
            continue
        rows = [row for row in result_rows(plan, finish_plan(plan, released(plan, encoded)))
                if not keys or any(value is not None for name, value in row.items() if name not in keys)]
        found = [tuple(row.values()) for row in rows]
        if " ORDER BY " not in ours:
            found, expected = sorted(found, key=str), sorted(expected, key=str)
            found.sort(key=lambda row: str(row[: len(keys)]))
            expected.sort(key=lambda row: str(row[: len(keys)]))
        scale = (1e9 if "balance" in ours else 1e4) ** 2
        same = len(found) == len(expected) and all(
            agree(a, b, scale) for mine, other in zip(found, expected) for a, b in zip(mine, other, strict=True))
        assert same, f"{ours}\n{found}\n{expected}"
        outcomes["answered"] += 1
    print(dict(outcomes))
    assert outcomes["answered"] >= ANSWERED
    assert set(outcomes) <= {"answered", "not for DuckDB", "QuestionTooLargeError", "SqlUnsupportedError",
                             "BoundExceededError", "DuplicateNameError"}
