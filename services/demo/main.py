"""``tallystick demo``: a city and 442 patients, three parties, a ledger; questions, proofs, cheats.

Starts everything as separate processes on free local ports, in a temporary folder, and stops what it started, also on
Ctrl-C and on failure. Writes ``build/demo-report.json``. Exit status 0 only if every result equals the pooled
plaintext, every verification succeeds and every cheat is rejected.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from ledger.errors import LedgerError
from ledger.studies import QueryState
from mpc.errors import MpcError
from query.errors import QueryError
from query.policy import Policy, encode_policy
from query.schema import encode_schema
from services.client import Tallystick
from services.client_errors import QueryFailedError
from services.demo import cheats
from services.demo.city import make_city
from services.demo.diabetes import COHORT, COHORT_NAME, EPSILON, KEY, LOG_ROWS, load_tables
from services.demo.display import Display
from services.demo.errors import DemoError, DemoFailedError, DemoSizeError
from services.demo.export import ROW, identifier_csv, keyed_csv, shuffled, table_csv
from services.demo.housing import OWNER, make_housing
from services.demo.questions import PURPOSE, ask, report_on, sum_labels
from services.demo.report import CheatReport, DemoReport, store_report
from services.demo.rogue_coordinator import RogueCoordinator, released_to_agency
from services.demo.studies import STUDIES, Study
from services.demo.tables import DemoTable
from services.deployment import LocalDeployment, TableInput
from services.deployment_layout import PARTY_NAMES
from services.errors import RemoteError, ServiceError
from services.results import Result
from services.verify import verify_published
from zk.errors import ZkError
from zk.kernels import warm_up

REPORT: Final = Path("build/demo-report.json")
LOGS: Final = "demo-logs"
PERSONS: Final = 10_000
MIN_PERSONS: Final = 2_000
SEED: Final = 2026
MINIMUM_GROUP: Final = 10
CHEATS: Final = 6
LIAR: Final = 2
LIE_NOTICED: Final = "CONTRIBUTION_REJECTED"
LYING_MODULE: Final = "services.demo.lying_party"

_TYPED: Final = (ServiceError, LedgerError, QueryError, ZkError, MpcError)


def run_demo(
    console: Console | None = None, report_path: Path = REPORT, persons: int = PERSONS, seed: int = SEED,
    studies: Sequence[Study] = STUDIES,
) -> int:
    """Run the whole demonstration.

    Args:
        console: where to show it; None for the terminal.
        report_path: where the JSON report goes.
        persons: size of the synthetic city, at least 2,000.
        seed: of the synthetic city.
        studies: questions to ask; at least one over tables of two owners.

    Returns:
        0 if everything came out as it must, else 1.
    """
    began = time.monotonic()
    display, report = Display(console or Console()), DemoReport()
    passed = False
    try:
        report_path.unlink(missing_ok=True)  # an older report must not pass for this run's
        with (
            _stopped_by_signals(),
            tempfile.TemporaryDirectory(prefix="tallystick-demo-") as folder,
            _kept_logs(Path(folder), report_path.parent / LOGS),
        ):
            _Demo(display, report, Path(folder), studies).run(persons, seed)
        passed = report.passed(len(studies), CHEATS)
    except _TYPED as error:
        display.failure(f"{error}; logs of all processes: {report_path.parent / LOGS}")
    except OSError as error:
        display.failure(f"cannot use a file: {error}")
    except KeyboardInterrupt:
        display.failure("interrupted; everything that was started has been stopped")
    report.elapsed_s = round(time.monotonic() - began, 2)
    try:
        store_report(report, report_path)
    except DemoError as error:
        display.failure(str(error))
        passed = False
    display.summary(report, passed, report_path)
    return 0 if passed else 1


@contextmanager
def _kept_logs(folder: Path, kept: Path) -> Iterator[None]:
    """Keep the processes' logs if the block fails."""
    try:
        yield
    except _TYPED:
        kept.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, kept / log.name)
        raise


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Have the first SIGTERM or Ctrl-C unwind, so that what was started is stopped, and ignore the following ones."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(one, interrupt) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


