"""M1, M8 and lookups in the contract: codes, cells, range tables, and provers who lie about what is behind them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import Reverted, account
from contract_scene import HALT_GAS, OWNER_A, OWNER_B, STRANGER, Scene
from study_cases import Table
from tiny_prover import (
    HONEST,
    Header,
    Lie,
    Message,
    columns_of,
    message_of,
    points_bytes,
    prove,
    rehint,
    statement_bytes,
    table_proof,
)

from ledger.tables import table_arguments
from zk.builder import RelationBuilder
from zk.encoding import encode_relation
from zk.relation import Relation

LOG_ROWS = 4
ROWS = 16
BITS = 4
PRESENT = [1] * 14 + [0] * 2
X = [(5 * i + 2) % 16 * p for i, p in enumerate(PRESENT)]
CODE = [(1 + i % 2) * p for i, p in enumerate(PRESENT)]
Ask = Callable[[RelationBuilder, Sequence[int]], None]


class Asked(Scene):
    """Two owners' tables, with x and a code each, and the range table of four bits."""

    def __init__(self) -> None:
        super().__init__(seed=5, log_rows=LOG_ROWS)
        data = Table(b"a" * 32, [PRESENT, X, CODE], 1)
        self.a = self.register(OWNER_A, data)
        self.b = self.register(OWNER_B, replace(data, name_hash=b"b" * 32))
        self.table = table_proof(self.srs, BITS)
        self.nonce = 0

    def register_table(self) -> None:
        self.registry.send("registerTable", *table_arguments(self.table), sender=STRANGER)

    def relation(self, ask: Ask, plain: bool = False, owners: int = 1) -> Relation:
        builder = RelationBuilder(LOG_ROWS, BITS)
        columns = [*self.a.columns, *self.b.columns][: 3 * owners]
        ask(builder, [builder.registered(column) for column in columns])
        return builder.build(plain=plain)

    def ask(self, words: Relation | Sequence[int]) -> tuple[bytes, bytes]:
        """Propose and approve; return query id and statement."""
        self.nonce += 1
        query = self.propose(words, self.nonce)
        owners = {column >> 96 for column in Header(statement_bytes(words, [])).columns}
        self.approve(query, words, [data for data in (self.a, self.b) if data.dataset in owners])
        committed = [*self.a.committed, *self.b.committed][: 3 * len(owners)]
        return query, statement_bytes(words, [column.point for column in committed])

    def message(
        self, relation: Relation, query: bytes, statement: bytes, lie: Lie = HONEST, release: int | None = None
    ) -> Message:
        count = 3 * len({column.dataset for column in relation.registered})
        committed = [*self.a.committed, *self.b.committed][:count]
        if release is None:
            release = (1 << relation.sum_rows) - 1
        proof = prove(self.srs, relation, committed, self.studies_domain, query, release, lie=lie, statement=statement)
        table = points_bytes(self.table.commitment) if relation.lookups else b""
        return message_of(proof, self.studies_domain, query, statement, table)

    def send(self, query: bytes, statement: bytes, message: Message) -> None:
        head = Header(statement)
        shown = 32 * head.field(6) * head.cells if head.plain else 0
        arguments = (query, self.terms[query], *message.abi(shown), statement)
        self.studies.send("publish", *arguments, sender=STRANGER)


@pytest.fixture(scope="module")
def ready() -> Asked:
    return Asked()


@pytest.fixture
def scene(ready: Asked) -> Iterator[Asked]:
    nonce = ready.nonce
    with ready.trial():
        yield ready
    ready.nonce = nonce


def grouped(b: RelationBuilder, column: Sequence[int]) -> None:
    inverse = b.group({column[2]: 1}, [1, 2])
    b.sum([(1, inverse, column[0])])
    b.sum([(1, inverse, column[1])], 0)


def looked_up(b: RelationBuilder, column: Sequence[int]) -> None:
    b.lookup({column[1]: 1})
    b.sum([(1, 0, column[0])])
    b.sum([(1, 0, column[1]), (2, 0, column[2])], 0)


def joint(b: RelationBuilder, column: Sequence[int]) -> None:
    b.sum([(1, column[0], column[3])])
    b.sum([(1, 0, column[i]) for i in (1, 2, 4, 5)], 0)


def counted(b: RelationBuilder, column: Sequence[int]) -> None:
    b.sum([(1, 0, column[0])])
    b.sum([(1, 0, column[1]), (1, 0, column[2])], 0)


