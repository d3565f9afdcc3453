"""The only language between compiler, prover, verifier and contract: quadratic forms, lookups and groups over columns.

A `Relation` names N = 2^log_rows rows and columns by index:

    0            the constant 1
    1..R         registered columns
    then W       witness columns, committed in round 1
    then 1       multiplicities m of the range table, if there are lookups (round 1)
    then 1       b, the bits of hidden guards, if guards are hidden (round 1)
    then L       h = 1/(β + f), one for each lookup (round 2)
    then 1       g = m/(β + T), the table's side, if there are lookups (round 2)
    then G       k_c = 1/(β_c + gid_c), one for each group column (round 2)
    then P       products of a group inverse and other columns (round 2)
    then 1       the range table T_i = i mod 2^κ itself, if there are lookups; public

*Zero-forms* vanish on every row. *Sum-forms* summed over all rows give the sums: sum v stands in row v of the witness
column s, which forms cannot name; with groups, cell c of sum v stands in row v·cells + c. A *lookup* says that a linear
form lies in [0, 2^κ) on every row.

Guards are opened, or hidden: then b holds the bits of every guard and shows that it is at least the minimum group
without the guard being opened (`zk.guards`).

Every term has its left factor opened (or 1), so that the verifier needs only a linear combination of commitments
(PROTOCOL §4). Registered columns are never opened. Each witness says how to compute it: the zero-forms begin with the
definitions ``definition_j − witness_j`` of the witnesses without hint, in order; every other witness has a hint, which
proves nothing by itself.

`zk.expansion` writes the forms behind lookups and groups; `zk.relation_rules` is what a relation must satisfy;
`zk.builder` lets a compiler write products freely and chooses what is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import prod
from typing import Final

from zk.errors import RelationInvalidError
from zk.forms import ONE, Challenge, Form, Group, Hint, HintKind, Term, canonical_form

__all__ = [
    "ONE",
    "Challenge",
    "ColumnKind",
    "Form",
    "Group",
    "Hint",
    "HintKind",
    "RegisteredColumn",
    "Relation",
    "Term",
    "relation_of",
]

MAX_REGISTERED: Final = 32
MAX_WITNESSES: Final = 48
MAX_SECOND: Final = 64
MAX_OPENED: Final = 64
MAX_SUMS: Final = 64
MAX_CELLS: Final = 128
MAX_ZERO_FORMS: Final = 128
MAX_GROUPS: Final = 2
MAX_CODES: Final = 128
MAX_CODE: Final = (1 << 16) - 1
MAX_TABLE_BITS: Final = 16
MIN_LOG_ROWS: Final = 3
MIN_TABLE_LOG_ROWS: Final = 4  # below, X^2N would fit the reference string and a table would not be unique
MAX_LOG_ROWS: Final = 24
GUARD_BITS_LOG: Final = 5
"""log2 of the rows of b that a hidden guard may take: more than MAX_LOG_ROWS + 1."""
MIN_GUARD_LOG_ROWS: Final = GUARD_BITS_LOG


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


@dataclass(frozen=True)
class Relation:
    """A statement's shape and meaning, without commitments. Public and canonical: equal meaning written by
    `RelationBuilder` in the same order gives equal bytes. Validated at construction.

    Args:
        log_rows: log2 of N.
        registered: the registered columns, indices 1..R.
        witness_count: number W of witness columns, indices R+1..R+W.
        opened: indices of the columns opened at ζ, increasing: witnesses, columns of round 2, and T.
        zero_forms: the definitions of the witnesses without hint in order, then further forms that vanish on every row.
        sum_forms: one form per sum.
        guards: for sum v the index of the sum that counts its rows; a guard is its own guard.
        hints: how to compute the other witnesses, by increasing column.
        table_bits: κ, or 0 without lookups.
        lookups: linear forms over registered and witness columns that lie in [0, 2^κ).
        groups: at most two group columns; every sum is taken per cell of the product of their codes.
        products: definitions of the products of round 2, without their own column.
        plain: the sums stand in the statement instead of s; only where one contributor owns every column (M1).
        hidden_guards: guards are proved to be at least the minimum group instead of being opened.

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
    hints: tuple[Hint, ...] = ()
    table_bits: int = 0
    lookups: tuple[Form, ...] = ()
    groups: tuple[Group, ...] = ()
    products: tuple[Form, ...] = ()
    plain: bool = False
    hidden_guards: bool = False

    def __post_init__(self) -> None:
        from zk.relation_rules import validate

        validate(self)

    # --- shape ----------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """N, the number of rows of every column."""
        return 1 << self.log_rows

    @property
    def cells(self) -> int:
        """Number of cells of every sum: 1 without groups."""
        return prod(len(group.codes) for group in self.groups)

    @property
    def sum_rows(self) -> int:
        """Number of rows of s that mean something."""
        return len(self.sum_forms) * self.cells

    @property
    def multiplicities(self) -> int:
        """1 if there are lookups, else 0: number of columns m, of columns g and of columns T."""
        return 1 if self.lookups else 0

    @property
    def bit_columns(self) -> int:
        """1 if guards are hidden, else 0: number of columns b."""
        return 1 if self.hidden_guards else 0

    @property
    def round1_count(self) -> int:
        """Number of columns committed in round 1, without s."""
        return self.witness_count + self.multiplicities + self.bit_columns

    @property
    def round2_count(self) -> int:
        """Number of columns committed in round 2."""
        return len(self.lookups) + self.multiplicities + len(self.groups) + len(self.products)

    @property
    def committed_count(self) -> int:
        """The largest index of a column with a commitment in the directory or the proof."""
        return len(self.registered) + self.round1_count + self.round2_count

    @property
    def column_count(self) -> int:
        """The largest column index, T included."""
        return self.committed_count + self.multiplicities

    def witness_indices(self) -> range:
        """Indices of the witness columns."""
        return range(len(self.registered) + 1, len(self.registered) + self.witness_count + 1)

    def round1_indices(self) -> range:
        """Indices of the columns committed in round 1, without s."""
        return range(len(self.registered) + 1, len(self.registered) + self.round1_count + 1)

    def round2_indices(self) -> range:
        """Indices of the columns committed in round 2."""
        return range(self.committed_count - self.round2_count + 1, self.committed_count + 1)

    @property
    def multiplicity_index(self) -> int:
        """Index of m; only with lookups."""
        return len(self.registered) + self.witness_count + 1

    @property
    def bits_index(self) -> int:
        """Index of b; only with hidden guards."""
        return len(self.registered) + self.round1_count

    @property
    def table_index(self) -> int:
        """Index of T; only with lookups."""
        return self.column_count

    def lookup_index(self, lookup: int) -> int:
        """Index of the inverse column of a lookup."""
        return self.round2_indices().start + lookup

    @property
    def table_side_index(self) -> int:
        """Index of g; only with lookups."""
        return self.round2_indices().start + len(self.lookups)

    def group_index(self, group: int) -> int:
        """Index of the inverse column of a group column."""
        return self.round2_indices().start + len(self.lookups) + self.multiplicities + group

    def product_index(self, product: int) -> int:
        """Index of a product of round 2."""
        return self.group_index(len(self.groups)) + product

    # --- meaning --------------------------------------------------------------------------------------------------

    @cached_property
    def hinted(self) -> dict[int, Hint]:
        """Hints by witness column."""
        return {hint.column: hint for hint in self.hints}

    @cached_property
    def definitions(self) -> dict[int, Form]:
        """The defining form of every witness without hint and of every product of round 2, without the column."""
        defined = [column for column in self.witness_indices() if column not in self.hinted]
        found = {
            column: tuple(term for term in form if term.right != column)
            for column, form in zip(defined, self.zero_forms, strict=False)
        }
        return found | {self.product_index(k): form for k, form in enumerate(self.products)}

    def definition(self, column: int) -> Form:
        """The form that defines a witness column or a product of round 2, without the column itself."""
        if column not in self.definitions:
            raise RelationInvalidError(f"column {column} is not defined by a form")
        return self.definitions[column]

    def copied_column(self, column: int) -> int | None:
        """The registered column a witness is a fresh copy of, or None."""
        definition = self.definitions.get(column, ())
        if len(definition) == 1 and definition[0].coefficient == 1 and definition[0].left == ONE:
            source = definition[0].right
            return source if 0 < source <= len(self.registered) else None
        return None

    def cell_codes(self, cell: int) -> tuple[int, ...]:
        """The codes of a cell, one for each group column."""
        codes = []
        for group in reversed(self.groups):
            cell, place = divmod(cell, len(group.codes))
            codes.append(group.codes[place])
        return tuple(reversed(codes))

    def guard_row(self, row: int) -> int:
        """The row of s that guards a row of s."""
        sum_number, cell = divmod(row, self.cells)
        return self.guards[sum_number] * self.cells + cell

    @property
    def guard_rows(self) -> tuple[int, ...]:
        """The rows of s that guard one, increasing."""
        return tuple(guard * self.cells + cell for guard in sorted(set(self.guards)) for cell in range(self.cells))

    def boolean_columns(self) -> frozenset[int]:
        """Indices of columns proved boolean: registered as such, with b·b − b among the zero-forms, or a product or
        copy of boolean columns."""
        known = {i for i, column in enumerate(self.registered, start=1) if column.kind is ColumnKind.BOOLEAN}
        known |= {form[0].right for form in self.zero_forms if _is_boolean_form(form)}
        for index in self.witness_indices():
            definition = self.definitions.get(index, ())
            if len(definition) == 1 and definition[0].coefficient == 1:
                factors = {definition[0].left, definition[0].right} - {ONE}
                if factors and factors <= known:
                    known.add(index)
        return frozenset(known)


