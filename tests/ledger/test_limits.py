"""What is too large for the contracts is known before it is proposed: the same verdict on both sides of each limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from contract_machine import Reverted
from contract_scene import Scene

from zk.builder import RelationBuilder
from zk.errors import RelationTooLargeError
from zk.forms import ONE
from zk.limits import MAX_PROOF_WORDS, MAX_STATEMENT_WORDS, proof_words, require_publishable, statement_words
from zk.relation import ColumnKind, RegisteredColumn, Relation

LOG_ROWS = 8
SIZES = {"statement size", "proof size"}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=8)


def columns(builder: RelationBuilder, count: int) -> list[int]:
    kinds = [ColumnKind.BOOLEAN] + [ColumnKind.INTEGER] * (count - 1)
    return [builder.registered(RegisteredColumn(1, 1, place, kind)) for place, kind in enumerate(kinds)]


def many_words(coefficients: int, plain: bool = False) -> Relation:
    """Ever more distinct coefficients; the program has thirty columns."""
    builder = RelationBuilder(LOG_ROWS)
    mask, *values = columns(builder, 30)
    guard = builder.sum([(1, ONE, mask)])
    builder.sum([(1, mask, value) for value in values], guard)
    left = coefficients
    while left:
        count = min(left, len(values))
        builder.sum([(2 + left - k, ONE, value) for k, value in enumerate(values[:count])], guard)
        left -= count
    return builder.build(plain)


def many_columns(pairs: int, plain: bool = False) -> Relation:
    """Ever more products, of 64 cells each of two sums."""
    builder = RelationBuilder(LOG_ROWS)
    mask, first, second, *values = columns(builder, 4 + pairs)
    one, two = builder.group({first: 1}, range(1, 9)), builder.group({second: 1}, range(1, 9))
    counted = builder.product(mask, one)
    guard = builder.sum([(1, counted, two)])
    builder.sum([(1, counted, two)], guard)
    for k in range(pairs):
        builder.vanish([(1, builder.product(values[k], values[k]), ONE), (-1, values[k + 1], ONE)])
    return builder.build(plain)


def verdict(scene: Scene, relation: Relation) -> str:
    with pytest.raises(Reverted) as caught:
        scene.propose(relation)
    return caught.value.reason


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("family", "reason", "measure", "limit"),
    [(many_words, "statement size", statement_words, MAX_STATEMENT_WORDS),
     (many_columns, "proof size", proof_words, MAX_PROOF_WORDS)],
)
def test_the_limit_is_the_contracts(
    scene: Scene, family: Callable[..., Relation], reason: str, measure: Callable[[Relation], int], limit: int,
    plain: bool,
) -> None:
    size = next(n for n in range(1, 200) if measure(family(n, plain)) > limit)
    fits, large = family(size - 1, plain), family(size, plain)
    require_publishable(fits)
    assert verdict(scene, fits) not in SIZES, "the contract looks for the columns, which nobody registered"
    with pytest.raises(RelationTooLargeError) as caught:
        require_publishable(large)
    assert (caught.value.needed, caught.value.allowed) == (measure(large), limit)
    assert verdict(scene, large) == reason
