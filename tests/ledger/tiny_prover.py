"""A slow prover written from docs/protocol.md alone, as an oracle beside zk.prover: dense polynomials, a known τ.

It shares with the product the relation language (whose words are the statement) and the `Proof` container, nothing
else: its own field, transcript, commitments and quotients. `rehint` gives any message, honest or not, the inverse that
passes the contract's first check, so that an attack is judged by what it attacks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from py_ecc.optimized_bn128 import G1, G2, curve_order, multiply, normalize

from zk.encoding import encode_relation
from zk.proof import Proof
from zk.relation import Form, Relation

R = curve_order
Point = tuple[int, int]
Polynomial = list[int]


def word(value: int | bytes) -> bytes:
    """A 32-byte word: an integer, or a label padded on the right."""
    return value.ljust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def sha(*parts: bytes) -> bytes:
    """SHA-256 of the concatenation."""
    return hashlib.sha256(b"".join(parts)).digest()


def add(*terms: Polynomial) -> Polynomial:
    total = [0] * max(map(len, terms))
    for term in terms:
        for i, c in enumerate(term):
            total[i] = (total[i] + c) % R
    return total


def scale(p: Polynomial, c: int) -> Polynomial:
    return [x * c % R for x in p]


def mul(a: Polynomial, b: Polynomial) -> Polynomial:
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % R
    return product


def evaluate(p: Polynomial, x: int) -> int:
    total = 0
    for c in reversed(p):
        total = (total * x + c) % R
    return total


def divide_linear(p: Polynomial, root: int) -> Polynomial:
    """(p − p(root)) / (X − root)."""
    quotient, carry = [0] * (len(p) - 1), 0
    for i in range(len(p) - 1, 0, -1):
        carry = (p[i] + carry * root) % R
        quotient[i - 1] = carry
    return quotient


class TinySrs:
    """Powers of a τ that this object knows. Args: log_rows; rng: source of τ and of every blinder."""

    def __init__(self, log_rows: int, rng: Random) -> None:
        self.rng, self.log_rows, self.rows = rng, log_rows, 1 << log_rows
        self.tau = rng.randrange(2, R)
        self.omega = pow(5, (R - 1) // self.rows, R)
        self.id = sha(b"tiny", word(self.tau))
        (x, y) = normalize(multiply(G2, self.tau))
        self.tau_g2_words = [int(c) for c in (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0])]

    def commit(self, p: Polynomial) -> Point:
        x, y = normalize(multiply(G1, evaluate(p, self.tau)))
        return int(x), int(y)

    def interpolate(self, values: Sequence[int]) -> Polynomial:
        n, inverse = self.rows, pow(self.rows, -1, R)
        return [sum(v * pow(self.omega, -i * j, R) for j, v in enumerate(values)) * inverse % R for i in range(n)]

    def blind(self, values: Sequence[int], blinders: int) -> Polynomial:
        """Interpolate and add a random polynomial of `blinders` coefficients times Z_H."""
        p = self.interpolate(values) + [0] * blinders
        for i in range(blinders):
            x = self.rng.randrange(R)
            p[i], p[self.rows + i] = (p[i] - x) % R, (p[self.rows + i] + x) % R
        return p

    def divide_vanishing(self, p: Polynomial) -> Polynomial:
        """Quotient by X^N − 1 without its remainder, which is 0 for an honest prover."""
        rest, quotient = list(p), [0] * max(len(p) - self.rows, 1)
        for i in range(len(p) - 1, self.rows - 1, -1):
            quotient[i - self.rows] = rest[i]
            rest[i - self.rows] = (rest[i - self.rows] + rest[i]) % R
        return quotient


@dataclass(frozen=True)
class Committed:
    """A registered column: rows, blinded polynomial, commitment."""

    values: Sequence[int]
    polynomial: Polynomial
    point: Point


def register_column(srs: TinySrs, values: Sequence[int]) -> Committed:
    p = srs.blind([v % R for v in values], 1)
    return Committed(values, p, srs.commit(p))


@dataclass(frozen=True)
class Message:
    """What a transaction carries: the contract's arguments between terms and statement."""

    round1: bytes
    accumulator: Point
    quotient: Point
    evaluations: bytes
    opening: bytes
    final: Point
    hint: int

    def abi(self) -> tuple[object, ...]:
        return (self.round1, self.accumulator, self.quotient, self.evaluations, self.opening, self.final, self.hint)