def _is_boolean_form(form: Form) -> bool:
    if len(form) != 2:
        return False
    column = form[0].right
    return set(form) in (
        {Term(1, column, column), Term(-1, ONE, column)},
        {Term(-1, column, column), Term(1, ONE, column)},
    )


def relation_of(
    log_rows: int,
    registered: tuple[RegisteredColumn, ...],
    witness_count: int,
    opened: tuple[int, ...],
    zero_forms: list[list[Term]],
    sum_forms: list[list[Term]],
    guards: tuple[int, ...],
    *,
    hints: tuple[Hint, ...] = (),
    table_bits: int = 0,
    lookups: list[list[Term]] | None = None,
    groups: tuple[Group, ...] = (),
    products: list[list[Term]] | None = None,
    plain: bool = False,
    hidden_guards: bool = False,
) -> Relation:
    """Build a relation from forms in any order of terms; puts terms and pairs of factors in canonical order."""
    shown = frozenset(opened)
    return Relation(
        log_rows,
        registered,
        witness_count,
        opened,
        tuple(canonical_form(form, shown) for form in zero_forms),
        tuple(canonical_form(form, shown) for form in sum_forms),
        guards,
        tuple(Hint(h.column, h.kind, canonical_form(h.form), h.shift, h.width) for h in hints),
        table_bits,
        tuple(canonical_form(form) for form in lookups or []),
        tuple(Group(canonical_form(group.form), group.codes) for group in groups),
        tuple(canonical_form(form, shown) for form in products or []),
        plain,
        hidden_guards,
    )
