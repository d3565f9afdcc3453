"""Pearson's correlation with its interval, correlation matrices, and principal components.

Sums: MOMENTS(v_1, …, v_k) over complete cases, of any owners. Correlations are ratios of exact rationals; components
are eigenvectors of the covariance or correlation matrix, computed from exactly centred moments.

Source: R. A. Fisher, Biometrika 10 (1915), for the interval by z = artanh r; I. Jolliffe, Principal Component Analysis,
2nd ed. (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import Final

import numpy as np

from query.analyses.asking import Answer, evidence_of
from query.analyses.distributions import check_confidence, normal_quantile, student_p
from query.analyses.exact import ratio_to_root, root
from query.analyses.means import require_cell
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Shown, Table, estimate_rows
from query.analyses.writing import require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, DegreesOfFreedomError
from query.moments import MomentMatrix

MIN_ROWS: Final = 12  # as for regression: n − 2 degrees of freedom of at least 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations(Report):
    """Pairwise correlations over the same rows.

    Args:
        variables: in order.
        pairs: every pair once, named ``x with y``; t with n − 2 degrees of freedom, interval by Fisher's z.
    """

    variables: tuple[str, ...]
    pairs: tuple[Estimate, ...]

    def tables(self) -> tuple[Table, ...]:
        """All pairs."""
        return (Table("Pearson's r", ESTIMATE_HEADER, estimate_rows(self.pairs)),)


@dataclass(frozen=True, slots=True)
class Pearson:
    """Correlations of two or more numbers.

    Args:
        variables: at least two numbers or expressions.
        where: a condition, or None.
        confidence: level of the intervals.
    """

    variables: tuple[str, ...]
    where: str | None = None
    confidence: float = 0.95

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of MOMENTS."""
        check_confidence(self.confidence)
        return (moments_of(directory, self.variables, self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> Correlations:
        """Correlate."""
        matrix = require_cell("the correlation", (), answers[0].moments("m").get(()))
        _check(matrix, self.variables)
        size = len(self.variables)
        pairs = tuple(_correlation(matrix, i, j, self.variables, self.confidence)
                      for i in range(size) for j in range(i + 1, size))
        return Correlations(title="correlation", evidence=evidence_of(answers), confidence=self.confidence,
                            variables=self.variables, pairs=pairs)


@dataclass(frozen=True, slots=True)
class Component:
    """A principal component: its variance, share of all variance, and loadings (unit length, largest positive)."""

    variance: float
    share: float
    loadings: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Components(Report):
    """Principal components.

    Args:
        variables: in order.
        means, sds: of the variables, for scoring new rows.
        standardised: whether of the correlation matrix.
        components: by decreasing variance.
        n: rows.
    """

    variables: tuple[str, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    standardised: bool
    components: tuple[Component, ...]
    n: int

    def tables(self) -> tuple[Table, ...]:
        """Variances and loadings."""
        header = ("", *(f"PC{k}" for k in range(1, len(self.components) + 1)))
        rows: list[tuple[Shown, ...]] = [
            ("variance", *(c.variance for c in self.components)),
            ("share", *(c.share for c in self.components)),
        ]
        rows += [(name, *(c.loadings[i] for c in self.components)) for i, name in enumerate(self.variables)]
        return (Table("components", header, tuple(rows)),)


@dataclass(frozen=True, slots=True)
class PrincipalComponents:
    """Principal components of two or more numbers.

    Args:
        variables: at least two numbers or expressions.
        standardise: whether each is divided by its standard deviation first.
        where: a condition, or None.
    """

    variables: tuple[str, ...]
    standardise: bool = False
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of MOMENTS."""
        return (moments_of(directory, self.variables, self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> Components:
        """Decompose."""
        matrix = require_cell("principal components", (), answers[0].moments("m").get(()))
        _check(matrix, self.variables)
        size, df = range(len(self.variables)), matrix.count - 1
        if self.standardise:
            entries = [[1.0 if i == j else _r(matrix, i, j) for j in size] for i in size]
        else:
            entries = [[float(matrix.centred(i, j) / df) for j in size] for i in size]
        values, vectors = np.linalg.eigh(np.array(entries))
        components = []
        for place in reversed(size):
            vector = vectors[:, place]
            vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
            components.append(Component(float(values[place]), float(values[place] / values.sum()),
                                        tuple(vector.tolist())))
        return Components(
            title="principal components", evidence=evidence_of(answers), variables=self.variables,
            means=tuple(float(matrix.mean(i)) for i in size),
            sds=tuple(root(matrix.centred(i, i) / df) for i in size), standardised=self.standardise,
            components=tuple(components), n=matrix.count,
        )


def moments_of(directory: Directory, variables: Sequence[str], where: str | None) -> str:
    """The question for the moments of some numbers.

    Raises:
        AnalysisInvalidError: fewer than two, one twice, or one is no number.
    """
    if len(variables) < 2 or len(set(variables)) != len(variables):
        raise AnalysisInvalidError("two or more different variables are needed")
    names = [require_number(directory, name) for name in variables]
    return statement(directory, [f"MOMENTS({', '.join(names)}) AS m"], values=names, where=where)


def _check(matrix: MomentMatrix, names: Sequence[str]) -> None:
    if matrix.count < MIN_ROWS:
        raise DegreesOfFreedomError(f"{matrix.count} rows are too few: at least {MIN_ROWS} are needed")
    for place, name in enumerate(names):
        if matrix.centred(place, place) == 0:
            raise DegreesOfFreedomError(f"{name} is constant")


def _r(matrix: MomentMatrix, i: int, j: int) -> float:
    return ratio_to_root(matrix.centred(i, j), matrix.centred(i, i) * matrix.centred(j, j))


def _correlation(matrix: MomentMatrix, i: int, j: int, names: Sequence[str], confidence: float) -> Estimate:
    n, r = matrix.count, _r(matrix, i, j)
    joint, product = matrix.centred(i, j), matrix.centred(i, i) * matrix.centred(j, j)
    name, df = f"{names[i]} with {names[j]}", n - 2
    if joint**2 == product:
        return Estimate(name, r, 0.0, r, r, None, df, 0.0, n)
    t = ratio_to_root(joint * df, (product - joint**2) * df)
    half = normal_quantile(confidence) / sqrt(n - 3)
    return Estimate(name, r, root((1 - joint**2 / product) / df), tanh(atanh(r) - half), tanh(atanh(r) + half), t, df,
                    student_p(t, df), n)
