"""A slow prover in dense integer polynomials whose every step a subclass may falsify: what an attacker would run.

It shares with `zk.prover` only the relation language with its expansion, the transcript (`zk.statement.Rounds`, so that
a test can weaken it for both sides) and the `Proof` container. Commitments are exponents: the attacker is even granted
τ for computing them, but every forgery below needs only polynomials it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from random import Random

from oracle import form_rows, guard_bits, multiplicities, sums, witness_rows
from samples import TAU, R, Sample

from zk.curve import decode_points, multiply_generator
from zk.expansion import GROUP_CHALLENGES
from zk.field import FR
from zk.forms import Challenge, Form
from zk.guards import equation_rows, shown_bit_rows
from zk.ntt import root_of_unity
from zk.proof import Proof
from zk.statement import Point, Rounds, Statement, opened_rows

Polynomial = list[int]


def add(*terms: Sequence[int]) -> Polynomial:
    total = [0] * max(map(len, terms))
    for term in terms:
        for i, c in enumerate(term):
            total[i] = (total[i] + c) % R
    return total


def scale(p: Sequence[int], c: int) -> Polynomial:
    return [x * c % R for x in p]


def mul(a: Sequence[int], b: Sequence[int]) -> Polynomial:
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % R
    return product


def evaluate(p: Sequence[int], x: int) -> int:
    total = 0
    for c in reversed(p):
        total = (total * x + c) % R
    return total


def divide_linear(p: Sequence[int], root: int) -> Polynomial:
    """(p − p(root)) / (X − root)."""
    quotient, carry = [0] * (len(p) - 1), 0
    for i in range(len(p) - 1, 0, -1):
        carry = (p[i] + carry * root) % R
        quotient[i - 1] = carry
    return quotient


def divide_vanishing(p: Sequence[int], n: int) -> Polynomial:
    """Quotient by X^n − 1; the remainder, not zero for a false statement, is dropped."""
    rest, quotient = list(p), [0] * max(len(p) - n, 1)
    for i in range(len(p) - 1, n - 1, -1):
        quotient[i - n] = rest[i]
        rest[i - n] = (rest[i - n] + rest[i]) % R
    return quotient


def commit(p: Sequence[int], tau: int = TAU) -> Point:
    """[p]; the zero polynomial gives (0, 0), which a verifier must refuse."""
    return decode_points(multiply_generator(FR.from_integers([evaluate(p, tau)])))[0] or (0, 0)


class Forger:
    """Proves honestly unless a subclass overrides a step.

    Args:
        target: statement and columns; its registered polynomials are the committed ones.
        release: release word; 0 where sums are plain.
    """

    def __init__(self, target: Sample, release: int = 1, seed: int = 7) -> None:
        self.target = target
        self.statement: Statement = target.statement
        self.relation = target.relation
        self.n, self.rng = self.relation.rows, Random(seed)
        self.release = 0 if self.relation.plain else release
        self.rows = {0: [1] * self.n, **{i: list(values) for i, values in target.columns.items()}}
        self.omega = root_of_unity(self.relation.log_rows)
        self.poly: dict[int, Polynomial] = {0: [1]}
        for i, secret in target.secrets.items():
            self.poly[i] = self.blind(FR.to_integers(secret.rows), FR.to_integers(secret.blinder))

    # --- what an attacker changes --------------------------------------------------------------------------------

    def witness_rows(self, column: int) -> list[int]:
        return witness_rows(self.relation, column, self.rows)

    def table_rows(self) -> list[int]:
        return [i % (1 << self.relation.table_bits) for i in range(self.n)]

    def multiplicity_rows(self) -> list[int]:
        return multiplicities(self.relation, self.rows)

    def sum_rows(self) -> list[int]:
        return sums(self.relation, self.rows)

    def bit_rows(self) -> list[int]:
        """b: the bits of hidden guards."""
        return guard_bits(self.relation, self.sums, self.statement.minimum or 0)

    def bit_equations(self) -> dict[int, int]:
        """Weights of the rows of b in E."""
        return equation_rows(self.relation, self.rounds.guard_weights())

    def shown_bits(self) -> list[int]:
        """Rows of b that are opened to 1."""
        return list(shown_bit_rows(self.relation, self.release))

    def inverse_rows(self, column: int, form: Form, challenge: int) -> list[int]:
        """h or k: 1/(challenge + form)."""
        values = form_rows(form, self.rows, self.n)
        return [pow(challenge + v, -1, R) for v in values]

    def table_side_rows(self) -> list[int]:
        """g: m/(β + T)."""
        beta, m = self.rounds.challenges[Challenge.LOOKUP], self.rows[self.relation.multiplicity_index]
        table = self.rows[self.relation.table_index]
        return [count * pow(beta + t, -1, R) % R for count, t in zip(m, table)]

    def product_rows(self, column: int) -> list[int]:
        return form_rows(self.relation.definition(column), self.rows, self.n)

    def steps(self, total: Polynomial) -> list[int]:
        """A(ω^(i+1)) − A(ω^i)."""
        return self.on_rows(total)

    def quotient(self, numerator: Polynomial) -> Polynomial:
        return divide_vanishing(numerator, self.n)

    def values(self) -> list[int]:
        return [evaluate(self.poly[c], self.rounds.zeta) for c in self.relation.opened]

    def opening(self, pieces: Sequence[tuple[Polynomial, int]]) -> Polynomial:
        return add(*(divide_linear(f, root) for f, root in pieces))

    def shown_rows(self) -> list[int]:
        return [self.sums[row] for row in opened_rows(self.relation, self.release)]

    # --- the protocol --------------------------------------------------------------------------------------------

    def interpolate(self, values: Sequence[int]) -> Polynomial:
        n, inverse = self.n, pow(self.n, -1, R)
        return [sum(v * pow(self.omega, -i * j, R) for j, v in enumerate(values)) * inverse % R for i in range(n)]

    def blind(self, values: Sequence[int], blinders: Sequence[int]) -> Polynomial:
        return add(self.interpolate(values), mul(blinders, [R - 1, *[0] * (self.n - 1), 1]))

    def random(self, count: int) -> list[int]:
        return [self.rng.randrange(R) for _ in range(count)]

    def on_rows(self, p: Polynomial) -> list[int]:
        return [evaluate(p, pow(self.omega, i, R)) for i in range(self.n)]

    def form(self, form: Form) -> Polynomial:
        known = self.rounds.challenges
        parts = (
            scale(mul(self.poly[t.left], self.poly[t.right]), t.coefficient * known[t.challenge]) for t in form
        )
        return add([0], *parts)

    def hold(self, column: int, rows: Sequence[int]) -> Point:
        """Commit to a column with fresh blinders."""
        self.rows[column] = list(rows)
        self.poly[column] = self.blind(self.rows[column], self.random(2))
        return commit(self.poly[column])

    def commit_round1(self) -> None:
        relation = self.relation
        self.round1 = [self.hold(column, self.witness_rows(column)) for column in relation.witness_indices()]
        if relation.lookups:
            self.rows[relation.table_index] = self.table_rows()
            self.poly[relation.table_index] = self.interpolate(self.rows[relation.table_index])
            self.round1.append(self.hold(relation.multiplicity_index, self.multiplicity_rows()))
        self.sums = self.sum_rows()
        if relation.hidden_guards:
            self.round1.append(self.hold(relation.bits_index, self.bit_rows()))
        self.sealed: list[Point] = []
        self.s: Polynomial = [0]
        if relation.plain:
            self.rounds = Rounds(self.statement, self.sums)
        else:
            self.rounds = Rounds(self.statement)
            self.s = self.blind([*self.sums, *[0] * (self.n - len(self.sums))], self.random(1))
            self.sealed = [commit(self.s)]
        self.rounds.round1([*self.round1, *self.sealed])

    def commit_round2(self) -> None:
        relation, known = self.relation, self.rounds.challenges
        found = []
        for place, form in enumerate(relation.lookups):
            column = relation.lookup_index(place)
            found.append(self.hold(column, self.inverse_rows(column, form, known[Challenge.LOOKUP])))
        if relation.lookups:
            found.append(self.hold(relation.table_side_index, self.table_side_rows()))
        for place, group in enumerate(relation.groups):
            column, challenge = relation.group_index(place), known[GROUP_CHALLENGES[place]]
            found.append(self.hold(column, self.inverse_rows(column, group.form, challenge)))
        for place in range(len(relation.products)):
            column = relation.product_index(place)
            found.append(self.hold(column, self.product_rows(column)))
        self.round2 = found
        self.rounds.round2(found)

    def total(self) -> tuple[Polynomial, Polynomial]:
        """E − S_α/N, and the interpolated e."""
        weights = [] if self.relation.plain else self.rounds.row_weights()
        e = self.interpolate([*weights, *[0] * (self.n - len(weights))])
        forms = (scale(self.form(f), -weight) for weight, f in self.rounds.weighted_sums())
        bits: Polynomial = [0]
        if self.relation.hidden_guards:
            weights = self.bit_equations()
            self.equations = self.interpolate([weights.get(row, 0) for row in range(self.n)])
            bits = mul(self.equations, self.poly[self.relation.bits_index])
        return add(*forms, scale(mul(e, self.s), -1), bits, [-self.rounds.constant_share()]), e

    def linearised(self, values: Mapping[int, int]) -> Polynomial:
        """r(X) without A(ωζ)."""
        zeta, known = self.rounds.zeta, self.rounds.challenges
        parts = [scale(self.a, -1), scale(self.s, evaluate(self.e, zeta)), scale(self.t, 1 - pow(zeta, self.n, R))]
        parts.append([self.rounds.constant_share()])
        if self.relation.hidden_guards:
            parts.append(scale(self.poly[self.relation.bits_index], -evaluate(self.equations, zeta)))
        for weight, form in self.rounds.weighted_forms():
            for t in form:
                parts.append(scale(self.poly[t.right], weight * t.coefficient * known[t.challenge] * values[t.left]))
        return add(*parts)

    def prove(self) -> Proof:
        self.commit_round1()
        self.commit_round2()
        rounds, omega = self.rounds, self.omega
        total, self.e = self.total()
        rows = self.random(1)
        for step in self.steps(total)[:-1]:
            rows.append((rows[-1] + step) % R)
        self.a = self.blind(rows, self.random(3))
        a_point = commit(self.a)
        rounds.accumulator(a_point)
        shifted = add([c * pow(omega, i, R) for i, c in enumerate(self.a)], scale(self.a, -1), scale(total, -1))
        zeros = rounds.weighted_forms()[len(rounds.weighted_sums()) :]
        self.t = self.quotient(add(shifted, *(scale(self.form(form), weight) for weight, form in zeros)))
        t_point = commit(self.t)
        rounds.quotient(t_point)
        zeta = rounds.zeta
        self.shifted = evaluate(self.a, omega * zeta % R)
        values = tuple(self.values())
        rounds.evaluations(values, self.shifted)
        pieces, w, opened, w_point = self.open(values)
        z = rounds.z
        scaled = [scale(f, (z - zeta) * pow(z - root, -1, R)) for f, root in pieces]
        final = scale(add(*scaled, scale(w, zeta - z)), pow(rounds.vanishing(), -1, R))
        v_point = commit(divide_linear(final, z))
        constants = tuple(self.sums) if self.relation.plain else ()
        sealed = self.sealed[0] if self.sealed else None
        return Proof(constants, tuple(self.round1), sealed, tuple(self.round2), a_point, t_point, values, self.shifted,
                     self.release, opened, w_point, v_point)

    def pieces(self, values: Sequence[int], shown: Sequence[int]) -> list[tuple[Polynomial, int]]:
        """(f_i, point) of the batch."""
        rounds, gamma, m = self.rounds, self.rounds.gamma, len(self.relation.opened)
        at_zeta = {0: 1, **dict(zip(self.relation.opened, values))}
        opened = enumerate(self.relation.opened, start=1)
        batch = (scale(add(self.poly[c], [-at_zeta[c]]), pow(gamma, i, R)) for i, c in opened)
        f1 = add(self.linearised(at_zeta), [self.shifted], *batch)
        f2 = scale(add(self.a, [-self.shifted]), pow(gamma, m + 1, R))
        found = [(f1, rounds.zeta), (f2, self.omega * rounds.zeta % R)]
        for k, (row, value) in enumerate(zip(opened_rows(self.relation, self.release), shown)):
            found.append((scale(add(self.s, [-value]), pow(gamma, m + 2 + k, R)), pow(self.omega, row, R)))
        # (b − 1)/Π(X − ω^row) in partial fractions
        points = [pow(self.omega, row, R) for row in self.shown_bits()]
        for point in points:
            apart = pow(prod(point - other for other in points if other != point), -1, R)
            weight = pow(gamma, m + 2 + len(shown), R) * apart
            found.append((scale(add(self.poly[self.relation.bits_index], [-1]), weight), point))
        return found

    def open(
        self, values: Sequence[int]
    ) -> tuple[list[tuple[Polynomial, int]], Polynomial, tuple[int, ...], Point]:
        """Round 6: the batch, W, the rows shown and [W]."""
        shown = self.shown_rows()
        pieces = self.pieces(values, shown)
        w = self.opening(pieces)
        self.rounds.opening(self.release, shown, commit(w))
        return pieces, w, tuple(shown), commit(w)


def solve_linear(equation: Callable[[int], int]) -> int:
    """The root of an affine function modulo r."""
    at_0, at_1 = equation(0), equation(1)
    return at_0 * pow(at_0 - at_1, -1, R) % R