class _Demo:
    """One run: the steps in order, over one deployment."""

    def __init__(self, display: Display, report: DemoReport, folder: Path, studies: Sequence[Study]) -> None:
        self._display, self._report, self._folder, self._studies = display, report, folder, studies
        self._tables: dict[str, DemoTable] = {}

    def run(self, persons: int, seed: int) -> None:
        """Everything, from compiling the kernels to the last cheat."""
        display = self._display
        display.heading("Tallystick: joint statistics, a public proof of each number")
        with display.progress("preparing the kernels (compiled once)") as report:
            seconds = warm_up(report)
        display.line(f"kernels ready in {seconds:.1f} s")
        if persons < MIN_PERSONS:
            raise DemoSizeError(f"the demonstration needs {MIN_PERSONS} persons: in a smaller city some groups fall "
                                f"below the minimum of {MINIMUM_GROUP}")
        city = make_city(persons, seed)
        self._tables = {table.name: table for table in (*city.tables, make_housing(city), *load_tables())}
        with self._deployed(max(table.log_rows for table in self._tables.values())) as deployment:
            orders = self._align(deployment)
            self._register(deployment, persons, orders)
            with deployment.connect() as agency:
                self._prove_cohort(agency)
                results = self._ask_all(deployment, agency)
                self._cheat(deployment, agency, results)

    @contextmanager
    def _deployed(self, log_rows: int) -> Iterator[LocalDeployment]:
        self._display.heading("A ledger, three parties and an owner outside them, their provers, a coordinator")
        began = time.monotonic()
        with ExitStack() as stack:
            with self._display.waiting("starting") as note:
                deployment = stack.enter_context(
                    LocalDeployment(self._folder, log_rows=log_rows, names=(*PARTY_NAMES, OWNER), progress=note)
                )
            names = list(deployment.processes())
            self._display.line(f"{len(names)} processes in {time.monotonic() - began:.1f} s: {', '.join(names)}")
            self._display.line(f"the reference string comes from a ceremony of {', '.join(deployment.names)}")
            yield deployment

    def _align(self, deployment: LocalDeployment) -> Mapping[str, Sequence[int]]:
        """Align the patients of exams and serum; returns the order in which each owner writes its records."""
        self._display.heading("A cohort: whose row is whose, without showing anybody")
        patients = {name: table for name, table in self._tables.items() if table.schema.cohort == COHORT}
        orders = {name: shuffled(table.rows) for name, table in patients.items()}
        lists = {table.party: identifier_csv(table, orders[name]) for name, table in patients.items()}
        began = time.monotonic()
        with self._display.waiting("aligning"):
            label = deployment.make_cohort(COHORT_NAME, lists, KEY, log_rows=LOG_ROWS, epsilon=EPSILON)
        if label != COHORT:
            raise DemoFailedError(f"the cohort is {label}, not {COHORT}")
        owners = " and ".join(table.schema.owner for table in patients.values())
        self._display.line(f"{owners} aligned {label} in {time.monotonic() - began:.1f} s: each knows the rows of its "
                           "own patients, nobody who is in the other's list; the ledger has commitments of both lists")
        return orders

    def _prove_cohort(self, agency: Tallystick) -> None:
        began = time.monotonic()
        with self._display.waiting("proving the cohort"):
            verified = agency.prove_cohort(COHORT_NAME, 1)
        self._display.line(f"proved in {time.monotonic() - began:.1f} s that no row of {COHORT} joins two persons: "
                           f"{verified.proof_bytes} bytes on the ledger, verified again from there")

    def _register(self, deployment: LocalDeployment, persons: int, orders: Mapping[str, Sequence[int]]) -> None:
        self._display.heading("Registering tables: the ledger gets commitments and a proof")
        policy = encode_policy(Policy(minimum_group=MINIMUM_GROUP))
        for table in self._tables.values():
            began = time.monotonic()
            with self._display.waiting(f"registering {table.name}"):
                order = orders.get(table.name)
                csv, row_column = (table_csv(table), ROW) if order is None else (keyed_csv(table, order), "")
                found = deployment.register(TableInput(table.party, encode_schema(table.schema), policy, csv,
                                                       table.log_rows, row_column))
            self._display.registered(table, found.columns, found.gas, time.monotonic() - began)
        self._display.line(f"hospital, laboratory, credit and tenancies describe a SYNTHETIC city of {persons:,} "
                           "persons; exams and serum are 442 real patients (scikit-learn's bundled diabetes data)")

    def _ask_all(self, deployment: LocalDeployment, agency: Tallystick) -> list[Result]:
        self._display.heading("Questions of an agency")
        regulator = deployment.ledger_access()
        results = []
        for number, study in enumerate(self._studies, start=1):
            self._display.question(number, study, agency.compile(study.sql).disclosures)
            with self._display.waiting("asking") as note:
                result = ask(agency, study, self._tables, note)
                found = report_on(result, study, self._tables, regulator)
            self._report.queries.append(found)
            self._display.answer(found, sum_labels(result))
            results.append(result)
        return results

    # --- cheats --------------------------------------------------------------------------------------------------

    def _cheat(self, deployment: LocalDeployment, agency: Tallystick, results: Sequence[Result]) -> None:
        self._display.heading("Cheats, each made for real")
        earlier = results[0]
        with self._display.waiting("a coordinator that cheats") as note:
            for found in self._coordinator_cheats(deployment, agency, earlier, note):
                self._report.cheats.append(found)
                self._display.cheat(found)
        found = self._lying_party(deployment, agency)
        self._report.cheats.append(found)
        self._display.cheat(found)

    def _coordinator_cheats(self, deployment: LocalDeployment, agency: Tallystick, earlier: Result,
                            note: Callable[[str], None]) -> Iterator[CheatReport]:
        coordinator = deployment.ledger_access("coordinator")
        plan = agency.compile(earlier.sql)
        verifiers = cheats.Verifiers(coordinator.studies, coordinator.tau_g2)
        with RogueCoordinator(deployment) as rogue:
            note("has the same question approved anew")
            statement = rogue.approved(agency, plan)
            note("replays the earlier proof")
            replay = verifiers.judge(cheats.REPLAY, statement, earlier.proof)
            note("has the question proved")
            query = cheats.ApprovedQuery(statement, rogue.proved(statement))
        note("forges")
        yield cheats.cheat_on_guard(verifiers, query)
        yield replay
        yield cheats.cheat_on_commitment(verifiers, query, self._other_commitment(agency, statement.commitments))
        yield cheats.cheat_on_rows(agency.ledger.studies, coordinator, query.statement, query.proof)
        note("publishes the honest proof after all")
        verifiers.require_honest(query)
        verified = verify_published(coordinator, statement.subject)
        parts = released_to_agency(deployment, statement.subject)
        yield cheats.cheat_on_released_value(coordinator.tau_g2, verified, parts)
        self._display.line("the honest proof of that question was accepted right after the forgeries")

    def _other_commitment(self, agency: Tallystick, used: Sequence[tuple[int, int]]) -> tuple[int, int]:
        for record in agency.directory().records.values():
            for point in record.commitments:
                if point not in used:
                    return point
        raise DemoFailedError("there is no other registered column to cheat with")

    def _lying_party(self, deployment: LocalDeployment, agency: Tallystick) -> CheatReport:
        """Restart one party as a liar and ask; then restart it honest and ask again."""
        study, name = self._studies[0], deployment.names[LIAR]
        what = f"a party that lies in one contribution: {name} adds 1 to its share of a sum"
        with self._display.waiting(f"{name} lies") as note:
            deployment.restart_party(LIAR, module=LYING_MODULE)
            found = self._ask_with_liar(deployment, agency, study, what)
            note("and is honest again")
            deployment.restart_party(LIAR)
            ask(agency, study, self._tables, note)
        return found

    def _ask_with_liar(self, deployment: LocalDeployment, agency: Tallystick, study: Study, what: str) -> CheatReport:
        query_id = agency.submit(study.sql, purpose=PURPOSE)
        try:
            agency.result(query_id)
        except QueryFailedError as error:
            if error.code != LIE_NOTICED:
                raise
            failure = error
        else:
            return CheatReport(what, False, "the query was published with a false contribution")
        state = agency.ledger.studies.state(query_id)
        try:
            released_to_agency(deployment, query_id)
        except RemoteError as error:
            return CheatReport(what, state is QueryState.FAILED, f"the parties: {failure}; on the ledger the query is "
                               f"{state.name}; asked for its result, a party answers: {error.message}; "
                               "the same question is answered once the party is honest again")
        return CheatReport(what, False, "the parties released parts of a query that failed")
