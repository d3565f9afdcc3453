"""Writes relations: products by name, opened columns chosen by a small weighted vertex cover of the term graph.

Every quadratic term needs one factor opened at ζ. Opening a witness costs an evaluation; opening a registered column
costs a fresh copy with its zero-form besides, because a registered column itself is never opened (PROTOCOL §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zk.errors import RelationInvalidError
from zk.relation import ONE, RegisteredColumn, Relation, Term, relation_of

WITNESS_WEIGHT: Final = 1  # an evaluation, about 1k gas
COPY_WEIGHT: Final = 11  # a commitment, a form and an evaluation, about 11k gas
EXACT_COVER_EDGES: Final = 24  # branch and bound stays below 2^24 leaves; larger graphs take the greedy cover

Handle = int
DraftTerm = tuple[int, Handle, Handle]


class RelationBuilder:
    """Collects columns, products and forms; `build` returns the canonical `Relation`.

    Handles are opaque positive integers; 0 is the constant 1.

    Args:
        log_rows: log2 of N.
    """

    def __init__(self, log_rows: int) -> None:
        self._log_rows = log_rows
        self._registered: dict[RegisteredColumn, Handle] = {}
        self._products: dict[tuple[Handle, Handle], Handle] = {}
        self._next = 1
        self._definitions: list[tuple[Handle, list[DraftTerm]]] = []
        self._zero: list[list[DraftTerm]] = []
        self._sums: list[tuple[list[DraftTerm], int]] = []

    def registered(self, column: RegisteredColumn) -> Handle:
        """Return the handle of a registered column, adding it on first use."""
        if column not in self._registered:
            self._registered[column] = self._take()
        return self._registered[column]

    def product(self, left: Handle, right: Handle) -> Handle:
        """Return the handle of a witness column equal to ``left · right`` on every row, adding it on first use."""
        self._check(left, right)
        if ONE in (left, right):
            return left + right
        key = (min(left, right), max(left, right))
        if key not in self._products:
            handle = self._take()
            self._products[key] = handle
            self._definitions.append((handle, [(1, *key)]))
        return self._products[key]

    def vanish(self, terms: Sequence[DraftTerm]) -> None:
        """Demand that Σ coefficient · left · right is 0 on every row."""
        for _, left, right in terms:
            self._check(left, right)
        self._zero.append(list(terms))

    def sum(self, terms: Sequence[DraftTerm], guard: int | None = None) -> int:
        """Add a sum over all rows and return its number.

        Args:
            terms: (coefficient, left, right).
            guard: number of the sum that counts its rows; None makes it its own guard.
        """
        for _, left, right in terms:
            self._check(left, right)
        number = len(self._sums)
        self._sums.append((list(terms), number if guard is None else guard))
        return number

    def build(self) -> Relation:
        """Choose the opened columns, insert copies, and return the relation.

        Raises:
            RelationInvalidError: the result breaks a limit or rule of `Relation`.
        """
        registered = list(self._registered)
        sources = {handle: column for column, handle in self._registered.items()}
        quadratic = {(min(a, b), max(a, b)) for form in self._forms() for _, a, b in form if ONE not in (a, b)}
        cover = small_cover(sorted(quadratic), {handle: COPY_WEIGHT for handle in sources})
        index: dict[Handle, int] = {ONE: ONE}
        for position, handle in enumerate(self._registered.values(), start=1):
            index[handle] = position
        copies = [handle for handle in self._registered.values() if handle in cover]
        opened_as: dict[Handle, int] = {}
        for position, handle in enumerate(copies, start=len(registered) + 1):
            opened_as[handle] = position
        first = len(registered) + len(copies) + 1
        for position, (handle, _) in enumerate(self._definitions, start=first):
            index[handle] = position
            if handle in cover:
                opened_as[handle] = position

        def place(form: list[DraftTerm]) -> list[Term]:
            return [_place(term, index, opened_as) for term in form]

        zero = [[Term(1, ONE, index[h]), Term(-1, ONE, opened_as[h])] for h in copies]
        zero += [[*place(definition), Term(-1, ONE, index[h])] for h, definition in self._definitions]
        zero += [place(form) for form in self._zero]
        return relation_of(
            self._log_rows,
            tuple(registered),
            len(copies) + len(self._definitions),
            tuple(sorted(opened_as.values())),
            zero,
            [place(form) for form, _ in self._sums],
            tuple(guard for _, guard in self._sums),
        )

    def _forms(self) -> list[list[DraftTerm]]:
        return [d for _, d in self._definitions] + self._zero + [form for form, _ in self._sums]

    def _take(self) -> Handle:
        self._next += 1
        return self._next - 1

    def _check(self, *handles: Handle) -> None:
        for handle in handles:
            if not 0 <= handle < self._next:
                raise RelationInvalidError(f"handle {handle} was not given out by this builder")


def _place(term: DraftTerm, index: dict[Handle, int], opened_as: dict[Handle, int]) -> Term:
    coefficient, left, right = term
    if ONE in (left, right):
        if left == right:
            raise RelationInvalidError("a form has no constant term: multiply by the present column instead")
        return Term(coefficient, ONE, index[left + right])
    # prefer the factor whose opening is cheapest to name: a witness stands for itself, a registered column for its copy
    options = [(opened_as[a], index[b]) for a, b in ((left, right), (right, left)) if a in opened_as]
    return Term(coefficient, *min(options))


def small_cover(edges: Sequence[tuple[Handle, Handle]], weights: dict[Handle, int]) -> frozenset[Handle]:
    """Return a light set of vertices that touches every edge (a loop needs its vertex).

    Exact by branch and bound up to EXACT_COVER_EDGES edges, greedy beyond. Deterministic.

    Args:
        edges: pairs of handles.
        weights: cost of a vertex; WITNESS_WEIGHT where absent.
    """

    def weight(vertices: frozenset[Handle]) -> int:
        return sum(weights.get(v, WITNESS_WEIGHT) for v in vertices)

    forced = frozenset(a for a, b in edges if a == b)
    left_over = [edge for edge in edges if not forced & set(edge)]
    best = _greedy(left_over, weights)
    if len(left_over) <= EXACT_COVER_EDGES:
        stack: list[tuple[frozenset[Handle], int]] = [(frozenset(), 0)]
        while stack:
            chosen, position = stack.pop()
            while position < len(left_over) and chosen & set(left_over[position]):
                position += 1
            if weight(chosen) >= weight(best):
                continue
            if position == len(left_over):
                best = chosen
            else:
                stack += [(chosen | {vertex}, position + 1) for vertex in left_over[position]]
    return forced | best


def _greedy(edges: Sequence[tuple[Handle, Handle]], weights: dict[Handle, int]) -> frozenset[Handle]:
    chosen: set[Handle] = set()
    remaining = list(edges)
    while remaining:
        degree: dict[Handle, int] = {}
        for edge in remaining:
            for vertex in edge:
                degree[vertex] = degree.get(vertex, 0) + 1
        pick = min(degree, key=lambda v: (weights.get(v, WITNESS_WEIGHT) / degree[v], v))
        chosen.add(pick)
        remaining = [edge for edge in remaining if pick not in edge]
    return frozenset(chosen)
