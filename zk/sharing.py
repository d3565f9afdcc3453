"""What a contributor sends and takes before its sums and after round 1: replicated shares of columns (PROTOCOL §5).

Nothing here leaves a contributor but its own columns, which its caller shares; nothing is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from zk.errors import ProtocolStateError, SizeMismatchError
from zk.field import FR, Words
from zk.polynomial import resize
from zk.srs import Srs
from zk.steps import InOrder
from zk.sums import SumParts
from zk.uploads import Upload
from zk.witness import HeldColumns

_STAGES: Final = {1: "columns", 2: "round2"}
"""Where a contributor stands when the uploads of a stage are exchanged."""


class Sharing(InOrder):
    """The part of a contributor that shares columns; see `zk.prover.Contributor`. Secret."""

    _me: int
    _srs: Srs
    _columns: HeldColumns
    _parts: SumParts
    _uploads: tuple[Upload, ...]

    @property
    def crossing(self) -> tuple[int, ...]:
        """Committed columns of which the contributors hold replicated shares: each upload of them is bound (M13)."""
        return self._columns.crossing

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Everything that is shared, public."""
        return self._uploads

    def own_uploads(self, stage: int) -> dict[int, Words]:
        """My uploads of a stage by number; secret, to be shared replicated."""
        if self._step != _STAGES.get(stage):
            raise ProtocolStateError("columns are shared before the sums are asked for, those of round 2 after round 1")
        mine = [upload for upload in self._uploads if upload.stage == stage and upload.owner == self._me]
        cells = self._parts.own_cells() if any(upload.codes is not None for upload in mine) else {}
        return {
            upload.number: cells[upload.key]
            if upload.codes is not None
            else resize(self._columns.plain(upload.column), upload.length)
            for upload in mine
        }

    def accept_upload(self, number: int, first: Words, second: Words) -> None:
        """Take my replicated components of an upload; secret. Nothing leaves here.

        Raises:
            SizeMismatchError: there is no such upload, or it has another length.
            ProtocolStateError: it was accepted before, or belongs to another stage.
        """
        if not 0 <= number < len(self._uploads):
            raise SizeMismatchError(f"there is no upload {number}")
        upload = self._uploads[number]
        if self._step != _STAGES[upload.stage]:
            raise ProtocolStateError("columns are shared before the sums are asked for, those of round 2 after round 1")
        if upload.codes is None:
            self._columns.accept_shares(upload.column, first, second)
        else:
            self._parts.accept(upload.key, first, second)

    def commit_shares(self, column: int) -> Words:
        """Commitments of my two components of a crossing column, (2, 8): a bound upload (M13)."""
        return np.concatenate([self._srs.commit(share) for share in self._columns.shares(column)])

    def commit_share_combination(self, columns: Sequence[int], weight: int) -> Words:
        """Commitments of my two components of Σ weight^k·(k-th of some crossing columns), k = 0.., (2, 8).

        Args:
            columns: at least one; their shares are all there.
            weight: drawn after the shares were accepted and the columns committed to.

        Raises:
            SizeMismatchError: no column.
            ProtocolStateError: there are no shares of a column.
        """
        if not columns:
            raise SizeMismatchError("a combination of no columns")
        first, second = self._columns.shares(columns[-1])
        for column in reversed(columns[:-1]):
            shares = self._columns.shares(column)
            first, second = FR.add_scaled(shares[0], first, weight), FR.add_scaled(shares[1], second, weight)
        return np.concatenate([self._srs.commit(first), self._srs.commit(second)])

    @property
    def mixed(self) -> tuple[int, ...]:
        """Witness columns that several owners define, in the order in which they are computed and reshared."""
        return self._columns.mixed

    def mixed_part(self, column: int) -> Words:
        """My additive part of the rows of a mixed column, (N, 4); secret, to be reshared."""
        if self._step != "columns" or column not in self.mixed:
            raise ProtocolStateError("mixed columns are computed before the sums are asked for")
        return self._columns.mixed_part(column)

    def accept_mixed(self, column: int, rows: tuple[Words, Words], blinders: tuple[Words, Words]) -> None:
        """Take my two components of a mixed column's rows, (N, 4), and of its OPENED_BLINDERS blinders; secret."""
        if self._step != "columns":
            raise ProtocolStateError("mixed columns are computed before the sums are asked for")
        self._columns.accept_mixed(column, (rows[0], blinders[0]), (rows[1], blinders[1]))
