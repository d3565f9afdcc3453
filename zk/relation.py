"""The only language between compiler, prover, verifier and contract: a list of quadratic forms over columns.

A `Relation` names N = 2^log_rows rows, registered columns, witness columns and two lists of forms. A form is a list of
terms ``coefficient · left · right``; column index 0 is the constant 1, 1..R are the registered columns in order, and
R+1.. are the witness columns. *Zero-forms* vanish on every row; *sum-forms* summed over all rows give the sums, and
sum v stands in row v of the witness column s, which forms cannot name.

Every term has its left factor opened (or 1), so that the verifier needs only a linear combination of commitments
(PROTOCOL §4). Registered columns are never opened. Each witness is defined by the zero-form of its own rank:
``zero_forms[j] = definition_j − witness_j`` where the definition uses registered columns and earlier witnesses, so that
a relation says how to compute everything in it and no witness is left unconstrained.

`RelationBuilder` lets a compiler write products freely; it chooses the opened columns (a small vertex cover of the
term graph), adds copies of registered columns where a value must be opened, and puts everything in canonical order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from zk.errors import RelationInvalidError
from zk.transcript import FR_MODULUS

ONE: Final = 0

MAX_REGISTERED: Final = 32
MAX_WITNESSES: Final = 32
MAX_OPENED: Final = 24
MAX_SUMS: Final = 64
MAX_ZERO_FORMS: Final = 64
MIN_LOG_ROWS: Final = 3
MAX_LOG_ROWS: Final = 24


class ColumnKind(IntEnum):
    """What the registration proof showed about a registered column."""

    INTEGER = 0
    BOOLEAN = 1


@dataclass(frozen=True, slots=True, order=True)
class RegisteredColumn:
    """A column of the ledger's directory. All public.

    Args:
        dataset: directory id of the dataset, below 2^128.
        version: version of the dataset, below 2^32.
        column: position in the dataset's schema, below 2^32; column 0 is ``present``.
        kind: kind proved at registration.
    """

    dataset: int
    version: int
    column: int
    kind: ColumnKind

    def __post_init__(self) -> None:
        for name, value, bits in (
            ("dataset", self.dataset, 128),
            ("version", self.version, 32),
            ("column", self.column, 32),
        ):
            if not 0 <= value < 1 << bits:
                raise RelationInvalidError(f"{name} of a registered column must lie in [0, 2^{bits})")


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """``coefficient · left · right``; indices as in the module text, coefficient in (−r/2, r/2) and not 0."""

    coefficient: int
    left: int
    right: int


Form = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A statement's shape and meaning, without commitments. Public and canonical: equal meaning written by
    `RelationBuilder` in the same order gives equal bytes. Validated at construction.

    Args:
        log_rows: log2 of N.
        registered: the registered columns, indices 1..R.
        witness_count: number W of witness columns, indices R+1..R+W.
        opened: indices of the witness columns opened at ζ, increasing.
        zero_forms: the W definitions in order, then further forms that vanish on every row.
        sum_forms: one form per sum.
        guards: for sum v the index of the sum that counts its rows; a guard is its own guard.

    Raises:
        RelationInvalidError: a limit, an order or a rule of the language is broken.
    """

    log_rows: int
    registered: tuple[RegisteredColumn, ...]
    witness_count: int
    opened: tuple[int, ...]
    zero_forms: tuple[Form, ...]
    sum_forms: tuple[Form, ...]
    guards: tuple[int, ...]

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def rows(self) -> int:
        """N, the number of rows of every column."""
        return 1 << self.log_rows

    @property
    def column_count(self) -> int:
        """Number of registered and witness columns; the largest column index."""
        return len(self.registered) + self.witness_count

    def witness_indices(self) -> range:
        """Indices of the witness columns."""
        return range(len(self.registered) + 1, self.column_count + 1)

    def definition(self, column: int) -> Form:
        """The form that defines a witness column, without the column itself."""
        rank = column - len(self.registered) - 1
        if not 0 <= rank < self.witness_count:
            raise RelationInvalidError(f"column {column} is not a witness column")
        return tuple(term for term in self.zero_forms[rank] if term.right != column)

    def copied_column(self, column: int) -> int | None:
        """The registered column a witness is a fresh copy of, or None."""
        definition = self.definition(column)
        if len(definition) == 1 and definition[0].coefficient == 1 and definition[0].left == ONE:
            source = definition[0].right
            return source if source <= len(self.registered) else None
        return None

    def boolean_columns(self) -> frozenset[int]:
        """Indices of columns proved boolean: registered as such, or a product or copy of boolean columns."""
        known = {i for i, column in enumerate(self.registered, start=1) if column.kind is ColumnKind.BOOLEAN}
        for index in self.witness_indices():
            definition = self.definition(index)
            if len(definition) == 1 and definition[0].coefficient == 1:
                factors = {definition[0].left, definition[0].right} - {ONE}
                if factors <= known:
                    known.add(index)
        return frozenset(known)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RelationInvalidError(message)


