"""What dominance rules demand, between protobuf and `query.dominance`, with every field from outside checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from proto.v1 import prover_pb2
from query.dominance import MAX_BITS, DominanceChecks, DominanceTest, Form
from services.convert import WORD_BYTES, decode_scalars, encode_scalars
from services.errors import RequestInvalidError
from zk.relation import MAX_SUMS
from zk.transcript import FR_MODULUS

MAX_TESTS: Final = MAX_SUMS * MAX_SUMS


def dominance_messages(checks: DominanceChecks) -> tuple[list[prover_pb2.DominanceTest], list[int]]:
    """The tests and the numbers of the sums that are never released."""
    tests = [
        prover_pb2.DominanceTest(
            total=_form_message(test.total),
            squares=_form_message(test.squares),
            numerator=test.effective.numerator.to_bytes(WORD_BYTES, "big"),
            denominator=test.effective.denominator.to_bytes(WORD_BYTES, "big"),
            bits=test.bits,
        )
        for test in checks.tests
    ]
    return tests, sorted(checks.closed)


def dominance_from(tests: Sequence[prover_pb2.DominanceTest], closed: Iterable[int], sums: int) -> DominanceChecks:
    """Inverse of `dominance_messages`.

    Args:
        tests, closed: untrusted.
        sums: how many sums the relation has.

    Raises:
        RequestInvalidError: a field is out of range, or names a sum that does not exist.
        NonCanonicalEncodingError: a weight is not canonical.
    """
    numbers = list(closed)
    if len(tests) > MAX_TESTS or sorted(set(numbers)) != numbers or not all(number < sums for number in numbers):
        raise RequestInvalidError("dominance", "expected increasing numbers of sums, and few tests")
    return DominanceChecks(tuple(_test_from(test, sums) for test in tests), frozenset(numbers))


def _test_from(message: prover_pb2.DominanceTest, sums: int) -> DominanceTest:
    parts = [message.numerator, message.denominator]
    numerator, denominator = (int.from_bytes(part, "big") for part in parts)
    if any(len(part) != WORD_BYTES for part in parts) or not (numerator and denominator):
        raise RequestInvalidError("dominance.numerator", f"expected two words of {WORD_BYTES} bytes above 0")
    if not 1 <= message.bits <= MAX_BITS:
        raise RequestInvalidError("dominance.bits", f"expected 1 to {MAX_BITS}")
    total, squares = _form_from(message.total, sums), _form_from(message.squares, sums)
    return DominanceTest(total, squares, Fraction(numerator, denominator), message.bits)


def _form_message(form: Form) -> list[prover_pb2.WeightedSum]:
    return [prover_pb2.WeightedSum(number=number, weight=encode_scalars([weight])) for number, weight in form]


def _form_from(form: Sequence[prover_pb2.WeightedSum], sums: int) -> Form:
    numbers = [part.number for part in form]
    if sorted(set(numbers)) != numbers or not all(number < sums for number in numbers):
        raise RequestInvalidError("dominance.number", "expected increasing numbers of sums")
    weights = [decode_scalars("dominance.weight", part.weight, 1)[0] for part in form]
    signed = [weight - FR_MODULUS if 2 * weight > FR_MODULUS else weight for weight in weights]
    return tuple(zip(numbers, signed, strict=True))
