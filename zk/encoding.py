"""Canonical words of a relation: what the query's hash binds and what the contract interprets.

Layout (32-byte words; ⌈·⌉ fields are 16 bits from the low end of the header):

    header     version, log_rows, registered, witnesses, second-round columns (0), opened, sums, zero-forms,
               constants, product words, program words, κ (0), groups (0), lookups (0), compiler version, 0
    opened     column indices, one byte each, 32 a word from the low end
    guards     guard of sum v, one byte each, 32 a word from the low end
    columns    one word each: dataset ‖ version ‖ kind ‖ column  (128, 32, 32, 32 bits from bit 96 down)
    constants  distinct coefficients other than ±1, canonical scalars, in order of first use
    products   up to 15 pairs a word (low byte: count), see below
    program    per slot, up to 15 pairs a word (low byte: count, bit 7 set when more words of the slot follow)

A pair is 16 bits: i | j << 8, two indices into the table of scalars

    0: 1   1: −1   constants   opened values   weights of opened values (γ^i/Z_H(ζ))
    −α^v/Z_H(ζ) for v = 0..   δ^u/Z_H(ζ) for u = 1..   products

and the program's slot k gives the scalar of commitment k as Σ table[i]·table[j] (slot 0 the generator, then registered,
then witness columns). The words are decodable: `decode_relation` returns the forms and refuses anything that
`encode_relation` would not have written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from zk.errors import RelationInvalidError
from zk.relation import ONE, ColumnKind, RegisteredColumn, Relation, Term
from zk.transcript import FR_MODULUS, encode_words

RELATION_VERSION: Final = 1
COMPILER_VERSION: Final = 1
HEADER_FIELDS: Final = 16
PAIRS_PER_WORD: Final = 15
MAX_TABLE: Final = 256
MAX_WORDS: Final = 256

Pair = tuple[int, int]


class _Table:
    """Indices into the verifier's table of scalars for one relation."""

    def __init__(self, relation: Relation, constants: Sequence[int]) -> None:
        self.constants = {value: 2 + k for k, value in enumerate(constants)}
        base = 2 + len(constants)
        self.values = {column: base + k for k, column in enumerate(relation.opened)}
        base += len(relation.opened)
        self.batching = {column: base + k for k, column in enumerate(relation.opened)}
        base += len(relation.opened)
        self.sums = [base + v for v in range(len(relation.sum_forms))]
        base += len(relation.sum_forms)
        self.zeros = [base + u for u in range(len(relation.zero_forms))]
        self.first_product = base + len(relation.zero_forms)
        self.products: dict[Pair, int] = {}

    def coefficient(self, value: int) -> int:
        return {1: 0, -1: 1}.get(value, self.constants.get(value % FR_MODULUS, -1))

    def pair(self, weight: int, term: Term) -> Pair:
        """Weight times coefficient times value, as one pair."""
        coefficient = self.coefficient(term.coefficient)
        if term.left == ONE:
            return weight, coefficient
        if term.coefficient != 1:
            key = (weight, coefficient)
            weight = self.products.setdefault(key, self.first_product + len(self.products))
        return weight, self.values[term.left]


def _constants(relation: Relation) -> list[int]:
    found: dict[int, None] = {}
    for form in relation.sum_forms + relation.zero_forms:
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


def _byte_words(values: Sequence[int]) -> list[int]:
    return [sum(v << 8 * k for k, v in enumerate(values[i : i + 32])) for i in range(0, len(values), 32)]


def encode_relation(relation: Relation) -> list[int]:
    """Return the canonical words of a relation.

    Raises:
        RelationInvalidError: its table or program does not fit the limits.
    """
    constants = _constants(relation)
    table = _Table(relation, constants)
    slots: list[list[Pair]] = [[] for _ in range(relation.column_count + 1)]
    weighted = [*zip(table.sums, relation.sum_forms), *zip(table.zeros, relation.zero_forms)]
    for column in relation.opened:
        slots[column].append((table.batching[column], 0))
    for weight, form in weighted:
        for term in form:
            slots[term.right].append(table.pair(weight, term))
    program: list[int] = []
    for slot in slots:
        chunks = _chunks(slot) or [[]]
        program += [_pair_word(chunk, more=k + 1 < len(chunks)) for k, chunk in enumerate(chunks)]
    products = [_pair_word(chunk, more=False) for chunk in _chunks(list(table.products))]
    if table.first_product + len(table.products) > MAX_TABLE:
        raise RelationInvalidError(f"the relation needs more than {MAX_TABLE} scalars: ask for fewer sums at a time")
    header = [
        RELATION_VERSION,
        relation.log_rows,
        len(relation.registered),
        relation.witness_count,
        0,
        len(relation.opened),
        len(relation.sum_forms),
        len(relation.zero_forms),
        len(constants),
        len(products),
        len(program),
        0,
        0,
        0,
        COMPILER_VERSION,
        0,
    ]
    words = [sum(field << 16 * k for k, field in enumerate(header))]
    words += _byte_words(relation.opened) + _byte_words(relation.guards)
    words += [encode_column(column) for column in relation.registered]
    words += constants + products + program
    if len(words) > MAX_WORDS:
        raise RelationInvalidError(f"the relation needs more than {MAX_WORDS} words: ask for fewer sums at a time")
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


