"""``tallystick opening``: hand a released sum on, to a regulator or anybody, and check one that was handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line

app = typer.Typer(name="opening", help="Hand released sums on, one by one, and check them.", no_args_is_help=True)


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="The agency's audit bundle, *.tally, with the released values.")],
    out: Annotated[Path, typer.Argument(help="File to write; it must not exist. Whoever has it learns these sums.")],
    row: Annotated[
        list[int] | None, typer.Option(help="Number of a sum to open; more than once for several.", show_default="all")
    ] = None,
) -> None:
    """Take the opening of some sums out of a bundle: no SQL, no schemas, no other sum."""
    with one_line_errors():
        from ledger.bundle_codec import load_bundle
        from services.audit import audit_bundle
        from services.opening import Opening, OpeningInvalidError, store_opening
        from services.results import RowOpening

        found, _ = load_bundle(bundle)
        audit_bundle(found)  # what is handed on must be true
        if not found.openings:
            raise OpeningInvalidError(f"{bundle} holds no released sums")
        rows = tuple(RowOpening(o.row, o.value, o.point) for o in found.openings)
        opening = Opening(found.chain.chain_id, found.chain.studies, found.query.query_id, rows)
        chosen = opening if row is None else opening.only(row)
        store_opening(chosen, out)
    print_line(f"{out}: {len(chosen.rows)} of {len(rows)} released sums of query {chosen.query_id.hex()}")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="The file that was handed on.")],
    deployment: Annotated[Path, typer.Option(help="Public file of addresses that you pin.", show_default=False)],
    url: Annotated[str, typer.Option(help="JSON-RPC endpoint of a node.")] = "http://127.0.0.1:8545",
    as_json: JsonOption = False,
) -> None:
    """Check that the sums of an opening are those sealed in the ledger's record, whose proof is verified again."""
    with one_line_errors(as_json):
        from services.config import LedgerConfig
        from services.ledger_access import load_deployment, open_ledger
        from services.opening import load_opening, opening_document, verify_opening

        opening = load_opening(path)
        pinned, _ = load_deployment(deployment)
        ledger = open_ledger(LedgerConfig(url=url, chain_id=pinned.chain_id, deployment=deployment, confirmations=0))
        verified = verify_opening(ledger, opening)
    if as_json:
        print_json(opening_document(opening, verified))
        return
    print_line(f"query {opening.query_id.hex()} of {verified.query.proposer}: proof verified")
    for row in opening.rows:
        print_line(f"sum {row.row} = {row.value}: sealed in the record of {verified.published.tx_hash}")
