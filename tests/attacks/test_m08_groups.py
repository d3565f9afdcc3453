"""M8: GROUP BY through 1/(β_c + gid): the reserved code 0, increasing codes, β ≠ −code, rows that are in no group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from forger import Forger
from oracle import form_rows, holds, sums
from relations import grouped, grouped_sample, t, two_groups_sample
from samples import R, Sample, boolean, integer, sample

from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.errors import ProofRejectedError, RelationInvalidError, WitnessUnsatisfiedError
from zk.forms import Challenge, Group
from zk.relation import MAX_CODES, Relation, relation_of
from zk.statement import Rounds

CODES = (1, 2, 5)


def of(mask: list[int], codes: list[int], values: list[int]) -> Sample:
    return sample(grouped(), {1: mask, 2: codes, 3: values})


def changed(**columns: tuple[int, int]) -> Sample:
    """The honest columns but for one row each: mask, code or value."""
    target = grouped_sample()
    rows = {i: list(column) for i, column in target.columns.items()}
    for name, (row, value) in columns.items():
        rows[("mask", "code", "value").index(name) + 1][row] = value
    return sample(target.relation, rows)


# --- codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [
    (0, 1), (0,), (-1, 1), (2, 1), (1, 1), (1, 3, 3), (5, 2, 1), (), (1, 1 << 16), tuple(range(1, MAX_CODES + 2)),
])
def test_m8_codes_that_are_not_strictly_increasing_from_one_are_no_relation(codes: tuple[int, ...]) -> None:
    relation = grouped()
    with pytest.raises(RelationInvalidError):
        replace(relation, groups=(Group(relation.groups[0].form, codes),))


@pytest.mark.parametrize("codes", [(0, 2, 5), (2, 1, 5), (1, 1, 5), (1, 5, 5)])
def test_m8_words_with_such_codes_are_not_decoded(codes: tuple[int, ...]) -> None:
    relation = grouped()
    words = encode_relation(relation)
    packed = sum(code << 16 * place for place, code in enumerate(CODES))
    (at,) = [place for place, word in enumerate(words) if word == packed]
    words[at] = sum(code << 16 * place for place, code in enumerate(codes))
    with pytest.raises(RelationInvalidError):
        decode_relation(words)
    words[at] = packed | 7 << 48  # a fourth code that the header does not count
    with pytest.raises(RelationInvalidError):
        decode_relation(words)


def test_m8_a_count_of_group_inverses_alone_is_no_guard() -> None:
    """Σ k counts every row whose form happens to be a code; only Σ m·k counts persons."""
    relation = grouped()
    forms = [*(list(form) for form in relation.zero_forms), [t(1, 4, 4), t(-1, 0, 1)]]
    with pytest.raises(RelationInvalidError, match="guard"):
        relation_of(
            4, relation.registered, 1, (4, 5), forms, [[t(1, 0, 5)], [t(1, 5, 3)]], (0, 0), groups=relation.groups
        )
    two = two_groups_sample().relation
    for guard, fits in ((t(1, 7, 8), False), (t(1, 0, 9), None), (t(1, 9, 8), True), (t(1, 9, 11), True)):
        sum_forms = [[guard], *(list(form) for form in two.sum_forms)]
        arguments = (4, two.registered, 1, two.opened, [list(f) for f in two.zero_forms], sum_forms, (0,) * 4)
        groups, products = two.groups, [list(form) for form in two.products]
        if fits:
            relation_of(*arguments, groups=groups, products=products)
        else:
            with pytest.raises(RelationInvalidError, match="guard" if fits is False else "group column"):
                relation_of(*arguments, groups=groups, products=products)


# --- rows that are in no group -------------------------------------------------------------------------------------

OUTSIDE: dict[str, dict[str, tuple[int, int]]] = {
    "counted with the reserved code": {"code": (0, 0)},
    "counted with a code that is no group's": {"code": (0, 3)},
    "counted with a code that is huge": {"code": (0, 2**200)},
    "counted with a negative code": {"code": (0, R - 1)},
    "a value outside all groups": {"mask": (0, 0), "code": (0, 0), "value": (0, 7)},
    "a value with another code": {"mask": (0, 0), "code": (0, 4), "value": (0, 1)},
}


@pytest.mark.parametrize("columns", OUTSIDE.values(), ids=list(OUTSIDE))
def test_m8_a_row_that_counts_must_be_in_a_group(columns: dict[str, tuple[int, int]]) -> None:
    """1/(β + gid) of such a row is no combination of 1/(β + code): the sum has no cells."""
    target = changed(**columns)
    assert not holds(target.relation, target.columns)
    with pytest.raises(WitnessUnsatisfiedError):
        target.prove_all()
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(Forger(target, 0b111111).prove())


def test_m8_a_row_that_counts_nothing_may_have_any_code() -> None:
    target = changed(mask=(0, 0), code=(0, 77), value=(0, 0))
    assert holds(target.relation, target.columns)
    target.verify(target.prove_all())


class IntoAnotherCell(Forger):
    """Claims a row's share of the sums for another cell."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [(rows[0] + 1) % R, (rows[1] - 1) % R, *rows[2:]]


class FalseInverse(Forger):
    """k of row 0 is that of another code."""

    row, form_at = 0, 0

    def inverse_rows(self, column: int, form: object, challenge: int) -> list[int]:
        rows = super().inverse_rows(column, form, challenge)  # type: ignore[arg-type]
        if column == self.relation.group_index(self.form_at):
            rows[self.row] = pow(challenge + 5, -1, R)
        return rows


