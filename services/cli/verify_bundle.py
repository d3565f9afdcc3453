"""How ``tallystick verify FILE.tally`` speaks: what was shown, what was not, and what only the ledger can confirm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.cli.output import one_line_errors, print_json, print_line

if TYPE_CHECKING:
    from query.statistics import Result as Output
    from services.audit import Audit

_NEVER_SHOWN = (
    "that the registered data is true, complete or rightly aligned between owners",
    "that no two of the computing parties put their shares together; that would betray data, not falsify a result",
    "that a co-owner did not register columns made to weigh single persons",
    "that the setup ceremony behind the string had one honest contributor; everything above rests on that",
    "any number that is not one of the sums above or computed from them",
)


def verify_file(path: Path, srs: Path | None, deployment: Path | None, as_json: bool) -> None:
    """Verify a bundle file and say so; ends the process with exit code 1 where it is not to be believed."""
    with one_line_errors(as_json):
        from ledger.bundle_codec import load_bundle
        from ledger.bundle_errors import BundleContradictedError
        from services.audit import PinnedString, audit_bundle
        from services.ledger_access import load_deployment

        bundle, digest = load_bundle(path)
        string, pinned = None, None
        if deployment is not None:
            pinned, tau_g2 = load_deployment(deployment)
            string = PinnedString(pinned.srs_id, tau_g2, str(deployment))
        if srs is not None:
            from zk.srs import load_srs, verify_srs

            loaded = load_srs(srs)
            if loaded.id != bundle.string.srs_id:
                raise BundleContradictedError("string", f"it is not the string in {srs}")
            verify_srs(loaded)
            string = PinnedString(loaded.id, loaded.tau_g2, str(srs), loaded.development)
            if pinned is not None and pinned.srs_id != loaded.id:
                raise BundleContradictedError("string", f"{deployment} pins another string than {srs}")
        audit = audit_bundle(bundle, string=string, deployment=pinned)
    if as_json:
        print_json(_document(audit, digest))
        return
    for line in report_lines(audit, digest):
        print_line(line)


def report_lines(audit: Audit, digest: bytes) -> list[str]:
    """The audit in plain words."""
    verified = audit.verified
    bundle, relation = verified.bundle, verified.statement.relation
    head = [f"bundle {digest.hex()}", f"query {bundle.query.query_id.hex()} of {bundle.query.proposer}"]
    if audit.string is None:
        head.append(
            "NO STRING WAS PINNED: whoever made this file may have chosen [tau]_2, and could then prove anything. "
            "Compare both lines on the string below, or verify again with --srs or --deployment."
        )
    elif audit.string.development:
        head.append("A DEVELOPMENT STRING: the process that made it knew its secret and could prove anything.")
    lines = [*head, "", "Shown" if audit.string is not None else "Shown, if the string is the right one"]
    lines += [f"  - {text}" for text in _shown(audit)]
    if bundle.question is not None:
        lines += ["", "Asked", *(f"  | {_visible(line)}" for line in bundle.question.sql.strip().splitlines())]
    if verified.released or verified.opened:
        lines += ["", "Sums in stored units (offset and scale are in the schemas)"]
        known = {**verified.opened, **verified.released}
        lines += [f"  {_sum_words(audit, row)} = {value}" for row, value in sorted(known.items())]
        closed = relation.sum_rows - len(known)
        if closed:
            lines.append(f"  {closed} more stay sealed in this file")
    if audit.outputs:
        lines += ["", "Result"]
        grouped = audit.plan is not None and audit.plan.keys
        lines += (
            ["  " + ", ".join(f"{_visible(name)} = {value}" for name, value in row.items()) for row in _rows(audit)]
            if grouped
            else [f"  {_visible(output.name)} = {_value(output)}" for output in audit.outputs]
        )
    lines += ["", "Not shown", *(f"  - {text}" for text in (*_gaps(audit), *_NEVER_SHOWN))]
    lines += ["", "Only the ledger can confirm; compare there, at a node you trust"]
    return lines + [f"  {name}: {value}" for name, value in _to_compare(audit)]


def _sum_words(audit: Audit, row: int) -> str:
    """A row of s in words, or by the number of its sum and, with groups, the codes of its cell."""
    if audit.plan is not None:
        return f"sum {row}: {audit.plan.sums[row].words}"
    relation = audit.verified.statement.relation
    number, cell = divmod(row, relation.cells)
    words = f"sum {number}"
    if relation.groups:
        words += f" of group {', '.join(map(str, relation.cell_codes(cell)))}"
    return words


def _rows(audit: Audit) -> list[dict[str, str | None]]:
    """The result as a table, one row for each group; None where nothing was released."""
    from query.statistics import result_rows

    if audit.plan is None or not audit.outputs:
        return []
    table = result_rows(audit.plan, audit.outputs)
    return [{name: None if value is None else str(value) for name, value in row.items()} for row in table]


def _visible(text: str) -> str:
    """A text from outside without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _value(output: Output) -> str:
    if output.suppressed:
        return "not in this file"
    return "NULL" if output.value is None else str(output.value)


