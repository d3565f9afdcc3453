"""The steps of a joint proof as messages: what each reads, calls on the contributor, and answers."""

from __future__ import annotations

from proto.v1 import prover_pb2
from services.convert import (
    decode_elements,
    decode_points_array,
    decode_release,
    decode_scalars,
    encode_elements,
    encode_scalars,
)
from services.errors import RequestInvalidError
from zk.curve import points_to_bytes
from zk.field import Words
from zk.guards import bit_rows
from zk.proof import encode_proof
from zk.prover import Contributor
from zk.relation import Relation
from zk.witness import OPENED_BLINDERS

_Reply = prover_pb2.StepReply


def round1_commitments(relation: Relation) -> int:
    """How many commitments round 1 has: those of its columns, and [s] unless sums are plain."""
    return relation.round1_count + (0 if relation.plain else 1)


def committed_openings(relation: Relation) -> tuple[int, ...]:
    """The opened columns whose values are exchanged: all but the range table's, which everybody computes."""
    table = relation.table_index if relation.lookups else 0
    return tuple(column for column in relation.opened if column != table)


def take_step(contributor: Contributor, relation: Relation, request: prover_pb2.StepRequest) -> prover_pb2.StepReply:
    """Take the step that a request names.

    Args:
        contributor: the caller's part of the proof.
        relation: what is proved.
        request: untrusted.

    Raises:
        RequestInvalidError: no step is named, or a field is of another length.
        ZkError: as the contributor's method.
    """
    name = request.WhichOneof("step")
    if name is None:
        raise RequestInvalidError("step", "no step is named")
    if name.startswith(("absorb_", "accept_", "skip_", "verify_")):
        _take_in(name, contributor, relation, request)
        return _Reply()
    return _give_out(name, contributor, relation, request)


def _take_in(name: str, contributor: Contributor, relation: Relation, request: prover_pb2.StepRequest) -> None:
    """Steps that only take something."""
    match name:
        case "accept_sums":
            contributor.accept_sums(*_component(request.accept_sums, relation))
        case "accept_bits":
            contributor.accept_bits(*_guard_bits(request.accept_bits, relation))
        case "absorb_round1":
            points = decode_points_array("points", request.absorb_round1.points, round1_commitments(relation))
            contributor.absorb_round1(points)
        case "absorb_round2":
            contributor.absorb_round2(
                decode_points_array("points", request.absorb_round2.points, relation.round2_count)
            )
        case "absorb_accumulator":
            contributor.absorb_accumulator(_point(request.absorb_accumulator.points))
        case "absorb_quotient":
            contributor.absorb_quotient(_point(request.absorb_quotient.points))
        case "absorb_values":
            contributor.absorb_values(_column_values(request.absorb_values, relation))
        case "skip_values_opening":
            contributor.skip_values_opening()
        case "verify_values_opening":
            check = request.verify_values_opening
            contributor.verify_values_opening(_scalar("weight", check.weight), _point(check.point))
        case "absorb_shifted":
            contributor.absorb_shifted(decode_elements("elements", request.absorb_shifted.elements, 1))
        case "absorb_opening":
            opening = request.absorb_opening
            values = decode_scalars("values", opening.values)
            contributor.absorb_opening(decode_release(opening.release), values, _point(opening.point))
        case _:
            raise RequestInvalidError("step", f"{name} is not a step")