class ZeroInverse(FalseInverse):
    """k of row 0 is 0: the row counts nowhere."""

    def inverse_rows(self, column: int, form: object, challenge: int) -> list[int]:
        rows = super().inverse_rows(column, form, challenge)
        return [0, *rows[1:]]

    def sum_rows(self) -> list[int]:
        self.rows[1] = [0, *self.rows[1][1:]]
        return sums(self.relation, self.rows)


class FalseProduct(Forger):
    """m·k_1 of row 0 is 0."""

    def product_rows(self, column: int) -> list[int]:
        rows = super().product_rows(column)
        return [0, *rows[1:]] if column == self.relation.product_index(0) else rows


@pytest.mark.parametrize("forger", [IntoAnotherCell, FalseInverse, ZeroInverse])
@pytest.mark.parametrize("make", [grouped_sample, two_groups_sample, lambda: grouped_sample(sealed=False)],
                         ids=["one group", "two groups", "plain"])
def test_m8_false_cells_and_inverses_are_refused(forger: type[Forger], make: Callable[[], Sample]) -> None:
    target = make()
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(forger(target, 0b111111).prove())


def test_m8_false_products_of_round_2_are_refused() -> None:
    target = two_groups_sample()
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(FalseProduct(target, 0b1).prove())


# --- β = −code -----------------------------------------------------------------------------------------------------


def beta_is(patch: pytest.MonkeyPatch, challenge: Challenge, value: int) -> None:
    real = Rounds.round1

    def round1(self: Rounds, points: object) -> None:
        real(self, points)  # type: ignore[arg-type]
        self.challenges[challenge] = value % R

    patch.setattr(Rounds, "round1", round1)


class InTheHole(Forger):
    """β = −code: 1/(β + code) counts as 0, as an EVM's inverse of 0 does. That cell of s then weighs nothing and may
    say anything."""

    def inverse_rows(self, column: int, form: object, challenge: int) -> list[int]:
        values = form_rows(form, self.rows, self.n)  # type: ignore[arg-type]
        return [pow(challenge + v, R - 2, R) for v in values]

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [*rows[:1], 1_000_000, *rows[2:]]


@pytest.mark.parametrize("code", CODES)
def test_m8_a_challenge_that_hits_a_code_is_refused(code: int) -> None:
    """Nobody is in the group: a verifier that takes 1/0 for 0 would believe any number about it."""
    target = grouped_sample()
    columns = {i: list(rows) for i, rows in target.columns.items()}
    for row, found in enumerate(columns[2]):
        if found == 2:
            columns[1][row] = columns[2][row] = columns[3][row] = 0
    target = sample(target.relation, columns)
    assert target.sums()[1] == 0
    with pytest.MonkeyPatch.context() as patch:
        beta_is(patch, Challenge.FIRST_GROUP, -2)
        proof = InTheHole(target, 0b10).prove()
        assert proof.rows == (1_000_000,)
        with pytest.raises(ProofRejectedError, match="denominator"):
            target.verify(proof)
        patch.setattr("zk.verifier.denominators", lambda *_: 1)
        target.verify(proof)
    with pytest.MonkeyPatch.context() as patch:
        beta_is(patch, Challenge.FIRST_GROUP, -code)
        with pytest.raises(ProofRejectedError, match="denominator"):
            target.verify(proof)
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(InTheHole(target, 0b10).prove())


@pytest.mark.parametrize(("challenge", "code"), [
    (Challenge.FIRST_GROUP, 1), (Challenge.FIRST_GROUP, 3), (Challenge.SECOND_GROUP, 2), (Challenge.SECOND_GROUP, 7),
])
def test_m8_no_code_of_either_group_is_hit(challenge: Challenge, code: int) -> None:
    target = two_groups_sample()
    proof = target.prove()
    with pytest.MonkeyPatch.context() as patch:
        beta_is(patch, challenge, -code)
        with pytest.raises(ProofRejectedError, match="denominator"):
            target.verify(proof)


# --- two groups ----------------------------------------------------------------------------------------------------


class Diagonal(Forger):
    """With one challenge for both groups, (i, j) and (j, i) weigh the same: their sums may be exchanged."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [rows[0], rows[2], rows[1], rows[3], *rows[4:]]


def test_m8_groups_have_independent_challenges() -> None:
    target = symmetric()
    true = target.sums()
    assert true[1] != true[2]
    real = Rounds.round1

    def one_challenge(self: Rounds, points: object) -> None:
        real(self, points)  # type: ignore[arg-type]
        self.challenges[Challenge.SECOND_GROUP] = self.challenges[Challenge.FIRST_GROUP]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rounds, "round1", one_challenge)
        target.verify(Diagonal(target, 0b1111).prove())
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(Diagonal(target, 0b1111).prove())
    rounds = Rounds(target.statement)
    rounds.round1([])
    assert len(set(rounds.challenges.values())) == 3


def symmetric() -> Sample:
    """Two group columns with the same codes 1 and 2; 1 m, 2 first, 3 second; 4 copy of m; 5 6 inverses; 7 m·k_1.
    Σ m by cell."""
    relation: Relation = relation_of(
        4, (boolean(1, 0), integer(1, 1), integer(1, 2)), 1, (4, 5, 6), [[t(1, 0, 1), t(-1, 0, 4)]], [[t(1, 6, 7)]],
        (0,), groups=(Group((t(1, 0, 2),), (1, 2)), Group((t(1, 0, 3),), (1, 2))), products=[[t(1, 4, 5)]],
    )
    first, second = [1] * 9 + [2] * 7, [1] * 4 + [2] * 5 + [1] * 2 + [2] * 5
    return sample(relation, {1: [1] * 16, 2: first, 3: second})
