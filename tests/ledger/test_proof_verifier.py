"""The universal verifier against the product's prover: lookups, groups, plain sums, range tables, and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from contract_machine import Reverted, account
from verifier_scene import Question, VerifierScene

from ledger.tables import table_arguments
from zk.builder import RelationBuilder
from zk.range_table import prove_table, table_commitment
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.statement import RELEASE_BITS
from zk.transcript import FR_MODULUS
from zk.verifier import verify_guards, verify_proof

LOG_ROWS, WIDE_LOG_ROWS = 6, 8
ROWS = 1 << LOG_ROWS
PRESENT = [1] * 60 + [0] * 4
X = [(7 * i * i + 3) % 40 * p for i, p in enumerate(PRESENT)]
CODE = [(1 + i % 3) * p for i, p in enumerate(PRESENT)]
Ask = Callable[[RelationBuilder, Sequence[int]], None]


@pytest.fixture(scope="module")
def ready() -> VerifierScene:
    scene = VerifierScene(LOG_ROWS)
    scene.register_table(LOG_ROWS, LOG_ROWS)
    return scene


@pytest.fixture
def scene(ready: VerifierScene) -> Iterator[VerifierScene]:
    checkpoint = ready.machine.evm.snapshot()
    yield ready
    ready.machine.evm.revert(checkpoint)


def lookups(b: RelationBuilder, column: Sequence[int]) -> None:
    large = b.product(b.not_negative({column[1]: 1, 0: -20}, 6), column[0])
    b.sum([(1, 0, large)])
    b.sum([(3, large, column[1]), (-2, 0, column[2])], 0)


def grouped(b: RelationBuilder, column: Sequence[int]) -> None:
    inverse = b.group({column[2]: 1}, [1, 2, 3])
    b.sum([(1, inverse, column[0])])
    b.sum([(1, inverse, column[1])], 0)


def grouped_twice(b: RelationBuilder, column: Sequence[int]) -> None:
    inverse = b.product(b.group({column[2]: 1}, [1, 2, 3]), b.group({column[0]: 2}, [2, 7]))
    b.sum([(1, inverse, column[0])])
    b.sum([(1, inverse, column[1])], 0)


def everything(b: RelationBuilder, column: Sequence[int]) -> None:
    inverse = b.group({column[2]: 1}, [1, 2, 3, 9, 300])
    large = b.product(b.not_negative({column[1]: 1, 0: -20}, 6), column[0])
    b.in_range({column[1]: 1}, 45)
    b.sum([(1, inverse, column[0])])
    b.sum([(1, 0, b.product(inverse, large))], 0)


QUESTIONS: dict[str, Ask] = {
    "lookups": lookups, "grouped": grouped, "grouped twice": grouped_twice, "everything": everything,
}


def relation_of(ask: Ask, plain: bool = False, hidden: bool = False, log_rows: int = LOG_ROWS) -> Relation:
    builder = RelationBuilder(log_rows, LOG_ROWS)
    kinds = (ColumnKind.BOOLEAN, ColumnKind.INTEGER, ColumnKind.INTEGER)
    ask(builder, [builder.registered(RegisteredColumn(1, 1, j, kind)) for j, kind in enumerate(kinds)])
    return builder.build(plain=plain, hidden_guards=hidden)


def question(scene: VerifierScene, ask: Ask, plain: bool = False, release: int | None = None) -> Question:
    relation = relation_of(ask, plain)
    every = (1 << relation.sum_rows) - 1
    if release is None:
        release = 0 if plain else every | every << RELEASE_BITS
    return scene.question(relation, {1: PRESENT, 2: X, 3: CODE}, release)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", QUESTIONS)
def test_contract_and_verifier_agree(scene: VerifierScene, name: str, plain: bool) -> None:
    for release in (None,) if plain else (None, 1, 0b11):
        asked = question(scene, QUESTIONS[name], plain, release)
        verify_proof(scene.srs.tau_g2, asked.statement, asked.proof)
        assert scene.ask(scene.arguments(asked, minimum=0))


def filled(values: Sequence[int], log_rows: int) -> list[int]:
    return [*values, *[0] * ((1 << log_rows) - len(values))]


@pytest.fixture(scope="module")
def wide() -> VerifierScene:
    """Rows enough for six hidden guards."""
    return VerifierScene(WIDE_LOG_ROWS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_contract_and_verifier_agree_on_hidden_guards(wide: VerifierScene, name: str) -> None:
    relation = relation_of(QUESTIONS[name], hidden=True, log_rows=WIDE_LOG_ROWS)
    columns = {i: filled(values, WIDE_LOG_ROWS) for i, values in ((1, PRESENT), (2, X), (3, CODE))}
    sums = wide.question(relation, columns, 1, minimum=1).sums
    safe = sum(1 << row for row in range(relation.sum_rows) if sums[relation.guard_row(row)] >= 7)
    assert bool(safe) and (safe == (1 << relation.sum_rows) - 1) == (name in ("lookups", "grouped"))
    for release in (safe, safe | safe << RELEASE_BITS, safe & -safe, (1 << relation.sum_rows) - 1):
        asked = wide.question(relation, columns, release, minimum=7)
        agreed = wide.ask(wide.arguments(asked, minimum=7))
        assert agreed == (release & safe == release & (1 << RELEASE_BITS) - 1)
        if agreed:
            verify_proof(wide.srs.tau_g2, asked.statement, asked.proof)
            verify_guards(asked.statement, asked.proof, 7)
        for minimum in (6, 8, 0, 1 << WIDE_LOG_ROWS):
            with pytest.raises(Reverted, match=r"hint|guard value"):
                wide.ask(wide.arguments(asked, minimum=minimum))


def test_every_word_of_a_proof_with_hidden_guards_counts(wide: VerifierScene) -> None:
    relation = relation_of(everything, hidden=True, log_rows=WIDE_LOG_ROWS)
    columns = {i: filled(values, WIDE_LOG_ROWS) for i, values in ((1, PRESENT), (2, X), (3, CODE))}
    arguments = wide.arguments(wide.question(relation, columns, 0b00111 | 0b00001 << RELEASE_BITS))
    assert wide.ask(arguments)
    proof = arguments[4]
    for at in range(0, len(proof), 32):
        word = (int.from_bytes(proof[at : at + 32], "big") + 1) % FR_MODULUS
        changed = [*arguments[:4], proof[:at] + word.to_bytes(32, "big") + proof[at + 32 :], arguments[5]]
        with pytest.raises(Reverted):
            wide.ask(changed)


def test_hidden_guards_of_two_halves() -> None:
    """From 2^16 rows on a guard has more than sixteen bits."""
    scene = VerifierScene(16)
    relation = relation_of(grouped, hidden=True, log_rows=16)
    rows = 1 << 16
    present = [1] * (rows - 100) + [0] * 100
    columns = {1: present, 2: present, 3: [(1 + (i >= 10) + (i >= 30)) * p for i, p in enumerate(present)]}
    asked = scene.question(relation, columns, 0b111111, minimum=10)
    assert asked.sums[:3] == [10, 20, rows - 130]
    assert scene.ask(scene.arguments(asked, minimum=10))
    verify_proof(scene.srs.tau_g2, asked.statement, asked.proof)


@pytest.mark.parametrize("plain", [False, True])
def test_every_word_of_a_proof_counts(scene: VerifierScene, plain: bool) -> None:
    """Sums, commitments of both rounds, values, rows: nothing can be changed."""
    arguments = scene.arguments(question(scene, everything, plain), minimum=0)
    proof = arguments[4]
    for at in range(0, len(proof), 32):
        word = (int.from_bytes(proof[at : at + 32], "big") + 1) % FR_MODULUS
        changed = [*arguments[:4], proof[:at] + word.to_bytes(32, "big") + proof[at + 32 :], arguments[5]]
        with pytest.raises(Reverted):
            scene.ask(changed)


@pytest.mark.parametrize("name", ["grouped", "grouped twice"])
def test_guards_of_cells(scene: VerifierScene, name: str) -> None:
    """Every released cell's own guard is compared, and the guards of plain sums are, too."""
    smallest = {"grouped": 20, "grouped twice": 0}[name]
    asked = question(scene, QUESTIONS[name], release=0b111111)
    assert scene.ask(scene.arguments(asked, minimum=smallest))
    plain = question(scene, QUESTIONS[name], plain=True)
    assert scene.ask(scene.arguments(plain, minimum=smallest))
    for other in (asked, plain):
        with pytest.raises(Reverted, match="guard value"):
            scene.ask(scene.arguments(other, minimum=21))