def _shown(audit: Audit) -> list[str]:
    verified, bundle = audit.verified, audit.verified.bundle
    relation = verified.statement.relation
    found = [
        "every id and hash in the file is that of its content; the proof, "
        f"{len(bundle.proof)} bytes, is of this query on this chain, contract and string, and verifies",
        f"the {relation.sum_rows} sums {'in' if relation.plain else 'sealed in'} the record are exactly those of the "
        f"relation over the committed columns, 2^{relation.log_rows} rows each",
        f"every released sum rests on at least {bundle.query.minimum_group} rows"
        + ("; the proof says so without opening a count" if relation.hidden_guards else ""),
    ]
    if audit.string is not None:
        found.insert(0, f"id and [tau]_2 of the string are those of {audit.string.source}")
    if audit.deployment is not None:
        found.insert(1, "chain id and contracts are those of the pinned deployment")
    for entry, canonical in zip(bundle.datasets, audit.canonical):
        if canonical:
            found.append(f"{entry.name} was registered by a proof that verifies, under what its schema demands; it has "
                         f"{entry.rows} rows present")  # fmt: skip
        elif bundle.registrations:
            found.append(f"{entry.name} was registered by a proof that verifies; it has {entry.rows} rows present")
    if audit.plan is not None:
        found.append("the SQL text has the hash that was proposed, and compiles to exactly the proved relation")
    elif bundle.question is not None:
        found.append("the SQL text has the hash that was proposed")
    if verified.public:
        found.append(f"{len(verified.public)} of them are public: the proof opens them to everybody")
    if verified.released:
        found.append("the released sums are those sealed in the record")
    return found


def _gaps(audit: Audit) -> list[str]:
    bundle, found = audit.verified.bundle, []
    if not bundle.registrations:
        found.append("that booleans are boolean and absent rows are zero: no proof of registration is in the file")
    for entry, canonical in zip(bundle.datasets, audit.canonical):
        if bundle.registrations and not canonical:
            found.append(
                f"what the columns of {entry.name} mean, and that its registration demanded as much: its schema is not "
                "in the file, or was compiled by another release"
            )
    if audit.unchecked_sql:
        found.append(f"that the SQL text means the proved relation: {audit.unchecked_sql}")
    elif bundle.question is None:
        found.append("what was asked in words: the SQL text is not in the file")
    if unproved := _unproved(audit):
        found.append(f"{', '.join(map(_visible, unproved))}: UNPROVED. The parties computed order statistics on shares "
                     "beside the proof, which does not cover them; their values are not in the file")  # fmt: skip
    return found


def _unproved(audit: Audit) -> list[str]:
    """Outputs that no proof covers, by name."""
    return [] if audit.plan is None else [o.name for o in audit.plan.outputs if o.statistic.ranked]


def _to_compare(audit: Audit) -> list[tuple[str, str]]:
    """What the reader looks up, by its name on the ledger."""
    bundle = audit.verified.bundle
    chain, query, publication = bundle.chain, bundle.query, bundle.publication
    found = [
        ("chain id", str(chain.chain_id)),
        ("studies contract", chain.studies),
        ("its registry", chain.registry),
        ("query id, published", query.query_id.hex()),
        ("record of that query", publication.record.hex()),
        ("in transaction", f"0x{publication.tx_hash.hex()} of block {publication.block_number}"),
        ("minimum group of the query", str(query.minimum_group)),
        ("hash of the SQL text", query.sql_hash.hex()),
        ("hash of the purpose", query.purpose_hash.hex()),
    ]
    for entry in bundle.datasets:
        found.append((entry.name, f"owner {entry.owner}, relation {entry.relation_hash.hex()}, approved under policy "
                                  f"version {entry.policy_version}"))  # fmt: skip
    found.append(("string of the contract", bundle.string.srs_id.hex()))
    found.append(("its [tau]_2, as x1 x0 y1 y0", " ".join(_tau_words(bundle.string.tau_g2))))
    return found


def _tau_words(tau_g2: bytes) -> list[str]:
    """[τ]_2 in the order the contract shows it."""
    x0, x1, y0, y1 = (int.from_bytes(tau_g2[i : i + 32], "big") for i in range(0, 128, 32))
    return [f"{value:#x}" for value in (x1, x0, y1, y0)]


def _document(audit: Audit, digest: bytes) -> dict[str, Any]:
    verified, bundle = audit.verified, audit.verified.bundle
    return {
        "bundle": digest.hex(),
        "query": bundle.query.query_id.hex(),
        "verified": audit.string is not None,
        "consistent": True,
        "string": None if audit.string is None else audit.string.source,
        "development_string": None if audit.string is None else audit.string.development,
        "proposer": bundle.query.proposer,
        "datasets": [
            {"dataset": f"{entry.dataset:032x}", "version": entry.version, "owner": entry.owner, "rows": entry.rows,
             "registration_verified": bool(bundle.registrations), "as_schema_demands": canonical}
            for entry, canonical in zip(bundle.datasets, audit.canonical)
        ],
        "sql": None if bundle.question is None else bundle.question.sql,
        "sql_recompiled": audit.plan is not None,
        "guards": {str(number): value for number, value in verified.opened.items()},
        "hidden_guards": verified.statement.relation.hidden_guards,
        "public": {str(number): value for number, value in verified.public.items()},
        "released": {str(number): value for number, value in verified.released.items()},
        "result": _rows(audit),
        "unproved": _unproved(audit),
        "minimum_group": bundle.query.minimum_group,
        "proof_bytes": len(bundle.proof),
        "not_shown": [*_gaps(audit), *_NEVER_SHOWN],
        "compare_with_ledger": dict(_to_compare(audit)),
    }  # fmt: skip
