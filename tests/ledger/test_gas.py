"""What publications cost, for docs/gas.md. Nothing depends on N: a power of zeta costs 200 gas at every exponent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ledger_scene import Ask, LedgerScene
from node_process import NodeProcess
from study_cases import POLICY_HASH, Table, joint_relation

from zk.builder import RelationBuilder
from zk.cost import relation_cost
from zk.proof import encode_proof
from zk.range_table import verify_table
from zk.relation import RegisteredColumn

LOG_ROWS, WIDE_LOG_ROWS = 7, 10
CODES = list(range(1, 21))
JOINT, JOINT_LOOKUP, PLAIN, GROUPED = 262_000, 300_000, 240_000, 295_000
HIDDEN, HIDDEN_LOOKUP, HIDDEN_GROUPED = 280_000, 320_000, 320_000  # guards not opened
BATCHED = 156_000  # of each of eight


def tables(rows: int) -> tuple[Table, Table]:
    """A: present, x, code of a group of 20; B: present, y. The last eight rows are absent."""
    here = [1] * (rows - 8) + [0] * 8
    x = [(7 * i * i + 3) % 50 * p for i, p in enumerate(here)]
    code = [(i % 20 + 1) * p for i, p in enumerate(here)]
    return Table(b"a" * 32, [here, x, code], 1), Table(b"b" * 32, [here, code], 1)


class Questions:
    """The questions whose prices are promised."""

    def __init__(self, scene: LedgerScene) -> None:
        self.scene = scene
        a, b = tables(1 << scene.log_rows)
        self.a, self.b = scene.register("a", a), scene.register("b", b)

    def gas(
        self, columns: Sequence[RegisteredColumn], ask: Ask, plain: bool = False, hidden: bool = False
    ) -> tuple[int, int]:
        """Gas and bytes of the proof."""
        answer = self.scene.answer(self.scene.relation(columns, ask, plain, hidden))
        receipt, cost = self.scene.publish(answer), relation_cost(answer.statement.relation)
        assert abs(cost.gas - receipt.gas_used) <= 0.02 * receipt.gas_used  # EXPLAIN says about that much
        assert len(encode_proof(answer.proof)) == cost.proof_bytes
        return receipt.gas_used, cost.proof_bytes


@pytest.fixture(scope="module")
def questions(node: NodeProcess) -> Questions:
    return Questions(LedgerScene(node.url, LOG_ROWS, "gas "))


@pytest.fixture(scope="module")
def wide_questions(node: NodeProcess) -> Questions:
    """Tables of 2^10 rows: twenty guards need as many rows as N/32."""
    return Questions(LedgerScene(node.url, WIDE_LOG_ROWS, "wide gas "))


def test_joint(questions: Questions) -> None:
    """Three columns of two owners, a copy and a product, four sealed sums, one guard; whatever the directory does."""
    scene = questions.scene
    relation = joint_relation(LOG_ROWS, [questions.a[0], questions.b[0], questions.a[1]])
    gas = scene.publish(scene.answer(relation)).gas_used
    answer = scene.answer(relation)
    other = scene.register("a", Table(b"o" * 32, tables(1 << LOG_ROWS)[0].columns[:2], 1))
    scene.registry("a").set_policy(other[0].dataset, POLICY_HASH, 5)
    after = scene.publish(answer).gas_used
    print(f"joint: {gas}, after another dataset changed: {after}, proof {len(encode_proof(answer.proof))} bytes")
    assert max(gas, after) <= JOINT
    assert abs(relation_cost(relation).gas - gas) <= 0.02 * gas


def test_joint_with_a_lookup(questions: Questions) -> None:
    """The same with one column more proved to be in the table."""
    scene = questions.scene
    scene.register_table(LOG_ROWS)
    scene.register_table(LOG_ROWS)  # a second time it is only checked
    (table,) = scene.registry("b").tables()
    verify_table(scene.srs.tau_g2, table)
    assert scene.registry("b").table_proof(LOG_ROWS, LOG_ROWS - 1) is None

    columns = [questions.a[0], questions.b[0], questions.a[1]]
    gas, size = questions.gas(columns, with_a_lookup)
    hidden, more = questions.gas(columns, with_a_lookup, hidden=True)
    print(f"joint with a lookup: {gas}, proof {size} bytes; guard hidden: {hidden}, {more} bytes")
    assert gas <= JOINT_LOOKUP and hidden <= HIDDEN_LOOKUP


def test_hidden_guard(questions: Questions) -> None:
    """The joint question with its guard proved to be large enough and not opened."""
    gas, size = questions.gas([questions.a[0], questions.b[0], questions.a[1]], joint, hidden=True)
    print(f"joint, guard hidden: {gas}, proof {size} bytes")
    assert gas <= HIDDEN


def joint(b: RelationBuilder, column: Sequence[int]) -> None:
    both = b.product(column[0], column[1])
    b.sum([(1, 0, both)])
    for left, right in ((both, column[2]), (column[0], column[2]), (both, column[0])):
        b.sum([(1, left, right)], 0)


def with_a_lookup(b: RelationBuilder, column: Sequence[int]) -> None:
    b.lookup({column[2]: 1})
    joint(b, column)


def single(b: RelationBuilder, column: Sequence[int]) -> None:
    b.sum([(1, 0, column[0])])
    b.sum([(1, 0, column[1])], 0)
    b.sum([(1, 0, column[2])], 0)
    b.sum([(1, column[0], column[1])], 0)


def test_single_contributor(questions: Questions) -> None:
    """Three columns of one owner, one copy, four sums in the clear."""
    # zero bytes of a random proof are cheaper than others: the price is that of the cheapest of five
    gas, size = min(questions.gas(questions.a, single, plain=True) for _ in range(5))
    print(f"single contributor, plain: {gas}, proof {size} bytes")
    assert gas <= PLAIN and size <= 512


def test_groups(questions: Questions, wide_questions: Questions) -> None:
    """Twenty groups, count and sum: forty cells, twenty guards opened, or hidden."""

    def ask(b: RelationBuilder, column: Sequence[int]) -> None:
        k = b.group({column[2]: 1}, CODES)
        b.sum([(1, k, column[0])])
        b.sum([(1, k, column[1])], 0)

    gas, size = questions.gas(questions.a, ask)
    print(f"twenty groups: {gas}, proof {size} bytes")
    assert gas <= GROUPED
    gas, size = wide_questions.gas(wide_questions.a, ask, hidden=True)
    print(f"twenty groups, guards hidden: {gas}, proof {size} bytes")
    assert gas <= HIDDEN_GROUPED


def test_batches(questions: Questions) -> None:
    scene = questions.scene
    relation = joint_relation(LOG_ROWS, [questions.a[0], questions.b[0], questions.a[1]])
    each = {}
    for count in (1, 2, 4, 8):
        answers = [scene.answer(relation) for _ in range(count)]
        receipt = scene.studies("b").publish_batch([(answer.statement, answer.proof) for answer in answers])
        each[count] = receipt.gas_used // count
        for answer in answers:
            statement, proof = scene.studies("agency").published_proof(answer.query)
            assert (statement, proof) == (answer.statement, answer.proof)
    print(f"each publication of a batch: {each}")
    assert each[8] <= BATCHED
