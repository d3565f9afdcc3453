"""Relations no compiler would write, proposed and approved as if every owner were asleep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import Reverted
from contract_scene import HALT_GAS, ApprovedQuery, refused
from tiny_prover import Lie, Message


@pytest.fixture(scope="module")
def ready() -> ApprovedQuery:
    return ApprovedQuery(seed=11)


@pytest.fixture
def scene(ready: ApprovedQuery) -> Iterator[ApprovedQuery]:
    with ready.trial():
        yield ready




def header(words: list[int], field: int, change: Callable[[int], int]) -> list[int]:
    old = words[0] >> 16 * field & 0xFFFF
    return [words[0] + ((change(old) - old) << 16 * field), *words[1:]]


@pytest.mark.parametrize(("field", "value", "reason"), [
    (0, 0, "relation version"), (0, 1, "relation version"), (0, 3, "relation version"),
    (14, 1, "relation version"), (14, 3, "relation version"), (14, 3 << 8 | 2, "relation version"),
    (14, 4 << 8 | 2, "relation version"), (14, 2 << 8 | 2, "hidden guards"),
    (4, 65, "relation limits"), (4, 4, "relation limits"), (12, 129, "relation limits"),
    (12, 1 << 8, "relation limits"),
    (12, 129 << 8 | 1, "relation limits"), (12, 1, "relation limits"), (13, 1, "relation limits"),
    (11, 1, "range table"), (15, 65535, "statement size"), (15, 1, "relation length"),
    (1, 2, "relation limits"), (1, 25, "relation limits"), (1, 256, "relation limits"), (2, 0, "relation limits"),
    (2, 33, "relation limits"), (3, 49, "relation limits"), (3, 1, "relation limits"), (5, 65, "relation limits"),
    (6, 0, "relation limits"), (6, 9, "relation limits"), (6, 65, "relation limits"),
    (7, 129, "relation limits"), (8, 300, "relation limits"), (9, 65535, "statement size"),
    (10, 65535, "statement size"),
    (2, 4, "relation length"), (8, 1, "relation length"), (9, 1, "relation length"), (10, 5, "relation length"),
])
def test_crafted_header(scene: ApprovedQuery, field: int, value: int, reason: str) -> None:
    with pytest.raises(Reverted) as caught:
        scene.propose(header(scene.words(), field, lambda _: value), nonce=6)
    assert caught.value.reason == reason


def test_another_compilers_relation(scene: ApprovedQuery) -> None:
    words = header(scene.words(), 14, lambda _: 77)
    with pytest.raises(Reverted, match="relation version"):
        scene.propose(words, nonce=6)


def crafted_programs(words: list[int]) -> dict[str, list[int]]:
    """Programs with the right number of words that do not mean what a relation can mean."""
    program = words[0] >> 160 & 0xFFFF
    at = len(words) - program
    missing = header(words[:-1], 10, lambda n: n - 1)
    doubled = header([*words, words[-1]], 10, lambda n: n + 1)
    return {
        "missing slot": missing,
        "slot too many": doubled,
        "last slot never ends": [*words[:-1], words[-1] | 0x80],
        "slots run together": [*words[:at], words[at] | 0x80, *words[at + 1 :]],
        "sixteen pairs": [*words[:-1], words[-1] & ~0x7F | 16],
        "127 pairs": [*words[:-1], words[-1] | 0x7F],
        "product of nothing": header([*words[:at], 1 | 0xFFFF << 16, *words[at:]], 9, lambda n: n + 1),
        "sixteen products": header([*words[:at], 16, *words[at:]], 9, lambda n: n + 1),
        "table overflow": header([*words[:at], *[15] * 20, *words[at:]], 9, lambda n: n + 20),
        "unset scalars": [*words[:-1], 1 | 0xFEFD << 16],
        "guard that is no sum": [*words[:2], words[2] | 0xFF, *words[3:]],
        "no batching weight": [*words[:-1], words[-1] - 1],
    }


@pytest.mark.parametrize("name", [
    "missing slot", "slot too many", "last slot never ends", "slots run together", "sixteen pairs", "127 pairs",
    "product of nothing", "sixteen products", "table overflow", "unset scalars", "guard that is no sum",
    "no batching weight",
])
def test_crafted_program(scene: ApprovedQuery, name: str) -> None:
    words = crafted_programs(scene.words())[name]
    query, statement = scene.ask(words, nonce=6)
    with pytest.raises(Reverted) as caught:
        scene.publish(query, statement, scene.rehint(scene.message, query, statement))
    assert caught.value.gas < HALT_GAS
    assert scene.state(query) == 2


def crafted_proof(scene: ApprovedQuery, words: list[int], **changes: Any) -> tuple[bytes, bytes, Message]:
    """A proof that satisfies every equation the crafted words still ask for."""
    query, statement = scene.ask(words, nonce=6)
    proof = scene.prove(scene.relation, query, statement=statement, **changes)
    return query, statement, scene.message_for(proof, query, statement)


def test_witness_without_a_slot(scene: ApprovedQuery) -> None:
    """A committed column that the equation skips could be anything."""
    words = scene.words()
    assert words[0] >> 144 & 0xFFFF == 0  # no products, so one more zero-form moves no index of the table
    crafted = header(header(words, 7, lambda n: n + 1), 3, lambda n: n + 1)
    point = scene.srs.commit([3])
    query, statement, message = crafted_proof(scene, crafted, lie=Lie(more_witnesses=[point]))
    refused(scene, message, "program", query=query, statement=statement)


@pytest.mark.parametrize("last", [0, 0x80])
def test_slot_without_a_column(scene: ApprovedQuery, last: int) -> None:
    words = header([*scene.words(), last], 10, lambda n: n + 1)
    query, statement, message = crafted_proof(scene, words)
    refused(scene, message, "program", query=query, statement=statement)


def test_released_sum_without_a_guard(scene: ApprovedQuery) -> None:
    """A guard that is no sum would open no row, and the sum would be released unguarded."""
    words = scene.words()
    words[2] |= 0xFF << 8
    query, statement, message = crafted_proof(scene, words, release=0b0010, lie=Lie(release_only=[]))
    refused(scene, message, "guard", query=query, statement=statement)


def test_largest_program_has_bounded_gas(scene: ApprovedQuery) -> None:
    """As many words and pairs as fit: an approved monster costs a few blocks' dust, not a block."""
    words = scene.words()
    room = 256 - 2 * len(scene.relation.registered) - len(words)
    at = len(words) - (words[0] >> 160 & 0xFFFF)
    full = 15 | 0x80 | sum(0x0101 << 16 * k for k in range(1, 16))
    query, statement = scene.ask(header([*words[:at], *[full] * room, *words[at:]], 10, lambda n: n + room), nonce=6)
    with pytest.raises(Reverted, match="pairing") as caught:
        scene.publish(query, statement, scene.rehint(scene.message, query, statement))
    assert caught.value.gas < 1_500_000


def test_columns_the_directory_does_not_have(scene: ApprovedQuery) -> None:
    words = scene.words()
    for column, reason in (
        (words[3] ^ 1 << 32, "unknown column"),  # the other kind
        (words[3] | 5, "unknown column"),
        (words[3] ^ 3 << 64, "dataset version"),
        (words[3] ^ 1 << 100, "dataset not active"),
        (words[3] | 1 << 230, "dataset not active"),
    ):
        with pytest.raises(Reverted, match=reason):
            scene.propose([*words[:3], column, *words[4:]], nonce=6)
