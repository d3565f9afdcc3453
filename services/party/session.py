"""Three parties produce one proof: the joint session of PROTOCOL §5, in order, over any channel and any prover.

    seeds → shares of the columns that meet → sums sealed → witness commitments → uploads bound → [A] → [t] →
    digests compared → SPENT → opened columns → batch opening checked → r(ζ) = 0 tested → A(ωζ) → proof without rows →
    verified → shares bound to it → disclosure checked on those shares → guards opened → final proof → row parts

Until the proof without rows has verified, nothing that depends on data has left a contributor unmasked, except values
that the finished proof shows anyway; a lying contributor is caught before A(ωζ) is opened (M3). Every failure raises,
releases nothing and burns the attempt.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mpc.channel import Channel
from mpc.compare import open_disclosure_risk
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare
from services.errors import ContributionRejectedError, DisclosureRefusedError
from zk.curve import encode_points, points_from_bytes, points_to_bytes, sum_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FR, Words
from zk.pairing import G2
from zk.proof import Proof
from zk.statement import Statement
from zk.transcript import FR_MODULUS, hash_words
from zk.verifier import verify_guards, verify_proof

__all__ = [
    "STAGES",
    "ContributionRejectedError",
    "JointProver",
    "JointSession",
    "SessionPlan",
    "SessionResult",
    "session_id",
]

STAGES = ("seeds", "shares", "sums", "commitments", "quotient", "evaluations", "opening", "checks", "final")


class JointProver(Protocol):
    """What a session asks of its prover: `zk.prover.Contributor`, here or in a process of its own."""

    @property
    def cross_columns(self) -> tuple[int, ...]: ...
    @property
    def transcript_digest(self) -> bytes: ...
    def shared_polynomials(self) -> dict[int, Words]: ...
    def accept_shares(self, column: int, first: Words, second: Words) -> None: ...
    def sum_parts(self) -> Words: ...
    def accept_sums(self, part: Words, blinder: Words) -> None: ...
    def commit_witnesses(self, masks: Words) -> Words: ...
    def commit_shares(self, column: int) -> Words: ...
    def commit_sums(self, part: Words, blinder: Words) -> Words: ...
    def absorb_witnesses(self, points: Words) -> None: ...
    def commit_accumulator(self, mask: Words) -> Words: ...
    def absorb_accumulator(self, point: Words) -> None: ...
    def commit_quotient(self, mask: Words) -> Words: ...
    def absorb_quotient(self, point: Words) -> None: ...
    def own_values(self) -> dict[int, int]: ...
    def share_values(self) -> dict[int, tuple[int, int]]: ...
    def absorb_values(self, values: Mapping[int, int]) -> None: ...
    def values_opening(self, weight: int, mask: Words) -> Words: ...
    def verify_values_opening(self, weight: int, point: Words) -> None: ...
    def remainder_part(self) -> Words: ...
    def shifted_part(self, mask: Words) -> Words: ...
    def absorb_shifted(self, value: Words) -> None: ...
    def opening_part(self, release: int, rows: Sequence[int], mask: Words) -> Words: ...
    def absorb_opening(self, release: int, rows: Sequence[int], point: Words) -> None: ...
    def final_part(self, mask: Words) -> Words: ...
    def finish(self, point: Words) -> Proof: ...
    def row_opening_parts(self, sums: Sequence[int], value_masks: Words, point_masks: Words) -> tuple[Words, Words]: ...


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a session is about; public and the same at all three parties.

    Args:
        statement: the statement proved.
        owners: party number of every column (`zk.columns.witness_owners`).
        minimum: largest minimum group of the datasets used.
        session: 32 bytes, unique to (query, attempt).
        attempt: attempt number.
        tau_g2: [τ]_2 of the chain's SRS.
    """

    statement: Statement
    owners: Mapping[int, int]
    minimum: int
    session: bytes
    attempt: int
    tau_g2: G2
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a party keeps: the public proof, and its masked parts of the released rows (secret until released).

    Args:
        values: (S, 4) masked additive parts of the sums.
        quotients: (S, 8) masked parts of the row quotients.
    """

    proof: Proof
    values: Words = field(repr=False)
    quotients: Words = field(repr=False)


class JointSession:
    """One party's run of one attempt. Used once.

    Args:
        plan: public description.
        channel: authenticated channel among the three parties for this session and attempt.
        prover: this party's contributor.
        spend: makes the durable SPENT mark; called before the first evaluation leaves.
        progress: called with the name of each stage as it begins.
    """

    def __init__(
        self,
        plan: SessionPlan,
        channel: Channel,
        prover: JointProver,
        spend: Callable[[], None],
        progress: Callable[[str], None] = lambda stage: None,
    ) -> None:
        self._plan, self._channel, self._prover, self._spend, self._progress = plan, channel, prover, spend, progress
        self._relation = plan.statement.relation
        self._party = channel.party

    def run(self) -> SessionResult:
        """Run every step in order.

        Raises:
            ContributionRejectedError: a contribution was false.
            DisclosureRefusedError: a guard is below the minimum; the same at all three parties.
            ProofRejectedError: the joint proof does not verify.
            MpcError: a peer is gone, silent, or sent what does not belong here.
        """
        self._progress("seeds")
        seeds = agree_seeds(self._channel, self._plan.session, self._plan.timeout_s)
        self._engine = Engine(
            FR,
            self._channel,
            seeds,
            self._plan.session,
            self._plan.attempt,
            timeout_s=self._plan.timeout_s,
            decode_errors=(NonCanonicalEncodingError,),
        )
        self._share_columns()
        self._seal_sums()
        self._commit()
        self._bind_uploads()
        self._quotient()
        self._open_values()
        self._test_remainder()
        return self._finish()

    # --- steps ---------------------------------------------------------------------------------------------------

    def _share_columns(self) -> None:
        self._progress("shares")
        mine = self._prover.shared_polynomials()
        length = self._relation.rows + 3
        for column in self._prover.cross_columns:
            shares = self._engine.share_input(self._plan.owners[column], mine.get(column), f"column/{column}", length)
            self._prover.accept_shares(column, shares.first, shares.second)

    def _seal_sums(self) -> None:
        self._progress("sums")
        parts = AdditiveShare(self._party, self._prover.sum_parts())
        self._sums = self._engine.reshare(parts, "sums")
        self._blinder = self._engine.random(1, "sums/blinder")
        self._prover.accept_sums(self._sums.first, self._blinder.first)

    def _commit(self) -> None:
        self._progress("commitments")
        masks = self._zero("commitments/masks", self._relation.witness_count + 1)
        self._commitments = self._sum_of_points("commitments", self._prover.commit_witnesses(masks))
        self._prover.absorb_witnesses(self._commitments)

    def _bind_uploads(self) -> None:
        """Both holders of a component publish its commitment; the three must sum to the column's (M13)."""
        for column in self._prover.cross_columns:
            components = self._replicated_points(f"upload/{column}", self._prover.commit_shares(column))
            witness = column - len(self._relation.registered) - 1
            expected = (
                encode_points([self._plan.statement.commitments[column - 1]])
                if witness < 0
                else self._commitments[witness : witness + 1]
            )
            if not np.array_equal(sum_points(components), expected):
                # anybody can spoil the sum behind a witness commitment; a registered one stands in the directory
                suspects = range(PARTIES) if witness >= 0 else (self._plan.owners[column],)
                raise ContributionRejectedError(f"binding the shares of column {column}", tuple(suspects))

    def _quotient(self) -> None:
        self._progress("quotient")
        point = self._sum_of_points("accumulator", self._prover.commit_accumulator(self._zero("accumulator/mask", 1)))
        self._prover.absorb_accumulator(point)
        point = self._sum_of_points("quotient", self._prover.commit_quotient(self._zero("quotient/mask", 1)))
        self._prover.absorb_quotient(point)

    def _open_values(self) -> None:
        self._progress("evaluations")
        digest = self._prover.transcript_digest
        if any(other != digest for other in self._exchange("digest", digest).values()):
            raise ContributionRejectedError("comparing transcripts")
        self._spend()
        values = self._collect_values()
        self._prover.absorb_values(values)
        words = [int.from_bytes(digest, "big"), *(values[i] for i in self._relation.opened)]
        weight = int.from_bytes(hash_words("tallystick.values.v1", words), "big") % FR_MODULUS
        part = self._prover.values_opening(weight, self._zero("values/mask", 1))
        if values:  # a relation without products opens no column
            self._prover.verify_values_opening(weight, self._sum_of_points("values/opening", part))

    def _collect_values(self) -> dict[int, int]:
        own, shared = self._prover.own_values(), self._prover.share_values()
        payload = b"".join(_pack_value(i, v) for i, v in sorted(own.items()))
        payload += b"".join(
            _pack_value(i, first) + _pack_value(i, second) for i, (first, second) in sorted(shared.items())
        )
        received = {self._party: (own, shared)}
        for peer, data in self._exchange("values", payload).items():
            received[peer] = self._parse_values(peer, data)
        values: dict[int, int] = {}
        for peer_own, _ in received.values():
            values |= peer_own
        for column in shared:
            for holder in range(PARTIES):
                if received[holder][1][column][1] != received[(holder + 1) % PARTIES][1][column][0]:
                    raise ContributionRejectedError(
                        f"comparing share values of column {column}", (holder, (holder + 1) % PARTIES)
                    )
            values[column] = sum(received[p][1][column][0] for p in range(PARTIES)) % FR_MODULUS
        return values

    def _parse_values(self, peer: int, data: bytes) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
        """Read a peer's values: exactly its own opened columns, then both components of every shared one."""
        cross = set(self._prover.cross_columns)
        own = [i for i in self._relation.opened if i not in cross and self._plan.owners[i] == peer]
        shared = [i for i in self._relation.opened if i in cross]
        order = [*own, *(i for i in shared for _ in range(2))]
        items = [_unpack_value(data[at : at + 36]) for at in range(0, len(data), 36)]
        if [i for i, _ in items] != order or any(not 0 <= v < FR_MODULUS for _, v in items):
            raise ContributionRejectedError("reading opened values", (peer,))
        numbers = [v for _, v in items]
        pairs = numbers[len(own) :]
        return dict(zip(own, numbers)), {i: (pairs[2 * k], pairs[2 * k + 1]) for k, i in enumerate(shared)}

    def _test_remainder(self) -> None:
        """Open ρ·r(ζ) for a shared random ρ: zero tells that the relation holds, anything else is uniform (M3)."""
        part = AdditiveShare(self._party, self._prover.remainder_part())
        remainder = self._engine.reshare(part, "remainder")
        factor = self._engine.random(1, "remainder/factor")
        product = self._engine.multiply(remainder, factor, "remainder/product")
        if FR.to_integers(self._engine.open(product, "remainder/opened")) != [0]:
            raise ContributionRejectedError("testing r(zeta) for zero")
        mask = self._zero("shifted/mask", 1)
        self._prover.absorb_shifted(self._sum_of_scalars("shifted", self._prover.shifted_part(mask)))

    def _finish(self) -> SessionResult:
        self._progress("opening")
        first = self._open("first", 0, ())
        verify_proof(self._plan.tau_g2, self._plan.statement, first)
        self._progress("checks")
        self._bind_sums(first)
        guards = sorted(set(self._relation.guards))
        rows = _pick(self._sums, guards)
        if open_disclosure_risk(self._engine, rows, self._plan.minimum, "guards"):
            raise DisclosureRefusedError()
        shown = tuple(FR.to_integers(self._engine.open(rows, "guards/opened")))
        self._progress("final")
        count = len(self._relation.sum_forms)
        proof = self._open("final", (1 << count) - 1, shown)
        verify_proof(self._plan.tau_g2, self._plan.statement, proof)
        verify_guards(self._relation, proof, self._plan.minimum)
        values, quotients = self._prover.row_opening_parts(
            range(count), self._zero("release/values", count), self._zero("release/points", count)
        )
        return SessionResult(proof, values, quotients)

    def _open(self, label: str, release: int, rows: tuple[int, ...]) -> Proof:
        part = self._prover.opening_part(release, rows, self._zero(f"{label}/opening/mask", 1))
        self._prover.absorb_opening(release, rows, self._sum_of_points(f"{label}/opening", part))
        part = self._prover.final_part(self._zero(f"{label}/final/mask", 1))
        return self._prover.finish(self._sum_of_points(f"{label}/final", part))

    def _bind_sums(self, proof: Proof) -> None:
        """The commitments of the components of s, from both holders, sum to the proof's [s]: the shares are the proved
        sums (M2)."""
        mine = [
            self._prover.commit_sums(self._sums.first, self._blinder.first),
            self._prover.commit_sums(self._sums.second, self._blinder.second),
        ]
        components = self._replicated_points("bind", np.concatenate(mine))
        if not np.array_equal(sum_points(components), encode_points([proof.sums])):
            raise ContributionRejectedError("binding the shares of the sums to the proof")

    # --- messages ------------------------------------------------------------------------------------------------

    def _zero(self, label: str, count: int) -> Words:
        return self._engine.zero_share(count, label).values

    def _exchange(self, tag: str, payload: bytes) -> dict[int, bytes]:
        return self._channel.exchange(f"session/{tag}", payload, self._plan.timeout_s)

    def _points(self, peer: int, tag: str, data: bytes, count: int) -> Words:
        try:
            points = points_from_bytes(data)
        except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise ContributionRejectedError(f"reading {tag}", (peer,)) from error
        if len(points) != count:
            raise ContributionRejectedError(f"reading {tag}", (peer,))
        return points

    def _sum_of_points(self, tag: str, mine: Words) -> Words:
        """Everyone's contributions, added up. Every receiver gets the same or the digests differ later."""
        received = {self._party: mine}
        for peer, data in self._exchange(tag, points_to_bytes(mine)).items():
            received[peer] = self._points(peer, tag, data, len(mine))
        stacked = np.stack([received[p] for p in range(PARTIES)])
        total = np.concatenate([sum_points(np.ascontiguousarray(stacked[:, k])) for k in range(len(mine))])
        if not total.any(axis=1).all():  # a masked sum is infinity only where the last sender wanted it so
            raise ContributionRejectedError(f"summing {tag}")
        return total

    def _sum_of_scalars(self, tag: str, mine: Words) -> Words:
        total = mine
        for peer, data in self._exchange(tag, FR.encode_bytes(mine)).items():
            try:
                part = FR.decode_bytes(data)
            except NonCanonicalEncodingError as error:
                raise ContributionRejectedError(f"reading {tag}", (peer,)) from error
            if len(part) != len(mine):
                raise ContributionRejectedError(f"reading {tag}", (peer,))
            total = FR.add(total, part)
        return total

    def _replicated_points(self, tag: str, mine: Words) -> Words:
        """The three components' commitments, each confirmed by both of its holders, (3, 8)."""
        held = {self._party: mine}
        for peer, data in self._exchange(tag, points_to_bytes(mine)).items():
            held[peer] = self._points(peer, tag, data, 2)
        for holder in range(PARTIES):
            following = (holder + 1) % PARTIES
            if not np.array_equal(held[holder][1], held[following][0]):
                raise ContributionRejectedError(f"comparing both holders' {tag}", (holder, following))
        return np.concatenate([held[p][:1] for p in range(PARTIES)])


def session_id(query_id: bytes, attempt: int) -> bytes:
    """32 bytes, unique to (query, attempt)."""
    return hashlib.sha256(b"tallystick.session.v1" + query_id + struct.pack(">Q", attempt)).digest()


def _pick(shares: ReplicatedShare, rows: Sequence[int]) -> ReplicatedShare:
    return ReplicatedShare(shares.party, shares.first[list(rows)], shares.second[list(rows)])


def _pack_value(column: int, value: int) -> bytes:
    return struct.pack(">I", column) + value.to_bytes(32, "big")


def _unpack_value(item: bytes) -> tuple[int, int]:
    if len(item) != 36:
        return -1, -1
    return struct.unpack(">I", item[:4])[0], int.from_bytes(item[4:], "big")
