"""Every example of docs/sql.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from query_oracle import evaluate_plan
from query_questions import same
from test_joins_and_unions import DIRECTORY, ENCODED, RECORDS, TABLES, Twin

from query.errors import QueryError
from query.explain import explain_plan
from query.plan import compile_question
from query.rank_inputs import ranks_in_clear
from query.statistics import finish_plan, result_rows
from query.unproved import Unproved

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)\n```", PAGE, re.DOTALL)
REFUSALS = re.findall(r"^\| `(SELECT [^`]*)` \| (.*) \|$", PAGE, re.MULTILINE)
OURS_ALONE = ("MOMENTS", "HISTOGRAM", "QUANTILE_INTERVAL", "WIDTH_BUCKET", "PARAMETERS")


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin()
    for schema in TABLES:
        found.load(schema, RECORDS[schema.name])
    return found


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 12
    assert len(REFUSALS) >= 12


@pytest.mark.parametrize("sql", EXAMPLES)
def test_an_example_is_answered(sql: str, twin: Twin) -> None:
    plan = compile_question(sql, DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    ranks = None if plan.ranks is None else ranks_in_clear(plan.ranks, ENCODED)
    found = result_rows(plan, finish_plan(plan, evaluation.sums, ranks))
    rows = [tuple(v.value if isinstance(v, Unproved) else v for v in row.values()) for row in found]
    assert rows
    assert explain_plan(plan)
    if any(word in sql for word in OURS_ALONE):
        return
    theirs = twin.ask_rows(sql)
    groups = {row[: len(plan.keys)] for row in theirs}
    shown = [row for row in rows if row[: len(plan.keys)] in groups]
    assert len(shown) == len(theirs)
    key = (lambda row: 0) if "ORDER BY" in sql else str
    assert all(same(a, b) for a, b in zip(sorted(shown, key=key), sorted(theirs, key=key)))


@pytest.mark.parametrize(("sql", "message"), REFUSALS)
def test_a_refusal_is_worded_as_on_the_page(sql: str, message: str) -> None:
    with pytest.raises(QueryError) as refusal:
        compile_question(sql, DIRECTORY)
    assert str(refusal.value).startswith(message)
