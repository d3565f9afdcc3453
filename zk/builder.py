"""Writes relations: columns, products and forms by name; the opened columns are chosen by a weighted vertex cover.

Every quadratic term needs one factor opened at ζ (`zk.cover`). Opening a witness or a column of round 2 costs an
evaluation; opening a registered column costs a fresh copy with its zero-form besides, because a registered column
itself is never opened (PROTOCOL §4). The range table is always opened, its side g never.

Comparisons, tests for zero and ranges stand in `zk.comparison`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from zk import comparison
from zk.cover import COPY_WEIGHT, small_cover
from zk.errors import RelationInvalidError
from zk.forms import MAX_HINT_TERMS, centred, require_at_most
from zk.relation import (
    MAX_GROUPS,
    MAX_SECOND,
    MAX_TABLE_BITS,
    MAX_WITNESSES,
    MAX_ZERO_FORMS,
    ONE,
    ColumnKind,
    Group,
    Hint,
    HintKind,
    RegisteredColumn,
    Relation,
    Term,
    relation_of,
)
from zk.relation_rules import hides_guards

Handle = int
DraftTerm = tuple[int, Handle, Handle]
Linear = dict[Handle, int]
LinearKey = tuple[tuple[Handle, int], ...]
Draft = tuple[DraftTerm, ...]


@dataclass(frozen=True, slots=True)
class _Witness:
    """A witness column: defined by a form, or hinted from a linear form."""

    handle: Handle
    definition: Draft = ()
    kind: HintKind | None = None
    source: LinearKey = ()
    shift: int = 0
    width: int = 0


class RelationBuilder:
    """Collects columns, products and forms; `build` returns the canonical `Relation`. Public data only.

    Handles are opaque positive integers; 0 is the constant 1. A *linear form* is a mapping from handles of registered
    and witness columns (and ONE) to integer coefficients. Whatever is asked for twice is added once.

    Args:
        log_rows: log2 of N.
        table_bits: κ, the bits of the range table and so of a limb; by default the largest there is.
    """

    def __init__(self, log_rows: int, table_bits: int | None = None) -> None:
        self._log_rows = log_rows
        self._table_bits = min(MAX_TABLE_BITS, log_rows) if table_bits is None else table_bits
        self._registered: dict[RegisteredColumn, Handle] = {}
        self._witnesses: list[_Witness] = []
        self._defined: dict[Draft, Handle] = {}
        self._hinted: dict[tuple[HintKind, LinearKey, int, int], Handle] = {}
        self._zero: dict[Draft, None] = {}
        self._sums: list[tuple[Draft, int]] = []
        self._lookups: dict[LinearKey, Handle] = {}
        self._groups: dict[tuple[LinearKey, tuple[int, ...]], Handle] = {}
        self._second: dict[Draft, Handle] = {}
        self._optional: set[Handle] = set()
        self._boolean: set[Handle] = set()
        self._zero_or_one: set[Handle] = set()  # follows from other forms, but the language does not see it
        self._next = 1

    @property
    def table_bits(self) -> int:
        """κ, the bits of a limb."""
        return self._table_bits

    # --- columns --------------------------------------------------------------------------------------------------

    def registered(self, column: RegisteredColumn, optional: bool = False) -> Handle:
        """Return the handle of a registered column, adding it on first use.

        Args:
            optional: whether the relation may do without it, should no form name it; else that is an error.
        """
        if column not in self._registered:
            handle = self._registered[column] = self._take()
            if column.kind is ColumnKind.BOOLEAN:
                self._boolean.add(handle)
            if optional:
                self._optional.add(handle)
        return self._registered[column]

    def product(self, left: Handle, right: Handle) -> Handle:
        """Return the handle of a column equal to ``left · right`` on every row: a witness, or a column of round 2 where
        a factor is one."""
        self._check(left, right)
        if ONE in (left, right):
            return left + right
        return self.define([(1, left, right)])

    def define(self, terms: Iterable[DraftTerm]) -> Handle:
        """Return the handle of a column equal to Σ coefficient · left · right on every row.

        Raises:
            RelationInvalidError: the form is 0, or mixes a group inverse with other terms.
        """
        draft = self._merge(terms)
        if not draft:
            raise RelationInvalidError("a column cannot be defined as 0")
        if len(draft) == 1 and draft[0][:2] == (1, ONE):
            return draft[0][2]
        if self._of_round2(draft):
            if len(draft) > 1 or draft[0][0] != 1:
                raise RelationInvalidError("a column of round 2 is a product of two columns")
            if draft not in self._second:
                self._second[draft] = self._take()
            return self._second[draft]
        if draft not in self._defined:
            handle = self._defined[draft] = self._take()
            self._witnesses.append(_Witness(handle, draft))
            if len(draft) == 1 and draft[0][0] == 1 and set(draft[0][1:]) <= self._boolean:
                self._boolean.add(handle)
        return self._defined[draft]

    def hinted(self, kind: HintKind, linear: Mapping[Handle, int], shift: int = 0, width: int = 0) -> Handle:
        """Return the handle of a witness that the prover computes from a linear form (`zk.forms.HintKind`). It proves
        nothing: forms and lookups must pin the column."""
        source = self._linear_key(linear)
        if len(source) > MAX_HINT_TERMS:
            source = ((self.define([(c, ONE, handle) for handle, c in source]), 1),)
        key = (kind, source, shift, width)
        if key not in self._hinted:
            self._hinted[key] = self._take()
            self._witnesses.append(_Witness(self._hinted[key], (), kind, source, shift, width))
        return self._hinted[key]

    def group(self, linear: Mapping[Handle, int], codes: Sequence[int]) -> Handle:
        """Return the handle of the inverse column 1/(β_c + f) of a group column: every sum is then taken per code of f.

        Args:
            linear: f; 0 on rows that no sum counts.
            codes: what f may be elsewhere, strictly increasing, from 1.
        """
        key = (self._linear_key(linear), tuple(codes))
        if key not in self._groups:
            if len(self._groups) == MAX_GROUPS:
                raise RelationInvalidError(f"a relation has at most {MAX_GROUPS} group columns")
            self._groups[key] = self._take()
        return self._groups[key]

    # --- forms ----------------------------------------------------------------------------------------------------

    def vanish(self, terms: Iterable[DraftTerm]) -> None:
        """Demand that Σ coefficient · left · right is 0 on every row."""
        draft = self._merge(terms)
        if not draft:
            raise RelationInvalidError("a form is 0 as it is written")
        self._zero[draft] = None

    def lookup(self, linear: Mapping[Handle, int]) -> None:
        """Demand that a linear form lies in [0, 2^κ) on every row."""
        key = self._linear_key(linear)
        if key not in self._lookups:
            self._lookups[key] = self._take()

    def boolean(self, handle: Handle) -> Handle:
        """Demand that a column is 0 or 1 on every row, unless that is known. Returns the column."""
        self._check(handle)
        if handle not in self._boolean and handle != ONE:
            self.vanish([(1, handle, handle), (-1, ONE, handle)])
            self._boolean.add(handle)
        return handle

    def sum(self, terms: Iterable[DraftTerm], guard: int | None = None) -> int:
        """Add a sum over all rows and return its number.

        Args:
            terms: (coefficient, left, right); with groups, every term has every group inverse as a factor.
            guard: number of the sum that counts its rows; None makes it its own guard.
        """
        draft = self._merge(terms)
        if guard is None:
            for handle in self._zero_or_one & {handle for _, *factors in draft for handle in factors}:
                self.boolean(handle)
        number = len(self._sums)
        self._sums.append((draft, number if guard is None else guard))
        return number

    # --- comparisons ----------------------------------------------------------------------------------------------

    def not_negative(self, linear: Mapping[Handle, int], bits: int) -> Handle:
        """Return a boolean column that is 1 exactly where f ≥ 0; see `zk.comparison.not_negative`."""
        return comparison.not_negative(self, linear, bits)

    def is_zero(self, linear: Mapping[Handle, int]) -> Handle:
        """Return a column that is 1 where f = 0 and 0 elsewhere; see `zk.comparison.is_zero`."""
        handle = comparison.is_zero(self, linear)
        self._zero_or_one.add(handle)
        return handle

    def in_range(self, linear: Mapping[Handle, int], bound: int) -> None:
        """Demand that f lies in [0, bound] on every row; see `zk.comparison.in_range`."""
        comparison.in_range(self, linear, bound)

    # --- the relation ---------------------------------------------------------------------------------------------

    def build(self, plain: bool = False, hidden_guards: bool = False) -> Relation:
        """Choose the opened columns, insert copies, and return the relation.

        Args:
            plain: whether the sums stand in the statement instead of a committed column.
            hidden_guards: whether guards are proved to be large enough instead of being opened.

        Raises:
            RelationInvalidError: the result breaks a limit or rule of `Relation`.
        """
        self._check_size()
        unused = self._optional - self._used()
        registered = {column: handle for column, handle in self._registered.items() if handle not in unused}
        witnesses = [w.handle for w in self._witnesses]
        layout = _Layout(registered, witnesses, self._inverses(), self._cover(), hidden_guards)
        zero = [[Term(1, ONE, layout.index[h]), Term(-1, ONE, layout.shown[h])] for h in layout.copies]
        zero += [
            [*layout.form(w.definition), Term(-1, ONE, layout.index[w.handle])]
            for w in self._witnesses
            if w.kind is None
        ]
        zero += [layout.form(draft) for draft in self._zero]
        opened = [*layout.shown.values(), *layout.bits, *([layout.table] if self._lookups else [])]
        return relation_of(
            self._log_rows,
            tuple(registered),
            len(layout.copies) + len(self._witnesses),
            tuple(sorted(opened)),
            zero,
            [layout.form(draft) for draft, _ in self._sums],
            tuple(guard for _, guard in self._sums),
            hints=tuple(
                Hint(layout.index[w.handle], w.kind, tuple(layout.linear(w.source)), w.shift, w.width)
                for w in self._witnesses
                if w.kind is not None
            ),
            table_bits=self._table_bits if self._lookups else 0,
            lookups=[layout.inverted(key, handle) for key, handle in self._lookups.items()],
            groups=tuple(
                Group(tuple(layout.inverted(key, handle)), codes) for (key, codes), handle in self._groups.items()
            ),
            products=[layout.form(draft) for draft in self._second],
            plain=plain,
            hidden_guards=hidden_guards,
        )

    def hides_guards(self) -> bool:
        """Whether the guards of the sums so far may be hidden (`zk.relation_rules.hides_guards`)."""
        cells = prod(len(codes) for _, codes in self._groups)
        return hides_guards(self._log_rows, cells, [guard for _, guard in self._sums])

    def _inverses(self) -> tuple[list[Handle], list[Handle], list[Handle]]:
        return list(self._lookups.values()), list(self._groups.values()), list(self._second.values())

    def _check_size(self) -> None:
        """Refuse what is far too large before looking for a cover of it; `Relation` has the exact limits."""
        second = len(self._lookups) + len(self._groups) + len(self._second)
        require_at_most("witness columns", len(self._witnesses), MAX_WITNESSES)
        require_at_most("columns of round 2", second, MAX_SECOND)
        require_at_most("zero-forms", len(self._zero), MAX_ZERO_FORMS)

    def _drafts(self) -> list[Draft]:
        return [*(w.definition for w in self._witnesses), *self._zero, *(d for d, _ in self._sums), *self._second]

    def _inverted(self) -> list[tuple[LinearKey, Handle]]:
        return [*self._lookups.items(), *((key, handle) for (key, _), handle in self._groups.items())]

    def _used(self) -> set[Handle]:
        named = {handle for draft in self._drafts() for _, a, b in draft for handle in (a, b)}
        named |= {handle for witness in self._witnesses for handle, _ in witness.source}
        return named | {handle for key, _ in self._inverted() for handle, _ in key}

    def _cover(self) -> frozenset[Handle]:
        edges = {(a, b) for draft in self._drafts() for _, a, b in draft if ONE not in (a, b)}
        edges |= {(min(c, h), max(c, h)) for key, h in self._inverted() for c, _ in key if c != ONE}
        return small_cover(sorted(edges), {handle: COPY_WEIGHT for handle in self._registered.values()})

    def _take(self) -> Handle:
        self._next += 1
        return self._next - 1

    def _of_round2(self, draft: Draft) -> bool:
        second = {*self._groups.values(), *self._second.values()}
        return any(second & {left, right} for _, left, right in draft)

    def _check(self, *handles: Handle) -> None:
        for handle in handles:
            if not 0 <= handle < self._next:
                raise RelationInvalidError(f"handle {handle} was not given out by this builder")

    def _merge(self, terms: Iterable[DraftTerm]) -> Draft:
        """Terms in canonical order: equal products once, none with coefficient 0, the smaller handle on the left."""
        merged: dict[tuple[Handle, Handle], int] = {}
        for coefficient, left, right in terms:
            self._check(left, right)
            key = (min(left, right), max(left, right))
            merged[key] = merged.get(key, 0) + coefficient
        return tuple((centred(c), a, b) for (a, b), c in sorted(merged.items()) if centred(c))

    def _linear_key(self, linear: Mapping[Handle, int]) -> LinearKey:
        self._check(*linear)
        key = tuple((handle, centred(c)) for handle, c in sorted(linear.items()) if centred(c))
        if not any(handle != ONE for handle, _ in key):
            raise RelationInvalidError("a linear form without columns is a constant")
        return key


class _Layout:
    """Where handles stand in the relation, and under which index they are opened."""

    def __init__(
        self,
        registered: Mapping[RegisteredColumn, Handle],
        witnesses: list[Handle],
        inverses: tuple[list[Handle], list[Handle], list[Handle]],
        cover: frozenset[Handle],
        hidden_guards: bool,
    ) -> None:
        lookups, groups, products = inverses
        first = list(registered.values())
        self.copies = [handle for handle in first if handle in cover]
        self.index = {ONE: ONE} | {handle: place for place, handle in enumerate(first, start=1)}
        after = len(first) + len(self.copies) + 1
        self.index |= {handle: place for place, handle in enumerate(witnesses, start=after)}
        table = 1 if lookups else 0  # m before the lookups, g behind them
        after += len(witnesses) + table
        self.bits = [after] if hidden_guards else []
        after += len(self.bits)
        self.index |= {handle: place for place, handle in enumerate(lookups, start=after)}
        after += len(lookups) + table
        self.index |= {handle: place for place, handle in enumerate([*groups, *products], start=after)}
        self.table = after + len(groups) + len(products)
        self.shown = {handle: place for place, handle in enumerate(self.copies, start=len(first) + 1)}
        self.shown |= {h: self.index[h] for h in [*witnesses, *lookups, *groups, *products] if h in cover}

    def form(self, draft: Draft) -> list[Term]:
        """A form by indices, the opened factor of every product on the left."""
        return [self._term(*term) for term in draft]

    def linear(self, key: LinearKey) -> list[Term]:
        """A linear form by indices."""
        return [Term(coefficient, ONE, self.index[handle]) for handle, coefficient in key]

    def inverted(self, key: LinearKey, inverse: Handle) -> list[Term]:
        """A linear form of a lookup or group: over opened columns, unless its inverse column is opened."""
        names = self.index if inverse in self.shown else self.index | self.shown
        return [Term(coefficient, ONE, names[handle]) for handle, coefficient in key]

    def _term(self, coefficient: int, left: Handle, right: Handle) -> Term:
        if left == ONE:
            return Term(coefficient, ONE, self.index[right])
        options = [(self.shown[a], self.index[b]) for a, b in ((left, right), (right, left)) if a in self.shown]
        return Term(coefficient, *min(options))
