"""Fifty mixed queries over a city of 10,000 persons, each proved, published, verified and released, in five minutes."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.datasets import load_diabetes

from query.analyses.asking import Analysis
from query.analyses.contingency import ChiSquare, Frequency
from query.analyses.correlation import Pearson, PrincipalComponents
from query.analyses.descriptives import Describe, Shape
from query.analyses.grouped_models import LogisticRegression, PoissonRegression
from query.analyses.means import Anova, TTest
from query.analyses.rates import StandardisedRate
from query.analyses.regression import LinearRegression
from query.analyses.scores import PopulationStability, Separation
from query.analyses.stratified import MantelHaenszel
from query.analyses.survival import KaplanMeier
from query.analyses.table_one import TableOne
from query.analyses.writing import Bins
from query.policy import Policy, encode_policy
from query.rehearsal import Rehearsal
from query.rows import encode_rows
from query.schema import encode_schema
from services.client import Tallystick
from services.demo.city import City, make_city
from services.demo.diabetes import load_tables
from services.demo.export import table_csv
from services.deployment import LocalDeployment, TableInput
from zk.srs import development_srs

PERSONS, QUERIES, LIMIT_S = 10_000, 50, 300.0
AGES = Bins("hospital.age", (40, 65))
JOIN = "FROM hospital JOIN credit ON hospital.person = credit.person"

SQL = (
    "SELECT COUNT(*) AS n, AVG(age) AS a, STDDEV_SAMP(age) AS s FROM hospital WHERE smoker",
    f"SELECT COVAR_SAMP(hospital.age, credit.balance_cents) AS c {JOIN} WHERE hospital.age BETWEEN 30 AND 60",
    f"SELECT hospital.diabetic, credit.in_arrears, COUNT(*) AS n {JOIN} GROUP BY hospital.diabetic, credit.in_arrears",
    "SELECT AVG(credit.arrears_cents) AS m FROM hospital JOIN laboratory ON hospital.person = laboratory.person "
    "JOIN credit ON hospital.person = credit.person WHERE laboratory.hba1c >= 6.5",
    "SELECT fasting, COUNT(*) AS n FROM laboratory GROUP BY fasting",
    f"SELECT SUM(credit.balance_cents) AS s {JOIN} WHERE hospital.smoker OR credit.in_arrears",
)
ANALYSES: tuple[Analysis, ...] = (  # type: ignore[type-arg]
    Describe(("hospital.age", "hospital.systolic", "laboratory.ldl", "credit.balance_cents")),
    Shape("hospital.visits"),
    TableOne("hospital.diabetic", ("hospital.age", "laboratory.hba1c", "credit.in_arrears", "hospital.smoker")),
    TableOne("hospital.female", ("credit.balance_cents", AGES)),
    Frequency(AGES),
    Frequency("hospital.smoker"),
    ChiSquare("hospital.diabetic", "credit.in_arrears"),
    ChiSquare(AGES, "credit.in_arrears"),
    ChiSquare("hospital.smoker", "hospital.female"),
    MantelHaenszel("hospital.diabetic", "credit.in_arrears", Bins("hospital.age", (55,))),
    TTest("credit.balance_cents", by="hospital.diabetic"),
    TTest("laboratory.hba1c", by="hospital.smoker", equal_variances=True),
    TTest("hospital.systolic", pair="laboratory.ldl"),
    TTest("laboratory.hba1c", mean="5.5"),
    Anova("laboratory.ldl", AGES),
    Anova("credit.balance_cents", AGES, equal_variances=False),
    Pearson(("hospital.age", "laboratory.hba1c")),
    Pearson(("hospital.age", "laboratory.ldl", "credit.accounts")),
    PrincipalComponents(("hospital.age", "hospital.systolic", "laboratory.hba1c"), standardise=True),
    LinearRegression("laboratory.hba1c", ("hospital.age", "hospital.diabetic", "hospital.systolic")),
    LinearRegression("credit.balance_cents", ("hospital.age", "hospital.visits", "credit.accounts")),
    LinearRegression("credit.balance_cents", ("hospital.age", "laboratory.ldl", "credit.accounts"), penalty=10),
    LogisticRegression("credit.in_arrears", ("hospital.diabetic", "hospital.female", Bins("hospital.age", (65,)))),
    LogisticRegression("hospital.smoker", ("hospital.female", Bins("hospital.age", (40, 60)))),
    PoissonRegression("hospital.visits", ("hospital.diabetic", AGES)),
    StandardisedRate("hospital.diabetic", (Bins("hospital.age", (40,)),), {"below 40": 60, "40 and above": 40}),
    Separation(Bins("hospital.systolic", (110, 125, 140)), "hospital.diabetic"),
    Separation(Bins("credit.balance_cents", (100_000, 500_000)), "hospital.diabetic"),
    PopulationStability(AGES, "hospital.female"),
    PopulationStability(Bins("credit.accounts", (2, 4)), "hospital.smoker"),
    TTest("hospital.age", by="hospital.female"),
    Anova("hospital.visits", AGES),
    KaplanMeier("hospital.age", "hospital.diabetic", (30, 50, 70), by="hospital.smoker"),
    Describe(("credit.arrears_cents", "hospital.visits"), where="credit.in_arrears AND hospital.age >= 18"),
)


@pytest.fixture(scope="module")
def city() -> City:
    """The demonstration's city."""
    return make_city(PERSONS, 2026)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, city: City) -> Iterator[LocalDeployment]:
    """A deployment with the city's three registers and the diabetes data's two tables."""
    folder = tmp_path_factory.mktemp("fifty")
    with LocalDeployment(folder, srs=development_srs(city.tables[0].log_rows, b"fifty queries")) as deployment:
        for table in (*city.tables, *load_tables()):
            deployment.register(TableInput(table.party, encode_schema(table.schema), encode_policy(Policy()),
                                           table_csv(table), table.log_rows, "row"))  # fmt: skip
        yield deployment


