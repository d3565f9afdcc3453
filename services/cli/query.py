"""``tallystick query``: ask, rehearse, explain, list, watch, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line, status_line

if TYPE_CHECKING:
    from query.directory import RegisteredTable
    from query.plan import Plan
    from services.coordinator.client import StudyUpdate
    from services.results import Result

app = typer.Typer(name="query", help="Ask questions as an agency.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="The agency's TOML file.", show_default=False)]
Sql = Annotated[str, typer.Argument(help="The question.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", help="Value of a :name, as name=value. Repeat it for several.", show_default=False),
]
QueryId = Annotated[str, typer.Argument(help="Query id, hexadecimal.")]
BundleFile = Annotated[
    Path | None,
    typer.Option("--bundle", help="Also write an audit bundle, *.tally, with SQL, schemas and the released values."),
]


OpeningFile = Annotated[
    Path | None,
    typer.Option("--opening", help="Also write the released sums alone, to be handed on (tallystick opening)."),
]
Public = Annotated[
    bool, typer.Option("--public", help="Put the numbers on the ledger for everybody; every owner must allow it.")
]


Counts = Annotated[
    bool, typer.Option("--counts", help="Open the counts of rows behind the numbers on the ledger; by default hidden.")
]


def _publication(public: bool, counts: bool) -> str:
    return "public" if public else "counts" if counts else "agency"


@app.command()
def run(
    sql: Sql,
    config: ConfigFile,
    purpose: Annotated[str, typer.Option(help="Why; the owners see it.", show_default=False)],
    request_id: Annotated[str | None, typer.Option(help="Makes the command repeatable.", show_default=False)] = None,
    wait_for_approval_s: Annotated[float, typer.Option(min=0, help="How long to wait for a person.")] = 0.0,
    param: Parameters = None,
    bundle: BundleFile = None,
    opening: OpeningFile = None,
    public: Public = False,
    counts: Counts = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a question and print the verified result."""
    with one_line_errors(as_json):
        from services.client import Tallystick

        _require_new(bundle, opening)
        with Tallystick.connect(config) as tallystick, status_line("compiling and proposing") as show:
            result = tallystick.query(
                sql,
                _parameters(param),
                purpose=purpose,
                request_id=request_id,
                wait_for_approval_s=wait_for_approval_s,
                on_progress=lambda update: show(_progress(update)),
                publish=_publication(public, counts),
            )
    if as_json:
        print_json(_as_json(result))
    else:
        _print_result(result)
    _write_files(bundle, opening, config, result)


