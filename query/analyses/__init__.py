"""Statistics by name: each a pair of plain SQL and a finisher from the proved exact sums to estimates (ADR 0021).

    report          what every analysis returns
    exact           linear algebra and roots over exact rationals
    distributions   tails and quantiles
    asking          questions out, answers in
    writing         the SQL that analyses ask
    descriptives    count, mean, spread; skewness and kurtosis
    quantiles       smallest, largest, median and quantiles, which are not proved
    means           t, Welch, analysis of variance
    contingency     frequencies, two-way tables, χ², Fisher, risks and odds
    stratified      Mantel–Haenszel
    table_one       characteristics by group
    correlation     Pearson, principal components
    pooling         moments of cells put together
    regression      least squares and ridge
    grouped_models  logistic and Poisson regression from counts
    survival        Kaplan–Meier, log-rank
    rates           direct and indirect standardisation
    scores          AUC, KS, WOE, IV, calibration, stability
    balance         Σ in against Σ out
    stacking        tables of several owners below each other
    catalogue       all of them by name
"""
