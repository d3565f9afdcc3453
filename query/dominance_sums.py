"""Dominance rules written into a question: which totals they are for, and the sums that decide them.

A *total* is any sum let out that a covered column enters by its value: Σx of SUM and AVG, each Σx of a pair of columns,
of MOMENTS or of arithmetic and CASE over several columns, and Σx·y and Σx² of second moments, as totals of x·y and of
x·x. Filters and groups stand in its mask. For each of them the relation gets one more sum, that of the squares of its
contributions over the same rows, unless it lets it out anyway. Such sums are **closed**: never let out, to nobody.

A contribution is the number itself, not the stored one: with z = stored + o for an offset o and n rows, Σz = S is a
linear form of the sums let out and Σz² = Σstored² + 2·o·S − o²·n.

*Differences* (`query.dominance_parts`). Two totals of one value over different rows give away a third by subtraction: x
beside CASE WHEN … THEN x ELSE 0 END, or beside x where y is known. So where the totals of an answer have parts v·a and
v·b with a and b either 0 or 1, each of them must obey the rules, and so must what they do not have in common:
S_a + S_b − 2·S_ab, and the same for squares. What is not let out of that is closed sums, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, combinations_with_replacement

from query.arguments import ArgumentCompiler, CompiledArgument
from query.binding import Argument, BoundPerson, BoundQuestion
from query.dominance import MAX_BITS, DominanceChecks, DominanceTest, Form
from query.dominance_parts import Part, parts_of, product
from query.errors import BoundExceededError
from query.expressions import Expression, value_names
from query.kinds import BoundedInteger, ScaledDecimal
from query.sums import Moments, MomentTable

Mask = tuple[tuple[int, ...], ...]
Weights = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """An aggregate: its arguments, what must hold on its rows by table, and the sums let out for it."""

    bound: tuple[Argument | BoundPerson, ...]
    arguments: tuple[CompiledArgument, ...]
    mask: Mask
    moments: Moments
    table: MomentTable | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where sums are written.

    Args:
        write: the number of the sum of a product of arguments over the rows of a mask, made as a closed sum guarded by
            another where it is new; the last argument says whether it stands among those of MOMENTS.
        bound: the largest value of a sum.
        count: how many sums there are.
    """

    write: Callable[[Mask, Sequence[CompiledArgument], int, bool], int]
    bound: Callable[[int], int]
    count: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Total:
    """Σ of a value times 10^scale over the rows of a mask, and Σ of its squares, as weights of sums."""

    value: Expression
    scale: int
    mask: Mask
    guard: int
    moments: bool
    effective: Fraction
    total: Weights
    squares: Weights

    def at(self, scale: int) -> tuple[Weights, Weights]:
        """Both with more digits after the point."""
        factor: int = 10 ** (scale - self.scale)
        return _merged((factor, self.total)), _merged((factor * factor, self.squares))


