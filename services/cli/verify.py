"""``tallystick verify``: what a regulator does, from the ledger alone, or from a bundle with nothing running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line
from services.cli.verify_bundle import verify_file

BUNDLE_SUFFIX = ".tally"


def verify(
    query: Annotated[str, typer.Argument(help="Query id, hexadecimal; or the path of an audit bundle, *.tally.")],
    deployment: Annotated[
        Path | None, typer.Option(help="Public file of addresses that you pin; a query id needs it.")
    ] = None,
    url: Annotated[str, typer.Option(help="JSON-RPC endpoint of a node.")] = "http://127.0.0.1:8545",
    srs: Annotated[Path | None, typer.Option(help="The string itself: checks its id and [τ]_2 too.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A member's file: fetches the tables' schemas and checks the registrations too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a published query again, away from the chain: proof, record, commitments and guards."""
    if query.endswith(BUNDLE_SUFFIX):
        verify_file(Path(query), srs, deployment, as_json)
        return
    with one_line_errors(as_json):
        from services.config import LedgerConfig
        from services.errors import ConfigInvalidError, RequestInvalidError
        from services.ledger_access import load_deployment, open_ledger
        from services.operator import parse_query_id
        from services.verify import verify_published, verify_registrations

        query_id = parse_query_id(query)
        if deployment is None:
            raise RequestInvalidError("deployment", "a query id is verified against a deployment that you pin")
        pinned, tau_g2 = load_deployment(deployment)
        if srs is not None:
            from zk.srs import load_srs, verify_srs

            string = load_srs(srs)
            verify_srs(string)
            if (string.id, string.tau_g2) != (pinned.srs_id, tau_g2):
                raise ConfigInvalidError(f"{deployment} pins another string than {srs}")
        ledger = open_ledger(LedgerConfig(url=url, chain_id=pinned.chain_id, deployment=deployment, confirmations=0))
        found = verify_published(ledger, query_id)
        if config is not None:
            from services.operator import fetch_tables

            verify_registrations(ledger, found.query, fetch_tables(config))
    datasets = [f"{entry.dataset:032x} version {entry.version}" for entry in found.query.datasets]
    if as_json:
        print_json(
            {
                "query": query_id.hex(),
                "verified": True,
                "proposer": found.query.proposer,
                "datasets": datasets,
                "guards": found.guards,
                "hidden_guards": found.query.relation.hidden_guards,
                "public": found.public,
                "minimum_group": found.query.minimum_group,
                "proof_bytes": found.proof_bytes,
                "tx": found.published.tx_hash,
                "block": found.published.block_number,
            }
        )
        return
    print_line(f"query {query_id.hex()} of {found.query.proposer}")
    print_line(f"over {', '.join(datasets)}; every owner approved")
    print_line(f"proof of {found.proof_bytes} bytes in {found.published.tx_hash}: verified")
    for number, count in sorted(found.guards.items()):
        print_line(f"sum {number} counts {count} rows; at least {found.query.minimum_group} were demanded")
    if found.query.relation.hidden_guards:
        print_line(
            f"every released sum rests on at least {found.query.minimum_group} rows: proved, the counts stay closed"
        )
    for number, value in sorted(found.public.items()):
        print_line(f"sum {number} = {value}, public")
    if not found.public:
        print_line("The sums behind it stay sealed; whoever is given an opening can check it against this record.")
