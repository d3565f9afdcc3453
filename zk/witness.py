"""The columns one contributor holds: its own in plaintext, with their witnesses, and its shares of those that meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from zk.columns import Column, ProductSum, Weighted, cross_columns
from zk.errors import ProtocolStateError, RelationInvalidError, SizeMismatchError
from zk.field import FR, Words
from zk.polynomial import blind, resize
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
    """Blinded column polynomials of one contributor. Secret; fresh for every proof.

    Args:
        relation: the relation proved.
        contributor: this contributor's number.
        owners: contributor number of every column.
        secrets: the registered columns this contributor owns, by index.

    Raises:
        SizeMismatchError: a column does not have N rows or one blinder.
        RelationInvalidError: a witness column mixes owners, or secrets and owners disagree.
    """

    __slots__ = ("_me", "_n", "_owners", "_polynomials", "_relation", "crossing")

    def __init__(
        self, relation: Relation, contributor: int, owners: Mapping[int, int], secrets: Mapping[int, RegisteredSecret]
    ) -> None:
        if set(owners) != set(range(1, relation.column_count + 1)):
            raise RelationInvalidError("owners must name every column of the relation")
        if {i for i in range(1, len(relation.registered) + 1) if owners[i] == contributor} != set(secrets):
            raise RelationInvalidError("the secrets given are not those of the columns this contributor owns")
        self.crossing = cross_columns(relation, owners)
        self._relation, self._me, self._owners, self._n = relation, contributor, dict(owners), relation.rows
        self._polynomials: dict[int, Column] = {}
        for index, secret in secrets.items():
            if len(secret.rows) != self._n or len(secret.blinder) != 1:
                raise SizeMismatchError(f"registered column {index} needs {self._n} rows and one blinder")
            self._polynomials[index] = Column(blind(secret.rows, secret.blinder))
        self._derive({index: Column(secret.rows) for index, secret in secrets.items()})

    def __repr__(self) -> str:
        return f"HeldColumns({sorted(self._polynomials)}, values redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("columns are secret and are not pickled or copied")

    def _derive(self, rows: dict[int, Column]) -> None:
        """Compute the witness columns this contributor owns, with fresh blinders, from their definitions."""
        product = ProductSum(self._me, self._owners, rows, self._n)
        for index in self._relation.witness_indices():
            if self._owners[index] == self._me:
                values = product([Weighted(term.coefficient, term) for term in self._relation.definition(index)])
                rows[index] = Column(values)
                count = OPENED_BLINDERS if index in self._relation.opened else WITNESS_BLINDERS
                self._polynomials[index] = Column(blind(values, FR.random(count)))

    def plain(self, index: int) -> Words:
        """Coefficients of a column this contributor owns."""
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

    def shared_polynomials(self) -> dict[int, Words]:
        """My columns among the crossing ones as (N+3, 4) coefficients."""
        return {i: resize(self.plain(i), self._n + 3) for i in self.crossing if self._owners[i] == self._me}

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

    def mapped(self, linear: Callable[[Words], Words]) -> dict[int, Column]:
        """Every held view under one linear map of polynomials."""
        return {
            i: Column(
                None if c.plain is None else linear(c.plain),
                None if c.shares is None else (linear(c.shares[0]), linear(c.shares[1])),
            )
            for i, c in self._polynomials.items()
        }