def _give_out(
    name: str, contributor: Contributor, relation: Relation, request: prover_pb2.StepRequest
) -> prover_pb2.StepReply:
    """Steps that answer something."""
    match name:
        case "sum_parts":
            return _Reply(elements=encode_elements(contributor.sum_parts()))
        case "commit_round1":
            masks = decode_elements("masks", request.commit_round1.masks, round1_commitments(relation))
            return _points(contributor.commit_round1(masks))
        case "commit_round2":
            masks = decode_elements("masks", request.commit_round2.masks, relation.round2_count)
            return _points(contributor.commit_round2(masks))
        case "commit_shares":
            column = request.commit_shares.column
            if column not in contributor.crossing:
                raise RequestInvalidError("column", f"column {column} is not shared")
            return _points(contributor.commit_shares(column))
        case "commit_share_combination":
            return _share_combination(contributor, request.commit_share_combination)
        case "commit_sums":
            return _points(contributor.commit_sums(*_component(request.commit_sums, relation)))
        case "commit_accumulator":
            return _points(contributor.commit_accumulator(_mask(request.commit_accumulator.masks)))
        case "commit_quotient":
            return _points(contributor.commit_quotient(_mask(request.commit_quotient.masks)))
        case "transcript_digest":
            return _Reply(digest=contributor.transcript_digest)
        case "own_values":
            values = contributor.own_values()
            columns = sorted(values)
            return _Reply(columns=columns, elements=encode_scalars([values[i] for i in columns]))
        case "share_values":
            pairs = contributor.share_values()
            columns = sorted(pairs)
            return _Reply(columns=columns, elements=encode_scalars([part for i in columns for part in pairs[i]]))
        case "values_opening":
            given = request.values_opening
            return _points(contributor.values_opening(_scalar("weight", given.weight), _mask(given.mask)))
        case "remainder_part":
            return _Reply(elements=encode_elements(contributor.remainder_part()))
        case "shifted_part":
            return _Reply(elements=encode_elements(contributor.shifted_part(_mask(request.shifted_part.masks))))
        case "opening_part":
            opening = request.opening_part
            shown = decode_scalars("values", opening.values)
            return _points(contributor.opening_part(decode_release(opening.release), shown, _mask(opening.mask)))
        case "final_part":
            return _points(contributor.final_part(_mask(request.final_part.masks)))
        case "finish":
            return _Reply(proof=encode_proof(contributor.finish(_point(request.finish.points))))
        case "row_opening_parts":
            return _row_openings(contributor, relation, request.row_opening_parts)
        case _:
            raise RequestInvalidError("step", f"{name} is not a step")


def _share_combination(contributor: Contributor, message: prover_pb2.ShareCombination) -> prover_pb2.StepReply:
    columns = tuple(message.columns)
    if not columns or not set(columns) <= set(contributor.crossing):
        raise RequestInvalidError("columns", "expected columns that are shared")
    return _points(contributor.commit_share_combination(columns, _scalar("weight", message.weight)))


def _row_openings(
    contributor: Contributor, relation: Relation, message: prover_pb2.RowOpenings
) -> prover_pb2.StepReply:
    rows = list(message.rows)
    if not all(row < relation.sum_rows for row in rows):
        raise RequestInvalidError("rows", "expected rows of s that mean something")
    value_masks = decode_elements("value_masks", message.value_masks, len(rows))
    point_masks = decode_elements("point_masks", message.point_masks, len(rows))
    values, points = contributor.row_opening_parts(rows, value_masks, point_masks)
    return _Reply(elements=encode_elements(values), points=points_to_bytes(points))


def _column_values(message: prover_pb2.ColumnValues, relation: Relation) -> dict[int, int]:
    columns = tuple(message.columns)
    if columns != committed_openings(relation):
        raise RequestInvalidError("columns", "expected exactly the opened columns of the relation")
    return dict(zip(columns, decode_scalars("elements", message.elements, len(columns))))


def _component(message: prover_pb2.SumsComponent, relation: Relation) -> tuple[Words, Words]:
    part = decode_elements("part", message.part, relation.sum_rows)
    return part, decode_elements("blinder", message.blinder, 1)


def _guard_bits(
    message: prover_pb2.GuardBits, relation: Relation
) -> tuple[tuple[Words, Words], tuple[Words, Words]]:
    if not relation.hidden_guards:
        raise RequestInvalidError("step", "the guards of this relation are opened")
    count = len(bit_rows(relation))
    bits = [decode_elements("bits", data, count) for data in (message.first, message.second)]
    given = (message.first_blinders, message.second_blinders)
    blinders = [decode_elements("blinders", data, OPENED_BLINDERS) for data in given]
    return (bits[0], bits[1]), (blinders[0], blinders[1])


def _points(points: Words) -> prover_pb2.StepReply:
    return _Reply(points=points_to_bytes(points))


def _mask(data: bytes) -> Words:
    return decode_elements("mask", data, 1)


def _point(data: bytes) -> Words:
    return decode_points_array("points", data, 1)


def _scalar(field: str, data: bytes) -> int:
    return decode_scalars(field, data, 1)[0]