class DominanceSums:
    """Writes the closed sums of a question.

    Args:
        question: resolved names, and the tables with their policies.
        arguments: compiles values.
        places: where sums are written.
    """

    def __init__(self, question: BoundQuestion, arguments: ArgumentCompiler, places: Places) -> None:
        self._question, self._arguments, self._places = question, arguments, places

    def checks(self, asked: Sequence[Asked]) -> DominanceChecks:
        """What has to hold of an answer to some aggregates.

        Raises:
            BoundExceededError: a comparison does not fit the field.
        """
        first = self._places.count()
        totals: dict[Form, _Total] = {}
        for aggregate in asked:
            for total in self._totals(aggregate):
                totals.setdefault(_form(total.total), total)
        tests = [self._test(total, f"the total of {self._text(total.value)}") for total in totals.values()]
        for shared in self._parts(totals.values()):
            tests += [self._test(total, f"the total of {self._text(total.value)}") for _, total in shared]
            for (part, left), (other, right) in combinations(shared, 2):
                apart = self._apart(part, left, other, right)
                if apart is not None and apart.total:
                    words = f"what the totals of {self._text(left.value)} and {self._text(right.value)} do not share"
                    tests.append(self._test(apart, words))
        return DominanceChecks(tuple(dict.fromkeys(tests)), frozenset(range(first, self._places.count())))

    # --- totals ---------------------------------------------------------------------------------------------------

    def _totals(self, asked: Asked) -> Iterator[_Total]:
        """The totals among the sums let out for an aggregate that a rule is for."""
        values = [self._value(bound) for bound in asked.bound if not isinstance(bound, BoundPerson)]
        if not any(map(self._effective, values)):
            return
        count = asked.moments.count
        firsts: dict[int, Weights] = {}
        for place, number in enumerate(_firsts(asked)):
            if number is not None:
                operand = asked.arguments[place].operand
                firsts[place] = _merged((1, {number: 1}), (operand.offset, {count: 1}))
                yield from self._total(values[place], asked.arguments[place], asked, firsts[place])
        for (i, j), number in _seconds(asked):
            if number is None or not (self._effective(values[i]) or self._effective(values[j])):
                continue
            a, b = (asked.arguments[place].operand.offset for place in (i, j))
            stored = [_merged((1, firsts[place]), (-offset, {count: 1})) for place, offset in ((i, a), (j, b))]
            total = _merged((1, {number: 1}), (b, stored[0]), (a, stored[1]), (a * b, {count: 1}))
            value = product(values[i], values[j])
            yield from self._total(value, self._compiled(value), asked, total)

    def _total(
        self, value: Expression, argument: CompiledArgument, asked: Asked, total: Weights
    ) -> Iterator[_Total]:
        effective, count = self._effective(value), asked.moments.count
        if effective is None or not argument.factors:  # a constant tells nothing about a column
            return
        moments, offset = asked.table is not None, argument.operand.offset
        number = self._places.write(asked.mask, (argument, argument), count, moments)
        squares = _merged((1, {number: 1}), (2 * offset, total), (-offset * offset, {count: 1}))
        yield _Total(value, argument.operand.scale, asked.mask, count, moments, effective, total, squares)

    def _parts(self, totals: Iterable[_Total]) -> Iterator[list[tuple[Part, _Total]]]:
        """The parts of some totals that are of one value over different rows, with their own totals."""
        found: dict[str, dict[tuple[str, Mask], tuple[Part, _Total]]] = {}
        for total in totals:
            parts = parts_of(total.value, self._text)
            for part in parts:
                if self._effective(part.value) is not None:
                    rows = "" if part.rows is None else self._text(part.rows)
                    mask = tuple(tuple(sorted(set(factors))) for factors in total.mask)
                    found.setdefault(self._text(part.value), {}).setdefault((rows, mask), (part, total))
        for alike in found.values():
            if len(alike) > 1:
                yield [(part, self._own(part, total)) for part, total in alike.values()]

    def _own(self, part: Part, total: _Total) -> _Total:
        """The total of a part of a total."""
        if part.whole:
            return total
        effective = self._effective(part.value) or total.effective
        return self._summed(part.written, total.mask, total, effective)

    def _apart(self, part: Part, left: _Total, other: Part, right: _Total) -> _Total | None:
        """What two totals of one value do not have in common; None where they have nothing in common by definition."""
        a, b = part.rows, other.rows
        if a is not None and b is not None and self._arguments.exclusive(a, b):
            return None
        common = right.value if a is None else left.value
        if a is not None and b is not None and self._text(a) != self._text(b):
            common = product(left.value, b)
        mask = tuple((*x, *y) for x, y in zip(left.mask, right.mask, strict=True))
        effective = max(left.effective, right.effective)
        if left.mask == right.mask and (a is None or b is None):
            shared = right if a is None else left
        else:
            shared = self._summed(common, mask, replace(left, moments=left.moments and right.moments), effective)
        scale = max(left.scale, right.scale, shared.scale)
        (s, q), (t, r), (u, p) = left.at(scale), right.at(scale), shared.at(scale)
        total, squares = _merged((1, s), (1, t), (-2, u)), _merged((1, q), (1, r), (-2, p))
        return replace(shared, scale=scale, effective=effective, total=total, squares=squares)

    def _summed(self, value: Expression, mask: Mask, like: _Total, effective: Fraction) -> _Total:
        """The total of a value, and its squares, in sums of their own, under the guard of another total."""
        argument = self._compiled(value)
        offset = argument.operand.offset

        def write(*values: CompiledArgument) -> Weights:
            return {self._places.write(mask, values, like.guard, like.moments): 1}

        rows = write() if offset else {}
        stored, squared = write(argument), write(argument, argument)
        total = _merged((1, stored), (offset, rows))
        squares = _merged((1, squared), (2 * offset, stored), (offset * offset, rows))
        return replace(like, value=value, scale=argument.operand.scale, mask=mask, effective=effective, total=total,
                       squares=squares)

    # --- values ---------------------------------------------------------------------------------------------------

    def _value(self, argument: Argument) -> Expression:
        return self._arguments.expression(argument)

    def _compiled(self, value: Expression) -> CompiledArgument:
        return self._arguments.compile(self._arguments.bound(value))

    def _text(self, value: Expression) -> str:
        return self._arguments.text(value)

    def _effective(self, value: Expression) -> Fraction | None:
        """The strictest rule for totals of a value; None where there is none."""
        found: list[Fraction] = []
        for name in value_names(value):
            bound = self._question.columns[name]
            if not isinstance(bound.column.kind, BoundedInteger | ScaledDecimal):
                continue
            tables = self._question.tables if self._question.union else [self._question.tables[bound.table]]
            clauses = [table.policy.limits.dominance for table in tables]
            found += [clause.effective for clause in clauses if clause and clause.covers(bound.column.name)]
        return max(found, default=None)

    def _test(self, total: _Total, words: str) -> DominanceTest:
        """The comparison for a total, with its size.

        Raises:
            BoundExceededError: it does not fit the field.
        """
        form, squares = _form(total.total), _form(total.squares)
        sides = [sum(abs(weight) * self._places.bound(number) for number, weight in part) for part in (form, squares)]
        high, low = sides[0] ** 2 * total.effective.denominator, sides[1] * total.effective.numerator
        bits = max(high, low).bit_length() + 1
        if bits > MAX_BITS:
            raise BoundExceededError(f"the dominance rule for {words} compares {bits} bits, beyond {MAX_BITS}")
        return DominanceTest(form, squares, total.effective, bits, words)


def _firsts(asked: Asked) -> tuple[int | None, ...]:
    """The number of the sum of each argument."""
    return (asked.moments.left, asked.moments.right) if asked.table is None else asked.table.first


def _seconds(asked: Asked) -> Iterator[tuple[tuple[int, int], int | None]]:
    """The number of the sum of each product of two arguments."""
    if asked.table is None:
        found = asked.moments
        yield from (((0, 0), found.left_left), ((1, 1), found.right_right), ((0, 1), found.left_right))
    else:
        pairs = combinations_with_replacement(range(len(asked.arguments)), 2)
        yield from zip(pairs, asked.table.second, strict=True)


def _merged(*parts: tuple[int, Weights]) -> dict[int, int]:
    """Σ factor · weights, without zeros."""
    found: dict[int, int] = {}
    for factor, weights in parts:
        for number, weight in weights.items():
            found[number] = found.get(number, 0) + factor * weight
    return {number: weight for number, weight in found.items() if weight}


def _form(weights: Weights) -> Form:
    return tuple(sorted(weights.items()))