def refused(scene: Asked, relation: Relation, lie: Lie, reason: str) -> None:
    query, statement = scene.ask(relation)
    with pytest.raises(Reverted, match=reason) as caught:
        scene.send(query, statement, scene.message(relation, query, statement, lie))
    assert caught.value.gas < HALT_GAS
    assert scene.state(query) == 2


def test_m8_codes_of_groups(scene: Asked) -> None:
    """Zero, twice the same, descending, and the second word's order: refused when proposed."""
    relation = scene.relation(grouped)
    words = encode_relation(relation)
    at = 3 + len(relation.registered)  # header, opened, guards, columns
    for codes in ((0, 2), (2, 2), (2, 1), (1, 0), (0, 0)):
        with pytest.raises(Reverted, match="code"):
            scene.propose([*words[:at], codes[0] | codes[1] << 16, *words[at + 1 :]])
    many = [*words[:at], sum(k + 1 << 16 * k for k in range(16)), *words[at:]]
    many[0] += 2 << 192
    with pytest.raises(Reverted, match=r"code|relation"):
        scene.propose(many)


def test_m8_cells_are_what_the_rows_say(scene: Asked) -> None:
    """A person moved to another cell, rows in no group added to one, a false inverse of a group's code."""
    relation = scene.relation(grouped)
    query, statement = scene.ask(relation)
    scene.send(query, statement, scene.message(relation, query, statement))
    rows = columns_of(relation, scene.a.committed)
    false = [0] * ROWS
    for lie in (Lie(sums={0: 8, 1: 6}), Lie(sums={2: 1}), Lie(columns={relation.group_index(0): false})):
        refused(scene, relation, lie, "pairing")
    assert rows[3] == [c % (2**254) for c in CODE]


def test_m8_no_inverse_of_zero(scene: Asked) -> None:
    """β = −code would leave the hint without an inverse; what the EVM calls the inverse of 0 is refused."""
    relation = scene.relation(grouped)
    query, statement = scene.ask(relation)
    message = scene.message(relation, query, statement)
    for hint in (0, message.hint + 1):
        with pytest.raises(Reverted, match="hint"):
            scene.send(query, statement, replace(message, hint=hint))


def test_sums_sealed_after_beta(scene: Asked) -> None:
    """What stands in s is chosen before β: a prover who hashes another [m] than he sends has proved nothing."""
    scene.register_table()
    relation = scene.relation(looked_up)
    refused(scene, relation, Lie(late={relation.multiplicity_index: scene.srs.commit([7])}), "pairing")


def test_lies_about_lookups(scene: Asked) -> None:
    """A false inverse in one row, a false count, a false side of the table."""
    scene.register_table()
    relation = scene.relation(looked_up)
    query, statement = scene.ask(relation)
    scene.send(query, statement, scene.message(relation, query, statement))
    rows = columns_of(relation, scene.a.committed)
    counts = list(rows[relation.multiplicity_index])
    counts[0] += 1
    for column, values in (
        (relation.lookup_index(0), [1] * ROWS), (relation.multiplicity_index, counts),
        (relation.table_side_index, [0] * ROWS),
    ):
        refused(scene, relation, Lie(columns={column: values}), "pairing")


def test_value_outside_the_table(scene: Asked) -> None:
    """No count makes up for a value that the table does not hold."""
    scene.register_table()

    def ask(b: RelationBuilder, column: Sequence[int]) -> None:
        b.lookup({column[1]: 2})
        looked_up(b, column)

    relation = scene.relation(ask)
    for lie in (Lie(columns={relation.multiplicity_index: [2] * ROWS}), Lie()):
        refused(scene, relation, lie, "pairing")


def test_range_table_of_the_ledger_or_none(scene: Asked) -> None:
    relation = scene.relation(looked_up)
    with pytest.raises(Reverted, match="no range table"):
        scene.propose(relation)
    scene.register_table()
    query, statement = scene.ask(relation)
    message = scene.message(relation, query, statement)
    for point, reason in ((scene.srs.commit([3]), "statement"), ((1, 3), "point"), ((0, 0), "point")):
        changed = replace(message, table=points_bytes(point))
        changed = rehint(changed, scene.studies_domain, query, statement)
        with pytest.raises(Reverted, match=reason):
            scene.send(query, statement, changed)
    with pytest.raises(Reverted):
        scene.send(query, statement, replace(message, table=b""))
    scene.send(query, statement, message)


