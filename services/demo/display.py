"""What the demonstration shows on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from services.demo.report import CheatReport, DemoReport, QueryReport
from services.demo.studies import Study
from services.demo.tables import DemoTable

_UNPROVED_FACTS = (
    "Correctness of every number above needs one honest contributor to the setup ceremony and no honest party in the "
    "query. Privacy needs that no two of the three parties collude. No proof shows that the registered data is true."
)


class Display:
    """Writes to one rich console.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        """A rule with a title."""
        self._console.rule(f"[bold]{escape(text)}", align="left")

    def line(self, text: str) -> None:
        """A plain line; nothing in it is read as markup."""
        self._console.print(text, markup=False, highlight=False)

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[str, float], None]]:
        """A progress bar; yields the function to report a stage and a fraction to."""
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=1.0)

            def report(stage: str, fraction: float) -> None:
                bar.update(task, description=f"{title}: {stage}"[:60], completed=fraction)

            yield report

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str], None]]:
        """A spinner with a changing text."""
        with self._console.status(escape(text)) as status:
            yield lambda stage: status.update(escape(f"{text}: {stage}"))

    def question(self, number: int, study: Study, disclosures: Sequence[str]) -> None:
        """A question and what its answer discloses, sum by sum."""
        self._console.print()
        self._console.print(f"[bold]{number}. {escape(study.title)}", highlight=False)
        self._console.print(Panel(Syntax(study.sql, "sql", background_color="default", word_wrap=True)))
        self._console.print("[dim]discloses")
        for place, line in enumerate(disclosures):
            self._console.print(Padding(f"[dim]#{place}[/] {escape(line)}", (0, 0, 0, 2)), highlight=False)

    def answer(self, found: QueryReport, sums: Mapping[str, str]) -> None:
        """An answer beside the pooled one, what it cost and who verified it.

        Args:
            found: the answer.
            sums: the names in it that are disclosed sums, and what to call them.
        """
        table = Table(box=None, padding=(0, 2), header_style="dim")
        table.add_column("answer")
        table.add_column("proved", justify="right")
        table.add_column("pooled plaintext", justify="right")
        table.add_column("")
        for name, value in found.result.items():
            plain = found.plaintext[name]
            label = sums.get(name, name)
            table.add_row(escape(label), _number(value), _number(plain), _verdict(value == plain, "equal", "DIFFERENT"))
        self._console.print(table)
        verdicts = (
            ("contract", found.verified_on_chain), ("regulator's verifier", found.verified_offline),
            ("opening of the sealed sums", found.opening_ok),
        )
        self._facts("verdicts", "   ".join(f"{name}: {_verdict(ok, 'accepts', 'REFUSES')}" for name, ok in verdicts))
        self._facts("proof", f"{found.proof_bytes} bytes over {found.rows:,} rows, published for {found.gas:,} gas")
        self._facts("on the ledger", found.tx)
        self._facts("seconds", ", ".join(f"{escape(name)} {spent:.2f}" for name, spent in found.stages_s.items()))

    def _facts(self, title: str, text: str) -> None:
        self._console.print(Padding(f"[dim]{title}[/] {text}", (0, 0, 0, 2)), highlight=False)

    def cheat(self, found: CheatReport) -> None:
        """A cheat and what became of it."""
        self._console.print(f"{_verdict(found.rejected, 'rejected', 'ACCEPTED')}  [bold]{escape(found.what)}",
                            highlight=False)
        self._console.print(Padding(escape(found.reason), (0, 0, 0, 10)), highlight=False)

    def registered(self, table: DemoTable, columns: int, gas: int, seconds: float) -> None:
        """A registered table."""
        self._console.print(f"  {escape(table.name):<11}{escape(table.schema.owner):<11}{table.rows:>6,} rows, "
                            f"{columns} committed columns, {gas:>9,} gas, {seconds:.1f} s", highlight=False)

    def failure(self, text: str) -> None:
        """What went wrong."""
        self._console.print(f"[bold red]failed[/] {escape(text)}", highlight=False)

    def summary(self, report: DemoReport, passed: bool, path: Path) -> None:
        """The last lines."""
        self._console.print()
        equal = sum(query.passed for query in report.queries)
        rejected = sum(cheat.rejected for cheat in report.cheats)
        self._console.print(
            f"{_verdict(passed, 'passed', 'FAILED')}: {equal} of {len(report.queries)} answers equal the pooled "
            f"plaintext and verify; {rejected} of {len(report.cheats)} cheats rejected; {report.elapsed_s:.0f} s",
            highlight=False)
        self._console.print(f"report: {escape(str(path))}", highlight=False)
        self._console.print(_UNPROVED_FACTS, style="dim", highlight=False)


def _number(value: int | float | None) -> str:
    if value is None:
        return "NULL"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.12g}"


def _verdict(good: bool, yes: str, no: str) -> str:
    return f"[green]{yes}[/]" if good else f"[bold red]{no}[/]"