@pytest.fixture(scope="module")
def agency(running: LocalDeployment) -> Iterator[Tallystick]:
    """The agency's client."""
    with running.connect() as client:
        yield client


def processor_seconds(running: LocalDeployment) -> float:
    """Processor time of this process and all of the deployment's, in seconds; 0 where there is no /proc."""
    ticks = 0
    for pid in (os.getpid(), *running.processes().values()):
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_mixed_queries_with_proofs_in_five_minutes(
    agency: Tallystick, running: LocalDeployment, city: City
) -> None:
    directory = agency.directory().directory
    clear = Rehearsal(directory, {t.name: encode_rows(t.schema, t.records(), t.log_rows) for t in city.tables})
    asked, used = 0, processor_seconds(running)
    began = time.monotonic()
    for sql in SQL:
        assert agency.query(sql, purpose="fifty").sums == clear.answer(sql).sums
        asked += 1
    for analysis in ANALYSES:
        proved = agency.analyse(analysis, purpose="fifty")
        assert all(evidence.transaction for evidence in proved.evidence)
        assert dataclasses.replace(proved, evidence=()) == dataclasses.replace(clear.run(analysis), evidence=())
        asked += len(proved.evidence)
    elapsed = time.monotonic() - began
    print(f"{asked} queries in {elapsed:.1f} s, {processor_seconds(running) - used:.1f} s of processor time")
    assert asked == QUERIES
    assert elapsed <= LIMIT_S


@pytest.mark.slow
def test_442_patients_of_two_owners_by_name(agency: Tallystick) -> None:
    """Least squares of eight predictors and Table 1 on the diabetes data, with proofs."""
    terms = ("exams.age", "exams.sex", "exams.bmi", "exams.bp", "serum.s1", "serum.s2", "serum.s3", "serum.s5")
    model = agency.ols("serum.progression", *terms, purpose="progression")
    source = load_diabetes(scaled=False)
    names = [name.split(".")[1] for name in terms]
    design = sm.add_constant(np.column_stack([source.data[:, source.feature_names.index(name)] for name in names]))
    theirs = sm.OLS(source.target, design).fit()
    for found, value, se, p in zip(model.coefficients, theirs.params, theirs.bse, theirs.pvalues, strict=True):
        assert (found.value, found.se, found.p) == pytest.approx((value, se, p), rel=1e-8)
    assert model.r_squared == pytest.approx(theirs.rsquared, rel=1e-9)
    table = agency.table1("exams.sex", "exams.age", "serum.progression", Bins("exams.bmi", (25, 30)))
    men, women = (source.target[source.data[:, 1] == sex] for sex in (1, 2))
    assert table.line("serum.progression").groups == (pytest.approx((men.mean(), men.std(ddof=1))),
                                                      pytest.approx((women.mean(), women.std(ddof=1))))  # fmt: skip
    bmi = source.data[:, 2][source.data[:, 1] == 1]
    assert [shown[0] for line in table.lines[2:] for shown in line.groups[:1] if shown] == [
        (bmi < 25).sum(), ((bmi >= 25) & (bmi < 30)).sum(), (bmi >= 30).sum()]  # fmt: skip
    assert all(evidence.transaction for evidence in (*model.evidence, *table.evidence))
