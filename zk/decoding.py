"""From canonical words back to a relation; the inverse of `zk.encoding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zk.encoding import (
    COMPILER_VERSION,
    HEADER_FIELDS,
    HIDDEN_FLAG,
    HINT_PAIRS_AT,
    MAX_WORDS,
    PAIRS_PER_WORD,
    PLAIN_FLAG,
    Pair,
    decode_column,
    encode_relation,
)
from zk.errors import RelationInvalidError
from zk.forms import MAX_HINT_TERMS, ONE, Challenge, Form, Group, Hint, HintKind, Term, canonical_form, centred
from zk.relation import Relation


class _Reader:
    def __init__(self, words: Sequence[int]) -> None:
        self._words = list(words)
        self._at = 0

    def take(self, count: int) -> list[int]:
        if self._at + count > len(self._words):
            raise RelationInvalidError("the relation's words end too early")
        self._at += count
        return self._words[self._at - count : self._at]

    def packed(self, count: int, bits: int) -> tuple[int, ...]:
        per_word = 256 // bits
        words = self.take(-(-count // per_word))
        return tuple(words[k // per_word] >> bits * (k % per_word) & (1 << bits) - 1 for k in range(count))

    @property
    def done(self) -> bool:
        return self._at == len(self._words)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Counts of the header, and where indices begin; nothing is checked until everything is re-encoded."""

    registered: int
    witnesses: int
    round2: int
    sums: int
    zeros: int
    table_bits: int
    codes: tuple[int, ...]
    lookups: int
    opened: tuple[int, ...]
    bits: int

    @property
    def one(self) -> int:
        return 1 if self.lookups else 0

    @property
    def all_sums(self) -> int:
        return self.sums + self.one

    @property
    def columns(self) -> int:
        return self.registered + self.witnesses + self.bits + self.round2 + 2 * self.one

    @property
    def products(self) -> int:
        return self.round2 - self.lookups - self.one - len(self.codes)

    @property
    def own_zeros(self) -> int:
        return self.zeros - self.products - self.lookups - self.one - len(self.codes) - self.bits

    @property
    def round2_at(self) -> int:
        return self.registered + self.witnesses + self.one + self.bits + 1

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        groups = (Challenge.FIRST_GROUP, Challenge.SECOND_GROUP)[: len(self.codes)]
        return (Challenge.LOOKUP, *groups) if self.lookups else groups


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
    codes = tuple(count for count in (header[12] & 0xFF, header[12] >> 8) if count)
    opened = reader.packed(header[5], 8)
    hidden = header[14] == COMPILER_VERSION | HIDDEN_FLAG
    shape = _Shape(
        header[2], header[3], header[4], header[6], header[7], header[11], codes, header[13], opened, int(hidden)
    )
    if shape.products < 0 or shape.own_zeros < 0:
        raise RelationInvalidError("the header's counts do not fit together")
    guards = reader.packed(shape.sums, 8)
    columns = tuple(decode_column(word) for word in reader.take(shape.registered))
    group_codes = [reader.packed(count, 16) for count in codes]
    hint_words = reader.take(header[15])
    constants = reader.take(header[8])
    products = [pair for word in reader.take(header[9]) for pair in _pairs(word)]
    sums, zeros = _decode_program(reader.take(header[10]), shape, constants, products)
    if not reader.done:
        raise RelationInvalidError("the relation's words go on after the program")
    coefficients = _coefficients(shape, constants)
    at = shape.own_zeros + shape.products
    inverses = [shape.round2_at + k for k in range(shape.lookups)]
    group_inverses = [shape.round2_at + shape.lookups + shape.one + k for k in range(len(codes))]
    group_zeros = zeros[at + shape.lookups + shape.one :]  # behind them that of hidden guards, which zip leaves out
    relation = Relation(
        header[1],
        columns,
        shape.witnesses,
        opened,
        zeros[: shape.own_zeros],
        sums[: shape.sums],
        guards,
        tuple(_decode_hint(word, coefficients) for word in hint_words),
        shape.table_bits,
        tuple(_inner(form, h) for form, h in zip(zeros[at:], inverses, strict=False)),
        tuple(Group(_inner(form, k), own) for form, k, own in zip(group_zeros, group_inverses, group_codes)),
        tuple(_without_own(form) for form in zeros[shape.own_zeros : at]),
        header[14] == COMPILER_VERSION | PLAIN_FLAG,
        hidden,
    )
    if encode_relation(relation) != list(words):
        raise RelationInvalidError("the relation's words are not canonical")
    return relation


