"""Three contributors prove in one process, one after another in every step, so that each one's cost is known.

Columns and cell columns are shared by the real `mpc` engines over loopback, and every upload is bound by commitments
as in a session. The network, the disclosure check and the few values of the sums, which a dealer shares here, are left
out. Everything a contributor computes runs on its own clock; what all would wait for is the slowest of each step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from benchmarks.proof_clock import Clock, Watched
from mpc.channel import LoopbackNetwork
from mpc.replicated import Engine
from mpc.seeds import PairwiseSeeds, agree_seeds
from zk.curve import add_points
from zk.errors import NonCanonicalEncodingError, WitnessUnsatisfiedError
from zk.field import FR, Words
from zk.owners import column_owners
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret
from zk.srs import Srs
from zk.statement import Statement, opened_rows
from zk.verifier import verify_proof
from zk.witness import OPENED_BLINDERS

PARTIES: Final = 3
VALUES_WEIGHT: Final = 31_337
SHARES_WEIGHT: Final = FR.modulus // 3
Pair = tuple[Words, Words]
Step = Callable[[Any, Words], Words]


class Party:
    """A contributor with its engine and its clock."""

    def __init__(self, contributor: Contributor, engine: Engine, clock: Clock) -> None:
        self.prover: Any = Watched(contributor, clock)
        self.engine, self.clock = engine, clock


class JointProof:
    """Proves one statement once.

    Args:
        owners: contributor of every registered column, by index.
        number: sets this proof's sessions apart from others.
    """

    def __init__(
        self,
        srs: Srs,
        statement: Statement,
        secrets: Mapping[int, RegisteredSecret],
        owners: Mapping[int, int],
        number: int,
    ) -> None:
        self.srs, self.statement, self.relation = srs, statement, statement.relation
        every = column_owners(self.relation, owners)
        self.parties: list[Party] = []
        for party, engine in enumerate(_engines(number)):
            clock = Clock()
            mine = {index: secret for index, secret in secrets.items() if owners[index] == party}
            with clock.measure("columns"):
                contributor = Contributor(statement, srs, party, every, mine)
            self.parties.append(Party(contributor, engine, clock))

    @property
    def clocks(self) -> list[Clock]:
        """What each contributor's stages have cost."""
        return [party.clock for party in self.parties]

    def prove(self, release: int) -> Proof:
        """Every step of a session up to the final proof and the parts of released rows."""
        self._upload(1)
        self._mix()
        sums = self._seal()
        self._commit()
        self._evaluate()
        for party in self.parties[:1]:
            first = self._open(0, ())
            with party.clock.measure("verification"):
                verify_proof(self.srs.tau_g2, self.statement, first)
        proof = self._open(release, [sums[row] for row in opened_rows(self.relation, release)])
        rows = range(self.relation.sum_rows)
        for party, values, points in zip(self.parties, _zeros(len(rows)), _zeros(len(rows)), strict=True):
            party.prover.row_opening_parts(rows, values, points)
        return proof

    def _upload(self, stage: int) -> None:
        """Share what a stage shares: the owner first, since the others take what it sends."""
        mine = [party.prover.own_uploads(stage) for party in self.parties]
        for upload in self.parties[0].prover.uploads:
            if upload.stage != stage:
                continue
            for place in range(PARTIES):
                number = (upload.owner + place) % PARTIES
                party, label = self.parties[number], f"upload/{upload.number}"
                with party.clock.measure("sharing"):
                    rows = mine[number].pop(upload.number, None)
                    shares = party.engine.share_input(upload.owner, rows, label, upload.length)
                party.prover.accept_upload(upload.number, shares.first, shares.second)

    def _mix(self) -> None:
        for column in self.parties[0].prover.mixed:
            rows = _shared(_total([party.prover.mixed_part(column) for party in self.parties]))
            blinders = _shared(FR.random(OPENED_BLINDERS))
            for party, row_pair, blinder_pair in zip(self.parties, rows, blinders, strict=True):
                party.prover.accept_mixed(column, row_pair, blinder_pair)

    def _seal(self) -> list[int]:
        found = _total([party.prover.sum_parts() for party in self.parties])
        self._sums, self._blinders = _shared(found), _shared(FR.random(1))
        for party, rows, blinder in zip(self.parties, self._sums, self._blinders, strict=True):
            party.prover.accept_sums(rows[0], blinder[0])
        return FR.to_integers(found)

    def _commit(self) -> None:
        relation = self.relation
        self._round("commit_round1", "absorb_round1", relation.round1_count + 1)
        self._bind(second=False)
        self._upload(2)
        self._round("commit_round2", "absorb_round2", relation.round2_count)
        self._bind(second=True)
        self._round("commit_accumulator", "absorb_accumulator", 1)
        self._round("commit_quotient", "absorb_quotient", 1)

    def _bind(self, *, second: bool) -> None:
        """The combination of a round's uploads, by both holders of each component."""
        late = self.relation.round2_indices()
        columns = [column for column in self.parties[0].prover.crossing if (column in late) == second]
        for party in self.parties if columns else []:
            party.prover.commit_share_combination(columns, SHARES_WEIGHT)

    def _round(self, commit: str, absorb: str, count: int) -> None:
        points = self._points(lambda prover, mask: getattr(prover, commit)(mask), count)
        for party in self.parties:
            getattr(party.prover, absorb)(points)

    def _points(self, step: Step, count: int = 1) -> Words:
        parts = [step(party.prover, mask) for party, mask in zip(self.parties, _zeros(count), strict=True)]
        return reduce(add_points, parts)

    def _evaluate(self) -> None:
        values: dict[int, int] = {}
        for party in self.parties:
            values |= party.prover.own_values()
        held = [party.prover.share_values() for party in self.parties]
        for column in held[0]:
            values[column] = sum(mine[column][0] for mine in held) % FR.modulus
        for party in self.parties:
            party.prover.absorb_values(values)
        if set(values) <= set(self.parties[0].prover.crossing):
            for party in self.parties:
                party.prover.skip_values_opening()
        else:
            opening = self._points(lambda prover, mask: prover.values_opening(VALUES_WEIGHT, mask))
            for party in self.parties:
                party.prover.verify_values_opening(VALUES_WEIGHT, opening)
        if FR.to_integers(_total([party.prover.remainder_part() for party in self.parties])) != [0]:
            raise WitnessUnsatisfiedError("the columns do not satisfy the relation")
        shifted = [p.prover.shifted_part(mask) for p, mask in zip(self.parties, _zeros(1), strict=True)]
        for party in self.parties:
            party.prover.absorb_shifted(_total(shifted))

    def _open(self, release: int, rows: Sequence[int]) -> Proof:
        opening = self._points(lambda prover, mask: prover.opening_part(release, rows, mask))
        for party in self.parties:
            party.prover.absorb_opening(release, rows, opening)
        if not release:
            for party, own, blinders in zip(self.parties, self._sums, self._blinders, strict=True):
                for part, blinder in zip(own, blinders, strict=True):
                    party.prover.commit_sums(part, blinder)
        final = self._points(lambda prover, mask: prover.final_part(mask))
        proofs: list[Proof] = [party.prover.finish(final) for party in self.parties]
        return proofs[0]


def _engines(number: int) -> list[Engine]:
    session = number.to_bytes(32, "big")
    network = LoopbackNetwork(PARTIES, session, number)
    seeds: dict[int, PairwiseSeeds] = {}

    def agree(party: int) -> None:
        seeds[party] = agree_seeds(network.channels[party], session)

    threads = [threading.Thread(target=agree, args=(party,)) for party in range(PARTIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = (NonCanonicalEncodingError,)
    return [
        Engine(FR, network.channels[party], seeds[party], session, number, decode_errors=refused)
        for party in range(PARTIES)
    ]


def _shared(values: Words) -> list[Pair]:
    """Replicated components for every party, from a dealer."""
    first, second = FR.random(len(values)), FR.random(len(values))
    parts = [first, second, FR.sub(values, FR.add(first, second))]
    return [(parts[i], parts[(i + 1) % PARTIES]) for i in range(PARTIES)]


def _zeros(count: int) -> list[Words]:
    """A share of ``count`` zeros for every party."""
    first, second = FR.random(count), FR.random(count)
    return [first, second, FR.sub(FR.zeros(count), FR.add(first, second))]


def _total(parts: Sequence[Words]) -> Words:
    return reduce(FR.add, parts)
