"""Lookups: no value outside the table passes, whatever multiplicities, inverses, table and table side a prover commits
to. That none of them may be chosen after the challenge it answers to: test_absorption_rounds.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from forger import Forger
from oracle import form_rows
from relations import everything_sample, opened_form_sample, ranged, ranged_sample
from samples import R, Sample, release_word, sample

from zk.errors import ProofRejectedError, WitnessUnsatisfiedError
from zk.forms import Form
from zk.owners import column_owners
from zk.prover import Contributor

PUBLIC = release_word(0b111, 0b111)
BAD_ROW = 3


def with_value(value: int) -> Sample:
    """y of one row is a value whose lookup 7 − y may lie outside [0, 8)."""
    columns = {i: list(column) for i, column in ranged_sample().columns.items()}
    columns[3][BAD_ROW] = value % R
    return sample(ranged(), columns)


OUTSIDE = {"one too many": 8, "minus one": -1, "large": 2**100, "huge": R // 2, "a half": (R + 1) // 2}


@pytest.mark.parametrize("value", [0, 1, 7])
def test_values_at_the_ends_of_a_range_are_proved(value: int) -> None:
    target = with_value(value)
    target.verify(target.prove(PUBLIC))


@pytest.mark.parametrize("value", OUTSIDE.values(), ids=list(OUTSIDE))
def test_a_value_outside_its_range_is_refused_by_its_owner_without_saying_which(value: int) -> None:
    target = with_value(value)
    with pytest.raises(WitnessUnsatisfiedError) as caught:
        target.prove(PUBLIC)
    assert str(caught.value) == "a value lies outside the range the relation claims"
    owners = column_owners(target.relation, {1: 0, 2: 0, 3: 1})
    Contributor(target.statement, target.srs, 0, owners, {i: target.secrets[i] for i in (1, 2)})
    with pytest.raises(WitnessUnsatisfiedError):
        Contributor(target.statement, target.srs, 1, owners, {3: target.secrets[3]})


# --- dishonest columns ---------------------------------------------------------------------------------------------


class Counted(Forger):
    """A multiplicity too many for the value 0, so that the number of lookups fits."""

    def multiplicity_rows(self) -> list[int]:
        counts = super().multiplicity_rows()
        missing = len(self.relation.lookups) * self.n - sum(counts)
        return [(counts[0] + missing) % R, *counts[1:]]


class FalseInverse(Forger):
    """h of the row outside is that of a value inside, which is counted."""

    def multiplicity_rows(self) -> list[int]:
        counts = super().multiplicity_rows()
        return [counts[0] + 1, *counts[1:]]

    def inverse_rows(self, column: int, form: Form, challenge: int) -> list[int]:
        values = form_rows(form, self.rows, self.n)
        return [pow(challenge + (v if v < 8 else 0), -1, R) for v in values]


class NoInverse(Forger):
    """h of the row outside is 0: it is not looked up."""

    def inverse_rows(self, column: int, form: Form, challenge: int) -> list[int]:
        found = super().inverse_rows(column, form, challenge)
        values = form_rows(form, self.rows, self.n)
        return [h if v < 8 else 0 for h, v in zip(found, values)]


class FalseTableSide(Forger):
    """g balances the sum: one row of it is not m/(β + T)."""

    def table_side_rows(self) -> list[int]:
        relation = self.relation
        honest = super().table_side_rows()
        inverses = sum(sum(self.rows[relation.lookup_index(k)]) for k in range(len(relation.lookups)))
        return [(honest[0] + inverses - sum(honest)) % R, *honest[1:]]


class AnotherTable(Forger):
    """T with the value outside in it."""

    def table_rows(self) -> list[int]:
        outside = next(v for f in self.relation.lookups for v in form_rows(f, self.rows, self.n) if v >= 8)
        return [*super().table_rows()[:-1], outside]

    def multiplicity_rows(self) -> list[int]:
        return [*super().multiplicity_rows()[:-1], 1]


class FalseSum(Forger):
    """Σ h − g has no row in s: its value stands nowhere, and is 0."""

    def steps(self, total: list[int]) -> list[int]:
        steps = super().steps(total)
        return [(steps[0] - sum(steps)) % R, *steps[1:]]


LIARS = [Forger, Counted, FalseInverse, NoInverse, FalseTableSide, AnotherTable, FalseSum]


@pytest.mark.parametrize("forger", LIARS)
@pytest.mark.parametrize("value", OUTSIDE.values(), ids=list(OUTSIDE))
def test_no_dishonest_column_proves_a_value_outside(forger: type[Forger], value: int) -> None:
    target = with_value(value)
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(forger(target, PUBLIC).prove())


class OneFalseInverse(Forger):
    """h of one row of an honest column, with the table's side following."""

    def inverse_rows(self, column: int, form: Form, challenge: int) -> list[int]:
        rows = super().inverse_rows(column, form, challenge)
        if column == self.relation.lookup_index(0):
            rows[0], rows[1] = (rows[0] + 1) % R, (rows[1] - 1) % R
        return rows


class OneFalseCount(Forger):
    def multiplicity_rows(self) -> list[int]:
        counts = super().multiplicity_rows()
        return [(counts[0] + 1) % R, (counts[1] - 1) % R, *counts[2:]]


class FalseDigit(Forger):
    """A hinted witness is not what its hint says, and a form or a lookup pins it."""

    def witness_rows(self, column: int) -> list[int]:
        rows = super().witness_rows(column)
        return [(rows[0] + 1) % R, *rows[1:]] if column == 5 else rows


@pytest.mark.parametrize("forger", [OneFalseInverse, OneFalseCount, FalseDigit])
@pytest.mark.parametrize("make", [ranged_sample, everything_sample])
def test_false_helper_columns_of_a_true_statement_are_refused(
    forger: type[Forger], make: Callable[[], Sample]
) -> None:
    target = make()
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(forger(target, PUBLIC).prove())


def test_a_false_inverse_where_its_form_is_opened_instead() -> None:
    target = opened_form_sample()
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(OneFalseInverse(target, 1).prove())


def test_a_forger_without_lies_is_accepted() -> None:
    for make in (ranged_sample, everything_sample, opened_form_sample):
        target = make()
        target.verify(Forger(target, 1).prove())