def test_m1_plain_sums_of_several_owners(scene: Asked) -> None:
    with pytest.raises(Reverted, match="plain sums of several owners"):
        scene.propose(scene.relation(joint, plain=True, owners=2))
    scene.propose(scene.relation(joint, owners=2))


def test_m1_plain_sums_of_one_owner(scene: Asked) -> None:
    relation = scene.relation(counted, plain=True)
    query, statement = scene.ask(relation)
    message = scene.message(relation, query, statement)
    for word in (0, 1):
        value = int.from_bytes(message.opening[32 * word : 32 * word + 32], "big") - 1
        changed = message.opening[: 32 * word] + value.to_bytes(32, "big") + message.opening[32 * word + 32 :]
        false = rehint(replace(message, opening=changed), scene.studies_domain, query, statement)
        with pytest.raises(Reverted, match="pairing"):
            scene.send(query, statement, false)
    few = replace(message, opening=(2).to_bytes(32, "big") + message.opening[32:])
    with pytest.raises(Reverted, match="guard value"):
        scene.send(query, statement, few)
    refused(scene, relation, Lie(sums={1: 5}), "pairing")
    scene.send(query, statement, message)


def test_plain_hidden_or_grouped_registration(scene: Asked) -> None:
    data = Table(b"c" * 32, [PRESENT, X], 1)
    made = scene.registration(OWNER_A, data)
    for bits in (1 << 232, 1 << 233, 1 << 192):
        head = (int.from_bytes(made.statement[:32], "big") ^ bits).to_bytes(32, "big")
        changed = replace(made, statement=head + made.statement[32:])
        with pytest.raises(Reverted, match=r"plain, hidden or grouped registration|relation|hidden guards"):
            scene.registry.send("register", *changed.values(), sender=OWNER_A)


def header(words: Sequence[int], **changes: int) -> list[int]:
    fields = {"witnesses": 3, "round2": 4, "zeros": 7, "bits": 11, "codes": 12, "lookups": 13, "hints": 15}
    return [words[0] + sum(change << 16 * fields[name] for name, change in changes.items()), *words[1:]]


@pytest.mark.parametrize("changes", [
    {"witnesses": 1, "round2": -1}, {"lookups": 1}, {"lookups": -1}, {"round2": 1}, {"round2": -1}, {"bits": 1},
    {"bits": -4}, {"codes": 1}, {"codes": 1, "round2": 1}, {"hints": 1}, {"zeros": -1},
])
def test_shapes_that_do_not_fit(scene: Asked, changes: dict[str, int]) -> None:
    """Columns moved from one round to the other, counts without columns, hints without words: not published."""
    scene.register_table()
    relation = scene.relation(looked_up)
    words = header(encode_relation(relation), **changes)

    def attempt() -> None:
        query, statement = scene.ask(words)
        scene.send(query, statement, scene.message(relation, query, statement))

    with pytest.raises(Reverted) as caught:
        attempt()
    assert caught.value.gas < HALT_GAS


def test_hints_prove_nothing_and_are_bound(scene: Asked) -> None:
    """A relation whose hint words are other ones is another relation with another hash."""
    scene.register_table()

    def ask(b: RelationBuilder, column: Sequence[int]) -> None:
        large = b.product(b.not_negative({column[1]: 1, 0: -8}, 4), column[0])
        b.sum([(1, 0, column[0])])
        b.sum([(1, 0, large), (1, 0, column[2])], 0)

    relation = scene.relation(ask)
    words = encode_relation(relation)
    assert words[0] >> 240 == 1
    at = 3 + len(relation.registered)
    query, statement = scene.ask([*words[:at], words[at] ^ 1 << 24, *words[at + 1 :]])
    honest, asked = scene.ask(relation)
    with pytest.raises(Reverted, match="statement"):
        scene.send(query, asked, scene.message(relation, query, asked))
    scene.send(query, statement, scene.message(relation, query, statement))  # the same, under another hash
    scene.send(honest, asked, scene.message(relation, honest, asked))


def test_table_of_other_rows(scene: Asked) -> None:
    """Whoever is first cannot choose: other rows have no proof (M9)."""
    for rows in ([i % 8 for i in range(ROWS)], [15 - i for i in range(ROWS)], [1] * ROWS, [*range(15), 14]):
        forged = table_proof(scene.srs, BITS, rows=rows)
        with pytest.raises(Reverted, match=r"pairing|point"):  # a constant's quotients are the point at infinity
            scene.registry.send("registerTable", *table_arguments(forged), sender=account(99))
    scene.register_table()