def test_another_range_table_is_another_question(scene: VerifierScene) -> None:
    """The transcript begins with [T]: with another one every challenge is another, and the hint fits none of them."""
    arguments = scene.arguments(question(scene, lookups))
    assert scene.ask(arguments)
    other = table_commitment(scene.srs, LOG_ROWS, 2)
    points = b"".join(c.to_bytes(32, "big") for c in other)
    changed = [*arguments[:4], arguments[4][:-64] + points, arguments[5]]
    with pytest.raises(Reverted, match="hint"):
        scene.ask(changed)


def test_tables_are_registered_once(scene: VerifierScene) -> None:
    proof = prove_table(scene.srs, LOG_ROWS, 3)
    assert scene.registry.send("table", LOG_ROWS, 3, sender=account(1)) == (0, 0)
    scene.registry.send("registerTable", *table_arguments(proof), sender=account(9))
    assert scene.registry.send("table", LOG_ROWS, 3, sender=account(1)) == proof.commitment
    for _ in range(2):
        with pytest.raises(Reverted, match="registered before"):
            scene.registry.send("registerTable", *table_arguments(proof), sender=account(8))
    scene.registry.send("registerTable", *table_arguments(proof), sender=account(1))  # who deployed may put it right


def test_false_tables(scene: VerifierScene) -> None:
    """Of another size, with a false value, quotient, commitment or inverse, or off the curve (M9)."""
    good = prove_table(scene.srs, LOG_ROWS, 3)
    other = prove_table(scene.srs, LOG_ROWS, 4)
    forged = [
        (replace(good, bits=4), "pairing"), (replace(other, bits=3), "pairing"),
        (replace(good, value=(good.value + 1) % FR_MODULUS), "pairing"),
        (replace(good, quotients=other.quotients), "pairing"),
        (replace(good, quotients=(good.quotients[1], good.quotients[0], *good.quotients[2:])), "pairing"),
        (replace(good, commitment=other.commitment), "pairing"),
        (replace(good, commitment=(1, 3)), "point"), (replace(good, commitment=(0, 0)), "point"),
        (replace(good, quotients=((0, 0), *good.quotients[1:])), "point"),
        (replace(good, value=good.value + FR_MODULUS), "scalar"),
    ]
    for proof, reason in forged:
        with pytest.raises(Reverted, match=reason):
            scene.registry.send("registerTable", *table_arguments(proof), sender=account(9))
    sizes = [(3, 3), (25, 3), (LOG_ROWS, 0), (LOG_ROWS, 7), (20, 17), (2**200, 3)]
    honest = table_arguments(good)
    for log_rows, bits in sizes:
        with pytest.raises(Reverted, match="range table"):
            scene.registry.send("registerTable", log_rows, bits, *honest[2:], sender=account(9))
    for inverse in (0, honest[5] + FR_MODULUS, honest[5] + 1):
        with pytest.raises(Reverted, match="hint"):
            scene.registry.send("registerTable", *honest[:5], inverse, sender=account(9))


def test_pages_belong_to_who_opened_them(scene: VerifierScene) -> None:
    number = scene.contract.send("openPage", sender=account(9))
    scene.contract.send("setLane", number, 15, 65535, sender=account(9))
    assert scene.contract.send("page", number, sender=account(1)) == 65535 << 240
    for arguments, sender, reason in (
        ((number, 0, 1), account(8), "owner"), ((number + 1, 0, 1), account(9), "owner"),
        ((number, 16, 1), account(9), "lane"), ((number, 0, 65536), account(9), "lane"),
    ):
        with pytest.raises(Reverted, match=reason):
            scene.contract.send("setLane", *arguments, sender=sender)
