"""An opening by itself: released sums in a small file that the agency hands on, to a regulator or anybody.

Whoever is given one checks it against the [s] of the ledger's record: at a node, or beside a bundle of the same query.
It shows its sums and nothing of the others. Format: docs/audit-bundle.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from query.canonical import Fields, encode_canonical, parse_object
from query.errors import QueryError
from services.convert import released_rows
from services.errors import ServiceError
from services.ledger_access import LedgerAccess
from services.results import RowOpening
from services.verify import VerifiedQuery, verify_published
from zk.errors import ProofRejectedError
from zk.relation import MAX_CELLS
from zk.transcript import FR_MODULUS
from zk.verifier import verify_row_openings

FORMAT: Final = "tallystick.opening/1"
_WORD: Final = re.compile(r"[0-9a-f]{64}")
_VALUE: Final = re.compile(r"0|[1-9][0-9]{0,76}")


class OpeningInvalidError(ServiceError):
    """An opening that cannot be read, or is not of this ledger's query."""


class _UnreadableError(QueryError):
    """What reading JSON raises; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Some released rows of a published query; the agency's to give.

    Args:
        chain_id: of the ledger.
        studies: address of the contract.
        query_id: 32 bytes.
        rows: at least one, by increasing row.
    """

    chain_id: int
    studies: str
    query_id: bytes
    rows: tuple[RowOpening, ...]

    def only(self, rows: Iterable[int]) -> Opening:
        """The opening of some of its rows.

        Raises:
            OpeningInvalidError: it does not have one of them, or none is named.
        """
        wanted = set(rows)
        chosen = tuple(row for row in self.rows if row.row in wanted)
        if not chosen or len(chosen) != len(wanted):
            known = ", ".join(str(row.row) for row in self.rows)
            raise OpeningInvalidError(f"it opens rows {known} and no others")
        return replace(self, rows=chosen)


def opening_of(ledger: LedgerAccess, query_id: bytes, rows: Sequence[RowOpening]) -> Opening:
    """The opening of a result's rows.

    Raises:
        OpeningInvalidError: there is none: public sums stand on the ledger, for everybody to read.
    """
    if not rows:
        raise OpeningInvalidError("there is nothing to open: public sums stand on the ledger, for everybody to read")
    ordered = tuple(sorted(rows, key=lambda row: row.row))
    return Opening(ledger.deployment.chain_id, ledger.studies.address, query_id, ordered)


def verify_opening(ledger: LedgerAccess, opening: Opening) -> VerifiedQuery:
    """Verify the query an opening is of, as `verify_published`, and that its values are those sealed in the record.

    Args:
        ledger: with the pinned deployment.

    Raises:
        OpeningInvalidError: of another chain or contract, of rows that were not released, or of public sums.
        ProofRejectedError: a value is not what the record seals, or the proof does not verify.
        RecordInvalidError, StateConflictError, LedgerError: as `verify_published`.
    """
    pinned = ledger.deployment
    if (opening.chain_id, opening.studies.lower()) != (pinned.chain_id, pinned.studies.lower()):
        raise OpeningInvalidError("of another chain or contract than the pinned ones")
    verified = verify_published(ledger, opening.query_id)
    sealed, released = verified.published.sums, set(released_rows(verified.published.release))
    if sealed is None:
        raise OpeningInvalidError("the sums of this query stand on the ledger: there is nothing to open")
    if not {row.row for row in opening.rows} <= released:
        raise OpeningInvalidError("a row was not released")
    opened = verified.published.opened(verified.query.relation)
    if any(opened.get(row.row, row.value) != row.value for row in opening.rows):
        raise ProofRejectedError("row opening")  # not what the proof itself opens
    openings = [(row.row, row.value, row.point) for row in opening.rows]
    verify_row_openings(ledger.tau_g2, verified.query.relation.log_rows, sealed, openings)
    return verified


def encode_opening(opening: Opening) -> bytes:
    """The canonical text of an opening."""
    return encode_canonical({
        "format": FORMAT,
        "chain_id": opening.chain_id,
        "studies": opening.studies.lower(),
        "query": opening.query_id.hex(),
        "rows": [
            {"row": row.row, "value": str(row.value), "x": f"{row.point[0]:064x}", "y": f"{row.point[1]:064x}"}
            for row in opening.rows
        ],
    })  # fmt: skip


def parse_opening(text: str | bytes) -> Opening:
    """Read an opening, canonical or not; whether it is true, `verify_opening` says.

    Raises:
        OpeningInvalidError: it is none.
    """
    try:
        fields = Fields(parse_object(text, _UnreadableError), "the opening", _UnreadableError)
        if fields.text("format") != FORMAT:
            raise OpeningInvalidError(f"its format is not {FORMAT}")
        chain_id, studies, query = fields.integer("chain_id"), fields.text("studies"), fields.text("query")
        rows = [_row(Fields(item, "a row", _UnreadableError)) for item in fields.items("rows")]
        fields.end()
    except _UnreadableError as error:
        raise OpeningInvalidError(f"no opening: {error}") from error
    numbers = [row.row for row in rows]
    if not _WORD.fullmatch(query) or not numbers or sorted(set(numbers)) != numbers:
        raise OpeningInvalidError("it names no query, or rows that do not increase")
    return Opening(chain_id, studies, bytes.fromhex(query), tuple(rows))


def _row(fields: Fields) -> RowOpening:
    number, value, x, y = fields.integer("row"), fields.text("value"), fields.text("x"), fields.text("y")
    fields.end()
    fits = 0 <= number < MAX_CELLS and _VALUE.fullmatch(value) and _WORD.fullmatch(x) and _WORD.fullmatch(y)
    if not fits or int(value) >= FR_MODULUS:
        raise OpeningInvalidError("a row, value or point is out of range")
    return RowOpening(number, int(value), (int(x, 16), int(y, 16)))


def store_opening(opening: Opening, path: Path) -> None:
    """Write an opening to a new file.

    Raises:
        OpeningInvalidError: the file exists or cannot be written.
    """
    try:
        with path.open("xb") as stream:
            stream.write(encode_opening(opening) + b"\n")
    except OSError as error:
        raise OpeningInvalidError(f"cannot write {path}: {error.strerror}") from error


def load_opening(path: Path) -> Opening:
    """Read an opening's file.

    Raises:
        OpeningInvalidError: it cannot be read or is none.
    """
    try:
        return parse_opening(path.read_bytes())
    except OSError as error:
        raise OpeningInvalidError(f"cannot read {path}: {error.strerror}") from error


def opening_document(opening: Opening, verified: VerifiedQuery) -> dict[str, Any]:
    """What a verified opening shows, for JSON."""
    return {
        "query": opening.query_id.hex(),
        "verified": True,
        "proposer": verified.query.proposer,
        "sums": {str(row.row): row.value for row in opening.rows},
        "guards": verified.guards,
        "tx": verified.published.tx_hash,
        "block": verified.published.block_number,
    }
