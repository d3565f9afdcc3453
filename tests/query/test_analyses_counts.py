"""Analyses of counts equal SciPy, statsmodels, lifelines and scikit-learn on the pooled rows, or refuse."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from analyses_data import Pooled, cancer, city, diabetes, trial
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2
from statsmodels.stats.proportion import confint_proportions_2indep

from query.analyses.balance import MassBalance
from query.analyses.contingency import ChiSquare, Frequency
from query.analyses.grouped_models import GroupedModel, LogisticRegression, PoissonRegression
from query.analyses.rates import StandardisedRate
from query.analyses.scores import Calibration, PopulationStability, Separation
from query.analyses.stratified import MantelHaenszel
from query.analyses.survival import KaplanMeier
from query.analyses.writing import Bins
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError

AGES = Bins("hospital.age", (30, 45, 60))


def close(ours: float | None, theirs: float, rel: float = 1e-9) -> None:
    assert ours == pytest.approx(float(theirs), rel=rel, abs=1e-300)


def crossed(data: Pooled, row: str, column: str) -> np.ndarray:
    rows = data.complete(row, column)
    return pd.crosstab(rows[row], rows[column]).to_numpy()


def test_a_table_of_two_owners() -> None:
    ours = city().rehearsal.run(ChiSquare("hospital.diabetic", "credit.in_arrears"))
    counts = crossed(city(), "hospital.diabetic", "credit.in_arrears")
    assert ours.counts == tuple(map(tuple, counts.tolist()))
    plain = scipy.stats.chi2_contingency(counts, correction=False)
    close(ours.chi_square, plain.statistic)
    close(ours.p, plain.pvalue, 1e-8)
    close(ours.yates, scipy.stats.chi2_contingency(counts).statistic)
    close(ours.yates_p, scipy.stats.chi2_contingency(counts).pvalue, 1e-8)
    close(ours.cramers_v, scipy.stats.contingency.association(counts))
    close(ours.fisher_p, scipy.stats.fisher_exact(counts).pvalue)
    theirs = Table2x2(counts[::-1, ::-1])  # exposed with the event first
    difference, risk, odds = ours.effects
    close(odds.value, theirs.oddsratio)
    close(odds.se, theirs.log_oddsratio_se)
    close(odds.p, theirs.oddsratio_pvalue(), 1e-8)
    close(risk.value, theirs.riskratio)
    close(risk.se, theirs.log_riskratio_se)
    for found, interval in ((odds, theirs.oddsratio_confint()), (risk, theirs.riskratio_confint())):
        close(found.low, interval[0])
        close(found.high, interval[1])
    wald = confint_proportions_2indep(counts[1, 1], counts[1].sum(), counts[0, 1], counts[0].sum(), method="wald")
    close(difference.low, wald[0])
    close(difference.high, wald[1])


def test_a_larger_table_and_one_of_one_owner() -> None:
    for row, column in (("exams.ward", "serum.severe"), ("exams.ward", "exams.woman")):
        counts = crossed(diabetes(), row, column)
        ours, theirs = diabetes().rehearsal.run(ChiSquare(row, column)), scipy.stats.chi2_contingency(counts)
        close(ours.chi_square, theirs.statistic)
        close(ours.p, theirs.pvalue)
        assert (ours.df, ours.fisher_p, ours.effects) == (2, None, ())


def test_a_table_with_a_suppressed_cell() -> None:
    asked = ChiSquare(Bins("exams.age", (20, 50)), "exams.woman")
    with pytest.raises(CellsSuppressedError) as refusal:
        diabetes().rehearsal.run(asked)
    assert "exams.age = below 20, exams.woman = true" in refusal.value.cells
    shown = diabetes().rehearsal.run(ChiSquare(asked.row, asked.column, counts_only=True))
    assert shown.p is None
    assert shown.counts[0] == (None, None)
    assert len(shown.suppressed) == 2
    with pytest.raises(AnalysisInvalidError, match="increase"):
        diabetes().rehearsal.run(ChiSquare(Bins("exams.age", (50, 20)), "exams.woman"))


def test_frequencies_and_fit() -> None:
    rows = diabetes().frame["exams.ward"].value_counts().sort_index()
    ours = diabetes().rehearsal.run(Frequency("exams.ward", expected=(1, 1, 2)))
    theirs = scipy.stats.chisquare(rows, np.array([1, 1, 2]) / 4 * rows.sum())
    assert ours.counts == tuple(rows)
    close(ours.chi_square, theirs.statistic)
    close(ours.p, theirs.pvalue)
    assert diabetes().rehearsal.run(Frequency("exams.ward")).p is None
    with pytest.raises(AnalysisInvalidError, match="3 values"):
        diabetes().rehearsal.run(Frequency("exams.ward", expected=(1, 1)))
    with pytest.raises(CellsSuppressedError):
        diabetes().rehearsal.run(Frequency(Bins("exams.age", (20,)), expected=(1, 1)))


def test_mantel_haenszel() -> None:
    asked = MantelHaenszel("hospital.diabetic", "credit.in_arrears", AGES)
    rows = city().complete("hospital.diabetic", "credit.in_arrears", "hospital.age")
    cut = np.digitize(rows["hospital.age"], AGES.edges)
    tables = [pd.crosstab(rows["hospital.diabetic"][cut == k], rows["credit.in_arrears"][cut == k]).to_numpy()
              for k in range(4)]  # fmt: skip
    released = [k for k, t in enumerate(tables) if t.min() >= 10]
    ours = city().rehearsal.run(MantelHaenszel(asked.exposure, asked.event, AGES, drop_suppressed=True))
    theirs = StratifiedTable([tables[k][::-1, ::-1] for k in released])
    close(ours.effects[0].value, theirs.oddsratio_pooled)
    close(ours.effects[0].se, theirs.logodds_pooled_se)
    interval = theirs.oddsratio_pooled_confint()
    close(ours.effects[0].low, interval[0])
    close(ours.effects[0].high, interval[1])
    close(ours.effects[1].value, theirs.riskratio_pooled)
    test = theirs.test_null_odds()
    close(ours.chi_square, test.statistic)
    close(ours.p, test.pvalue, 1e-6)  # theirs is 1 − cdf
    assert len(ours.strata) == len(released) < 4
    with pytest.raises(CellsSuppressedError):
        city().rehearsal.run(asked)
    with pytest.raises(AnalysisInvalidError, match="two values"):
        city().rehearsal.run(MantelHaenszel(AGES, "credit.in_arrears", "hospital.smoker"))


def test_greenland_robins_error_of_the_risk_ratio() -> None:
    """Pooled over one stratum it is that of the stratum."""
    ours = trial().rehearsal.run(MantelHaenszel("ward.arm", "ward.dead", "ward.centre", where="ward.centre = 'x'",
                                                drop_suppressed=True))  # fmt: skip
    rows = trial().frame[trial().frame["ward.centre"] == "x"]
    counts = pd.crosstab(rows["ward.arm"], rows["ward.dead"]).to_numpy()
    close(ours.effects[1].se, Table2x2(counts[::-1, ::-1]).log_riskratio_se)


def same_glm(ours: GroupedModel, theirs: sm.genmod.generalized_linear_model.GLMResults) -> None:
    interval = np.asarray(theirs.conf_int())
    for place, found in enumerate(ours.coefficients):
        close(found.value, np.asarray(theirs.params)[place])
        close(found.se, np.asarray(theirs.bse)[place])
        close(found.p, np.asarray(theirs.pvalues)[place], 1e-7)
        close(found.low, interval[place][0], 1e-8)
    assert (ours.n, ours.residual_df) == (int(theirs.nobs), int(theirs.df_resid))


def test_logistic_regression_over_two_owners() -> None:
    terms = ("hospital.diabetic", Bins("hospital.age", (65,)), "hospital.female")
    ours = city().rehearsal.run(LogisticRegression("credit.in_arrears", terms))
    rows = city().complete("credit.in_arrears", "hospital.diabetic", "hospital.age", "hospital.female")
    design = sm.add_constant(np.column_stack([rows["hospital.diabetic"], rows["hospital.age"] >= 65,
                                              rows["hospital.female"]]).astype(float))  # fmt: skip
    theirs = sm.GLM(np.asarray(rows["credit.in_arrears"]), design, sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    same_glm(ours, theirs)
    close(ours.ratios[0].value, np.exp(theirs.params[1]))
    assert (ours.cells, ours.deviance_df) == (8, 4)
    assert ours.coefficient("hospital.age = 65 and above").n == len(rows)
    grouped = rows.groupby([rows["hospital.diabetic"], rows["hospital.age"] >= 65, rows["hospital.female"]])
    cells = grouped["credit.in_arrears"].agg(["sum", "count"])
    pairs = np.column_stack([cells["sum"], cells["count"] - cells["sum"]])
    binomial = sm.GLM(pairs, sm.add_constant(np.array([list(map(float, k)) for k in cells.index])),
                      sm.families.Binomial()).fit(tol=1e-14)  # fmt: skip
    close(ours.deviance, binomial.deviance, 1e-8)
    close(ours.null_deviance, binomial.null_deviance, 1e-8)


def test_logistic_regression_refuses() -> None:
    run = diabetes().rehearsal.run
    with pytest.raises(DegreesOfFreedomError, match="saturated"):
        run(LogisticRegression("serum.severe", ("exams.woman",)))
    with pytest.raises(CellsSuppressedError, match="below 20"):
        run(LogisticRegression("serum.severe", (Bins("exams.age", (20, 50)), "exams.woman")))
    with pytest.raises(AnalysisInvalidError, match="no boolean"):
        run(LogisticRegression("serum.progression", ("exams.woman",)))
    dropped = run(LogisticRegression("serum.severe", (Bins("exams.age", (20, 40, 60)), "exams.woman"),
                                     drop_suppressed=True))  # fmt: skip
    assert dropped.cells < 8
    assert "released cells only" in str(dropped)


def test_poisson_regression_with_time_at_risk() -> None:
    terms = ("ward.arm", "ward.centre")
    rows = trial().frame[trial().frame["ward.months"] >= 1]
    design = np.column_stack([np.ones(len(rows)), rows["ward.arm"], rows["ward.centre"] == "y",
                              rows["ward.centre"] == "z"]).astype(float)  # fmt: skip
    theirs = sm.GLM(np.asarray(rows["bank.claims"]), design, sm.families.Poisson(),
                    offset=np.log(np.asarray(rows["ward.months"], float))).fit(tol=1e-14)  # fmt: skip
    ours = trial().rehearsal.run(PoissonRegression("bank.claims", terms, "ward.months", where="ward.months >= 1"))
    same_glm(ours, theirs)
    plain = trial().rehearsal.run(PoissonRegression("bank.claims", terms))
    frame = trial().frame
    design = np.column_stack([np.ones(len(frame)), frame["ward.arm"], frame["ward.centre"] == "y",
                              frame["ward.centre"] == "z"]).astype(float)  # fmt: skip
    same_glm(plain, sm.GLM(np.asarray(frame["bank.claims"]), design, sm.families.Poisson()).fit(tol=1e-14))
    with pytest.raises(DegreesOfFreedomError, match="saturated"):
        trial().rehearsal.run(PoissonRegression("bank.claims", ("ward.centre",)))


GRID = (12, 18, 24, 36, 48)


def test_kaplan_meier_and_log_rank() -> None:
    ours = trial().rehearsal.run(KaplanMeier("ward.months", "ward.dead", GRID, by="ward.arm"))
    frame = trial().frame
    starts = np.array([0, *GRID])
    floored = starts[np.digitize(frame["ward.months"], GRID)]
    events = (frame["ward.dead"] == 1) & (frame["ward.months"] < GRID[-1])
    for arm, curve in enumerate(ours.curves):
        mine = np.asarray(frame["ward.arm"] == arm)
        theirs = KaplanMeierFitter().fit(floored[mine], events[mine])
        table, interval = theirs.event_table, theirs.confidence_interval_survival_function_
        for start, step in zip(starts, curve.steps, strict=False):
            close(step.survival, theirs.predict(start))
            assert (step.at_risk, step.events) == tuple(table.loc[start, ["at_risk", "observed"]])
            close(step.low, interval.loc[start].iloc[0], 1e-6)
            close(step.high, interval.loc[start].iloc[1], 1e-6)
        assert len(curve.steps) == len(GRID)
    test = multivariate_logrank_test(floored, frame["ward.arm"], events)
    close(ours.chi_square, test.test_statistic)
    close(ours.p, test.p_value, 1e-7)
    one = trial().rehearsal.run(KaplanMeier("ward.months", "ward.dead", GRID))
    assert (len(one.curves), one.p) == (1, None)
    three = trial().rehearsal.run(KaplanMeier("ward.months", "ward.dead", (12, 24, 36), by="ward.centre"))
    floored = np.array([0, 12, 24, 36])[np.digitize(frame["ward.months"], (12, 24, 36))]
    events = (frame["ward.dead"] == 1) & (frame["ward.months"] < 36)
    close(three.chi_square, multivariate_logrank_test(floored, frame["ward.centre"], events).test_statistic)
    assert three.df == 2


def test_survival_refuses_small_intervals() -> None:
    with pytest.raises(CellsSuppressedError) as refusal:
        trial().rehearsal.run(KaplanMeier("ward.months", "ward.dead", (1, 6, 12), by="ward.arm"))
    assert any("below 1" in cell for cell in refusal.value.cells)
    for time, event, grid in (("ward.months", "ward.centre", (12,)), ("ward.months", "bank.ill", (12,)),
                              ("ward.months", "ward.dead", ()), ("ward.nothing", "ward.dead", (12,))):  # fmt: skip
        with pytest.raises(AnalysisInvalidError):
            trial().rehearsal.run(KaplanMeier(time, event, grid))


WEIGHTS = {"below 40": 5000, "40 to below 60": 3000, "60 and above": "2000"}


def test_standardised_rates() -> None:
    strata = Bins("ward.age", (40, 60))
    ours = trial().rehearsal.run(StandardisedRate("ward.dead", (strata,), WEIGHTS))
    frame = trial().frame
    cut = np.digitize(frame["ward.age"], (40, 60))
    deaths = np.array([frame["ward.dead"][cut == k].sum() for k in range(3)])
    people, weights = np.bincount(cut), np.array([5000, 3000, 2000]) / 10000
    close(ours.standardised.value, (weights * deaths / people).sum())
    variance = (weights**2 * deaths / people**2).sum()
    close(ours.standardised.se, np.sqrt(variance))
    rate, widest = (weights * deaths / people).sum(), (weights / people).max()
    close(ours.standardised.low, variance / (2 * rate) * scipy.stats.chi2.ppf(0.025, 2 * rate**2 / variance))
    more, larger = rate + widest, variance + widest**2
    close(ours.standardised.high, larger / (2 * more) * scipy.stats.chi2.ppf(0.975, 2 * more**2 / larger))
    close(ours.crude, frame["ward.dead"].mean())
    reference = dict(zip(WEIGHTS, (0.4, 0.5, "0.7"), strict=True))
    smr = trial().rehearsal.run(StandardisedRate("ward.dead", (strata,), reference, indirect=True)).standardised
    expected = (people * np.array([0.4, 0.5, 0.7])).sum()
    close(smr.value, deaths.sum() / expected)
    close(smr.low, scipy.stats.chi2.ppf(0.025, 2 * deaths.sum()) / 2 / expected)
    close(smr.high, scipy.stats.chi2.ppf(0.975, 2 * deaths.sum() + 2) / 2 / expected)


def test_rates_per_time_by_two_values() -> None:
    weights = {(centre, sex): 1 for centre in "xyz" for sex in ("false", "true")}
    ours = trial().rehearsal.run(StandardisedRate("ward.dead", ("ward.centre", "ward.arm"), weights,
                                                  time="ward.months"))  # fmt: skip
    grouped = trial().frame.groupby(["ward.centre", "ward.arm"])
    rates = grouped["ward.dead"].sum() / grouped["ward.months"].sum()
    assert ours.rates == pytest.approx(list(rates), rel=1e-12)
    close(ours.standardised.value, rates.mean())
    with pytest.raises(AnalysisInvalidError, match="no weight"):
        trial().rehearsal.run(StandardisedRate("ward.dead", ("ward.centre",), {"x": 1, "y": 1}))
    with pytest.raises(AnalysisInvalidError, match="no more"):
        trial().rehearsal.run(StandardisedRate("ward.dead", ("ward.arm",), {"false": 1, "true": 1, "maybe": 1}))
    with pytest.raises(CellsSuppressedError):
        trial().rehearsal.run(StandardisedRate("ward.dead", (Bins("ward.age", (21,)),),
                                               {"below 21": 1, "21 and above": 1},
                                               where="ward.centre = 'x'"))  # fmt: skip


def delong_se(good: np.ndarray, bad: np.ndarray) -> float:
    """Straight from the paper: every pair of rows."""
    wins = (bad[:, None] > good[None, :]) + 0.5 * (bad[:, None] == good[None, :])
    return float(np.sqrt(wins.mean(1).var(ddof=1) / len(bad) + wins.mean(0).var(ddof=1) / len(good)))


def test_separation_of_a_score() -> None:
    edges = (16, 18, 20, "22.5", 26)
    ours = cancer().rehearsal.run(Separation(Bins("clinic.texture", edges), "registry.malignant"))
    frame = cancer().frame
    cut = np.digitize(frame["clinic.texture"], [float(e) for e in edges])
    bad = np.asarray(frame["registry.malignant"] == 1)
    close(ours.auc.value, roc_auc_score(bad, cut))
    close(ours.auc.se, delong_se(cut[~bad], cut[bad]))
    close(ours.ks, scipy.stats.ks_2samp(cut[bad], cut[~bad]).statistic)
    shares = [np.bincount(cut[k], minlength=6) / k.sum() for k in (~bad, bad)]
    woe = np.log(shares[0] / shares[1])
    assert [b.weight_of_evidence for b in ours.bins] == pytest.approx(list(woe), rel=1e-9)
    close(ours.information_value, ((shares[0] - shares[1]) * woe).sum())
    with pytest.raises(CellsSuppressedError):
        cancer().rehearsal.run(Separation(Bins("clinic.texture", (10, 30)), "registry.malignant"))
    with pytest.raises(AnalysisInvalidError):
        cancer().rehearsal.run(Separation(Bins("clinic.texture", (10, 30)), "registry.site"))


def test_calibration_and_stability() -> None:
    edges = (15, 25, 40, 60)
    ours = trial().rehearsal.run(Calibration(Bins("bank.risk", edges), "bank.ill", scale=100))
    frame = trial().frame
    cut = np.digitize(frame["bank.risk"], edges)
    expected = np.array([(frame["bank.risk"][cut == k] / 100).sum() for k in range(5)])
    happened, n = np.array([frame["bank.ill"][cut == k].sum() for k in range(5)]), np.bincount(cut)
    value = ((happened - expected) ** 2 / (expected * (1 - expected / n))).sum()
    close(ours.chi_square, value)
    close(ours.p, scipy.stats.chi2.sf(value, 5))
    assert trial().rehearsal.run(Calibration(Bins("bank.risk", edges), "bank.ill", 100, fitted_here=True)).df == 3
    with pytest.raises(DegreesOfFreedomError, match="probabilities"):
        trial().rehearsal.run(Calibration(Bins("bank.risk", edges), "bank.ill"))
    stability = trial().rehearsal.run(PopulationStability(Bins("bank.risk", edges), "ward.arm"))
    shares = [np.bincount(cut[frame["ward.arm"] == k]) / (frame["ward.arm"] == k).sum() for k in (0, 1)]
    close(stability.index, ((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum(), 1e-8)
    with pytest.raises(AnalysisInvalidError, match="not two"):
        trial().rehearsal.run(PopulationStability("ward.centre", "bank.branch"))


def test_mass_balance() -> None:
    ours = trial().rehearsal.run(MassBalance("bank.paid", "bank.received", "bank.branch", "ward.centre"))
    assert ours.balanced is True
    assert [line.group for line in ours.lines] == ["x", "y", "z"]
    assert sum(line.inflow or 0 for line in ours.lines) == Fraction(round(trial().frame["bank.paid"].sum() * 100), 100)
    off = trial().rehearsal.run(MassBalance("bank.paid", "bank.received", outflow_where="ward.arm"))
    assert off.balanced is False
    assert off.lines[0].difference == (off.lines[0].inflow or 0) - (off.lines[0].outflow or 0) > 0
    assert trial().rehearsal.run(MassBalance("bank.paid", "bank.received", tolerance=10**9,
                                             outflow_where="ward.arm")).balanced is True  # fmt: skip
    unknown = trial().rehearsal.run(MassBalance("bank.paid", "bank.received",
                                                inflow_where="ward.age > 88 AND ward.months > 58"))  # fmt: skip
    assert unknown.balanced is None
    assert unknown.suppressed == ("in, group = all rows",)
    with pytest.raises(AnalysisInvalidError, match="same labels"):
        trial().rehearsal.run(MassBalance("bank.paid", "bank.received", "bank.branch", "ward.arm"))
