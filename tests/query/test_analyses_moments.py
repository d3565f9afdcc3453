"""Analyses of moments equal SciPy, statsmodels and scikit-learn on the pooled rows, and refuse what they must."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from analyses_data import Pooled, cancer, city, diabetes, pooled
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from statsmodels.stats.oneway import anova_oneway

from query.analyses.correlation import Pearson, PrincipalComponents
from query.analyses.descriptives import Describe, Shape
from query.analyses.means import Anova, Group, TTest, mean_estimate, two_samples
from query.analyses.regression import LinearModel, LinearRegression
from query.analyses.report import Estimate
from query.analyses.stacking import Stacked
from query.analyses.table_one import TableOne
from query.analyses.writing import Bins
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError, DesignSingularError
from query.kinds import BoundedInteger
from query.schema import ColumnSchema, TableSchema
from services.demo.diabetes import load_tables
from services.demo.tables import DemoTable

BODY = ("exams.age", "exams.bmi", "exams.bp", "exams.woman")
BLOOD = ("serum.s1", "serum.s2", "serum.s3", "serum.s5")


def close(ours: float | None, theirs: float, rel: float = 1e-9) -> None:
    assert ours == pytest.approx(float(theirs), rel=rel, abs=1e-300)


def same_model(ours: LinearModel, theirs: sm.regression.linear_model.RegressionResults) -> None:
    interval = np.asarray(theirs.conf_int())
    for place, found in enumerate(ours.coefficients):
        close(found.value, np.asarray(theirs.params)[place])
        close(found.se, np.asarray(theirs.bse)[place])
        close(found.statistic, np.asarray(theirs.tvalues)[place])
        close(found.p, np.asarray(theirs.pvalues)[place], 1e-8)
        close(found.low, interval[place][0], 1e-8)
        close(found.high, interval[place][1], 1e-8)
    close(ours.r_squared, theirs.rsquared)
    close(ours.adjusted_r_squared, theirs.rsquared_adj)
    close(ours.f, theirs.fvalue)
    close(ours.f_p, theirs.f_pvalue, 1e-7)
    close(ours.residual_se, np.sqrt(theirs.mse_resid))
    assert (ours.n, ours.residual_df) == (int(theirs.nobs), int(theirs.df_resid))


def pooled_ols(data: Pooled, response: str, terms: tuple[str, ...]) -> sm.regression.linear_model.RegressionResults:
    rows = data.complete(response, *terms)
    return sm.OLS(rows[response], sm.add_constant(rows[list(terms)])).fit()


def test_ols_of_eight_terms_of_two_owners() -> None:
    ours = diabetes().rehearsal.run(LinearRegression("serum.progression", BODY + BLOOD))
    same_model(ours, pooled_ols(diabetes(), "serum.progression", BODY + BLOOD))
    assert [c.name for c in ours.coefficients] == ["intercept", *BODY, *BLOOD]
    assert ours.residual_df == 433


def test_ols_over_three_owners_with_nulls() -> None:
    terms = ("hospital.age", "hospital.systolic", "laboratory.hba1c")
    ours = city().rehearsal.run(LinearRegression("credit.balance_cents", terms))
    same_model(ours, pooled_ols(city(), "credit.balance_cents", terms))


def test_ols_with_categories_and_a_condition() -> None:
    data = diabetes()
    ours = data.rehearsal.run(LinearRegression("serum.progression", ("exams.bmi", "exams.ward", "serum.s5"),
                                               where="exams.age >= 30"))  # fmt: skip
    rows = data.frame[data.frame["exams.age"] >= 30]
    design = np.column_stack([np.ones(len(rows)), rows["exams.bmi"], rows["exams.ward"] == "b",
                              rows["exams.ward"] == "c", rows["serum.s5"]]).astype(float)  # fmt: skip
    same_model(ours, sm.OLS(np.asarray(rows["serum.progression"]), design).fit())
    names = ["intercept", "exams.bmi", "exams.ward = b", "exams.ward = c", "serum.s5"]
    assert [c.name for c in ours.coefficients] == names


def test_ridge_equals_scikit_learn() -> None:
    terms = ("clinic.radius", "clinic.texture", "clinic.smoothness")
    ours = cancer().rehearsal.run(LinearRegression("clinic.area", terms, penalty="2.5"))
    rows = cancer().complete("clinic.area", *terms)
    theirs = Ridge(alpha=2.5, solver="cholesky").fit(rows[list(terms)], rows["clinic.area"])
    close(ours.coefficients[0].value, theirs.intercept_)
    for found, expected in zip(ours.coefficients[1:], theirs.coef_, strict=True):
        close(found.value, expected)
        assert found.se is None
    assert ours.f is None


def test_regression_refuses_what_gives_rows_away() -> None:
    data = diabetes()
    few = LinearRegression("serum.progression", BODY + BLOOD, where="exams.age <= 25 AND exams.bmi >= 20")
    rows = data.frame[(data.frame["exams.age"] <= 25) & (data.frame["exams.bmi"] >= 20)]
    assert 10 <= len(rows) < 19
    with pytest.raises((DegreesOfFreedomError, CellsSuppressedError)):
        data.rehearsal.run(few)
    with pytest.raises(DesignSingularError, match=r"exams\.sex"):
        data.rehearsal.run(LinearRegression("serum.progression", ("exams.bmi", "exams.woman", "exams.sex")))
    for terms in ((), ("exams.bmi", "exams.bmi"), ("serum.progression",), ("exams.height",), ("nowhere.x",)):
        with pytest.raises(AnalysisInvalidError):
            data.rehearsal.run(LinearRegression("serum.progression", terms))
    with pytest.raises(AnalysisInvalidError, match="category"):
        data.rehearsal.run(LinearRegression("exams.ward", ("exams.bmi",)))
    with pytest.raises(AnalysisInvalidError, match="confidence"):
        data.rehearsal.run(LinearRegression("exams.bp", ("exams.bmi",), confidence=1.0))


def same_estimate(ours: Estimate, theirs: object, confidence: float = 0.95) -> None:
    close(ours.statistic, theirs.statistic)  # type: ignore[attr-defined]
    close(ours.p, theirs.pvalue, 1e-8)  # type: ignore[attr-defined]
    close(ours.df, theirs.df)  # type: ignore[attr-defined]
    low, high = theirs.confidence_interval(confidence)  # type: ignore[attr-defined]
    close(ours.low, low, 1e-8)
    close(ours.high, high, 1e-8)


@pytest.mark.parametrize("equal", [False, True])
def test_t_tests_of_two_owners(equal: bool) -> None:
    rows = city().complete("hospital.diabetic", "credit.balance_cents")
    ours = city().rehearsal.run(TTest("credit.balance_cents", by="hospital.diabetic", equal_variances=equal))
    groups = [rows[rows["hospital.diabetic"] == k]["credit.balance_cents"] for k in (0, 1)]
    assert ours.difference is not None
    same_estimate(ours.difference, scipy.stats.ttest_ind(*groups, equal_var=equal))
    assert [g.n for g in ours.groups] == [len(g) for g in groups]
    close(ours.groups[1].se, scipy.stats.sem(groups[1]))


def test_t_tests_of_one_sample_and_of_pairs() -> None:
    rows = city().complete("laboratory.hba1c")["laboratory.hba1c"]
    ours = city().rehearsal.run(TTest("laboratory.hba1c", mean="5.5", confidence=0.9))
    assert ours.difference is not None
    same_estimate(ours.difference, scipy.stats.ttest_1samp(rows, 5.5), 0.9)
    both = city().complete("hospital.systolic", "laboratory.ldl")
    paired = city().rehearsal.run(TTest("hospital.systolic", pair="laboratory.ldl"))
    assert paired.difference is not None
    same_estimate(paired.difference, scipy.stats.ttest_rel(both["hospital.systolic"], both["laboratory.ldl"]))
    chosen = diabetes().rehearsal.run(TTest("serum.s5", by="exams.ward", groups=("a", "c")))
    frame = diabetes().frame
    groups = [frame[frame["exams.ward"] == k]["serum.s5"] for k in ("a", "c")]
    assert chosen.difference is not None
    same_estimate(chosen.difference, scipy.stats.ttest_ind(*groups, equal_var=False))


def test_t_tests_refuse() -> None:
    run = diabetes().rehearsal.run
    with pytest.raises(AnalysisInvalidError, match="3 groups"):
        run(TTest("serum.s5", by="exams.ward"))
    with pytest.raises(AnalysisInvalidError, match="no such"):
        run(TTest("serum.s5", by="exams.ward", groups=("a", "q")))
    with pytest.raises(AnalysisInvalidError, match="not both"):
        run(TTest("serum.s5", by="exams.ward", pair="serum.s6"))
    with pytest.raises(AnalysisInvalidError, match="category"):
        run(TTest("exams.ward"))
    with pytest.raises(CellsSuppressedError, match="below"):
        run(TTest("serum.s5", by=Bins("exams.age", (20,))))
    with pytest.raises(DegreesOfFreedomError, match="constant"):
        run(TTest("exams.woman", where="exams.woman"))


@pytest.mark.parametrize("equal", [True, False])
def test_analysis_of_variance(equal: bool) -> None:
    ours = diabetes().rehearsal.run(Anova("serum.progression", Bins("exams.bmi", (22, 26, "30.5")), equal))
    rows = diabetes().frame
    cut = np.digitize(rows["exams.bmi"], (22, 26, 30.5))
    groups = [rows["serum.progression"][cut == k] for k in range(4)]
    theirs = anova_oneway(groups, use_var="equal" if equal else "unequal", welch_correction=True)
    close(ours.f, theirs.statistic)
    close(ours.f_p, theirs.pvalue, 1e-8)
    assert ours.f_df is not None
    close(ours.f_df[1], theirs.df_denom)
    assert [g.n for g in ours.groups] == [len(g) for g in groups]


def test_analysis_of_variance_without_a_group() -> None:
    asked = Anova("serum.progression", Bins("exams.age", (20, 50)))
    with pytest.raises(CellsSuppressedError, match="below 20"):
        diabetes().rehearsal.run(asked)
    left = diabetes().rehearsal.run(Anova(asked.variable, asked.by, drop_suppressed=True))
    assert len(left.groups) == 2
    assert left.suppressed == ("exams.age = below 20",)
    assert "left out" in str(left)


def test_description() -> None:
    names = ("hospital.systolic", "laboratory.hba1c", "credit.balance_cents", "hospital.smoker")
    ours = city().rehearsal.run(Describe(names))
    for name in names:
        rows, found = city().complete(name)[name], ours.variable(name)
        assert found.n == len(rows)
        close(found.mean, rows.mean(), 1e-12)
        close(found.sd, rows.std(), 1e-9)
        close(found.se, scipy.stats.sem(rows))
        low, high = scipy.stats.t.interval(0.95, len(rows) - 1, rows.mean(), scipy.stats.sem(rows))
        close(found.low, low)
        close(found.high, high)
    with pytest.raises(KeyError):
        ours.variable("hospital.age")
    with pytest.raises(CellsSuppressedError):
        city().rehearsal.run(Describe(("hospital.age",), where="hospital.age > 110"))


def test_shape() -> None:
    for name in ("hospital.visits", "credit.balance_cents", "laboratory.hba1c"):
        ours, rows = city().rehearsal.run(Shape(name)), city().complete(name)[name]
        close(ours.skewness, scipy.stats.skew(rows), 1e-8)
        close(ours.kurtosis, scipy.stats.kurtosis(rows), 1e-8)
        close(ours.adjusted[0].value, scipy.stats.skew(rows, bias=False), 1e-8)
        close(ours.adjusted[1].value, scipy.stats.kurtosis(rows, bias=False), 1e-8)
        theirs = scipy.stats.jarque_bera(rows)
        close(ours.jarque_bera, theirs.statistic, 1e-8)
    with pytest.raises(DegreesOfFreedomError, match="constant"):
        diabetes().rehearsal.run(Shape("exams.woman", where="exams.woman"))


def test_pearson() -> None:
    names = ("hospital.age", "laboratory.ldl", "credit.accounts")
    ours, rows = city().rehearsal.run(Pearson(names)), city().complete(*names)
    assert len(ours.pairs) == 3
    for found, (a, b) in zip(ours.pairs, ((0, 1), (0, 2), (1, 2)), strict=True):
        theirs = scipy.stats.pearsonr(rows[names[a]], rows[names[b]])
        interval = theirs.confidence_interval()
        close(found.value, theirs.statistic)
        close(found.p, theirs.pvalue, 1e-7)
        close(found.low, interval.low)
        close(found.high, interval.high)
    with pytest.raises(AnalysisInvalidError):
        city().rehearsal.run(Pearson(("hospital.age",)))
    with pytest.raises(DegreesOfFreedomError, match="constant"):
        diabetes().rehearsal.run(Pearson(("exams.age", "exams.woman"), where="exams.woman"))


@pytest.mark.parametrize("standardise", [False, True])
def test_principal_components(standardise: bool) -> None:
    names = ("clinic.radius", "clinic.texture", "clinic.smoothness", "clinic.concavity")
    ours, rows = cancer().rehearsal.run(PrincipalComponents(names, standardise)), cancer().complete(*names)
    data = np.asarray(rows)
    if standardise:
        data = (data - data.mean(0)) / data.std(0, ddof=1)
    theirs = PCA(svd_solver="full").fit(data)
    expected = zip(theirs.explained_variance_, theirs.explained_variance_ratio_, theirs.components_, strict=True)
    for found, (variance, share, vector) in zip(ours.components, expected, strict=True):
        close(found.variance, variance, 1e-8)
        close(found.share, share, 1e-8)
        sign = np.sign(vector[np.argmax(np.abs(vector))])
        assert np.asarray(found.loadings) == pytest.approx(sign * vector, rel=1e-6, abs=1e-9)


def test_table_one() -> None:
    variables = ("hospital.age", "laboratory.hba1c", "credit.in_arrears", "hospital.smoker",
                 Bins("hospital.age", (40,)))  # fmt: skip
    ours, frame = city().rehearsal.run(TableOne("hospital.diabetic", variables)), city().frame
    groups = [frame[frame["hospital.diabetic"] == k] for k in (0, 1)]
    assert ours.sizes == tuple(map(len, groups))
    for name in ("hospital.age", "laboratory.hba1c"):
        for shown, group in zip(ours.line(name).groups, groups, strict=True):
            assert shown is not None
            close(shown[0], group[name].mean(), 1e-12)
            close(shown[1], group[name].std(), 1e-9)
        theirs = scipy.stats.ttest_ind(*(g[name].dropna() for g in groups), equal_var=False)
        close(ours.line(name).p, theirs.pvalue, 1e-7)
    arrears = [[int((g["credit.in_arrears"] == v).sum()) for v in (0, 1)] for g in groups]
    test = scipy.stats.chi2_contingency(arrears, correction=False)
    close(ours.line("credit.in_arrears", "false").p, test.pvalue, 1e-8)
    assert [shown[0] for shown in ours.line("credit.in_arrears", "true").groups if shown] == [a[1] for a in arrears]
    assert ours.suppressed == ()
    assert "mean (sd)" in str(ours)


def test_table_one_says_what_is_missing() -> None:
    ours = diabetes().rehearsal.run(TableOne(Bins("exams.age", (20, 50)), ("serum.s5", "exams.woman")))
    assert ours.sizes[0] is None
    assert ours.line("serum.s5").groups[0] is None
    assert ours.line("serum.s5").p is None
    assert ours.line("exams.woman", "true").p is None
    assert "exams.age = below 20" in ours.suppressed
    with pytest.raises(CellsSuppressedError):
        diabetes().rehearsal.run(TableOne("exams.ward", ("serum.s5",), where="exams.age < 22"))
    with pytest.raises(AnalysisInvalidError):
        diabetes().rehearsal.run(TableOne("exams.ward", ("exams.ward",)))
    with pytest.raises(AnalysisInvalidError, match="Bins"):
        diabetes().rehearsal.run(TableOne("exams.bp", ("serum.s5",)))


def test_a_million_rows_around_a_billion_lose_no_digits() -> None:
    """y = 10^9 ± 1 and x = 10^9 ± 1, correlated 0.5: exactly known moments, through the compiler and the finishers."""
    n = 10**6
    signs = np.array([(1, 1), (1, 1), (1, 1), (-1, -1), (-1, -1), (-1, -1), (1, -1), (-1, 1)]).repeat(n // 8, axis=0)
    near = BoundedInteger(10**9 - 5, 10**9 + 5)
    left = TableSchema("a", "a", "rows", "k", "big", (ColumnSchema("x", near),))
    right = TableSchema("b", "b", "rows", "k", "big", (ColumnSchema("y", BoundedInteger(0, 2 * 10**9)),))
    present = np.ones(n, np.bool_)
    data = pooled([DemoTable(left, 0, 20, present, {"x": 10**9 + signs[:, 0]}, {}),
                   DemoTable(right, 1, 20, present, {"y": 10**9 + signs[:, 1]}, {})])  # fmt: skip
    model = data.rehearsal.run(LinearRegression("b.y", ("a.x",)))
    slope, variance = model.coefficient("a.x"), 0.75 * n / (n - 2)
    assert slope.value == 0.5
    close(slope.se, np.sqrt(variance / n), 1e-15)
    assert model.coefficient("intercept").value == 5 * 10**8
    assert data.rehearsal.run(Pearson(("a.x", "b.y"))).pairs[0].value == 0.5
    described = data.rehearsal.run(Describe(("b.y",))).variable("b.y")
    assert (described.mean, described.variance) == (1e9, n / (n - 1))
    raw = (10**9 + signs[:, 1]).astype(np.float64)
    naive = (raw @ raw - raw.sum() ** 2 / n) / (n - 1)
    assert abs(naive - 1) > 1e-3  # what doubles make of the same sums


def test_means_of_a_billion_are_told_apart() -> None:
    n = 10**6
    ones = Group("y", n, 10**9 + Fraction(1, 2), Fraction(n - 1))
    assert mean_estimate(ones, 0.95).se == pytest.approx(1e-3, rel=1e-12)
    other = Group("z", n, 10**9 + Fraction(3, 2), Fraction(n - 1))
    assert two_samples(other, ones, Fraction(0), True, 0.95).value == 1.0


def test_rows_split_between_owners() -> None:
    """The diabetes data cut into two hospitals' tables, stacked again by UNION ALL."""
    exams, serum = load_tables()
    columns = (*exams.schema.columns, *serum.schema.columns)
    values, tables = {**exams.values, **serum.values}, []
    for party, (name, part) in enumerate((("north", slice(0, 200)), ("south", slice(200, 442)))):
        schema = TableSchema(name, name, "patients", "patient", name, columns)
        here = {column: rows[part] for column, rows in values.items()}
        tables.append(DemoTable(schema, party, 9, exams.present[part], here, {}))
    data = pooled(tables)
    terms = tuple(name.replace("exams", "north").replace("serum", "north") for name in (*BODY[:3], *BLOOD))
    ours = data.rehearsal.run(Stacked(LinearRegression("north.progression", terms), ("north", "south")))
    same_model(ours, pooled_ols(diabetes(), "serum.progression", (*BODY[:3], *BLOOD)))
    assert "UNION ALL SELECT * FROM south) AS north" in ours.evidence[0].sql
    age = data.rehearsal.run(Stacked(Describe(("north.age",), where="north.bmi > 25"), ("north", "south")))
    rows = diabetes().frame["exams.age"][diabetes().frame["exams.bmi"] > 25]
    close(age.variables[0].mean, rows.mean(), 1e-12)
    one, grouped = LinearRegression("north.progression", ("north.bmi",)), Anova("north.s5", "north.sex")
    for analysis, names in ((one, ("north",)), (one, ("north", "north")), (one, ("north", "west")),
                            (one, ("south", "north")), (grouped, ("north", "south"))):  # fmt: skip
        with pytest.raises(AnalysisInvalidError):
            data.rehearsal.run(Stacked(analysis, names))
    with pytest.raises(AnalysisInvalidError, match="same columns"):
        diabetes().rehearsal.run(Stacked(one, ("exams", "serum")))