@app.command("dry-run")
def dry_run(
    sql: Sql,
    schemas: Annotated[list[Path], typer.Option("--schema", help="A table's JSON file; repeat it for each table.")],
    rows: Annotated[int, typer.Option(min=1, help="Generated people.")] = 10_000,
    param: Parameters = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question on generated rows that fit the schemas; nothing is sent, no number means anything."""
    with one_line_errors(as_json):
        from services.dry_run import DryRun

        found = DryRun(schemas, rows=rows).query(sql, _parameters(param))
    shown = [{name: _value(value) for name, value in row.items()} for row in found.rows()]
    if as_json:
        print_json({"mock": True, "sql": found.evidence.sql, "rows": shown})
        return
    print_line(str(found.evidence))
    for row in shown:
        print_line("  ".join(f"{name} = {'NULL' if value is None else value}" for name, value in row.items()))


@app.command()
def result(
    query: QueryId,
    config: ConfigFile,
    bundle: BundleFile = None,
    opening: OpeningFile = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for a submitted question and print its verified result."""
    with one_line_errors(as_json):
        from services.client import Tallystick
        from services.operator import parse_query_id

        _require_new(bundle, opening)
        with Tallystick.connect(config) as tallystick, status_line("waiting") as show:
            found = tallystick.result(parse_query_id(query), on_progress=lambda update: show(_progress(update)))
    if as_json:
        print_json(_as_json(found))
    else:
        _print_result(found)
    _write_files(bundle, opening, config, found)


@app.command()
def explain(
    sql: Sql,
    config: ConfigFile,
    param: Parameters = None,
    public: Public = False,
    counts: Counts = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a question would compute and disclose; starts nothing."""
    with one_line_errors(as_json):
        from query.explain import estimated_seconds, explain_plan
        from services.client import Tallystick
        from zk.cost import relation_cost

        with Tallystick.connect(config) as tallystick:
            plan, decisions = tallystick.considered(sql, _parameters(param), _publication(public, counts))
        text, cost = explain_plan(plan, decisions), relation_cost(plan.relation)
    if as_json:
        print_json(
            {
                "sql": sql,
                "tables": [use.table for use in plan.uses],
                "disclosures": list(plan.disclosures),
                "minimum_group": plan.minimum_group,
                "sums": [spec.name for spec in plan.sums],
                "policy": list(decisions),
                "unproved": [output.name for output in plan.outputs if output.statistic.ranked],
                "estimate": {
                    "seconds": round(estimated_seconds(plan, cost), 3),
                    "proof_bytes": cost.proof_bytes,
                    "gas": cost.gas,
                    **_rank_estimate(plan),
                },
            }
        )
    else:
        print_line(text)


@app.command()
def tables(config: ConfigFile, as_json: JsonOption = False) -> None:
    """List the tables that questions may name."""
    with one_line_errors(as_json):
        from services.client import Tallystick

        with Tallystick.connect(config) as tallystick:
            view = tallystick.directory()
    if as_json:
        found = [_table(table) for table in view.directory]
        print_json({"tables": found, "unusable": {f"{d:032x}": reason for d, reason in view.faults.items()}})
        return
    for table in view.directory:
        schema = table.schema
        print_line(
            f"{schema.name} of {table.owner}: {table.rows} {schema.rows_label} by {schema.key} in {schema.cohort}"
        )
        columns = ", ".join(column.name for column in schema.columns)
        print_line(f"  {columns}; groups below {table.minimum_group} stay closed")
    for dataset, reason in view.faults.items():
        print_line(f"unusable {dataset:032x}: {reason}")


@app.command("list")
def list_studies(
    config: ConfigFile,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List one's own questions, newest first."""
    with one_line_errors(as_json):
        from services.client import Tallystick

        with Tallystick.connect(config) as tallystick:
            found = [_study(update) for update in tallystick.studies(limit)]
    if as_json:
        print_json(found)
        return
    for study in found:
        print_line(f"{study['query']}  {study['state']:<11} {study['code']:<14} {' '.join(str(study['sql']).split())}")


@app.command()
def watch(query: QueryId, config: ConfigFile, as_json: JsonOption = False) -> None:
    """Follow a question until it ends."""
    with one_line_errors(as_json):
        from services.client import Tallystick
        from services.operator import parse_query_id

        with Tallystick.connect(config) as tallystick:
            for update in tallystick.watch(parse_query_id(query)):
                if as_json:
                    print_json(_study(update))
                else:
                    print_line(_progress(update))


@app.command()
def cancel(query: QueryId, config: ConfigFile) -> None:
    """Cancel a question that is not being published yet."""
    with one_line_errors():
        from services.client import Tallystick
        from services.operator import parse_query_id

        with Tallystick.connect(config) as tallystick:
            update = tallystick.cancel(parse_query_id(query))
    print_line(update.state.value)


def _rank_estimate(plan: Plan) -> dict[str, Any]:
    """What the order statistics cost besides."""
    from query.rank_cost import rank_cost

    if plan.ranks is None:
        return {}
    cost = rank_cost(plan.ranks)
    found = {"seconds": round(cost.seconds, 3), "bytes_sent_by_each_party": cost.bytes_sent, "rounds": cost.rounds}
    return {"unproved": found}


def _parameters(given: list[str] | None) -> dict[str, Any]:
    from query.parameters import parse_parameter
    from services.errors import RequestInvalidError

    pairs = [parse_parameter(text) for text in given or []]
    if len({name for name, _ in pairs}) != len(pairs):
        raise RequestInvalidError("param", "a name stands twice")
    return dict(pairs)


def _require_new(bundle: Path | None, opening: Path | None) -> None:
    """Refuse files that could not be written before anything is asked."""
    from services.errors import RequestInvalidError

    for field, path in (("bundle", bundle), ("opening", opening)):
        if path is not None and (path.exists() or not path.absolute().parent.is_dir()):
            raise RequestInvalidError(field, f"{path} exists already, or its folder does not")


def _write_files(bundle: Path | None, opening: Path | None, config: Path, result: Result) -> None:
    """Write what was asked for of a result that was printed: the values are given only once, so nothing may come
    before."""
    if bundle is None and opening is None:
        return
    with one_line_errors():
        from ledger.bundle_codec import store_bundle
        from services.client import Tallystick
        from services.opening import opening_of, store_opening

        with Tallystick.connect(config) as tallystick:
            if opening is not None:
                store_opening(opening_of(tallystick.ledger, result.query_id, result.opening), opening)
            if bundle is not None:
                store_bundle(tallystick.bundle(result), bundle)


def _progress(update: StudyUpdate) -> str:
    words = [update.state.value]
    if update.waiting_for:
        words.append(f"waiting for {', '.join(update.waiting_for)}")
    if update.attempts > 1:
        words.append(f"attempt {update.attempts}")
    if update.stages:
        words.append(update.stages[-1][0])
    if update.code:
        words.append(f"{update.code}: {update.message}")
    return "  ".join(words)


def _table(table: RegisteredTable) -> dict[str, Any]:
    return {
        "table": table.schema.name,
        "owner": table.owner,
        "rows": table.rows,
        "key": table.schema.key,
        "cohort": table.schema.cohort,
        "columns": [column.name for column in table.schema.columns],
        "minimum_group": table.minimum_group,
    }


def _study(update: StudyUpdate) -> dict[str, Any]:
    return {
        "query": update.query_id.hex(),
        "request_id": update.request_id,
        "state": update.state.value,
        "code": update.code,
        "message": update.message,
        "sql": update.sql,
        "purpose": update.purpose,
        "publish": update.publication.value,
        "attempts": update.attempts,
        "tx": update.tx,
        "gas": update.gas,
    }


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "query": result.query_id.hex(),
        "sql": result.sql,
        "rows": [{name: _value(value) for name, value in row.items()} for row in result.rows()],
        "sums": {spec.name: value for spec, value in zip(result.plan.sums, result.sums)},
        "unproved": list(result.unproved),
        "public": result.publication.value == "public",
        "proof_bytes": result.proof_bytes,
        "tx": result.tx,
        "gas": result.gas,
        "stages_s": dict(result.stages_s),
    }


def _value(value: object) -> object:
    from query.histograms import Histogram, Interval
    from query.moments import MomentMatrix
    from query.unproved import Unproved

    if isinstance(value, MomentMatrix | Histogram | Interval | Unproved):
        return value.as_json()
    return None if value is None else str(value)


def _print_rows(result: Result) -> None:
    """One line for each row; groups that are too small to be shown are counted."""
    from query.statistics import arranged_rows

    cells = len(result.plan.cells)
    hidden = [all(value is None for value in result.sums[place::cells]) for place in range(cells)]
    for row in arranged_rows(result.plan, result.outputs):
        if not row.closed:
            shown = row.columns.items()
            print_line("  ".join(f"{name} = {'NULL' if value is None else value}" for name, value in shown))
    if any(hidden):
        least = result.plan.minimum_group
        print_line(f"not shown: {sum(hidden)} of {cells} groups, with fewer than {least} rows or counts too close")


def _print_result(result: Result) -> None:
    if result.plan.groups and not result.plan.collected:
        _print_rows(result)
    else:
        for row in result.rows():
            for name, value in row.items():
                print_line(f"{name} = {'NULL' if value is None else value}")
    print_line(f"query {result.query_id.hex()}")
    print_line(
        f"proof of {result.proof_bytes} bytes in transaction {result.tx}, {result.gas} gas: verified here and there"
    )
    if result.publication.value == "public":
        print_line("public: these numbers stand on the ledger, and `tallystick verify` shows them to everybody")
    print_line(
        "It shows that each number is exactly the agreed query over exactly the registered data, if one contributor"
    )
    print_line("to the setup ceremony was honest. It does not show that the registered data is true.")
    if result.unproved:
        print_line(
            f"UNPROVED: {', '.join(result.unproved)}. The parties computed it on shares; that the owners entered what "
            "they registered, no proof shows."
        )
