"""Which columns to open: a light set of columns that has a factor of every quadratic term (a weighted vertex cover).

Exact by branch and bound, component by component, within `NODE_LIMIT` branchings; beyond that the best cover found.
Deterministic: parties that compile the same question choose the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

WITNESS_WEIGHT: Final = 1  # an evaluation, about 1k gas
COPY_WEIGHT: Final = 11  # a commitment, a form and an evaluation, about 11k gas
NODE_LIMIT: Final = 4000  # branchings for one component, about a second at worst

Vertex = int
Graph = dict[Vertex, frozenset[Vertex]]


def small_cover(edges: Sequence[tuple[Vertex, Vertex]], weights: Mapping[Vertex, int]) -> frozenset[Vertex]:
    """Return a light set of vertices that touches every edge (a loop needs its vertex).

    Args:
        edges: pairs of vertices.
        weights: cost of a vertex; WITNESS_WEIGHT where absent.
    """
    forced = frozenset(a for a, b in edges if a == b)
    graph: dict[Vertex, set[Vertex]] = {}
    for a, b in edges:
        if a not in forced and b not in forced:
            graph.setdefault(a, set()).add(b)
            graph.setdefault(b, set()).add(a)
    chosen = set(forced)
    for component in _components({vertex: frozenset(near) for vertex, near in graph.items()}):
        chosen |= _Search(component, weights).best
    return frozenset(chosen)


def _components(graph: Graph) -> list[Graph]:
    found, seen = [], set[Vertex]()
    for start in sorted(graph):
        if start in seen:
            continue
        reached, left = {start}, [start]
        while left:
            fresh = graph[left.pop()] - reached
            reached |= fresh
            left += sorted(fresh)
        seen |= reached
        found.append({vertex: graph[vertex] for vertex in sorted(reached)})
    return found


class _Search:
    """The lightest cover of one component, or the best found within the limit."""

    def __init__(self, graph: Graph, weights: Mapping[Vertex, int]) -> None:
        self._weights = {vertex: weights.get(vertex, WITNESS_WEIGHT) for vertex in graph}
        self._nodes = 0
        self.best = self._greedy(graph)
        self._limit = self._weight(self.best)
        self._branch(graph, frozenset())

    def _weight(self, vertices: frozenset[Vertex]) -> int:
        return sum(self._weights[vertex] for vertex in vertices)

    def _branch(self, graph: Graph, chosen: frozenset[Vertex]) -> None:
        self._nodes += 1
        graph, chosen = self._reduce(graph, chosen)
        if self._weight(chosen) + self._at_least(graph) >= self._limit:
            return
        if not graph:
            self.best, self._limit = chosen, self._weight(chosen)
            return
        if self._nodes >= NODE_LIMIT:
            return
        pick = max(graph, key=lambda vertex: (len(graph[vertex]), -vertex))
        self._branch(_without(graph, frozenset({pick})), chosen | {pick})
        self._branch(_without(graph, graph[pick]), chosen | graph[pick])

    def _reduce(self, graph: Graph, chosen: frozenset[Vertex]) -> tuple[Graph, frozenset[Vertex]]:
        """Take all neighbours of a vertex that is no lighter than they are together: some lightest cover does."""
        while True:
            pick = next((v for v in graph if self._weight(graph[v]) <= self._weights[v]), None)
            if pick is None:
                return graph, chosen
            chosen |= graph[pick]
            graph = _without(graph, graph[pick])

    def _at_least(self, graph: Graph) -> int:
        """What any cover costs: the lighter ends of edges that share no vertex."""
        used, total = set[Vertex](), 0
        for vertex in graph:
            if vertex not in used:
                other = next((near for near in sorted(graph[vertex]) if near not in used), None)
                if other is not None:
                    used |= {vertex, other}
                    total += min(self._weights[vertex], self._weights[other])
        return total

    def _greedy(self, graph: Graph) -> frozenset[Vertex]:
        chosen: frozenset[Vertex] = frozenset()
        while graph:
            pick = min(graph, key=lambda vertex: (self._weights[vertex] / len(graph[vertex]), vertex))
            chosen |= {pick}
            graph = _without(graph, frozenset({pick}))
        return chosen


def _without(graph: Graph, gone: frozenset[Vertex]) -> Graph:
    """The graph without some vertices and without vertices that have no edge left."""
    left = {vertex: near - gone for vertex, near in graph.items() if vertex not in gone}
    return {vertex: near for vertex, near in left.items() if near}