def points_bytes(*points: Point) -> bytes:
    return b"".join(word(c) for point in points for c in point)


def statement_bytes(relation: Relation | Sequence[int], commitments: Sequence[Point]) -> bytes:
    words = encode_relation(relation) if isinstance(relation, Relation) else relation
    return b"".join(map(word, words)) + points_bytes(*commitments)


def domain_of(chain_id: int, contract: int, srs_id: bytes) -> bytes:
    return sha(word(b"tallystick.domain.v1"), word(3), word(chain_id), word(contract), srs_id)


class Challenges:
    """The transcript of docs/protocol.md §2."""

    def __init__(self, domain: bytes, subject: bytes, statement: bytes) -> None:
        self.state = word(b"tallystick.proof.v1")
        self.absorb(b"statement", domain + subject + sha(statement))

    def absorb(self, label: bytes, data: bytes) -> None:
        self.state = sha(self.state, word(label), word(len(data) // 32), data)

    def draw(self, label: bytes) -> int:
        return int.from_bytes(sha(self.state, word(label), word(0)), "big") % R


def opened_rows(guards: Sequence[int], release: int) -> list[int]:
    rows = {g for v, g in enumerate(guards) if release >> v & 1} | {v for v in range(64) if release >> 64 + v & 1}
    return sorted(rows)


def rehint(message: Message, domain: bytes, subject: bytes, statement: bytes) -> Message:
    """The same message with the inverse hint that its transcript asks for (0 where there is none)."""
    head = int.from_bytes(statement[:32], "big")
    log_rows, opened, sums = (head >> 16 * k & 0xFFFF for k in (1, 5, 6))
    at = 32 * (1 + -(-opened // 32))
    guards = [statement[at + 32 * (v // 32) + 31 - v % 32] for v in range(sums)]
    transcript = Challenges(domain, subject, statement)
    transcript.absorb(b"round1", message.round1)
    transcript.absorb(b"round2", b"")
    transcript.absorb(b"accumulator", points_bytes(message.accumulator))
    transcript.absorb(b"quotient", points_bytes(message.quotient))
    zeta = transcript.draw(b"zeta")
    transcript.absorb(b"evaluations", message.evaluations)
    transcript.absorb(b"opening", message.opening)
    z = transcript.draw(b"z")
    omega = pow(5, (R - 1) >> log_rows, R)
    product = (pow(zeta, 1 << log_rows, R) - 1) * (z - zeta) * (z - omega * zeta) % R
    for row in opened_rows(guards, int.from_bytes(message.opening[:32], "big")):
        product = product * (z - pow(omega, row, R)) % R
    for v in range(sums):
        product = product * (zeta - pow(omega, v, R)) % R
    return replace(message, hint=pow(product, -1, R) if product else 0)


def message_of(proof: Proof, domain: bytes, subject: bytes, statement: bytes) -> Message:
    """A proof in the form of the contract's argument."""
    message = Message(
        points_bytes(*proof.witnesses, proof.sums), proof.accumulator, proof.quotient,
        b"".join(map(word, (*proof.values, proof.shifted_value))),
        b"".join(map(word, (proof.release, *proof.rows))) + points_bytes(proof.opening), proof.final, 0,
    )
    return rehint(message, domain, subject, statement)


def columns_of(relation: Relation, registered: Sequence[Committed]) -> dict[int, list[int]]:
    """Rows of every column, witnesses computed from their definitions."""
    rows = {0: [1] * relation.rows, **{i: [v % R for v in c.values] for i, c in enumerate(registered, start=1)}}
    for column in relation.witness_indices():
        rows[column] = row_values(relation.definition(column), rows, relation.rows)
    return rows


def row_values(form: Form, rows: Mapping[int, Sequence[int]], count: int) -> list[int]:
    return [sum(t.coefficient * rows[t.left][i] * rows[t.right][i] for t in form) % R for i in range(count)]


def prove(srs: TinySrs, relation: Relation, registered: Sequence[Committed], domain: bytes, subject: bytes,
          release: int, *, lie: Mapping[int, int] | None = None, release_only: Sequence[int] | None = None,
          statement: bytes | None = None, more_witnesses: Sequence[Point] = ()) -> Proof:
    """Prove a relation.

    Args:
        lie: sum number → what to put into s instead of the truth; the proof then does not verify.
        release_only: rows to open instead of those the release word asks for.
        statement: bytes to prove under instead of the relation's own, for crafted relations.
        more_witnesses: commitments sent behind the witness columns that no form mentions.
    """
    n, omega = srs.rows, srs.omega
    rows = columns_of(relation, registered)
    poly: dict[int, Polynomial] = {0: [1], **{i: c.polynomial for i, c in enumerate(registered, start=1)}}
    poly.update({column: srs.blind(rows[column], 2) for column in relation.witness_indices()})
    sums = [sum(row_values(form, rows, n)) % R for form in relation.sum_forms]
    for v, value in (lie or {}).items():
        sums[v] = value % R
    s = srs.blind([*sums, *(srs.rng.randrange(R) for _ in range(n - len(sums)))], 1)
    witnesses = (*(srs.commit(poly[column]) for column in relation.witness_indices()), *more_witnesses)
    s_point = srs.commit(s)
    if statement is None:
        statement = statement_bytes(relation, [c.point for c in registered])
    transcript = Challenges(domain, subject, statement)
    transcript.absorb(b"round1", points_bytes(*witnesses, s_point))
    transcript.absorb(b"round2", b"")
    alpha = transcript.draw(b"alpha")

    def form_polynomial(form: Form) -> Polynomial:
        return add([0], *(scale(mul(poly[t.left], poly[t.right]), t.coefficient) for t in form))

    e = srs.interpolate([pow(alpha, v, R) if v < len(sums) else 0 for v in range(n)])
    total = add(*(scale(form_polynomial(f), pow(alpha, v, R)) for v, f in enumerate(relation.sum_forms)),
                scale(mul(e, s), -1))
    steps = [srs.rng.randrange(R)]
    for i in range(n - 1):
        steps.append((steps[-1] + evaluate(total, pow(omega, i, R))) % R)
    a = srs.blind(steps, 3)
    a_point = srs.commit(a)
    transcript.absorb(b"accumulator", points_bytes(a_point))
    delta = transcript.draw(b"delta")
    zeros = [scale(form_polynomial(f), pow(delta, u + 1, R)) for u, f in enumerate(relation.zero_forms)]
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
    parts = [[shifted], scale(a, -1), scale(s, evaluate(e, zeta)), scale(t, -vanishing)]
    weighted = [(-pow(alpha, v, R), f) for v, f in enumerate(relation.sum_forms)]
    weighted += [(pow(delta, u + 1, R), f) for u, f in enumerate(relation.zero_forms)]
    parts += [scale(poly[t.right], w * t.coefficient * at_zeta[t.left]) for w, form in weighted for t in form]
    f1 = add(*parts, *(scale(add(poly[c], [-at_zeta[c]]), pow(gamma, i, R)) for i, c in enumerate(relation.opened, 1)))
    m = len(relation.opened)
    shown = opened_rows(relation.guards, release) if release_only is None else list(release_only)
    pieces = [(f1, zeta), (scale(add(a, [-shifted]), pow(gamma, m + 1, R)), zeta * omega % R)]
    for k, row in enumerate(shown):
        pieces.append((scale(add(s, [-sums[row]]), pow(gamma, m + 2 + k, R)), pow(omega, row, R)))
    w = add(*(divide_linear(f, root) for f, root in pieces))
    w_point = srs.commit(w)
    opened = tuple(sums[row] for row in shown)
    transcript.absorb(b"opening", b"".join(map(word, (release, *opened))) + points_bytes(w_point))
    z = transcript.draw(b"z")
    scaled = [scale(f, (z - zeta) * pow(z - root, -1, R)) for f, root in pieces]
    final = scale(add(*scaled, scale(w, zeta - z)), pow(vanishing, -1, R))
    return Proof(witnesses, s_point, a_point, t_point, values, shifted, release, opened, w_point,
                 srs.commit(divide_linear(final, z)))
