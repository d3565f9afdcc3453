"""Order of shared integers: less than, equal, select, minimum and maximum. Nothing is opened.

``bits`` says how wide values are: all of them lie in [c, c + 2^bits) for one c, e.g. [0, 2^32) or [-2^31, 2^31) for
32. The difference of two then lies in (-2^bits, 2^bits) and its sign is one carry tree over bits + 1 planes. At 64
no difference tells the order; the signs of a, b and a - b do, in one tree of three times the lanes.

Costs per party for n elements of K = bits + 1 planes and N = ceil(n/64) words of lanes: semi-honest one message of
about 3.5·K·N words from party 0, then about 0.9·K·N words in 1 + ceil(log3 ((K - 1)/3)) rounds between the other two
(`mpc.dealt_tree`); in a malicious computation about 4·K·N words in 2 + ceil(log2 (K - 1)) rounds, before its checks.

Source: Mohassel, Rindal, "ABY3" (CCS 2018), section 5.3; bit-slicing as in Araki et al. (IEEE S&P 2017).
"""

from __future__ import annotations

from mpc.circuits import all_ones, top_carry, tree_order
from mpc.computation import Computation
from mpc.conversion import bits_to_words, carry_save_addends, lane_words, share_two_addends
from mpc.dealt_tree import dealt_planes, dealt_sign
from mpc.errors import RingValueError
from mpc.shares import ReplicatedShare, concatenate_shares

MAX_BITS = 64


def less_than(
    computation: Computation, a: ReplicatedShare, b: ReplicatedShare, bits: int, *, signed: bool = False
) -> ReplicatedShare:
    """Return where a < b, as one plane of shared bits: lane l of word w is element 64·w + l.

    Args:
        computation: of all three parties.
        a: n shared integers, secret.
        b: as many.
        bits: public width of the values, 1 to 64; see above. A value outside gives a wrong answer, not an error.
        signed: how 64-bit words are read: as -2^63 to 2^63 - 1, or as 0 to 2^64 - 1. Without effect below 64 bits.

    Returns:
        ceil(n / 64) words over ``BITS``. Lanes beyond n are unspecified.

    Raises:
        RingValueError: another width, or vectors of different lengths.
        ProtocolStateError, ChannelError: as every engine operation.
    """
    _check(a, b, bits)
    n = len(a)
    if n == 0:
        return a
    difference = computation.words.sub(a, b)
    if bits < MAX_BITS:
        return sign_of(computation, difference, bits + 1)
    width = lane_words(n)
    padded = [_padded(computation, x, 64 * width) for x in (a, b, difference)]
    signs = sign_of(computation, concatenate_shares(padded), 64)
    of_a, of_b, of_difference = signs[:width], signs[width : 2 * width], signs[2 * width :]
    engine = computation.bits
    unlike = engine.add(of_a, of_b)
    # Of unlike signs the number with the sign is the smaller one read as signed and the larger read as unsigned.
    decisive = of_a if signed else of_b
    chosen = engine.multiply(unlike, engine.add(decisive, of_difference), computation.label("less"))
    return engine.add(of_difference, chosen)


def sign_of(computation: Computation, x: ReplicatedShare, planes: int) -> ReplicatedShare:
    """Return bit ``planes - 1`` of every x, as one plane: the sign of an integer in [-2^(planes-1), 2^(planes-1)).

    Args:
        planes: public, 1 to 64.
    """
    if not 1 <= planes <= MAX_BITS:
        raise RingValueError(f"a sign stands at bit 0 to 63, got {planes} planes")
    label, engine = computation.label("sign"), computation.bits
    if computation.trusting and planes > 1:
        sign = dealt_sign(computation.words, engine, x, planes, label)
        computation.pace_dealer(dealt_planes(planes) * lane_words(len(x)))
        return sign
    u, v = _addends(computation, x, planes, [*tree_order(planes - 1), planes - 1], label)
    below = (planes - 1) * lane_words(len(x))
    propagate = engine.add(u, v)
    if planes == 1:
        return propagate
    generate = engine.multiply(u[:below], v[:below], f"{label}/generate")
    carry = top_carry(engine, generate, propagate[lane_words(len(x)) : below], planes - 1, f"{label}/carry")
    return engine.add(propagate[below:], carry)


def equal(computation: Computation, a: ReplicatedShare, b: ReplicatedShare, bits: int = 64) -> ReplicatedShare:
    """Return where a = b, as one plane of shared bits; arguments as `less_than`.

    Rounds: ceil(log2 bits) and party 0's message.
    """
    _check(a, b, bits)
    if len(a) == 0:
        return a
    return zero_test(computation, computation.words.sub(a, b), bits)


def zero_test(computation: Computation, x: ReplicatedShare, planes: int) -> ReplicatedShare:
    """Return where the lowest ``planes`` bits of x, 1 to 64, are all zero, as one plane."""
    if not 1 <= planes <= MAX_BITS:
        raise RingValueError(f"a zero test looks at 1 to {MAX_BITS} bits, got {planes}")
    words, label = computation.words, computation.label("zero")
    # Two addends of -1 are each other's complement, bit by bit; so x - 1 is looked at.
    less_one = words.add_public(x, words.ring.from_integers([-1]))
    u, v = _addends(computation, less_one, planes, list(range(planes)), label)
    return all_ones(computation.bits, computation.bits.add(u, v), planes, f"{label}/and")


def to_words(computation: Computation, plane: ReplicatedShare, n: int) -> ReplicatedShare:
    """Return n shared bits as shared integers 0 and 1 over Z_2^64. Two rounds."""
    label = computation.label("words")
    return bits_to_words(computation.words, plane, n, label, trusting=computation.trusting)


def select(computation: Computation, plane: ReplicatedShare, a: ReplicatedShare, b: ReplicatedShare) -> ReplicatedShare:
    """Return a where the bit is one and b elsewhere. Three rounds."""
    words = computation.words
    flags = to_words(computation, plane, len(a))
    chosen = words.multiply(flags, words.sub(a, b), computation.label("select"))
    return words.add(b, chosen)


def minimum(
    computation: Computation, a: ReplicatedShare, b: ReplicatedShare, bits: int, *, signed: bool = False
) -> ReplicatedShare:
    """Return the smaller of each pair; arguments as `less_than`."""
    return select(computation, less_than(computation, a, b, bits, signed=signed), a, b)


def maximum(
    computation: Computation, a: ReplicatedShare, b: ReplicatedShare, bits: int, *, signed: bool = False
) -> ReplicatedShare:
    """Return the larger of each pair; arguments as `less_than`."""
    return select(computation, less_than(computation, a, b, bits, signed=signed), b, a)


def _addends(
    computation: Computation, x: ReplicatedShare, planes: int, order: list[int], label: str
) -> tuple[ReplicatedShare, ReplicatedShare]:
    if computation.trusting:
        return share_two_addends(computation.words, computation.bits, x, planes, order, label)
    return carry_save_addends(computation.bits, x, planes, order, label)


def _padded(computation: Computation, x: ReplicatedShare, n: int) -> ReplicatedShare:
    ring = computation.words.ring
    zeros = ring.zeros(n - len(x))
    return concatenate_shares([x, ReplicatedShare(x.party, zeros, zeros)])


def _check(a: ReplicatedShare, b: ReplicatedShare, bits: int) -> None:
    if len(a) != len(b):
        raise RingValueError(f"{len(a)} values cannot be compared with {len(b)}")
    if not 1 <= bits <= MAX_BITS:
        raise RingValueError(f"values are 1 to {MAX_BITS} bits wide, got {bits}")
