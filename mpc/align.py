"""Alignment: owners' lists of identifiers to row numbers in one secret common order.

Functionality (``mpc.ideal_align`` in the clear). Owner j enters n_j distinct identifiers. Persons, the distinct
identifiers of all lists, are placed on N rows by a uniformly random injection, and every owner learns the rows of its
own identifiers, in its own order. The parties learn how many persons are in 1, 2, .. m lists, with dummies among them
(``mpc.dummies``); they learn no row and no membership. An owner that is a party learns both, and they do not meet.

Steps, each under a label of its own:

    1. dummies entered; all n identifiers and dummies in one shared vector x; a key k drawn, one for each owner, too
    2. *distinct* [M11]: y = r·(k_j + x_i) opened in the owner's order, for owner j's key; tags g^(1/(k_j + x_i))
       opened; equal ones name the owner. Else a list with repetitions would mark its entries by their multiplicity
    3. *shuffle* of x; y = r·(k + x) opened; everything so far checked; joint tags g^(1/(k + x)) opened: equal tags are
       one person, and the order of the tags says nothing
    4. *rows*: 0 .. N - 1 shuffled under a second order, so that nobody knows them; the p-th person gets the p-th of
       them, every entry a share of its person's row
    5. *return*: the first shuffle undone, checked, and every owner's rows opened to it alone

Rows by tag order themselves would be public to the parties, and a party that is an owner would read in them who of its
own persons is in another list. Therefore step 4.

**What is promised** with ``security="malicious"``, one malicious party among three and any malicious owners: as the
functionality, with abort; no output depends on anything unchecked. (Completeness of the alignment rests on that
majority; ``docs/alignment.md``.) With ``"semi-honest"`` nothing is checked: for measuring only. The keys are random
shares that live as long as the call; a fresh key for every cohort is what makes tags of two cohorts unrelated.

Source: Dodis and Yampolskiy (PKC 2005) for the tags (``mpc.tag_group``); the order of steps, and rows by a second
secret order, are ours (docs/adr/0019-alignment.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from mpc.authentic import Authentication, columns_of
from mpc.checked import CheckedShare
from mpc.compare import field_modulus
from mpc.dummies import DummyPlan
from mpc.errors import AlignmentAbortedError, DuplicateIdentifierError, RingValueError
from mpc.replicated import Engine
from mpc.rings import RingArray
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares
from mpc.shuffle import Shuffle
from mpc.tag_group import TagGroup, classes_of, inverse_shares, open_tags

MAX_OWNERS: Final = 16
MAX_ENTRIES: Final = 1 << 24
STAGES: Final = ("dummies", "distinct", "shuffle", "tags", "rows", "return")

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AlignmentPlan:
    """What an alignment is about; public and the same at all parties.

    Args:
        counts: number of identifiers of each owner.
        receivers: the party that each owner is; None for an owner who is no party and gets shares of its rows.
        rows: N, at least the number of all identifiers and dummies.
        dummies: noise of the multiplicities.
        security: ``"malicious"`` for everything but measurements.

    Raises:
        RingValueError: a number is out of range.
    """

    counts: tuple[int, ...]
    receivers: tuple[int | None, ...]
    rows: int
    dummies: DummyPlan = field(default_factory=DummyPlan)
    security: Literal["malicious", "semi-honest"] = "malicious"

    def __post_init__(self) -> None:
        owners = len(self.counts)
        if not 2 <= owners <= MAX_OWNERS or len(self.receivers) != owners or min(self.counts) < 0:
            raise RingValueError(f"an alignment has 2 to {MAX_OWNERS} owners, each with a number of identifiers")
        parties = [party for party in self.receivers if party is not None]
        if len(set(parties)) != len(parties) or not set(parties) <= set(range(PARTIES)):
            raise RingValueError("a party is one owner at most")
        if not self.entries <= self.rows <= MAX_ENTRIES:
            raise RingValueError(f"{self.entries} identifiers and dummies need as many rows, at most {MAX_ENTRIES}")

    @property
    def entries(self) -> int:
        """Identifiers and dummies."""
        return sum(self.counts) + PARTIES * self.dummies.slots(len(self.counts))


@dataclass(frozen=True, slots=True)
class Alignment:
    """What one party has of the outcome.

    Args:
        own: this party's rows if it is an owner, in the order of its identifiers; secret.
        shares: shares of the rows of each owner who is no party, by the owner's number; for that owner alone.
        multiplicities: how many persons, dummies among them, are in 1, 2, .. m lists; what all parties learn.
    """

    own: Rows | None = field(repr=False)
    shares: dict[int, ReplicatedShare] = field(repr=False)
    multiplicities: tuple[int, ...]


def align(
    engine: Engine,
    group: TagGroup,
    plan: AlignmentPlan,
    identifiers: Sequence[ReplicatedShare],
    label: str = "align",
    progress: Callable[[str], None] = lambda stage: None,
) -> Alignment:
    """Align the owners' lists. All three parties call it with the same plan.

    Args:
        engine: over the prime field of the group's exponents.
        group: where tags live.
        plan: public.
        identifiers: for every owner this party's share of its list, n_j field elements; their holders compared
            (`Engine.confirm`) and held against the owner's commitment by the caller.
        label: public, unique in the round.
        progress: called with each of `STAGES` as it begins.

    Raises:
        DuplicateIdentifierError: an owner's list has an identifier twice.
        AlignmentAbortedError, ShareMismatchError: a party deviated; nothing was released.
        RingValueError: the plan does not fit the shares, or the ring is no large prime field.
        ProtocolStateError, ChannelError: as the engine raises them.
    """
    field_modulus(engine.ring)
    if tuple(map(len, identifiers)) != plan.counts:
        raise RingValueError("the lists do not have the lengths of the plan")
    return _Run(engine, group, plan, label, progress).run(list(identifiers))


def row_numbers(values: Sequence[int], rows: int) -> Rows:
    """Return an owner's opened rows as an array.

    Args:
        values: secret, as they were opened.
        rows: number of rows.

    Raises:
        AlignmentAbortedError: they are not distinct numbers below the number of rows.
    """
    if any(value >= rows for value in values) or len(set(values)) != len(values):
        raise AlignmentAbortedError("return", "rows are not distinct numbers below the number of rows")
    return np.array(values, np.int64)


class _Run:
    def __init__(
        self, engine: Engine, group: TagGroup, plan: AlignmentPlan, label: str, progress: Callable[[str], None]
    ) -> None:
        self._engine, self._group, self._plan, self._label, self._progress = engine, group, plan, label, progress
        self._checked = plan.security == "malicious"

    def run(self, identifiers: list[ReplicatedShare]) -> Alignment:
        self._progress("dummies")
        entries = concatenate_shares([*identifiers, *self._enter_dummies()])
        identifiers.clear()
        order = Shuffle(self._engine, len(entries), f"{self._label}/order")
        classes = self._classes(entries, order)
        counts = np.bincount(np.bincount(classes, minlength=1), minlength=len(self._plan.counts) + 1)
        returned = self._returned_rows(classes, order)
        own, shares = self._hand_out(returned)
        return Alignment(own, shares, tuple(int(count) for count in counts[1:]))

    # --- 1: dummies ----------------------------------------------------------------------------------------------

    def _enter_dummies(self) -> list[ReplicatedShare]:
        engine, owners = self._engine, len(self._plan.counts)
        slots, parts = self._plan.dummies.slots(owners), []
        for party in range(PARTIES):
            label = f"{self._label}/dummies/{party}"
            own = engine.ring.from_integers(self._plan.dummies.draw(owners)) if party == engine.party else None
            entered = engine.share_input(party, own, label, slots)
            parts.append(engine.add(entered, engine.random(1, f"{label}/shift")))
        return parts

    # --- 2 and 3: classes ----------------------------------------------------------------------------------------

    def _classes(self, entries: ReplicatedShare, order: Shuffle) -> npt.NDArray[np.int64]:
        """The public number of the person of every entry, in shuffled order."""
        engine, label = self._engine, self._label
        key = engine.random(1, f"{label}/key")
        if not self._checked:
            self._progress("shuffle")
            (shuffled,) = order.apply(engine, [entries], f"{label}/shuffle")
            self._progress("tags")
            exponents = self._exponents(engine.add(shuffled, key), f"{label}/joint")[0]
            return self._opened_classes(exponents, f"{label}/joint")
        batch = Authentication(engine, f"{label}/tags/check")
        self._progress("distinct")
        tagged = batch.enter(entries, "entries")
        self._require_distinct(batch, tagged)
        self._progress("shuffle")
        moved = CheckedShare(*order.apply(engine, columns_of(tagged), f"{label}/shuffle"))
        del tagged
        self._progress("tags")
        exponents = self._checked_exponents(batch, moved, key, "joint")
        batch.expect(moved)
        batch.verify()
        del moved
        return self._opened_classes(exponents, f"{label}/joint")

    def _require_distinct(self, batch: Authentication, tagged: CheckedShare) -> None:
        """No owner has an identifier twice; known before the joint tags are opened."""
        start = 0
        for owner, count in enumerate(self._plan.counts):
            name = f"distinct/{owner}"
            part = tagged[start : start + count]
            start += count
            if count == 0:
                continue
            key = self._engine.random(1, f"{self._label}/{name}/key")
            exponents = self._checked_exponents(batch, part, key, name)
            batch.verify()
            found = self._opened_classes(exponents, f"{self._label}/{name}")
            if int(found.max()) + 1 != count:
                raise DuplicateIdentifierError(owner)

    def _checked_exponents(
        self, batch: Authentication, x: CheckedShare, key: ReplicatedShare, name: str
    ) -> ReplicatedShare:
        """Shares of 1/(key + x), right once the batch has been verified."""
        keyed = batch.enter(key, f"{name}/key")
        exponents, r, y = self._exponents(self._engine.add(x.value, key), f"{self._label}/{name}")
        batch.expect_products(r, self._engine.add(x.tag, keyed.tag), y)
        return exponents

    def _exponents(self, z: ReplicatedShare, label: str) -> tuple[ReplicatedShare, ReplicatedShare, RingArray]:
        """Shares of 1/z, with the r and the opened y = r·z they come from."""
        engine = self._engine
        r = engine.random(len(z), f"{label}/r")
        y = engine.open(engine.multiply(r, z, f"{label}/masked"), f"{label}/opened")
        return inverse_shares(engine, self._group, r, y), r, y

    def _opened_classes(self, exponents: ReplicatedShare, label: str) -> npt.NDArray[np.int64]:
        tags = open_tags(self._engine, self._group, exponents, f"{label}/tags")
        return classes_of(tags, self._group.element_bytes)

    # --- 4 and 5: rows -------------------------------------------------------------------------------------------

    def _returned_rows(self, classes: npt.NDArray[np.int64], order: Shuffle) -> ReplicatedShare:
        """Shares of the row of every entry, in the order of entry, checked."""
        engine, label = self._engine, self._label
        self._progress("rows")
        batch = Authentication(engine, f"{label}/rows/check")
        numbers = batch.enter_public(engine.ring.from_integers(range(self._plan.rows)))
        secret_order = Shuffle(engine, self._plan.rows, f"{label}/rows/order")
        columns = columns_of(numbers) if self._checked else [numbers.value]
        placed = secret_order.apply(engine, columns, f"{label}/rows/shuffle")
        if self._checked:
            batch.expect(CheckedShare(placed[0], placed[1]))  # rows that nobody gets, too
        given = [ReplicatedShare(column.party, column.first[classes], column.second[classes]) for column in placed]
        self._progress("return")
        returned = order.undo(engine, given, f"{label}/return")
        if self._checked:
            batch.expect(CheckedShare(returned[0], returned[1]))
            batch.verify()
        return returned[0]

    def _hand_out(self, rows: ReplicatedShare) -> tuple[Rows | None, dict[int, ReplicatedShare]]:
        engine, start = self._engine, 0
        own: Rows | None = None
        shares: dict[int, ReplicatedShare] = {}
        for owner, (count, receiver) in enumerate(zip(self._plan.counts, self._plan.receivers)):
            part = rows[start : start + count]
            start += count
            if receiver is None:
                shares[owner] = part
                continue
            opened = engine.open_to(receiver, part, f"{self._label}/owner/{owner}")
            if opened is not None:
                own = row_numbers(engine.ring.to_integers(opened), self._plan.rows)
        return own, shares
