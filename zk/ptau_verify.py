"""Full verification of a `.ptau` file, in one pass over its powers and with bounded memory.

What is checked (the conditions of Bowe, Gabizon, Miers, IACR ePrint 2017/1050, for every section):

* *Form.* Sections, lengths, curve; every coordinate canonical, every point on its curve, none at infinity, and every
  point of G2 in the subgroup (`zk.ptau_twist`).
* *Chain.* From the generators on, each contribution proves knowledge of its factors of τ, α and β, relative to the
  digest it started from (`zk.ptau_keys`), and its [τ]_1, [τ]_2, [α]_1, [β]_1 and [β]_2 are those before it times
  exactly these factors. A beacon's factors are drawn again from its value.
  Somebody besides beacons must have contributed.
* *Powers.* Sections 2 to 5 are the first point times 1, τ, τ², … for the τ at the end of the chain, by pairings with
  random 128-bit weights; first points are [1], [1], [α] and [β] of the end of the chain; section 6 is its [β]_2.
* *Hashes.* Where the file has every power of its ceremony: the last contribution's response hash and next digest,
  recomputed from the sections, are the recorded ones. A cut file (p < c) no longer has what they hash.
* *τ outside every evaluation domain* (M16, `zk.srs_check`), which no other implementation looks at.

What cannot be checked from such a file: the hashes of earlier contributions (only the last state of the powers is
there; their keys and points are checked all the same), names (no hash covers them), and that any contributor forgot
its factors. Sections 12 to 15 are never read.

Memory: 4 MiB of a section at a time, below 100 MiB in all, beside the powers that the caller wants to keep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from zk.curve import GENERATOR, neg_points, points_to_bytes
from zk.errors import CeremonyInvalidError, NonCanonicalEncodingError, PointNotOnCurveError, SrsInvalidError
from zk.field import Words
from zk.pairing import G2, G2_GENERATOR, check_g2, pairing_product_is_one
from zk.ptau_file import (
    ALPHA_TAU_G1,
    BETA_G2,
    BETA_TAU_G1,
    NAMES,
    TAU_G1,
    TAU_G2,
    Layout,
    Record,
    read_layout,
    read_points,
    read_records,
    section_sizes,
)
from zk.ptau_hash import Blake2b
from zk.ptau_keys import ALPHA, BETA, TAU, beacon_keys, challenge_point, same_keys, same_ratio
from zk.ptau_points import G1_BYTES, compressed_form, hash_form
from zk.ptau_twist import TwistCombination, draw_digits, g2_from_row, g2_rows
from zk.srs_check import PowerChain, Progress, verify_power_outside_domains

Report = Callable[[str], None]

BLANK_DIGEST: Final = hashlib.blake2b().digest()
_G2_CHUNK: Final = 1 << 14


@dataclass(frozen=True, eq=False)
class Examined:
    """A verified file. Public.

    Args:
        layout: where its sections lie.
        records: its contributions, oldest first.
        powers: the first points of section 2 that were asked for, (n, 8).
        tau_g2: [τ]_2.
        digest: 64 bytes, where a next contribution starts.
    """

    layout: Layout
    records: tuple[Record, ...]
    powers: Words
    tau_g2: G2
    digest: bytes

    @property
    def receipts(self) -> list[str]:
        """The response hashes, in hexadecimal, oldest first."""
        return [record.response.hex() for record in self.records]


@dataclass(frozen=True, eq=False)
class _State:
    """Where the chain stands: the five points that a contribution multiplies, and the digest it starts from."""

    tau_g1: Words
    tau_g2: G2
    alpha_g1: Words
    beta_g1: Words
    beta_g2: G2
    digest: bytes


@contextmanager
def reading(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file; inside the block every fault becomes a CeremonyInvalidError that names the file."""
    try:
        with open(path, "rb") as stream:
            yield stream
    except OSError as error:
        raise CeremonyInvalidError(f"cannot read {path}: {error.strerror}") from error
    except (PointNotOnCurveError, NonCanonicalEncodingError, SrsInvalidError, CeremonyInvalidError) as error:
        raise CeremonyInvalidError(f"{path}: {error}") from error


def verify_ptau(
    path: str | Path, progress: Progress | None = None, report: Report | None = None, keep: int = 0
) -> Examined:
    """Verify a file from a ceremony in which somebody contributed; the module text says what that means.

    Args:
        path: the file, untrusted.
        progress: called with a stage and the fraction done.
        report: called with one line of plain words per check that passed.
        keep: how many powers of section 2 to return; read in the same pass, so that they are the verified ones.

    Raises:
        CeremonyInvalidError: names the failed check.
    Timing: variable; everything is public. At p = 20 about half a minute.
    """
    with reading(path) as stream:
        return examine(stream, keep, progress, report)


