"""Moments of cells put together: the centred moments of a design with numbers and categories, in exact rationals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from query.analyses.asking import Labels
from query.analyses.exact import Matrix
from query.analyses.writing import Axis
from query.errors import DegreesOfFreedomError
from query.moments import MomentMatrix


@dataclass(frozen=True, slots=True)
class Design:
    """Centred moments of terms and response.

    Args:
        names: of the terms, dummies as ``column = label``.
        n: rows.
        means: of the terms.
        centred: Σ (x_i − x̄_i)(x_j − x̄_j).
        with_response: Σ (x_i − x̄_i)(y − ȳ).
        response_mean: ȳ.
        response_spread: Σ (y − ȳ)².
    """

    names: tuple[str, ...]
    n: int
    means: tuple[Fraction, ...]
    centred: Matrix
    with_response: tuple[Fraction, ...]
    response_mean: Fraction
    response_spread: Fraction


@dataclass(frozen=True, slots=True)
class _Variable:
    """A number of MOMENTS (its place), or the dummy of a label of an axis."""

    name: str
    place: int
    axis: int | None = None
    label: object = None

    def factor(self, labels: Labels) -> int | None:
        """For a dummy 0 or 1 in a cell; None for a number."""
        return None if self.axis is None else int(labels[self.axis] == self.label)


def pooled_design(
    cells: Mapping[Labels, MomentMatrix], axes: Sequence[Axis], terms: Sequence[str], numbers: Sequence[str],
    response: str,
) -> Design:
    """Put cells together.

    Args:
        cells: moments of (numbers…, response) by the labels of the axes.
        axes: the categories, in the order of the labels; the first label of each is the reference.
        terms: all terms in the order they are shown.
        numbers: those that are no categories.
        response: its name.

    Raises:
        DegreesOfFreedomError: there are no rows.
    """
    by_name = {axis.name: place for place, axis in enumerate(axes)}
    variables: list[_Variable] = []
    for term in terms:
        if term in by_name:
            axis = axes[by_name[term]]
            present = [code for code in axis.codes if any(labels[by_name[term]] == code for labels in cells)]
            variables += [_Variable(f"{term} = {axis.label(code)}", -1, by_name[term], code) for code in present[1:]]
        else:
            variables.append(_Variable(term, numbers.index(term)))
    everything = [*variables, _Variable(response, len(numbers))]
    n = sum(matrix.count for matrix in cells.values())
    if n == 0:
        raise DegreesOfFreedomError("there are no rows")
    totals = [sum((_total(v, labels, m) for labels, m in cells.items()), Fraction(0)) for v in everything]
    size = len(everything)
    centred = [[Fraction(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i, size):
            product = sum((_product(everything[i], everything[j], labels, m) for labels, m in cells.items()),
                          Fraction(0))
            centred[i][j] = centred[j][i] = product - totals[i] * totals[j] / n
    means = [total / n for total in totals]
    return Design(
        tuple(v.name for v in variables), n, tuple(means[:-1]), tuple(tuple(row[:-1]) for row in centred[:-1]),
        tuple(row[-1] for row in centred[:-1]), means[-1], centred[-1][-1],
    )


def _total(variable: _Variable, labels: Labels, matrix: MomentMatrix) -> Fraction:
    factor = variable.factor(labels)
    return matrix.total(variable.place) if factor is None else Fraction(factor * matrix.count)


def _product(left: _Variable, right: _Variable, labels: Labels, matrix: MomentMatrix) -> Fraction:
    a, b = left.factor(labels), right.factor(labels)
    if a is None and b is None:
        return matrix.product(left.place, right.place)
    if a is not None and b is not None:
        return Fraction(a * b * matrix.count)
    number = left if a is None else right
    return matrix.total(number.place) if a or b else Fraction(0)
