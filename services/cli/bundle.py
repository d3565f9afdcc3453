"""``tallystick bundle``: write the offline audit bundle of a published query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line

app = typer.Typer(name="bundle", help="Write files that show a published query with nothing running.",
                  no_args_is_help=True)  # fmt: skip


@app.callback()
def _group() -> None:
    """Keeps ``export`` a command of its own, though it is the only one."""


@app.command()
def export(
    query: Annotated[str, typer.Argument(help="Query id, hexadecimal.")],
    out: Annotated[Path, typer.Argument(help="File to write, *.tally; it must not exist.")],
    deployment: Annotated[Path, typer.Option(help="Public file of addresses that you pin.", show_default=False)],
    url: Annotated[str, typer.Option(help="JSON-RPC endpoint of a node.")] = "http://127.0.0.1:8545",
    config: Annotated[
        Path | None, typer.Option(help="A member's file: puts the tables' schemas in, for everybody to read.")
    ] = None,
    opening: Annotated[
        Path | None, typer.Option(help="The agency's file of released sums: puts them in, for everybody to read.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a published query and write its bundle from the ledger; it holds no SQL text and, unless an opening is
    given or they are public, no sum but the guards."""
    with one_line_errors(as_json):
        from ledger.bundle_codec import store_bundle
        from services.bundle import make_bundle
        from services.config import LedgerConfig
        from services.ledger_access import load_deployment, open_ledger
        from services.opening import OpeningInvalidError, load_opening, verify_opening
        from services.operator import fetch_tables, parse_query_id

        query_id = parse_query_id(query)
        pinned, _ = load_deployment(deployment)
        ledger = open_ledger(LedgerConfig(url=url, chain_id=pinned.chain_id, deployment=deployment, confirmations=0))
        documents = () if config is None else fetch_tables(config)
        given = None if opening is None else load_opening(opening)
        if given is not None:
            if given.query_id != query_id:
                raise OpeningInvalidError(f"{opening} is of another query")
            verify_opening(ledger, given)
        rows = () if given is None else given.rows
        digest = store_bundle(make_bundle(ledger, query_id, documents=documents, openings=rows), out)
    if as_json:
        print_json({"bundle": str(out), "bytes": out.stat().st_size, "digest": digest.hex()})
    else:
        print_line(f"{out}: {out.stat().st_size} bytes, digest {digest.hex()}")