def _without_own(form: Form) -> Form:
    """A definition without the column it defines, the largest one it names."""
    column = max(max(term.left, term.right) for term in form) if form else 0
    return tuple(term for term in form if term != Term(-1, ONE, column))


def _inner(form: Form, inverse: int) -> Form:
    """f of an expanded form h·(β + f) − 1."""
    found = []
    for term in form:
        if term.challenge is Challenge.NONE and term.right != ONE:
            other = term.left if term.right == inverse else term.right
            found.append(Term(term.coefficient, ONE, other))
    return canonical_form(found)


def _coefficients(shape: _Shape, constants: Sequence[int]) -> dict[int, int]:
    """Coefficient by index in the table of scalars."""
    base = 2 + len(shape.challenges)
    return {0: 1, 1: -1} | {base + k: centred(value) for k, value in enumerate(constants)}


def _decode_hint(word: int, coefficients: dict[int, int]) -> Hint:
    parts = [word >> 8 * place & 0xFF for place in range(32)]
    count, kind, column, shift, width = parts[:5]
    if count > MAX_HINT_TERMS or kind not in HintKind.__members__.values():
        raise RelationInvalidError("a hint is of no known kind")
    pairs = [parts[HINT_PAIRS_AT + 2 * k : HINT_PAIRS_AT + 2 * k + 2] for k in range(count)]
    if not all(coefficient in coefficients for coefficient, _ in pairs):
        raise RelationInvalidError("a hint names a scalar that is no constant")
    form = tuple(Term(coefficients[coefficient], ONE, right) for coefficient, right in pairs)
    return Hint(column, HintKind(kind), form, shift, width)


def _decode_program(
    program: Sequence[int], shape: _Shape, constants: Sequence[int], products: Sequence[Pair]
) -> tuple[tuple[Form, ...], tuple[Form, ...]]:
    """Rebuild all sum-forms and zero-forms from the program; wrong pairs fail here or on re-encoding."""
    coefficients = _coefficients(shape, constants)
    challenges = {2 + k: challenge for k, challenge in enumerate(shape.challenges)}
    values_at = 2 + len(challenges) + len(constants)
    values = {values_at + k: column for k, column in enumerate(shape.opened)}
    bits_at = values_at + 2 * len(shape.opened)
    weights_at = bits_at + shape.bits
    products_at = weights_at + shape.all_sums + shape.zeros
    forms: list[list[Term]] = [[] for _ in range(shape.all_sums + shape.zeros)]
    slot = 0
    for word in program:
        for weight, value in _pairs(word):
            coefficient, left, challenge = 1, ONE, Challenge.NONE
            if bits_at - len(shape.opened) <= weight < weights_at:
                continue  # batching weight, or that of hidden guards; re-encoding checks that it stands where it must
            if weight >= products_at:
                if weight - products_at >= len(products):
                    raise RelationInvalidError("a pair names a product that does not exist")
                weight, factor = products[weight - products_at]
                coefficient = coefficients.get(factor, 0)
            if value in coefficients:
                coefficient *= coefficients[value]
            elif value in challenges:
                challenge = challenges[value]
            else:
                left = values.get(value, -1)
            if not weights_at <= weight < products_at:
                raise RelationInvalidError("a pair has no weight")
            forms[weight - weights_at].append(Term(coefficient, left, slot, challenge))
        slot += 0 if word & 0x80 else 1
    if slot != shape.columns + 1:
        raise RelationInvalidError("the program does not have one slot for each commitment")
    found = tuple(tuple(form) for form in forms)
    return found[: shape.all_sums], found[shape.all_sums :]