class _Reader:
    def __init__(self, words: Sequence[int]) -> None:
        self._words = list(words)
        self._at = 0

    def take(self, count: int) -> list[int]:
        if self._at + count > len(self._words):
            raise RelationInvalidError("the relation's words end too early")
        self._at += count
        return self._words[self._at - count : self._at]

    def bytes(self, count: int) -> tuple[int, ...]:
        words = self.take(-(-count // 32))
        return tuple(words[k // 32] >> 8 * (k % 32) & 0xFF for k in range(count))

    @property
    def done(self) -> bool:
        return self._at == len(self._words)


def _pairs(word: int) -> list[Pair]:
    return [(word >> 16 * k & 0xFF, word >> 16 * k + 8 & 0xFF) for k in range(1, min(word & 0x7F, PAIRS_PER_WORD) + 1)]


def decode_relation(words: Sequence[int]) -> Relation:
    """Return the relation behind canonical words.

    Raises:
        RelationInvalidError: the words are not exactly what `encode_relation` writes for a valid relation.
    """
    if not 0 < len(words) <= MAX_WORDS or not all(0 <= word < 1 << 256 for word in words):
        raise RelationInvalidError("the relation's words are empty, too many or out of range")
    reader = _Reader(words)
    (head,) = reader.take(1)
    header = [head >> 16 * k & 0xFFFF for k in range(HEADER_FIELDS)]
    _, log_rows, registered, witnesses, _, opened_count, sums, zeros, constant_count, product_words, program_words = (
        header[:11]
    )
    opened = reader.bytes(opened_count)
    guards = reader.bytes(sums)
    columns = tuple(decode_column(word) for word in reader.take(registered))
    constants = reader.take(constant_count)
    products = [pair for word in reader.take(product_words) for pair in _pairs(word)]
    forms = _decode_program(
        reader.take(program_words), (registered + witnesses, opened, sums, zeros), constants, products
    )
    if not reader.done:
        raise RelationInvalidError("the relation's words go on after the program")
    relation = Relation(log_rows, columns, witnesses, opened, forms[sums:], forms[:sums], guards)
    if encode_relation(relation) != list(words):
        raise RelationInvalidError("the relation's words are not canonical")
    return relation


def _decode_program(
    program: Sequence[int],
    shape: tuple[int, tuple[int, ...], int, int],
    constants: Sequence[int],
    products: Sequence[Pair],
) -> tuple[tuple[Term, ...], ...]:
    """Rebuild sum-forms and zero-forms (in that order) from the program; wrong pairs fail here or on re-encoding."""
    columns, opened, sums, zeros = shape
    scalars = [1, -1, *(c if c <= FR_MODULUS // 2 else c - FR_MODULUS for c in constants)]
    values = {len(scalars) + k: column for k, column in enumerate(opened)}
    weights_at = len(scalars) + 2 * len(opened)
    products_at = weights_at + sums + zeros
    forms: list[list[Term]] = [[] for _ in range(sums + zeros)]
    slot = 0
    for word in program:
        for weight, value in _pairs(word):
            coefficient, left = 1, ONE
            if len(scalars) + len(opened) <= weight < weights_at:
                continue  # batching weight; re-encoding checks that it stands where it must
            if weight >= products_at:
                if weight - products_at >= len(products):
                    raise RelationInvalidError("a pair names a product that does not exist")
                weight, factor = products[weight - products_at]
                coefficient = scalars[factor] if factor < len(scalars) else 0
            if value < len(scalars):
                coefficient *= scalars[value]
            else:
                left = values.get(value, -1)
            if not weights_at <= weight < products_at:
                raise RelationInvalidError("a pair has no weight")
            forms[weight - weights_at].append(Term(coefficient, left, slot))
        slot += 0 if word & 0x80 else 1
    if slot != columns + 1:
        raise RelationInvalidError("the program does not have one slot for each commitment")
    return tuple(tuple(form) for form in forms)
