"""Canonical words of a relation: what the query's hash binds and what the contract interprets.

Layout (32-byte words; fields of the header are 16 bits from its low end):

    header     version, log_rows, registered, witnesses, round-2 columns, opened, sums, zero-forms (all of them, see
               `zk.expansion`), constants, product words, program words, κ, codes of group 1 | codes of group 2 << 8,
               lookups, compiler version | plain << 8 | hidden guards << 9, hint words
    opened     column indices, one byte each, 32 a word from the low end
    guards     guard of sum v, one byte each, 32 a word from the low end
    columns    one word each: dataset ‖ version ‖ kind ‖ column  (128, 32, 32, 32 bits from bit 96 down)
    codes      of each group column, 16 bits each, 16 a word from the low end
    hints      one word each: bytes count of pairs, kind, column, shift, width, 0, then pairs (coefficient, column)
    constants  distinct coefficients other than ±1, canonical scalars, in order of first use
    products   up to 15 pairs a word (low byte: count), see below
    program    per slot, up to 15 pairs a word (low byte: count, bit 7 set when more words of the slot follow)

A pair is 16 bits: i | j << 8, two indices into the table of scalars

    0: 1   1: −1   challenges β (with lookups), β_1, β_2 (with groups)   constants   opened values
    weights of opened values (γ^i/Z_H(ζ))   with hidden guards the weight of b in equations and opened rows
    −α^v/Z_H(ζ) for v = 0.. (one more with lookups)   δ^u/Z_H(ζ) for u = 1..   products

and the program's slot k gives the scalar of commitment k as Σ table[i]·table[j] (slot 0 the generator, then registered,
round 1, round 2, and T with lookups). The words are decodable: `zk.decoding.decode_relation` returns the forms and
refuses anything that `encode_relation` would not have written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from zk.errors import RelationInvalidError
from zk.expansion import challenges_of, expanded_sum_forms, expanded_zero_forms
from zk.forms import ONE, Challenge, Form, Hint, Term, require_at_most
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.transcript import FR_MODULUS, encode_words

RELATION_VERSION: Final = 2
COMPILER_VERSION: Final = 2
HEADER_FIELDS: Final = 16
PAIRS_PER_WORD: Final = 15
HINT_PAIRS_AT: Final = 6
MAX_TABLE: Final = 256
MAX_WORDS: Final = 256
PLAIN_FLAG: Final = 1 << 8
HIDDEN_FLAG: Final = 1 << 9

Pair = tuple[int, int]


class ScalarTable:
    """Indices into the verifier's table of scalars for one relation."""

    def __init__(self, relation: Relation, constants: Sequence[int], sums: int, zeros: int) -> None:
        self.challenges = {challenge: 2 + k for k, challenge in enumerate(challenges_of(relation))}
        base = 2 + len(self.challenges)
        self.constants = {value: base + k for k, value in enumerate(constants)}
        base += len(constants)
        self.values = {column: base + k for k, column in enumerate(relation.opened)}
        base += len(relation.opened)
        self.batching = {column: base + k for k, column in enumerate(relation.opened)}
        base += len(relation.opened)
        self.bits = base
        base += relation.bit_columns
        self.sums = [base + v for v in range(sums)]
        base += sums
        self.zeros = [base + u for u in range(zeros)]
        self.first_product = base + zeros
        self.products: dict[Pair, int] = {}

    def coefficient(self, value: int) -> int:
        """Index of a coefficient."""
        return {1: 0, -1: 1}.get(value, self.constants.get(value % FR_MODULUS, -1))

    def pair(self, weight: int, term: Term) -> Pair:
        """Weight times coefficient times challenge or value, as one pair."""
        if term.challenge is not Challenge.NONE:
            if term.coefficient != 1 or term.left != ONE:
                raise RelationInvalidError("a challenge stands with the coefficient 1 and no opened factor")
            return weight, self.challenges[term.challenge]
        coefficient = self.coefficient(term.coefficient)
        if term.left == ONE:
            return weight, coefficient
        if term.coefficient != 1:
            key = (weight, coefficient)
            weight = self.products.setdefault(key, self.first_product + len(self.products))
        return weight, self.values[term.left]


def _constants(forms: Sequence[Form]) -> list[int]:
    found: dict[int, None] = {}
    for form in forms:
        for term in form:
            if term.coefficient not in (1, -1):
                found[term.coefficient % FR_MODULUS] = None
    return list(found)


def _chunks(pairs: Sequence[Pair]) -> list[Sequence[Pair]]:
    return [pairs[i : i + PAIRS_PER_WORD] for i in range(0, len(pairs), PAIRS_PER_WORD)]