def examine(
    stream: BinaryIO,
    keep: int = 0,
    progress: Progress | None = None,
    report: Report | None = None,
    may_be_empty: bool = False,
) -> Examined:
    """Verify an open file; what is returned was read in the same pass that verified it.

    Args:
        stream: the file, untrusted.
        keep: how many powers of section 2 to return.
        progress, report: see `verify_ptau`.
        may_be_empty: whether a file without contributions is acceptable (to contribute to, never to use).

    Raises:
        CeremonyInvalidError, SrsInvalidError, PointNotOnCurveError, NonCanonicalEncodingError: names the failed check.
        OSError: the stream cannot be read.
    """
    say = report if report is not None else lambda _line: None
    show = progress if progress is not None else lambda _stage, _fraction: None
    layout = read_layout(stream)
    records = tuple(read_records(stream, layout))
    if not may_be_empty and all(record.beacon is not None for record in records):
        raise CeremonyInvalidError("nobody has contributed a secret factor: τ is known to everybody")
    if keep > section_sizes(layout.power)[TAU_G1][0]:
        raise CeremonyInvalidError(f"holds too few powers of τ for that many rows: {keep} are needed")
    say(f"form: powers of τ up to 2^{layout.power + 1} - 2, from a ceremony of power {layout.ceremony_power}, BN254")
    states = [_State(GENERATOR, G2_GENERATOR, GENERATOR, GENERATOR, G2_GENERATOR, first_digest(layout, show))]
    for number, record in enumerate(records, 1):
        try:
            states.append(_verify_record(record, states[-1], show))
        except (CeremonyInvalidError, PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise CeremonyInvalidError(f"contribution {number} ({record.shown_name}): {error}") from error
        kind = "a public beacon, drawn again" if record.beacon is not None else "proves knowledge of its factors"
        say(
            f"contribution {number} ({record.shown_name}): continues the chain, {kind}; receipt {record.response.hex()}"
        )
    sections = _Sections(stream, layout, states[-1], show)
    if records:
        sections.hash_from(states[-2].digest, records[-1].response)
    kept = sections.verify(keep)
    say("every point of sections 2 to 6 is in its group and belongs to the τ, α and β of the last contribution")
    if records and layout.complete:
        sections.verify_hashes(records[-1])
        say("the last contribution's hashes are those of the sections")
    elif records:
        say(f"not checked: the last contribution's hashes, for this file was cut to power {layout.power}")
    if records:
        verify_power_outside_domains(sections.sigma, layout.power)
        say("τ is not zero and lies in no evaluation domain: τ^(2^i) ≠ 1 for every i ≤ 28")
    return Examined(layout, records, kept, states[-1].tau_g2, states[-1].digest)


def first_digest(layout: Layout, show: Progress) -> bytes:
    """Return the digest where the first contribution to a ceremony of this power starts: a hash of generators only."""
    g1, g2 = points_to_bytes(GENERATOR), hash_form(g2_rows([G2_GENERATOR]))
    hasher, sizes = hashlib.blake2b(BLANK_DIGEST), section_sizes(layout.ceremony_power)
    total, done = sum(points for points, _ in sizes.values()), 0
    for points, point_bytes in sizes.values():
        one = g1 if point_bytes == G1_BYTES else g2
        block = one * min(points, 1 << 16)
        for start in range(0, points, 1 << 16):
            count = min(points - start, 1 << 16)
            hasher.update(block if count == 1 << 16 else one * count)
            done += count
            if count == 1 << 16:
                show("hashing where the ceremony began", done / total)
    return hasher.digest()


def _verify_record(record: Record, before: _State, show: Progress) -> _State:
    """Check one contribution against the state before it."""
    challenges = []
    for factor, name in ((TAU, "τ"), (ALPHA, "α"), (BETA, "β")):
        key = record.keys[factor]
        challenges.append(challenge_point(factor, before.digest, key.base, key.product))
        if not same_ratio(key.base, key.product, challenges[-1], key.product_g2):
            raise CeremonyInvalidError(f"its proof of knowledge of the factor of {name} does not verify")
    check_g2(record.tau_g2)
    check_g2(record.beta_g2)
    tau, alpha, beta = record.keys
    extended = (
        ("[τ]_1", same_ratio(before.tau_g1, record.tau_g1, challenges[TAU], tau.product_g2)),
        ("[τ]_2", same_ratio(tau.base, tau.product, before.tau_g2, record.tau_g2)),
        ("[α]_1", same_ratio(before.alpha_g1, record.alpha_g1, challenges[ALPHA], alpha.product_g2)),
        ("[β]_1", same_ratio(before.beta_g1, record.beta_g1, challenges[BETA], beta.product_g2)),
        ("[β]_2", same_ratio(beta.base, beta.product, before.beta_g2, record.beta_g2)),
    )
    for name, holds in extended:
        if not holds:
            raise CeremonyInvalidError(f"its {name} is not the one before it times its factor")
    if record.beacon is not None:
        value, log_iterations = record.beacon
        drawn = beacon_keys(before.digest, value, log_iterations, lambda part: show("repeating a beacon", part))
        if not all(map(same_keys, drawn, record.keys)):
            raise CeremonyInvalidError("its factors are not those that its beacon determines")
    return _State(record.tau_g1, record.tau_g2, record.alpha_g1, record.beta_g1, record.beta_g2, record.next_digest)


class _Sections:
    """One pass over sections 2 to 6: powers are checked while hashes are fed.

    Attributes:
        sigma: [τ^(2^p)]_1, after the pass.
    """

    def __init__(self, stream: BinaryIO, layout: Layout, end: _State, show: Progress) -> None:
        self._stream, self._layout, self._end, self._show = stream, layout, end, show
        self._sizes = section_sizes(layout.power)
        self._done, self._total = 0, sum(points * size for points, size in self._sizes.values())
        self._response: Blake2b | None = None
        self._next = hashlib.blake2b()
        self.sigma = GENERATOR

    def hash_from(self, previous: bytes, response: bytes) -> None:
        """Have the pass recompute the last contribution's hashes, if the file is not cut.

        Args:
            previous: digest where the last contribution started.
            response: its recorded response hash.
        """
        if self._layout.complete:
            self._response = Blake2b()
            self._response.update(previous)
            self._next.update(response)

    def verify(self, keep: int) -> Words:
        """Check every section; return the first ``keep`` powers of section 2."""
        end = self._end
        kept = np.empty((keep, 8), dtype=np.uint64)
        self._verify_g1(TAU_G1, [GENERATOR, end.tau_g1], kept)
        self._verify_tau_g2()
        self._verify_g1(ALPHA_TAU_G1, [end.alpha_g1])
        self._verify_g1(BETA_TAU_G1, [end.beta_g1])
        for points in self._chunks(BETA_G2):
            if g2_from_row(points[0]) != end.beta_g2:
                raise _fault(BETA_G2, "is not the [β]_2 of the last contribution")
        return kept

    def verify_hashes(self, record: Record) -> None:
        """Compare the recomputed hashes with the last record's."""
        if self._response is None:
            raise CeremonyInvalidError("a cut file has no hashes to compare")
        if Blake2b.decode_state(record.hash_state).encode_state() != self._response.encode_state():
            raise CeremonyInvalidError("the last contribution's response hash is not that of the sections")
        if record.next_digest != self._next.digest():
            raise CeremonyInvalidError("the last contribution's next digest is not that of the sections")

    def _chunks(self, section: int) -> Iterator[Words]:
        size = self._sizes[section][1]
        for points in read_points(self._stream, self._layout, section):
            if self._response is not None:
                uncompressed = hash_form(points)
                self._next.update(uncompressed)
                self._response.update(compressed_form(uncompressed, size))
            yield points
            self._done += len(points) * size
            self._show(f"checking section {section} ({NAMES[section]})", self._done / self._total)

    def _verify_g1(self, section: int, first: list[Words], kept: Words | None = None) -> None:
        chain, start, middle = PowerChain(), 0, 1 << self._layout.power
        for points in self._chunks(section):
            if start == 0:
                for index, expected in enumerate(first):
                    if not np.array_equal(points[index : index + 1], expected):
                        raise _fault(section, f"point {index} is not that of the last contribution")
            chain.add(points)
            if kept is not None:
                part = kept[start : start + len(points)]
                part[:] = points[: len(part)]
                if start <= middle < start + len(points):
                    self.sigma = points[middle - start : middle - start + 1].copy()
            start += len(points)
        if not chain.holds(self._end.tau_g2):
            raise _fault(section, "consecutive points do not differ by the τ of the last contribution")

    def _verify_tau_g2(self) -> None:
        lower, higher = TwistCombination(), TwistCombination()
        last = np.zeros((0, 16), dtype=np.uint64)
        for points in self._chunks(TAU_G2):
            if not len(last):
                firsts = [g2_from_row(row) for row in points[:2]]
                if firsts != [G2_GENERATOR, self._end.tau_g2]:
                    raise _fault(TAU_G2, "its first two points are not [1]_2 and the [τ]_2 of the last contribution")
            for start in range(0, len(points), _G2_CHUNK):
                joined = np.concatenate([last, points[start : start + _G2_CHUNK]])
                digits = draw_digits(len(joined) - 1)
                lower.add(joined[:-1], digits)
                higher.add(joined[1:], digits)
                last = joined[-1:]
        try:
            sums = lower.finish(), higher.finish()
        except PointNotOnCurveError as error:
            raise _fault(TAU_G2, "a point is outside the subgroup of order r") from error
        pairs = np.concatenate([self._end.tau_g1, neg_points(GENERATOR)])
        if not pairing_product_is_one(pairs, list(sums)):
            raise _fault(TAU_G2, "consecutive points do not differ by the τ of the last contribution")


def _fault(section: int, what: str) -> CeremonyInvalidError:
    return CeremonyInvalidError(f"section {section} ({NAMES[section]}): {what}")
