"""Three contributors proving together in one process, with a trusted dealer in place of secret sharing: party i holds
x_i and x_(i+1) of x = x_0 + x_1 + x_2. Owners with higher numbers contribute and hold no shares. Every message is what
a session sends; `Trace` keeps what an outsider would see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from samples import Sample

from zk.curve import add_points
from zk.errors import WitnessUnsatisfiedError
from zk.field import FR, Words
from zk.guards import guard_bits
from zk.owners import column_owners
from zk.proof import Proof
from zk.prover import Contributor
from zk.statement import opened_rows
from zk.witness import OPENED_BLINDERS

PARTIES = range(3)
Pair = tuple[Words, Words]
Change = Callable[[int, Words], Words]
"""What a dishonest owner makes of an upload: (number, honest rows) to other rows."""


def shared(values: Words) -> list[Pair]:
    """Replicated components of a vector, for every party."""
    first, second = FR.random(len(values)), FR.random(len(values))
    parts = [first, second, FR.sub(values, FR.add(first, second))]
    return [(parts[i], parts[(i + 1) % 3]) for i in PARTIES]


def zero_masks(count: int) -> list[Words]:
    """Three vectors that sum to zero."""
    first, second = FR.random(count), FR.random(count)
    return [first, second, FR.sub(FR.zeros(count), FR.add(first, second))]


def all_masks(count: int, contributors: int) -> list[Words]:
    """As many vectors that sum to zero as there are contributors."""
    masks = zero_masks(count)
    for _ in range(contributors - len(masks)):
        mask = FR.random(count)
        masks[0] = FR.sub(masks[0], mask)
        masks.append(mask)
    return masks


def total(parts: Sequence[Words]) -> Words:
    return reduce(FR.add, parts)


def point_total(parts: Sequence[Words]) -> Words:
    return reduce(add_points, parts)


@dataclass
class Trace:
    """Parts of messages, by name and contributor; for tests that look at what leaves."""

    parts: dict[str, list[Words]] = field(default_factory=dict)


class Joint:
    """Proves a sample together.

    Args:
        target: statement and columns.
        registered: contributor of every registered column.
        change: what is shared in place of an honest upload.
    """

    def __init__(self, target: Sample, registered: Mapping[int, int], change: Change = lambda _, rows: rows) -> None:
        self.target, self.relation = target, target.relation
        self.owners = column_owners(self.relation, registered)
        self.change, self.trace = change, Trace()
        self.parties = [
            Contributor(
                target.statement, target.srs, i, self.owners,
                {c: secret for c, secret in target.secrets.items() if registered[c] == i},
            )
            for i in sorted({*PARTIES, *registered.values()})
        ]
        self.holders, self.outside = self.parties[:3], self.parties[3:]

    def note(self, name: str, parts: list[Words]) -> list[Words]:
        self.trace.parts[name] = parts
        return parts

    def upload(self, stage: int) -> None:
        for party in self.parties:
            for number, rows in party.own_uploads(stage).items():
                for receiver, pair in zip(self.holders, shared(self.change(number, rows))):
                    receiver.accept_upload(number, *pair)

    def mix(self) -> None:
        for column in self.parties[0].mixed:
            rows = shared(total([party.mixed_part(column) for party in self.parties]))
            blinders = shared(FR.random(OPENED_BLINDERS))
            for party, row_pair, blinder_pair in zip(self.holders, rows, blinders):
                party.accept_mixed(column, row_pair, blinder_pair)

    def sums(self) -> list[int]:
        """Uploads, mixed columns, sums; returns the rows of s, which no party knows."""
        self.upload(1)
        self.mix()
        found = total([party.sum_parts() for party in self.parties])
        self.components = [shared(found), shared(FR.random(1))]
        for party, rows, blinder in zip(self.holders, *self.components):
            party.accept_sums(rows[0], blinder[0])
        for party in self.outside:
            party.accept_sums(FR.zeros(self.relation.sum_rows), FR.zeros(1))
        if self.relation.hidden_guards:
            self.hide(FR.to_integers(found))
        return FR.to_integers(found)

    def hide(self, sums: Sequence[int]) -> None:
        """Bits of the hidden guards; the dealer stands for `mpc.bits`."""
        guards = [sums[row] for row in self.relation.guard_rows]
        bits = FR.from_integers(guard_bits(self.relation, guards, self.target.statement.minimum or 0))
        parts = shared(bits), shared(FR.random(OPENED_BLINDERS))
        for party, pair, blinders in zip(self.holders, *parts):
            party.accept_bits(pair, blinders)

    def points(self, name: str, step: Callable[[Contributor, Words], Words], count: int = 1) -> Words:
        """One round of commitments: everybody's masked part, and their sum."""
        masks = all_masks(count, len(self.parties))
        return point_total(self.note(name, [step(p, mask) for p, mask in zip(self.parties, masks)]))

    def commit(self) -> None:
        """Rounds 1 to 4."""
        relation = self.relation
        for name, step, absorb, count in (
            ("round1", Contributor.commit_round1, Contributor.absorb_round1, relation.round1_count + 1),
            ("round2", Contributor.commit_round2, Contributor.absorb_round2, relation.round2_count),
            ("accumulator", Contributor.commit_accumulator, Contributor.absorb_accumulator, 1),
            ("quotient", Contributor.commit_quotient, Contributor.absorb_quotient, 1),
        ):
            found = self.points(name, step, count)
            for party in self.parties:
                absorb(party, found)
            if name == "round1":
                self.upload(2)
        digests = {party.transcript_digest for party in self.parties}
        assert len(digests) == 1

    def values(self) -> dict[int, int]:
        """Opened values: the owners' own, and shared ones from the first components."""
        found: dict[int, int] = {}
        for party in self.parties:
            found |= party.own_values()
        held = [party.share_values() for party in self.holders]
        assert not any(party.share_values() for party in self.outside)
        for column in held[0]:
            for i in PARTIES:
                assert held[i][column][1] == held[(i + 1) % 3][column][0]  # both holders of a component agree
            found[column] = sum(values[column][0] for values in held) % FR.modulus
        return found

    def evaluate(self, weight: int = 31337) -> None:
        """Round 5, in the order of M3."""
        values = self.values()
        for party in self.parties:
            party.absorb_values(values)
        if set(values) <= set(self.parties[0].crossing):
            for party in self.parties:
                party.skip_values_opening()
        else:
            quotient = self.points("values", lambda party, mask: party.values_opening(weight, mask))
            for party in self.parties:
                party.verify_values_opening(weight, quotient)
        if FR.to_integers(total([party.remainder_part() for party in self.parties])) != [0]:
            raise WitnessUnsatisfiedError("the joint remainder is not zero")
        masks = all_masks(1, len(self.parties))
        shifted = total([party.shifted_part(mask) for party, mask in zip(self.parties, masks)])
        for party in self.parties:
            party.absorb_shifted(shifted)

    def open(self, release: int, rows: Sequence[int]) -> Proof:
        """Rounds 6 and 7 for one release word."""
        name = f"opening {release}"
        opening = self.points(name, lambda party, mask: party.opening_part(release, rows, mask))
        for party in self.parties:
            party.absorb_opening(release, rows, opening)
        final = self.points(f"final {release}", lambda party, mask: party.final_part(mask))
        proofs = [party.finish(final) for party in self.parties]
        assert all(proof == proofs[0] for proof in proofs)
        return proofs[0]

    def prove(self, release: int) -> tuple[Proof, list[int]]:
        """The whole of it; the first opening is verified without rows."""
        sums = self.sums()
        self.commit()
        self.evaluate()
        self.target.verify(self.open(0, ()))
        return self.open(release, [sums[row] for row in opened_rows(self.relation, release)]), sums

    def row_openings(self, rows: Sequence[int]) -> tuple[Words, Words]:
        """Released rows of s and their quotients, summed."""
        masks, point_masks = zero_masks(len(rows)), zero_masks(len(rows))
        parts = [p.row_opening_parts(rows, v, m) for p, v, m in zip(self.holders, masks, point_masks)]
        return total([values for values, _ in parts]), point_total([points for _, points in parts])
