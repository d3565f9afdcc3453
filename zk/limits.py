"""How large a statement and a proof the contracts take, known before anything is proposed. Public.

Counts of columns, sums, cells and forms are limits of the language (`zk.relation`), words of a relation and entries
of the verifier's table those of its encoding (`zk.encoding`): the contracts have the same (`RelationShape.vy`). Here
are the two that are the contracts' alone.
"""

from __future__ import annotations

from typing import Final

from zk.encoding import MAX_WORDS, encode_relation
from zk.forms import require_at_most
from zk.relation import Relation

MAX_STATEMENT_WORDS: Final = MAX_WORDS
"""Words of a relation and coordinates of the commitments of its registered columns."""

MAX_PROOF_WORDS: Final = 224
"""Words of a proof that opens every row, with [T] and without [V]."""


def statement_words(relation: Relation) -> int:
    """Words of a relation with its commitments.

    Raises:
        RelationTooLargeError: the relation does not fit its encoding.
    """
    return len(encode_relation(relation)) + 2 * len(relation.registered)


def proof_words(relation: Relation) -> int:
    """Words the contracts reserve for a proof of a relation: every row of s opened, [T] counted, [V] not."""
    sealed = 0 if relation.plain else 1
    points = relation.round1_count + sealed + relation.round2_count + 3 + relation.multiplicities  # [A], [t], [W], [T]
    return 2 * points + len(relation.opened) + 1 + sealed + relation.sum_rows


def require_publishable(relation: Relation) -> None:
    """Refuse a relation that no contract would take.

    Raises:
        RelationTooLargeError: names the limit and what the relation needs.
    """
    require_at_most("words of relation and commitments", statement_words(relation), MAX_STATEMENT_WORDS)
    require_at_most("words of a proof with every sum opened", proof_words(relation), MAX_PROOF_WORDS)
