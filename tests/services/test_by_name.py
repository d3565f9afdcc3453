"""Statistics by name through the real services, with proofs, equal those of the pooled rows; dry runs touch nothing."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import statsmodels.api as sm
from lifelines import KaplanMeierFitter
from study_samples import LOG_ROWS, MINIMUM, UNAUDITED

import tallystick
from query.analyses.catalogue import CATALOGUE
from query.errors import AnalysisError, CellsSuppressedError, DegreesOfFreedomError
from query.kinds import Boolean, BoundedInteger, Category, ScaledDecimal
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema, encode_schema
from services.by_name import StatisticsByName
from services.client import Tallystick
from services.deployment import LocalDeployment, TableInput
from services.verify import verify_published

ROWS = 1 << LOG_ROWS
WARD = TableSchema("ward", "hospital", "patients", "person", "by-name", (
    ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("months", BoundedInteger(0, 60)),
    ColumnSchema("dead", Boolean()), ColumnSchema("treated", Boolean()),
    ColumnSchema("site", Category(("north", "south"))),
))  # fmt: skip
BLOOD = TableSchema("blood", "laboratory", "patients", "person", "by-name", (
    ColumnSchema("iron", ScaledDecimal(1, 0, 5000), nullable=True), ColumnSchema("sodium", BoundedInteger(100, 180)),
))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Rows:
    age: np.ndarray
    months: np.ndarray
    dead: np.ndarray
    treated: np.ndarray
    south: np.ndarray
    iron: np.ndarray
    sodium: np.ndarray


@pytest.fixture(scope="module")
def rows() -> Rows:
    draw = np.random.Generator(np.random.PCG64(11))
    age, treated = draw.integers(20, 90, ROWS), draw.random(ROWS) < 0.5
    death, end = draw.exponential(24 + 12 * treated), draw.uniform(4, 60, ROWS)
    iron = np.round(80 + 0.5 * age + draw.normal(0, 20, ROWS), 1)
    iron[::9] = np.nan
    return Rows(age, np.minimum(death, end).astype(int), death <= end, treated, draw.random(ROWS) < 0.4, iron,
                draw.integers(120, 150, ROWS))  # fmt: skip


def as_csv(header: str, columns: list[list[str]]) -> bytes:
    stream = io.StringIO()
    stream.write(header + "\n")
    for line, cells in enumerate(zip(*columns, strict=True)):
        stream.write(",".join([str(line), *cells]) + "\n")
    return stream.getvalue().encode()


@pytest.fixture(scope="module")
def study(deployment: LocalDeployment, agency: Tallystick, rows: Rows) -> Tallystick:
    """The agency, after both tables were registered."""
    texts = [list(map(str, values)) for values in (rows.age, rows.months)]
    flags = [[str(bool(v)).lower() for v in values] for values in (rows.dead, rows.treated)]
    sites = [["south" if v else "north" for v in rows.south]]
    irons = ["" if np.isnan(v) else f"{v:.1f}" for v in rows.iron]
    ward = as_csv("row,age,months,dead,treated,site", [*texts, *flags, *sites])
    blood = as_csv("row,iron,sodium", [irons, list(map(str, rows.sodium))])
    policy = encode_policy(Policy(minimum_group=MINIMUM, limits=UNAUDITED))
    for party, schema, csv in ((0, WARD, ward), (1, BLOOD, blood)):
        deployment.register(TableInput(party, encode_schema(schema), policy, csv, LOG_ROWS, "row"))
    return agency


def test_ols_table1_and_survival_with_proofs(study: Tallystick, deployment: LocalDeployment, rows: Rows) -> None:
    model = study.ols("blood.iron", "ward.age", "ward.treated", "blood.sodium", purpose="what raises iron?")
    known = ~np.isnan(rows.iron)
    design = sm.add_constant(np.column_stack([rows.age, rows.treated, rows.sodium])[known].astype(float))
    theirs = sm.OLS(rows.iron[known], design).fit()
    for found, value, se, p in zip(model.coefficients, theirs.params, theirs.bse, theirs.pvalues, strict=True):
        assert (found.value, found.se, found.p) == pytest.approx((value, se, p), rel=1e-9)
    assert model.n == known.sum()
    assert model.residual_df == model.n - 4

    table = study.table1("ward.treated", "ward.age", "blood.iron", "ward.site")
    for place, treated in enumerate((False, True)):
        mine = rows.treated == treated
        assert table.sizes[place] == mine.sum()
        ages = rows.age[mine]
        assert table.line("ward.age").groups[place] == pytest.approx((ages.mean(), ages.std(ddof=1)))
        assert table.line("ward.site", "south").groups[place] == pytest.approx(
            ((rows.south & mine).sum(), (rows.south & mine).sum() / mine.sum()))  # fmt: skip

    (curve,) = study.km("ward.months", "ward.dead", (12, 24)).curves
    floored = np.array([0, 12, 24])[np.digitize(rows.months, (12, 24))]
    expected = KaplanMeierFitter().fit(floored, rows.dead & (rows.months < 24))
    assert [s.survival for s in curve.steps] == pytest.approx([expected.predict(t) for t in (0, 12)], rel=1e-9)

    regulator = deployment.ledger_access()
    for evidence in (*model.evidence, *table.evidence):
        assert not evidence.mock
        verified = verify_published(regulator, bytes.fromhex(evidence.query_id))
        assert verified.published.tx_hash == evidence.transaction
    assert len(table.evidence) == 4
    assert model.evidence[0].query_id in str(model)
    assert "MOCK" not in str(model)


def test_what_the_data_refuse_is_said_plainly(study: Tallystick, rows: Rows) -> None:
    with pytest.raises(CellsSuppressedError, match="all rows"):
        study.ttest("blood.sodium", where="ward.age < 21")
    described = study.describe("blood.sodium", "ward.age")
    assert described.suppressed == ()
    limit = int(np.sort(rows.age)[MINIMUM + 2]) + 1
    assert MINIMUM <= (rows.age < limit).sum() < 13
    with pytest.raises(DegreesOfFreedomError, match="residual"):
        study.ols("blood.sodium", "ward.age", "ward.months", where=f"ward.age < {limit}")


def test_a_dry_run_is_the_same_call_and_touches_nothing() -> None:
    rehearsal = tallystick.dry_run([WARD, BLOOD], rows=4000)
    model = rehearsal.ols("blood.iron", "ward.age", "ward.treated", "blood.sodium")
    assert model.mock
    assert model.n > 2000
    assert str(model).startswith("[MOCK]")
    assert rehearsal.km("ward.months", "ward.dead", (10, 20, 40), by="ward.site").curves[0].steps
    assert rehearsal.query("SELECT COUNT(*) AS n FROM ward").evidence.mock
    assert "discloses" in rehearsal.explain("SELECT COUNT(*) AS n FROM ward")
    with pytest.raises(AnalysisError):
        rehearsal.ols("blood.iron", "ward.height")


def test_every_analysis_has_its_method() -> None:
    methods = {name for name in vars(StatisticsByName) if not name.startswith("_")} - {"analyse"}
    assert {name.replace("-", "_") for name in CATALOGUE} == methods
    assert issubclass(Tallystick, StatisticsByName)
