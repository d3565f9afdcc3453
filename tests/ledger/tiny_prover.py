"""A slow prover written from docs/protocol.md alone, as an oracle beside zk.prover: dense polynomials, a known τ.

It shares with the product the relation language (whose words are the statement) and the `Proof` container, nothing
else: its own field, transcript, commitments and quotients. `rehint` gives any message, honest or not, the inverse that
passes the contract's first check, so that an attack is judged by what it attacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from tiny_string import (
    Committed,
    Point,
    Polynomial,
    R,
    TinySrs,
    add,
    divide_linear,
    evaluate,
    mul,
    scale,
    sha,
    word,
)

from zk.encoding import encode_relation
from zk.expansion import expanded_sum_forms, expanded_zero_forms
from zk.proof import Proof
from zk.range_table import TableProof
from zk.relation import Challenge, Form, Hint, HintKind, Relation


@dataclass(frozen=True)
class Message:
    """What a transaction carries between terms and statement, cut where the transcript absorbs it."""

    round1: bytes
    round2: bytes
    accumulator: Point
    quotient: Point
    evaluations: bytes
    opening: bytes
    final: Point
    hint: int

    table: bytes = b""
    """[T], where there are lookups."""

    def abi(self, shown: int = 0) -> tuple[object, ...]:
        """Args: shown: bytes of the plain sums, with which `opening` begins."""
        points = points_bytes(self.accumulator, self.quotient)
        commitments = (self.opening[:shown], self.round1, self.round2, points)
        return self.final, self.hint, b"".join((*commitments, self.evaluations, self.opening[shown:], self.table))


def points_bytes(*points: Point) -> bytes:
    return b"".join(word(c) for point in points for c in point)


def statement_bytes(relation: Relation | Sequence[int], commitments: Sequence[Point]) -> bytes:
    words = encode_relation(relation) if isinstance(relation, Relation) else relation
    return b"".join(map(word, words)) + points_bytes(*commitments)


def domain_of(chain_id: int, contract: int, srs_id: bytes) -> bytes:
    return sha(word(b"tallystick.domain.v1"), word(3), word(chain_id), word(contract), srs_id)


class Challenges:
    """The transcript of docs/protocol.md §2. Args: statement: its bytes; more: [T], the sums of a plain relation."""

    def __init__(self, domain: bytes, subject: bytes, statement: bytes, more: bytes = b"") -> None:
        self.state = word(b"tallystick.proof.v1")
        self.absorb(b"statement", domain + subject + sha(statement) + more)

    def absorb(self, label: bytes, data: bytes) -> None:
        self.state = sha(self.state, word(label), word(len(data) // 32), data)

    def draw(self, label: bytes, counter: int = 0) -> int:
        return int.from_bytes(sha(self.state, word(label), word(counter)), "big") % R


def opened_rows(guards: Sequence[int], release: int, cells: int = 1) -> list[int]:
    rows = {guards[row // cells] * cells + row % cells for row in range(len(guards) * cells) if release >> row & 1}
    return sorted(rows | {row for row in range(128) if release >> 128 + row & 1})


@dataclass(frozen=True)
class Header:
    """Counts of a relation's words, and guards and codes, read as the contract reads them."""

    statement: bytes

    def field(self, number: int) -> int:
        return int.from_bytes(self.statement[:32], "big") >> 16 * number & 0xFFFF

    @property
    def plain(self) -> bool:
        return bool(self.field(14) >> 8 & 1)

    @property
    def guards(self) -> list[int]:
        at = 32 * (1 + -(-self.field(5) // 32))
        return [self.statement[at + 32 * (v // 32) + 31 - v % 32] for v in range(self.field(6))]

    @property
    def columns_at(self) -> int:
        return 32 * (1 + -(-self.field(5) // 32) + -(-self.field(6) // 32))

    @property
    def columns(self) -> list[int]:
        at = self.columns_at
        return [int.from_bytes(self.statement[at + 32 * k : at + 32 * k + 32], "big") for k in range(self.field(2))]

    @property
    def codes(self) -> list[list[int]]:
        at, found = self.columns_at + 32 * self.field(2), []
        for count in filter(None, (self.field(12) & 0xFF, self.field(12) >> 8)):
            words = [int.from_bytes(self.statement[at + 32 * k : at + 32 * k + 32], "big") for k in range(count)]
            found.append([words[i // 16] >> 16 * (i % 16) & 0xFFFF for i in range(count)])
            at += 32 * -(-count // 16)
        return found

    @property
    def cells(self) -> int:
        return prod(map(len, self.codes))


def rehint(message: Message, domain: bytes, subject: bytes, statement: bytes) -> Message:
    """The same message with the inverse hint that its transcript asks for (0 where there is none)."""
    head = Header(statement)
    log_rows, rows = head.field(1), head.field(6) * head.cells
    shown = 32 * rows if head.plain else 0
    transcript = Challenges(domain, subject, statement, message.table + message.opening[:shown])
    transcript.absorb(b"round1", message.round1)
    betas = [transcript.draw(b"beta", 1 + k) for k in range(len(head.codes))]
    transcript.absorb(b"round2", message.round2)
    transcript.absorb(b"accumulator", points_bytes(message.accumulator))
    transcript.absorb(b"quotient", points_bytes(message.quotient))
    zeta = transcript.draw(b"zeta")
    transcript.absorb(b"evaluations", message.evaluations)
    transcript.absorb(b"opening", message.opening[shown:])
    z = transcript.draw(b"z")
    omega = pow(5, (R - 1) >> log_rows, R)
    product = (pow(zeta, 1 << log_rows, R) - 1) * (z - zeta) * (z - omega * zeta) % R
    if not head.plain:
        for row in opened_rows(head.guards, int.from_bytes(message.opening[:32], "big"), head.cells):
            product = product * (z - pow(omega, row, R)) % R
        for row in range(rows):
            product = product * (zeta - pow(omega, row, R)) % R
    for beta, codes in zip(betas, head.codes):
        for code in codes:
            product = product * (beta + code) % R
    return replace(message, hint=pow(product, -1, R) if product else 0)


def message_of(proof: Proof, domain: bytes, subject: bytes, statement: bytes, table: bytes = b"") -> Message:
    """A proof in the form of the contract's arguments."""
    plain = proof.sums is None
    shown = proof.constants if plain else (proof.release, *proof.rows)
    message = Message(
        points_bytes(*proof.round1, *proof.sealed), points_bytes(*proof.round2), proof.accumulator, proof.quotient,
        b"".join(map(word, (*proof.values, proof.shifted_value))),
        b"".join(map(word, shown)) + points_bytes(proof.opening), proof.final, 0,
    )
    message = replace(message, table=table)
    return rehint(message, domain, subject, statement)


def row_values(form: Form, rows: Mapping[int, Sequence[int]], count: int, betas: Mapping[Challenge, int]) -> list[int]:
    weights = [term.coefficient * betas[term.challenge] for term in form]
    return [sum(w * rows[t.left][i] * rows[t.right][i] for w, t in zip(weights, form)) % R for i in range(count)]


def hinted(hint: Hint, form: Sequence[int]) -> list[int]:
    """A column computed from a linear form's rows."""
    centred = [v if v <= R // 2 else v - R for v in form]
    if hint.kind is HintKind.NOT_NEGATIVE:
        return [int(v >= 0) for v in centred]
    if hint.kind is HintKind.IS_ZERO:
        return [int(v == 0) for v in centred]
    if hint.kind is HintKind.INVERSE:
        return [pow(v, -1, R) if v else 0 for v in form]
    return [v >> hint.shift & (1 << hint.width) - 1 for v in form]


NO_BETAS = {Challenge.NONE: 1}


def columns_of(relation: Relation, registered: Sequence[Committed]) -> dict[int, list[int]]:
    """Rows of every column of round 1, and of T."""
    n = relation.rows
    rows = {0: [1] * n, **{i: [v % R for v in c.values] for i, c in enumerate(registered, start=1)}}
    for column in relation.witness_indices():
        if column in relation.hinted:
            hint = relation.hinted[column]
            rows[column] = hinted(hint, row_values(hint.form, rows, n, NO_BETAS))
        else:
            rows[column] = row_values(relation.definition(column), rows, n, NO_BETAS)
    if relation.lookups:
        size = 1 << relation.table_bits
        counts = [0] * size
        for form in relation.lookups:
            for v in row_values(form, rows, n, NO_BETAS):
                if v < size:
                    counts[v] += 1
        rows[relation.multiplicity_index] = [*counts, *([0] * (n - size))]
        rows[relation.table_index] = [i % size for i in range(n)]
    return rows


def second_columns(relation: Relation, rows: dict[int, list[int]], betas: Mapping[Challenge, int]) -> None:
    """Add the rows of round 2; the inverse of 0 is 0."""
    n = relation.rows

    def inverse(beta: int, form: Sequence[int]) -> list[int]:
        return [pow(beta + v, -1, R) if (beta + v) % R else 0 for v in form]

    for k, form in enumerate(relation.lookups):
        rows[relation.lookup_index(k)] = inverse(betas[Challenge.LOOKUP], row_values(form, rows, n, NO_BETAS))
    if relation.lookups:
        side = inverse(betas[Challenge.LOOKUP], rows[relation.table_index])
        counts = rows[relation.multiplicity_index]
        rows[relation.table_side_index] = [m * x % R for m, x in zip(counts, side)]
    for k, group in enumerate(relation.groups):
        beta = betas[Challenge(Challenge.FIRST_GROUP + k)]
        rows[relation.group_index(k)] = inverse(beta, row_values(group.form, rows, n, NO_BETAS))
    for k, form in enumerate(relation.products):
        rows[relation.product_index(k)] = row_values(form, rows, n, NO_BETAS)


def cell_sums(relation: Relation, rows: Mapping[int, list[int]]) -> list[int]:
    """Every cell of every sum. Group inverses are taken at a stand-in for beta, which the code undoes."""
    n, trial = relation.rows, dict(rows)
    betas = {Challenge.LOOKUP: 3**40, Challenge.FIRST_GROUP: 5**40, Challenge.SECOND_GROUP: 7**40}
    second_columns(relation, trial, betas)
    codes = [row_values(group.form, rows, n, NO_BETAS) for group in relation.groups]
    found = []
    for form in relation.sum_forms:
        values = row_values(form, trial, n, NO_BETAS)
        for cell in range(relation.cells):
            wanted = relation.cell_codes(cell)
            inside = [all(code[i] == c for code, c in zip(codes, wanted)) for i in range(n)]
            factor = prod(betas[Challenge(Challenge.FIRST_GROUP + k)] + c for k, c in enumerate(wanted))
            found.append(factor * sum(v for v, counted in zip(values, inside) if counted) % R)
    return found


@dataclass(frozen=True)
class Lie:
    """What a dishonest prover does.

    Args:
        sums: row of s → what to put there instead of the truth.
        columns: column → its rows instead of the honest ones, known before round 1.
        late: column of round 1 → the commitment absorbed in its place (what is sent is what was chosen later).
        more_witnesses: commitments sent behind the columns of round 1 that no form mentions.
        release_only: rows to open instead of those the release word asks for.
    """

    sums: Mapping[int, int] = field(default_factory=dict)
    columns: Mapping[int, Sequence[int]] = field(default_factory=dict)
    late: Mapping[int, Point] = field(default_factory=dict)
    more_witnesses: Sequence[Point] = ()
    release_only: Sequence[int] | None = None


HONEST = Lie()


def prove(srs: TinySrs, relation: Relation, registered: Sequence[Committed], domain: bytes, subject: bytes,
          release: int, *, lie: Lie = HONEST, statement: bytes | None = None) -> Proof:
    """Prove a relation.

    Args:
        lie: the proof then does not verify, or should not.
        statement: bytes to prove under instead of the relation's own, for crafted relations.
    """
    n, omega, plain = srs.rows, srs.omega, relation.plain
    rows = columns_of(relation, registered)
    rows.update({column: list(values) for column, values in lie.columns.items() if column in rows})
    sums = cell_sums(relation, rows)
    for v, value in lie.sums.items():
        sums[v] = value % R
    if statement is None:
        statement = statement_bytes(relation, [c.point for c in registered])
    table = b""
    if relation.lookups:
        table = points_bytes(srs.commit(srs.interpolate([row % (1 << relation.table_bits) for row in range(n)])))
    transcript = Challenges(domain, subject, statement, table + (b"".join(map(word, sums)) if plain else b""))
    poly: dict[int, Polynomial] = {0: [1], **{i: c.polynomial for i, c in enumerate(registered, start=1)}}
    poly.update({column: srs.blind(rows[column], 2) for column in relation.round1_indices()})
    s = srs.blind([*sums, *(srs.rng.randrange(R) for _ in range(n - len(sums)))], 1)
    sealed = () if plain else (srs.commit(s),)
    points = {column: srs.commit(poly[column]) for column in relation.round1_indices()}
    round1 = (*points.values(), *lie.more_witnesses)
    transcript.absorb(b"round1", points_bytes(*{**points, **lie.late}.values(), *lie.more_witnesses, *sealed))
    betas = {Challenge(1 + k): transcript.draw(b"beta", k) for k in range(3)} | NO_BETAS
    second_columns(relation, rows, betas)
    rows.update({column: list(values) for column, values in lie.columns.items()})
    poly.update({column: srs.blind(rows[column], 2) for column in relation.round2_indices()})
    if relation.lookups:
        poly[relation.table_index] = srs.interpolate(rows[relation.table_index])
    round2 = tuple(srs.commit(poly[column]) for column in relation.round2_indices())
    transcript.absorb(b"round2", points_bytes(*round2))
    alpha = transcript.draw(b"alpha")

    def form_polynomial(form: Form) -> Polynomial:
        terms = (scale(mul(poly[t.left], poly[t.right]), t.coefficient * betas[t.challenge]) for t in form)
        return add([0], *terms)

    sum_forms, zero_forms = expanded_sum_forms(relation), expanded_zero_forms(relation)
    groups = [betas[Challenge(Challenge.FIRST_GROUP + k)] for k in range(len(relation.groups))]
    weights = []
    for row in range(len(sums)):
        codes = zip(groups, relation.cell_codes(row % relation.cells))
        weights.append(pow(alpha, row // relation.cells, R) * pow(prod(b + c for b, c in codes), -1, R) % R)
    e = [0] if plain else srs.interpolate([*weights, *([0] * (n - len(sums)))])
    share = sum(w * v for w, v in zip(weights, sums)) * pow(n, -1, R) % R if plain else 0
    total = add(*(scale(form_polynomial(f), pow(alpha, v, R)) for v, f in enumerate(sum_forms)),
                scale(mul(e, s), -1), [-share])
    steps = [srs.rng.randrange(R)]
    for i in range(n - 1):
        steps.append((steps[-1] + evaluate(total, pow(omega, i, R))) % R)
    a = srs.blind(steps, 3)
    a_point = srs.commit(a)
    transcript.absorb(b"accumulator", points_bytes(a_point))
    delta = transcript.draw(b"delta")
    zeros = [scale(form_polynomial(f), pow(delta, u + 1, R)) for u, f in enumerate(zero_forms)]
    numerator = add([c * pow(omega, i, R) % R for i, c in enumerate(a)], scale(a, -1), scale(total, -1), *zeros)
    t = srs.divide_vanishing(numerator)
    t_point = srs.commit(t)
    transcript.absorb(b"quotient", points_bytes(t_point))
    zeta = transcript.draw(b"zeta")
    values = tuple(evaluate(poly[column], zeta) for column in relation.opened)
    shifted = evaluate(a, zeta * omega % R)
    transcript.absorb(b"evaluations", b"".join(map(word, (*values, shifted))))
    gamma = transcript.draw(b"gamma")

    at_zeta = {0: 1, **dict(zip(relation.opened, values))}
    vanishing = (pow(zeta, n, R) - 1) % R
    parts = [[shifted + share], scale(a, -1), scale(s, evaluate(e, zeta)), scale(t, -vanishing)]
    weighted = [(-pow(alpha, v, R), f) for v, f in enumerate(sum_forms)]
    weighted += [(pow(delta, u + 1, R), f) for u, f in enumerate(zero_forms)]
    parts += [scale(poly[t.right], w * t.coefficient * betas[t.challenge] * at_zeta[t.left])
              for w, form in weighted for t in form]
    f1 = add(*parts, *(scale(add(poly[c], [-at_zeta[c]]), pow(gamma, i, R)) for i, c in enumerate(relation.opened, 1)))
    m = len(relation.opened)
    shown = [] if plain else opened_rows(relation.guards, release, relation.cells)
    shown = shown if lie.release_only is None else list(lie.release_only)
    pieces = [(f1, zeta), (scale(add(a, [-shifted]), pow(gamma, m + 1, R)), zeta * omega % R)]
    for k, row in enumerate(shown):
        pieces.append((scale(add(s, [-sums[row]]), pow(gamma, m + 2 + k, R)), pow(omega, row, R)))
    w = add(*(divide_linear(f, root) for f, root in pieces))
    w_point = srs.commit(w)
    opened = tuple(sums[row] for row in shown)
    head = () if plain else (release, *opened)
    transcript.absorb(b"opening", b"".join(map(word, head)) + points_bytes(w_point))
    z = transcript.draw(b"z")
    scaled = [scale(f, (z - zeta) * pow(z - root, -1, R)) for f, root in pieces]
    final = scale(add(*scaled, scale(w, zeta - z)), pow(vanishing, -1, R))
    return Proof(tuple(sums) if plain else (), round1, sealed[0] if sealed else None, round2, a_point, t_point, values,
                 shifted, 0 if plain else release, opened, w_point, srs.commit(divide_linear(final, z)))


def table_proof(srs: TinySrs, bits: int, *, rows: Sequence[int] | None = None) -> TableProof:
    """A range table's proof, of other rows on request."""
    n, size = srs.rows, 1 << bits
    t = srs.interpolate([i % size for i in range(n)] if rows is None else rows)
    point = srs.commit(t)
    z = int.from_bytes(sha(word(b"tallystick.table.v1"), word(4), word(srs.log_rows), word(bits), points_bytes(point)),
                       "big") % R
    roots = (1, 0, z, z * srs.omega % R)
    one, two, three, four = (srs.commit(divide_linear(t, root)) for root in roots)
    return TableProof(srs.log_rows, bits, point, evaluate(t, z), (one, two, three, four))