def _pair_word(pairs: Sequence[Pair], more: bool) -> int:
    word = len(pairs) | (0x80 if more else 0)
    for place, (i, j) in enumerate(pairs, start=1):
        word |= (i | j << 8) << 16 * place
    return word


def _packed(values: Sequence[int], bits: int) -> list[int]:
    per_word = 256 // bits
    return [sum(v << bits * k for k, v in enumerate(values[i : i + per_word])) for i in range(0, len(values), per_word)]


def _hint_word(hint: Hint, table: ScalarTable) -> int:
    parts = [len(hint.form), int(hint.kind), hint.column, hint.shift, hint.width, 0]
    for term in hint.form:
        parts += [table.coefficient(term.coefficient), term.right]
    return sum(part << 8 * place for place, part in enumerate(parts))


def encode_relation(relation: Relation) -> list[int]:
    """Return the canonical words of a relation.

    Raises:
        RelationTooLargeError: its table or program does not fit the limits.
    """
    sums, zeros = expanded_sum_forms(relation), expanded_zero_forms(relation)
    constants = _constants([*sums, *zeros, *(hint.form for hint in relation.hints)])
    table = ScalarTable(relation, constants, len(sums), len(zeros))
    slots: list[list[Pair]] = [[] for _ in range(relation.column_count + 1)]
    for column in relation.opened:
        slots[column].append((table.batching[column], 0))
    if relation.hidden_guards:
        slots[relation.bits_index].append((table.bits, 0))
    for weight, form in [*zip(table.sums, sums), *zip(table.zeros, zeros)]:
        for term in form:
            slots[term.right].append(table.pair(weight, term))
    program: list[int] = []
    for slot in slots:
        chunks = _chunks(slot) or [[]]
        program += [_pair_word(chunk, more=k + 1 < len(chunks)) for k, chunk in enumerate(chunks)]
    products = [_pair_word(chunk, more=False) for chunk in _chunks(list(table.products))]
    require_at_most("scalars of the verifier's table", table.first_product + len(table.products), MAX_TABLE)
    codes = [*(len(group.codes) for group in relation.groups), 0, 0]
    header = [
        RELATION_VERSION,
        relation.log_rows,
        len(relation.registered),
        relation.witness_count,
        relation.round2_count,
        len(relation.opened),
        len(relation.sum_forms),
        len(zeros),
        len(constants),
        len(products),
        len(program),
        relation.table_bits,
        codes[0] | codes[1] << 8,
        len(relation.lookups),
        COMPILER_VERSION | (PLAIN_FLAG if relation.plain else 0) | (HIDDEN_FLAG if relation.hidden_guards else 0),
        len(relation.hints),
    ]
    words = [sum(field << 16 * k for k, field in enumerate(header))]
    words += _packed(relation.opened, 8) + _packed(relation.guards, 8)
    words += [encode_column(column) for column in relation.registered]
    for group in relation.groups:
        words += _packed(group.codes, 16)
    words += [_hint_word(hint, table) for hint in relation.hints]
    words += constants + products + program
    require_at_most("words of the relation", len(words), MAX_WORDS)
    return words


def encode_column(column: RegisteredColumn) -> int:
    """The word of a registered column: dataset ‖ version ‖ kind ‖ column."""
    return column.dataset << 96 | column.version << 64 | int(column.kind) << 32 | column.column


def decode_column(word: int) -> RegisteredColumn:
    """Inverse of `encode_column`.

    Raises:
        RelationInvalidError: the word is not canonical.
    """
    kind = word >> 32 & 0xFFFFFFFF
    if word >> 224 or kind not in (0, 1):
        raise RelationInvalidError("a column word is not canonical")
    return RegisteredColumn(word >> 96, word >> 64 & 0xFFFFFFFF, word & 0xFFFFFFFF, ColumnKind(kind))


def relation_hash(relation: Relation) -> bytes:
    """SHA-256 of the relation's words; the identity of a question."""
    return hashlib.sha256(encode_words(encode_relation(relation))).digest()


def statement_hash(relation: Relation, commitments: Sequence[tuple[int, int]]) -> bytes:
    """SHA-256 of the relation's words followed by the affine coordinates of its registered commitments.

    Raises:
        RelationInvalidError: the number of commitments is not the number of registered columns.
    """
    if len(commitments) != len(relation.registered):
        raise RelationInvalidError("a relation needs exactly one commitment for each registered column")
    flat = [coordinate for point in commitments for coordinate in point]
    return hashlib.sha256(encode_words([*encode_relation(relation), *flat])).digest()
