"""`RemoteProver` is `zk.prover.Contributor` in another process: one joint proof at a party's prover."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from services.convert import (
    ArrayAssembler,
    ArrayKey,
    array_chunks,
    decode_elements,
    decode_points_array,
    decode_scalars,
    encode_elements,
    encode_release,
    encode_scalars,
)
from services.errors import ServiceError
from services.prover.steps import round1_commitments
from zk.curve import points_to_bytes
from zk.field import Words
from zk.owners import NOBODY, crossing_columns
from zk.proof import Proof, decode_proof
from zk.relation import Relation
from zk.uploads import Upload, uploads_of

_T = TypeVar("_T")


class Caller(Protocol):
    """What makes a call with a deadline and raises typed errors: `services.prover.client.ProverClient`."""

    def call(self, run: Callable[[float], _T]) -> _T: ...


def mixed_columns(relation: Relation, owners: Mapping[int, int]) -> tuple[int, ...]:
    """Witnesses that nobody owns, in the order in which they can be computed."""
    return tuple(column for column in relation.witness_indices() if owners[column] == NOBODY)


class RemoteProver:
    """`zk.prover.Contributor` in the prover's process; see there for what each step means.

    Made by `ProverClient.open_session`. Every method raises what the contributor raises, and besides
    ``PeerUnavailableError`` and ``RemoteError``. Close it, or use it as a context manager: the prover then drops its
    secrets at once.
    """

    def __init__(
        self,
        client: Caller,
        stub: prover_pb2_grpc.ProverServiceStub,
        relation: Relation,
        contributor: int,
        owners: Mapping[int, int],
        session: bytes,
    ) -> None:
        self.relation = relation
        self._client = client
        self._stub = stub
        self._session = session
        self._me = contributor
        self._crossing = crossing_columns(relation, owners)
        self._mixed = mixed_columns(relation, owners)
        self._uploads = uploads_of(relation, owners)

    def __repr__(self) -> str:
        return "RemoteProver(handle redacted)"

    def __enter__(self) -> RemoteProver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Have the prover drop the session. Where that fails, the prover's limit on idle sessions does it later."""
        request = prover_pb2.CloseSessionRequest(session=self._session)
        try:
            self._client.call(lambda timeout_s: self._stub.CloseSession(request, timeout=min(timeout_s, 5.0)))
        except ServiceError:
            return

    @property
    def crossing(self) -> tuple[int, ...]:
        """Committed columns that are shared."""
        return self._crossing

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Everything that owners share."""
        return self._uploads

    @property
    def mixed(self) -> tuple[int, ...]:
        """Witness columns that several owners define."""
        return self._mixed

    @property
    def transcript_digest(self) -> bytes:
        """State of the transcript."""
        return self._step(transcript_digest=prover_pb2.NoInput()).digest

    def own_uploads(self, stage: int) -> dict[int, Words]:
        """Our uploads of a stage by number; secret. Nothing is asked where we have none."""
        mine = {u.number: u.length for u in self._uploads if u.stage == stage and u.owner == self._me}
        if not mine:
            return {}
        request = prover_pb2.OwnUploadsRequest(session=self._session, stage=stage)
        arrays = self._arrays(
            {(number, 0): length for number, length in mine.items()},
            lambda timeout_s: self._stub.OwnUploads(request, timeout=timeout_s),
        )
        return {number: arrays[number, 0] for number in mine}

    def accept_upload(self, number: int, first: Words, second: Words) -> None:
        """Hand over our components of an upload."""

        def requests() -> Iterator[prover_pb2.AcceptUploadRequest]:
            for chunk in array_chunks({(number, 0): first, (number, 1): second}):
                yield prover_pb2.AcceptUploadRequest(session=self._session, share=chunk)

        self._client.call(lambda timeout_s: self._stub.AcceptUpload(requests(), timeout=timeout_s))

    def mixed_part(self, column: int) -> Words:
        """Our additive part of the rows of a mixed column, (N, 4); secret."""
        request = prover_pb2.MixedPartRequest(session=self._session, column=column)
        return self._arrays(
            {(column, 0): self.relation.rows}, lambda timeout_s: self._stub.MixedPart(request, timeout=timeout_s)
        )[column, 0]

    def accept_mixed(self, column: int, rows: tuple[Words, Words], blinders: tuple[Words, Words]) -> None:
        """Hand over our components of a mixed column's rows and blinders."""
        parts = {(column, place): elements for place, elements in enumerate((*rows, *blinders))}

        def requests() -> Iterator[prover_pb2.AcceptMixedRequest]:
            for chunk in array_chunks(parts):
                yield prover_pb2.AcceptMixedRequest(session=self._session, share=chunk)

        self._client.call(lambda timeout_s: self._stub.AcceptMixed(requests(), timeout=timeout_s))

    def sum_parts(self) -> Words:
        """Our part of every row of s, (sums · cells, 4); secret."""
        reply = self._step(sum_parts=prover_pb2.NoInput())
        return decode_elements("elements", reply.elements, self.relation.sum_rows)

    def accept_sums(self, part: Words, blinder: Words) -> None:
        """Hand over our component of s."""
        self._step(accept_sums=_component(part, blinder))

    def accept_bits(self, bits: tuple[Words, Words], blinders: tuple[Words, Words]) -> None:
        """Hand over our components of the bits of hidden guards and of their blinders."""
        message = prover_pb2.GuardBits(
            first=encode_elements(bits[0]),
            second=encode_elements(bits[1]),
            first_blinders=encode_elements(blinders[0]),
            second_blinders=encode_elements(blinders[1]),
        )
        self._step(accept_bits=message)

    def commit_round1(self, masks: Words) -> Words:
        """Our parts of the commitments of round 1 and of [s]."""
        return self._points(round1_commitments(self.relation), commit_round1=_masks(masks))

    def absorb_round1(self, points: Words) -> None:
        """Hand over the summed commitments of round 1."""
        self._step(absorb_round1=_points(points))

    def commit_round2(self, masks: Words) -> Words:
        """Our parts of the commitments of round 2."""
        return self._points(self.relation.round2_count, commit_round2=_masks(masks))

    def absorb_round2(self, points: Words) -> None:
        """Hand over the summed commitments of round 2."""
        self._step(absorb_round2=_points(points))

    def commit_shares(self, column: int) -> Words:
        """Commitments of our two components of a crossing column, (2, 8)."""
        return self._points(2, commit_shares=prover_pb2.CommitShares(column=column))

    def commit_share_combination(self, columns: Sequence[int], weight: int) -> Words:
        """Commitments of our two components of a combination of crossing columns, (2, 8)."""
        message = prover_pb2.ShareCombination(columns=columns, weight=encode_scalars([weight]))
        return self._points(2, commit_share_combination=message)

    def commit_sums(self, part: Words, blinder: Words) -> Words:
        """Commitment of a component of s, (1, 8)."""
        return self._points(1, commit_sums=_component(part, blinder))

    def commit_accumulator(self, mask: Words) -> Words:
        """Our part of [A], (1, 8)."""
        return self._points(1, commit_accumulator=_masks(mask))

    def absorb_accumulator(self, point: Words) -> None:
        """Hand over the summed [A]."""
        self._step(absorb_accumulator=_points(point))

    def commit_quotient(self, mask: Words) -> Words:
        """Our part of [t], (1, 8)."""
        return self._points(1, commit_quotient=_masks(mask))

    def absorb_quotient(self, point: Words) -> None:
        """Hand over the summed [t]."""
        self._step(absorb_quotient=_points(point))

    def own_values(self) -> dict[int, int]:
        """Values at ζ of our opened columns that are not shared."""
        reply = self._step(own_values=prover_pb2.NoInput())
        columns = list(reply.columns)
        return dict(zip(columns, decode_scalars("elements", reply.elements, len(columns))))

    def share_values(self) -> dict[int, tuple[int, int]]:
        """Values at ζ of our components of opened columns that are shared."""
        reply = self._step(share_values=prover_pb2.NoInput())
        columns = list(reply.columns)
        parts = decode_scalars("elements", reply.elements, 2 * len(columns))
        return {column: (parts[2 * k], parts[2 * k + 1]) for k, column in enumerate(columns)}

    def absorb_values(self, values: Mapping[int, int]) -> None:
        """Hand over the opened columns' values at ζ."""
        columns = sorted(values)
        elements = encode_scalars([values[column] for column in columns])
        self._step(absorb_values=prover_pb2.ColumnValues(columns=columns, elements=elements))

    def values_opening(self, weight: int, mask: Words) -> Words:
        """Our part of the batch opening, (1, 8)."""
        message = prover_pb2.ValuesOpening(weight=encode_scalars([weight]), mask=encode_elements(mask))
        return self._points(1, values_opening=message)

    def skip_values_opening(self) -> None:
        """Go on without the batch opening."""
        self._step(skip_values_opening=prover_pb2.NoInput())

    def verify_values_opening(self, weight: int, point: Words) -> None:
        """Check the summed batch opening; raises ProofRejectedError."""
        message = prover_pb2.ValuesOpeningCheck(weight=encode_scalars([weight]), point=points_to_bytes(point))
        self._step(verify_values_opening=message)

    def remainder_part(self) -> Words:
        """Our part of r(ζ), (1, 4); secret."""
        return decode_elements("elements", self._step(remainder_part=prover_pb2.NoInput()).elements, 1)

    def shifted_part(self, mask: Words) -> Words:
        """Our part of A(ωζ), (1, 4)."""
        return decode_elements("elements", self._step(shifted_part=_masks(mask)).elements, 1)

    def absorb_shifted(self, value: Words) -> None:
        """Hand over A(ωζ)."""
        self._step(absorb_shifted=prover_pb2.Elements(elements=encode_elements(value)))

    def opening_part(self, release: int, rows: Sequence[int], mask: Words) -> Words:
        """Our part of [W], (1, 8)."""
        message = prover_pb2.OpeningPart(
            release=encode_release(release), values=encode_scalars(rows), mask=encode_elements(mask)
        )
        return self._points(1, opening_part=message)

    def absorb_opening(self, release: int, rows: Sequence[int], point: Words) -> None:
        """Hand over the summed [W]."""
        message = prover_pb2.AbsorbOpening(
            release=encode_release(release), values=encode_scalars(rows), point=points_to_bytes(point)
        )
        self._step(absorb_opening=message)

    def final_part(self, mask: Words) -> Words:
        """Our part of [V], (1, 8)."""
        return self._points(1, final_part=_masks(mask))

    def finish(self, point: Words) -> Proof:
        """Hand over the summed [V] and return the proof."""
        return decode_proof(self.relation, self._step(finish=_points(point)).proof)

    def row_opening_parts(self, rows: Sequence[int], value_masks: Words, point_masks: Words) -> tuple[Words, Words]:
        """Our parts of the released values, (k, 4), and of their quotients, (k, 8)."""
        message = prover_pb2.RowOpenings(
            rows=rows, value_masks=encode_elements(value_masks), point_masks=encode_elements(point_masks)
        )
        reply = self._step(row_opening_parts=message)
        values = decode_elements("elements", reply.elements, len(rows))
        return values, decode_points_array("points", reply.points, len(rows))

    def _arrays(
        self, lengths: Mapping[ArrayKey, int], run: Callable[[float], Iterable[common_pb2.ArrayChunk]]
    ) -> dict[ArrayKey, Words]:
        """Stream arrays in."""
        return self._client.call(lambda timeout_s: ArrayAssembler(lengths).add_all(run(timeout_s)))

    def _points(self, count: int, **step: Any) -> Words:
        return decode_points_array("points", self._step(**step).points, count)

    def _step(self, **step: Any) -> prover_pb2.StepReply:
        request = prover_pb2.StepRequest(session=self._session, **step)
        return self._client.call(lambda timeout_s: self._stub.Step(request, timeout=timeout_s))


def _component(part: Words, blinder: Words) -> prover_pb2.SumsComponent:
    return prover_pb2.SumsComponent(part=encode_elements(part), blinder=encode_elements(blinder))


def _masks(masks: Words) -> prover_pb2.Masks:
    return prover_pb2.Masks(masks=encode_elements(masks))


def _points(points: Words) -> prover_pb2.Points:
    return prover_pb2.Points(points=points_to_bytes(points))
