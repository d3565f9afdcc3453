"""Parties that align lists: over the real group, or over a toy group whose tags are the exponents, for many runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.align import Alignment, AlignmentPlan, align
from mpc.dummies import DummyPlan
from mpc.replicated import Engine
from mpc.rings import Ring
from services.tag_group import CURVE_TAGS

FEW = DummyPlan(epsilon=8, delta=0.01)
"""Little noise, so that tests are small."""


class ToyTags:
    """Additive 'group' of the field itself: tags compare as they should, and hide nothing."""

    element_bytes = 16
    decode_errors = ()

    def __init__(self, field: Ring) -> None:
        self._field = field
        self._modulus = field.to_integers(field.neg(field.from_integers([1])))[0] + 1

    def exponentiate(self, exponents):
        return exponents

    def multiply(self, a, b):
        return self._field.add(a, b)

    def encode_bytes(self, a):
        return self._field.encode_bytes(a)

    def decode_bytes(self, data):
        return self._field.decode_bytes(data)

    def invert(self, exponents):
        return self._field.from_integers([pow(x, -1, self._modulus) for x in self._field.to_integers(exponents)])


def group_of(field: Ring):
    return ToyTags(field) if field.element_bytes == 16 else CURVE_TAGS


def plan_of(lists: Sequence[Sequence[int]], *, receivers=None, rows=None, dummies=FEW, security="malicious"):
    counts = tuple(map(len, lists))
    least = AlignmentPlan(counts, (None,) * len(lists), 1 << 20, dummies).entries
    places = tuple(range(len(lists))) if receivers is None else receivers
    return AlignmentPlan(counts, places, rows or 1 << (least - 1).bit_length(), dummies, security)


def align_lists(engine: Engine, lists: Sequence[Sequence[int]], plan: AlignmentPlan, dealt=None) -> Alignment:
    """Enter the lists (owners who are parties enter their own, others were dealt as shares) and align."""
    shares = []
    for owner, (identifiers, receiver) in enumerate(zip(lists, plan.receivers)):
        if receiver is None:
            shares.append(dealt[owner][engine.party])
            engine.confirm(shares[-1], f"upload/{owner}")
        else:
            own = engine.ring.from_integers(identifiers) if engine.party == receiver else None
            shares.append(engine.share_input(receiver, own, f"ids/{owner}", len(identifiers)))
    return align(engine, group_of(engine.ring), plan, shares)


def check_rows(lists: Sequence[Sequence[int]], rows: Sequence[np.ndarray], n: int) -> None:
    """Same identifier, same row; other identifier, other row; every row below n."""
    row_of: dict[int, int] = {}
    for identifiers, places in zip(lists, rows):
        assert len(identifiers) == len(places)
        for identifier, row in zip(identifiers, places.tolist()):
            assert row_of.setdefault(identifier, row) == row
    assert len(set(row_of.values())) == len(row_of)
    assert all(0 <= row < n for row in row_of.values())