def _validate(relation: Relation) -> None:
    registered = len(relation.registered)
    _require(
        MIN_LOG_ROWS <= relation.log_rows <= MAX_LOG_ROWS, f"log_rows must lie in [{MIN_LOG_ROWS}, {MAX_LOG_ROWS}]"
    )
    _require(1 <= registered <= MAX_REGISTERED, f"a relation names 1 to {MAX_REGISTERED} registered columns")
    places = [(c.dataset, c.version, c.column) for c in relation.registered]
    _require(len(set(places)) == registered, "a registered column is named twice")
    _require(0 <= relation.witness_count <= MAX_WITNESSES, f"a relation has at most {MAX_WITNESSES} witness columns")
    _require(len(relation.opened) <= MAX_OPENED, f"at most {MAX_OPENED} columns are opened")
    _require(tuple(sorted(set(relation.opened))) == relation.opened, "opened columns must be strictly increasing")
    _require(all(index in relation.witness_indices() for index in relation.opened), "only witness columns are opened")
    _require(
        1 <= len(relation.sum_forms) <= min(MAX_SUMS, relation.rows), f"a relation has 1 to {MAX_SUMS} sums, at most N"
    )
    _require(
        relation.witness_count <= len(relation.zero_forms) <= MAX_ZERO_FORMS,
        "every witness needs its defining zero-form",
    )
    for form in relation.zero_forms + relation.sum_forms:
        _validate_form(relation, form)
    used = {index for form in relation.zero_forms + relation.sum_forms for t in form for index in (t.left, t.right)}
    _require(set(range(1, relation.column_count + 1)) <= used, "every column must be used by a form")
    for rank, form in enumerate(relation.zero_forms[: relation.witness_count]):
        column = registered + 1 + rank
        own = [term for term in form if column in (term.left, term.right)]
        _require(own == [Term(-1, ONE, column)], f"zero-form {rank} must define witness column {column}")
        _require(
            all(max(t.left, t.right) <= column for t in form) and len(form) > 1,
            f"witness column {column} must be defined by earlier columns",
        )
    _require(len(relation.guards) == len(relation.sum_forms), "every sum names its guard")
    booleans = relation.boolean_columns()
    for guard in relation.guards:
        _require(
            0 <= guard < len(relation.sum_forms) and relation.guards[guard] == guard,
            "a guard must be a sum that guards itself",
        )
        form = relation.sum_forms[guard]
        counted = len(form) == 1 and form[0].coefficient == 1 and {form[0].left, form[0].right} - {ONE} <= booleans
        _require(counted, f"guard sum {guard} must count rows of columns proved boolean")


def _validate_form(relation: Relation, form: Form) -> None:
    _require(len(form) > 0, "a form has at least one term")
    _require(tuple(sorted(form, key=_term_order)) == form, "terms must be in canonical order")
    _require(len({(t.left, t.right) for t in form}) == len(form), "a product stands once in a form")
    opened = set(relation.opened)
    for term in form:
        _require(0 < abs(term.coefficient) <= FR_MODULUS // 2, "coefficients lie in (-r/2, r/2) and are not 0")
        _require(
            term.left >= 0 and 0 < term.right <= relation.column_count, "a term names a column that does not exist"
        )
        _require(term.left == ONE or term.left in opened, "the left factor of a term is 1 or an opened column")
        both = term.left != ONE and term.right in opened
        _require(not both or term.left <= term.right, "of two opened factors the first in order stands left")


def _term_order(term: Term) -> tuple[int, int]:
    return term.right, term.left


def relation_of(
    log_rows: int,
    registered: tuple[RegisteredColumn, ...],
    witness_count: int,
    opened: tuple[int, ...],
    zero_forms: list[list[Term]],
    sum_forms: list[list[Term]],
    guards: tuple[int, ...],
) -> Relation:
    """Build a relation from forms in any order of terms; puts terms and pairs of opened factors in canonical order."""
    shown = set(opened)

    def canonical(form: list[Term]) -> Form:
        merged: dict[tuple[int, int], int] = {}
        for term in form:
            left, right = term.left, term.right
            if left != ONE and left in shown and right in shown and left > right:
                left, right = right, left
            merged[left, right] = merged.get((left, right), 0) + term.coefficient
        return tuple(sorted((Term(c, a, b) for (a, b), c in merged.items() if c), key=_term_order))

    return Relation(
        log_rows,
        registered,
        witness_count,
        opened,
        tuple(map(canonical, zero_forms)),
        tuple(map(canonical, sum_forms)),
        guards,
    )
