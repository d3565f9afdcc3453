"""What the demonstration found: the JSON file and whether it passed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services.demo.errors import DemoFileError

Values = Mapping[str, int | float | None]


@dataclass(frozen=True, slots=True)
class QueryReport:
    """One question. Everything here is disclosed to the agency anyway.

    Args:
        sql: the question.
        rows: N, rows of every column in the proof.
        result: values by output name, then the disclosed sums by name.
        plaintext: the same from pooled plaintext.
        proof_bytes: size of the proof in the transaction.
        gas: gas used by the publishing transaction.
        tx: its hash.
        verified_on_chain: the contract published it.
        verified_offline: a regulator's Python verifier accepted it, from the ledger alone.
        opening_ok: the sealed sums opened to the values received.
        stages_s: seconds by stage.
    """

    sql: str
    rows: int
    result: Values
    plaintext: Values
    proof_bytes: int
    gas: int
    tx: str
    verified_on_chain: bool
    verified_offline: bool
    opening_ok: bool
    stages_s: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether the result is right and everyone who can check it agrees."""
        verdicts = (self.verified_on_chain, self.verified_offline, self.opening_ok)
        return self.result == self.plaintext and all(verdicts)


@dataclass(frozen=True, slots=True)
class CheatReport:
    """One attempted cheat.

    Args:
        what: what was tried.
        rejected: whether it was refused everywhere it was tried.
        reason: who refused it and why; or who accepted it.
    """

    what: str
    rejected: bool
    reason: str


@dataclass(slots=True)
class DemoReport:
    """The whole demonstration; filled while it runs."""

    elapsed_s: float = 0.0
    queries: list[QueryReport] = field(default_factory=list)
    cheats: list[CheatReport] = field(default_factory=list)

    def passed(self, queries: int, cheats: int) -> bool:
        """Whether that many questions and cheats were reached and every one came out as it must."""
        complete = len(self.queries) == queries and len(self.cheats) == cheats
        return complete and all(q.passed for q in self.queries) and all(c.rejected for c in self.cheats)

    def encode(self) -> str:
        """The report as JSON text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def store_report(report: DemoReport, path: Path) -> None:
    """Write a report, replacing an older one only when the new one is complete.

    Raises:
        DemoFileError: the file cannot be written.
    """
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(report.encode(), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise DemoFileError(f"cannot write {path}: {error.strerror}") from error
