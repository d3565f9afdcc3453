"""Asking the demonstration's questions: through the real client, beside the pooled plaintext, with every verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from ledger.errors import RecordInvalidError
from ledger.studies import QueryState
from query.statistics import Value
from query.sums import Cell
from services.client import Tallystick
from services.coordinator.client import StudyUpdate
from services.demo.comparison import compare_answers, pooled_sums
from services.demo.errors import DemoFailedError
from services.demo.pooled import PooledAnswer, answer_pooled
from services.demo.report import QueryReport
from services.demo.studies import Study
from services.demo.tables import DemoTable
from services.ledger_access import LedgerAccess
from services.results import Result
from services.verify import verify_published
from zk.errors import ProofRejectedError
from zk.verifier import verify_row_openings

PURPOSE = "demonstration"


def ask(agency: Tallystick, study: Study, tables: Mapping[str, DemoTable], on_stage: Callable[[str], None]) -> Result:
    """Ask a study's question and require that the answer equals the pooled one exactly.

    Args:
        agency: the client.
        study: the question.
        tables: all tables' plaintext, by name.
        on_stage: called with what is going on.

    Raises:
        DemoFailedError: a sum or value differs from the pooled computation.
        ServiceError, LedgerError, QueryError, ZkError: the question was not answered.
    """

    def note(update: StudyUpdate) -> None:
        stage = update.stages[-1][0] if update.stages else ""
        on_stage(f"{update.state.value.lower()} {stage}".strip())

    result = agency.query(study.sql, purpose=PURPOSE, on_progress=note)
    compare_answers(result.plan, result.sums, result.outputs, answer_pooled(study, tables))
    return result


def report_on(result: Result, study: Study, tables: Mapping[str, DemoTable], regulator: LedgerAccess) -> QueryReport:
    """Have everyone who can check a result do so, and report.

    Args:
        result: from `ask`.
        study: its question.
        tables: all tables' plaintext, by name.
        regulator: reads the ledger and nothing else.
    """
    pooled = answer_pooled(study, tables)
    plain_sums = [
        None if proved is None else plain for proved, plain in zip(result.sums, pooled_sums(result.plan, pooled))
    ]
    names = sum_names(result)
    began = time.monotonic()
    offline = _verifies_offline(regulator, result)
    stages = {**result.stages_s, "regulator": round(time.monotonic() - began, 4)}
    return QueryReport(
        sql=study.sql,
        rows=result.plan.relation.rows,
        result=_answered(result) | dict(zip(names, result.sums)),
        plaintext=_expected(result, pooled) | dict(zip(names, plain_sums)),
        proof_bytes=result.proof_bytes,
        gas=result.gas,
        tx=result.tx,
        verified_on_chain=regulator.studies.state(result.query_id) is QueryState.PUBLISHED,
        verified_offline=offline,
        opening_ok=_opens(regulator, result),
        stages_s=stages,
    )


def sum_names(result: Result) -> list[str]:
    """Names of the disclosed sums in a report, in the plan's order."""
    return [f"sum of {spec.name}" for spec in result.plan.sums]


def sum_labels(result: Result) -> dict[str, str]:
    """What the disclosed sums of a report are called on the terminal: the number of the disclosure, and the group."""
    cells = result.plan.cells
    return {
        name: _label(result, f"sum #{number // len(cells)}", cells[number % len(cells)])
        for number, name in enumerate(sum_names(result))
    }


def _verifies_offline(regulator: LedgerAccess, result: Result) -> bool:
    try:
        verified = verify_published(regulator, result.query_id)
    except (ProofRejectedError, RecordInvalidError):
        return False
    return verified.published.tx_hash == result.tx and dict(verified.guards) == dict(result.guards)


def _opens(regulator: LedgerAccess, result: Result) -> bool:
    """Whether the values the agency holds open the sealed sums of the ledger's record; anyone given them can tell."""
    record = regulator.studies.published(result.query_id)
    openings = [(opening.row, opening.value, opening.point) for opening in result.opening]
    if record.sums is None:
        return False
    try:
        verify_row_openings(regulator.tau_g2, result.plan.relation.log_rows, record.sums, openings)
    except ProofRejectedError:
        return False
    return {row: value for row, value, _ in openings} == {
        row: value for row, value in enumerate(result.sums) if value is not None
    }


def _answered(result: Result) -> dict[str, int | float | None]:
    """Values by name, with their group; None where it is too small to be shown."""
    return {_label(result, found.name, found.cell): _plain(found.value) for found in result.outputs}


def _expected(result: Result, pooled: PooledAnswer) -> dict[str, int | float | None]:
    values = [output.value for outputs in pooled.values() for output in outputs.values()]
    return {
        _label(result, found.name, found.cell): None if found.suppressed else value
        for found, value in zip(result.outputs, values, strict=True)
    }


def _label(result: Result, name: str, cell: Cell) -> str:
    keys = ", ".join(f"{group.column}={str(label).lower()}" for group, label in zip(result.plan.groups, cell))
    return f"{name} [{keys}]" if keys else name


def _plain(value: Value) -> int | float | None:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    raise DemoFailedError("a demo asks for numbers")
