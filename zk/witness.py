"""The columns one contributor holds: its own in plaintext, with what follows from them, and its shares of those that
meet another owner's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zk.columns import Column, ProductSum, Weighted
from zk.errors import ProtocolStateError, RelationInvalidError, SizeMismatchError
from zk.expansion import GROUP_CHALLENGES
from zk.field import FR, Words
from zk.forms import Challenge
from zk.guards import bit_rows
from zk.hints import hinted_column, inverses, inverses_of_table, linear_values, table_positions
from zk.owners import EVERYBODY, NOBODY, crossing_columns
from zk.polynomial import blind, resize, rows_of
from zk.range_table import table_polynomial
from zk.relation import Relation

OPENED_BLINDERS: Final = 2  # [w] and w(ζ) are shown
WITNESS_BLINDERS: Final = 1  # [w] is shown


@dataclass(frozen=True, slots=True)
class RegisteredSecret:
    """What the owner of a registered column keeps. Secret.

    Args:
        rows: (N, 4) values.
        blinder: (1, 4), the b of [c + b·Z_H].
    """

    rows: Words = field(repr=False)
    blinder: Words = field(repr=False)

    def __reduce__(self) -> str:
        raise ProtocolStateError("a registered column is secret and is not pickled or copied")


class HeldColumns:
    """Blinded column polynomials of one contributor, and their rows. Secret; fresh for every proof.

    Args:
        relation: the relation proved.
        contributor: this contributor's number.
        owners: owner of every column (`zk.owners.column_owners`).
        secrets: the registered columns this contributor owns, by index.

    Raises:
        SizeMismatchError: a column does not have N rows or one blinder.
        RelationInvalidError: secrets and owners disagree.
        WitnessUnsatisfiedError: a value lies outside the range that the relation claims for it.
    """

    __slots__ = (
        "_me",
        "_n",
        "_owners",
        "_polynomials",
        "_positions",
        "_relation",
        "_rows",
        "_share_rows",
        "_sources",
        "crossing",
    )

    def __init__(
        self, relation: Relation, contributor: int, owners: Mapping[int, int], secrets: Mapping[int, RegisteredSecret]
    ) -> None:
        if set(owners) != set(range(1, relation.column_count + 1)):
            raise RelationInvalidError("owners must name every column of the relation")
        if {i for i in range(1, len(relation.registered) + 1) if owners[i] == contributor} != set(secrets):
            raise RelationInvalidError("the secrets given are not those of the columns this contributor owns")
        self.crossing = crossing_columns(relation, owners)
        self._relation, self._me, self._owners, self._n = relation, contributor, dict(owners), relation.rows
        self._polynomials: dict[int, Column] = {}
        self._rows: dict[int, Words] = {}
        self._positions: dict[int, NDArray[np.int64]] = {}
        self._sources: dict[int, tuple[int, Words]] = {}
        self._share_rows: dict[int, tuple[Words, Words]] = {}
        for index, secret in secrets.items():
            if len(secret.rows) != self._n or len(secret.blinder) != 1:
                raise SizeMismatchError(f"registered column {index} needs {self._n} rows and one blinder")
            self._rows[index] = secret.rows
            self._polynomials[index] = Column(blind(secret.rows, secret.blinder))
        self._derive_witnesses()
        self._count_lookups()
        if relation.lookups:
            table = table_polynomial(relation.log_rows, relation.table_bits)
            self._polynomials[relation.table_index] = Column(table)

    def __repr__(self) -> str:
        return f"HeldColumns({sorted(self._polynomials)}, values redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("columns are secret and are not pickled or copied")

    def _mine(self, index: int) -> bool:
        return self._owners[index] == self._me

    def _own(self, index: int, rows: Words) -> None:
        """Hold a column of mine with fresh blinders."""
        count = OPENED_BLINDERS if index in self._relation.opened else WITNESS_BLINDERS
        self._rows[index] = rows
        self._polynomials[index] = Column(blind(rows, FR.random(count)))

    def _derive_witnesses(self) -> None:
        for index in self._relation.witness_indices():
            if not self._mine(index):
                continue
            source = self._relation.copied_column(index)
            hint = self._relation.hinted.get(index)
            if source is not None:
                self._copy(index, source)
            elif hint is not None:
                self._own(index, hinted_column(hint, linear_values(hint.form, self.row_values, self._n)))
            else:
                self._own(index, self._defined(index))

    def _copy(self, index: int, source: int) -> None:
        """c' = c + ρ·Z_H: the same rows, so that the commitment follows from the registered one."""
        count = OPENED_BLINDERS if index in self._relation.opened else WITNESS_BLINDERS
        fresh = FR.random(count)
        copied = resize(self.plain(source), self._n + count)
        copied[:count] = FR.sub(copied[:count], fresh)
        copied[self._n :] = FR.add(copied[self._n :], fresh)
        self._rows[index] = self._rows[source]
        self._polynomials[index] = Column(copied)
        self._sources[index] = (source, fresh)

    def copied_from(self, index: int) -> tuple[int, Words] | None:
        """For a copy of mine: the registered column, and ρ of ``copy = column + ρ·Z_H``; else None."""
        return self._sources.get(index)

    def _defined(self, index: int) -> Words:
        product = ProductSum(self._me, self._owners, lambda i: Column(self.row_values(i)), self._n)
        definition = self._relation.definition(index)
        constant = sum(term.coefficient for term in definition if term.right == 0)
        rows = product([Weighted(term.coefficient, term) for term in definition if term.right != 0])
        return FR.add(rows, FR.from_integers([constant])) if constant else rows

    def _count_lookups(self) -> None:
        relation = self._relation
        if not relation.lookups:
            return
        counts = np.zeros(1 << relation.table_bits, dtype=np.int64)
        for place, form in enumerate(relation.lookups):
            if self._mine(relation.lookup_index(place)):
                positions = table_positions(linear_values(form, self.row_values, self._n), relation.table_bits)
                self._positions[place] = positions
                counts += np.bincount(positions, minlength=len(counts))
        self._own(relation.multiplicity_index, resize(FR.from_int64(counts), self._n))

    def derive_round2(self, challenges: Mapping[Challenge, int]) -> None:
        """Compute my columns of round 2, with fresh blinders, from the challenges of round 1."""
        relation = self._relation
        if relation.lookups:
            table = inverses_of_table(challenges[Challenge.LOOKUP], 1 << relation.table_bits)
            for place, positions in self._positions.items():
                self._own(relation.lookup_index(place), np.ascontiguousarray(table[positions]))
            counts = self._rows[relation.multiplicity_index][: len(table)]
            self._own(relation.table_side_index, resize(FR.mul(table, counts), self._n))
            self._positions = {}
        for place, group in enumerate(relation.groups):
            if self._mine(relation.group_index(place)):
                values = linear_values(group.form, self.row_values, self._n)
                self._own(relation.group_index(place), inverses(values, challenges[GROUP_CHALLENGES[place]]))
        for place in range(len(relation.products)):
            if self._mine(relation.product_index(place)):
                self._own(relation.product_index(place), self._defined(relation.product_index(place)))

    # --- bits of hidden guards ------------------------------------------------------------------------------------

    def own_bits(self, bits: Words) -> None:
        """Hold b with fresh blinders, where every column is mine.

        Args:
            bits: in the order of `zk.guards.bit_rows`; secret.

        Raises:
            ProtocolStateError: the bits are not mine alone, or there already.
        """
        index = self._relation.bits_index
        if not self._mine(index) or index in self._polynomials:
            raise ProtocolStateError("the bits of hidden guards are there, or not mine alone")
        self._own(index, self._bits_on_rows(bits))

    def accept_bits(self, first: tuple[Words, Words], second: tuple[Words, Words]) -> None:
        """Take my replicated components of b, each as (bits, blinders); secret.

        Raises:
            SizeMismatchError: b is not shared, or not one bit for each of its rows and OPENED_BLINDERS blinders.
            ProtocolStateError: they are there already.
        """
        if any(len(blinders) != OPENED_BLINDERS for _, blinders in (first, second)):
            raise SizeMismatchError("unexpected blinders for the bits of hidden guards")
        parts = (blind(self._bits_on_rows(bits), blinders) for bits, blinders in (first, second))
        self.accept_shares(self._relation.bits_index, *(resize(part, self._n + 3) for part in parts))

    def _bits_on_rows(self, bits: Words) -> Words:
        places = bit_rows(self._relation)
        if len(bits) != len(places):
            raise SizeMismatchError("one value for each bit of a hidden guard")
        rows = FR.zeros(self._n)
        rows[places] = bits
        return rows

    # --- views ----------------------------------------------------------------------------------------------------

    def row_values(self, index: int) -> Words:
        """Rows of a column this contributor owns, or of its part of one that everybody has a part of."""
        if index not in self._rows:
            raise ProtocolStateError(f"column {index} is not held in plaintext")
        return self._rows[index]

    def rows_view(self, index: int) -> Column:
        """Every view of a column on the domain: its plaintext rows, and its shares' rows, kept until dropped."""
        shares = self._polynomials.get(index, Column()).shares
        if shares is not None and index not in self._share_rows:
            self._share_rows[index] = (rows_of(shares[0], self._n), rows_of(shares[1], self._n))
        return Column(self._rows.get(index), self._share_rows.get(index))

    def drop_rows(self) -> None:
        """Forget all rows, mine and those of shares: what follows [A] is made of polynomials."""
        self._rows, self._share_rows = {}, {}

    def polynomial(self, index: int) -> Column:
        """Every view of a column as coefficients."""
        return self._polynomials.get(index, Column())

    def plain(self, index: int) -> Words:
        """Coefficients of a column this contributor owns, or of its part of one that everybody has a part of."""
        column = self._polynomials.get(index)
        if column is None or column.plain is None:
            raise ProtocolStateError(f"column {index} is not held in plaintext")
        return column.plain

    def shares(self, index: int) -> tuple[Words, Words]:
        """My two components of a column that meets another owner's."""
        column = self._polynomials.get(index)
        if column is None or column.shares is None:
            raise ProtocolStateError(f"there are no shares of column {index}")
        return column.shares

    def holds_part(self, index: int) -> bool:
        """Whether I hold the plaintext of a column or of my part of it."""
        return self._owners[index] in (self._me, EVERYBODY)

    # --- sharing --------------------------------------------------------------------------------------------------

    @property
    def mixed(self) -> tuple[int, ...]:
        """Witnesses that nobody owns, in the order in which they can be computed."""
        return tuple(i for i in self._relation.witness_indices() if self._owners[i] == NOBODY)

    def mixed_part(self, index: int) -> Words:
        """My additive part of the rows of a mixed column, (N, 4)."""
        product = ProductSum(self._me, self._owners, self.rows_view, self._n)
        return product([Weighted(term.coefficient, term) for term in self._relation.definition(index)])

    def accept_mixed(self, index: int, first: tuple[Words, Words], second: tuple[Words, Words]) -> None:
        """Take my replicated components of a mixed column, each as (rows, blinders).

        Raises:
            SizeMismatchError: not a mixed column, or not N rows and OPENED_BLINDERS blinders.
        """
        if index not in self.mixed or any(
            len(rows) != self._n or len(blinders) != OPENED_BLINDERS for rows, blinders in (first, second)
        ):
            raise SizeMismatchError(f"unexpected components for column {index}")
        self.accept_shares(index, *(resize(blind(rows, blinders), self._n + 3) for rows, blinders in (first, second)))

    def accept_shares(self, column: int, first: Words, second: Words) -> None:
        """Take my replicated components of a crossing column, once.

        Raises:
            SizeMismatchError: not a crossing column, or not N + 3 coefficients.
            ProtocolStateError: the shares of this column are there already.
        """
        if column not in self.crossing or len(first) != self._n + 3 or len(second) != self._n + 3:
            raise SizeMismatchError(f"unexpected shares for column {column}")
        held = self._polynomials.setdefault(column, Column())
        if held.shares is not None:
            raise ProtocolStateError(f"the shares of column {column} were accepted before")
        held.shares = (first, second)
