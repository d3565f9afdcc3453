"""The people behind the parts of a value: each part that is 0 on some rows by a condition has a count of its own.

    SUM(CASE WHEN age = 97 THEN balance ELSE 0 END)     about those of 97, whoever else the statistic counts
    SUM(balance * diabetic)                             about the diabetic

Without such a count one person's value, or how many they are, would come out under the guard of everybody. It is a sum
that guards itself: proved large enough like any guard, compared with the others, and known to the auditor. What is left
of a value is no part of its own: of a condition and its opposite one count is enough, for the counts of two guards
differ by nobody or by enough people.

`query.dominance_parts` takes values apart, too, for their totals: there numbers before a part do not matter. Here they
do: of 2·x on some rows and 3·x on the others each part follows, once Σ x is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Final

from query.errors import QuestionTooLargeError
from query.expressions import Arithmetic, Bucket, Case, ColumnName, Comparison, Expression, Literal

MAX_PARTS: Final = 256
"""Parts of a value, before those that are alike are one; more distinct ones than sums fit no proof."""

Text = Callable[[Expression], str]
Tests = tuple[Expression, ...]
_Term = dict[str, Expression]


def counted_parts(
    values: Sequence[Expression],
    text: Text,
    is_boolean: Callable[[ColumnName], bool],
    exclusive: Callable[[Expression, Expression], bool],
) -> list[Tests]:
    """The tests, each 0 or 1 on every row, of every part of a value or of a product of values, in order.

    Args:
        values: one value, or those multiplied.
        text: canonical text of a value.
        is_boolean: whether a column is 0 or 1.
        exclusive: whether no row has two tests, by their definitions: such a part is nobody's, and has no count.

    Returns:
        For every part the tests that are 1 together exactly on its rows; parts of all rows, of rows that a statistic
        leaves out by itself, and opposites of one counted before are left out.

    Raises:
        QuestionTooLargeError: a value has too many parts.
    """
    by_itself = set[str]()
    terms: list[_Term] = [{}]
    for value in values:
        by_itself |= _counted_by_itself(value, text)
        more = _terms(value, text, is_boolean)
        _check_number(len(terms) * len(more))
        terms = [a | b for a in terms for b in more]
    found: dict[frozenset[str], Tests] = {}
    for term in terms:
        tests = {name: test for name, test in term.items() if name not in by_itself}
        opposite = frozenset(text(_opposite(test)) for test in tests.values()) if len(tests) == 1 else frozenset()
        nobody = any(exclusive(a, b) for a, b in combinations(tests.values(), 2))
        if tests and not nobody and opposite not in found:
            found.setdefault(frozenset(tests), tuple(tests.values()))
    return list(found.values())


def _terms(value: Expression, text: Text, is_boolean: Callable[[ColumnName], bool]) -> list[_Term]:
    """The tests of every term of a value written as a sum, by their texts; of 0 and null there is none."""
    match value:
        case Literal(value=number):
            return [{}] if number else []
        case ColumnName() if is_boolean(value):
            return [{text(value): value}]
        case Arithmetic(operator=operator, left=left, right=right):
            first, second = _terms(left, text, is_boolean), _terms(right, text, is_boolean)
            _check_number(len(first) * len(second) if operator == "*" else len(first) + len(second))
            return [a | b for a in first for b in second] if operator == "*" else first + second
        case Case(branches=branches, otherwise=otherwise):
            arms = [*(inner for _, inner in branches), otherwise]
            names = [None if arm is None or _is_null(arm) else text(arm) for arm in arms]
            _check_number(len(set(names)))
            found: list[_Term] = []
            for name in dict.fromkeys(names):
                if name is None:
                    continue
                test = _branch(value, [name == other for other in names])
                mark = {} if all(other == name for other in names) else {text(test): test}
                arm = arms[names.index(name)]
                found += [term | mark for term in _terms(arm, text, is_boolean)] if arm is not None else []
            return found
        case Bucket():
            return [{text(step): step} for step in _steps(value)]
        case _:
            return [{}]


def _check_number(parts: int) -> None:
    if parts > MAX_PARTS:
        raise QuestionTooLargeError("parts of a value", parts, MAX_PARTS, "")


def _steps(bucket: Bucket) -> list[Expression]:
    """1 from each bound on, else 0: what the number of a bin is the sum of."""
    one, zero, count = (Literal(Decimal(number), None) for number in (1, 0, bucket.count))
    times = Arithmetic("*", count, bucket.operand, None)  # so that bounds are exact
    bounds = [bucket.count * bucket.lo + number * (bucket.hi - bucket.lo) for number in range(bucket.count + 1)]
    return [Case(((Comparison(">=", times, Literal(bound, None), None), one),), zero, None) for bound in bounds]


def _branch(value: Case, chosen: Sequence[bool]) -> Case:
    """1 where a CASE takes a chosen arm, else 0."""
    arms = [Literal(Decimal(one), None) for one in chosen]
    return Case(tuple((condition, arm) for (condition, _), arm in zip(value.branches, arms)), arms[-1], None)


def _counted_by_itself(value: Expression, text: Text) -> set[str]:
    """The test of a CASE of one condition that is null on all other rows: the statistic counts its rows anyway."""
    if isinstance(value, Case) and len(value.branches) == 1 and (value.otherwise is None or _is_null(value.otherwise)):
        return {text(_branch(value, [True, False]))}
    return set()


def branches_exclude(left: Expression, right: Expression) -> bool:
    """Whether two tests are different branches of the same conditions, so that no row has both."""
    if not isinstance(left, Case) or not isinstance(right, Case):
        return False
    if [condition for condition, _ in left.branches] != [condition for condition, _ in right.branches]:
        return False
    arms = [*zip([a for _, a in left.branches], [b for _, b in right.branches]), (left.otherwise, right.otherwise)]
    return all(_is_zero(a) or _is_zero(b) for a, b in arms)


def _is_zero(value: Expression | None) -> bool:
    return value is None or (isinstance(value, Literal) and value.value in (Decimal(0), None))


def _is_null(value: Expression) -> bool:
    return isinstance(value, Literal) and value.value is None


def _opposite(test: Expression) -> Expression:
    """1 less a test, for a CASE of one condition."""
    if isinstance(test, Case) and len(test.branches) == 1 and test.otherwise is not None:
        ((condition, inner),) = test.branches
        return Case(((condition, test.otherwise),), inner, None)
    return Arithmetic("-", Literal(Decimal(1), None), test, None)
