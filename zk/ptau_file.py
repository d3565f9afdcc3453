"""The layout of `.ptau` files: sections, header, and records of contributions. BN254, version 1.

    "ptau" ‖ version u32 ‖ sections u32 ‖ per section: number u32 ‖ length u64 ‖ content        (little-endian)

    1  header         32 u32 ‖ q (32 bytes) ‖ power p u32 ‖ power of the ceremony c u32; p < c in a cut file
    2  tauG1          2^(p+1) − 1 points [τ^i]_1
    3  tauG2          2^p points [τ^i]_2
    4  alphaTauG1     2^p points [α·τ^i]_1
    5  betaTauG1      2^p points [β·τ^i]_1
    6  betaG2         [β]_2
    7  contributions  count u32 ‖ records
    12–15             tables computed from 2–5 by others; never read here

A record is [τ]_1 ‖ [τ]_2 ‖ [α]_1 ‖ [β]_1 ‖ [β]_2 after the contribution ‖ s and x·s of τ, α, β ‖ x·S of τ, α, β ‖ state
of the response hash (216) ‖ next digest (64) ‖ type u32 (1: beacon) ‖ length u32 ‖ parameters. A parameter is 1 ‖
length ‖ name, 2 ‖ log2 of a beacon's iterations, or 3 ‖ length ‖ a beacon's value, in this order. `zk.ptau_points`
says how points are written.

Everything is public and nothing read is believed: `zk.ptau_verify` decides.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from zk.errors import CeremonyInvalidError, NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FQ_MODULUS, Words
from zk.pairing import G2
from zk.ptau_hash import STATE_BYTES, Blake2b
from zk.ptau_keys import FactorKey
from zk.ptau_points import (
    G1_BYTES,
    G2_BYTES,
    decode_g1_points,
    decode_g2_points,
    encode_points,
    hash_form,
)
from zk.ptau_twist import g2_from_row, g2_rows

HEADER, TAU_G1, TAU_G2, ALPHA_TAU_G1, BETA_TAU_G1, BETA_G2, CONTRIBUTIONS = range(1, 8)
NAMES: Final = {
    HEADER: "header",
    TAU_G1: "tauG1",
    TAU_G2: "tauG2",
    ALPHA_TAU_G1: "alphaTauG1",
    BETA_TAU_G1: "betaTauG1",
    BETA_G2: "betaG2",
    CONTRIBUTIONS: "contributions",
}
PREPARED: Final = (12, 13, 14, 15)
POWER_SECTIONS: Final = (TAU_G1, TAU_G2, ALPHA_TAU_G1, BETA_TAU_G1, BETA_G2)
MAX_POWER: Final = 24
MAX_CEREMONY_POWER: Final = 28
MAX_CONTRIBUTIONS: Final = 1000
MAX_NAME_BYTES: Final = 64
DIGEST_BYTES: Final = 64
CHUNK_BYTES: Final = 1 << 22

_PREFIX: Final = struct.Struct("<4sII")
_SECTION: Final = struct.Struct("<IQ")
_HEADER: Final = struct.Struct("<I32sII")
_MAGIC: Final = b"ptau"
_VERSION: Final = 1
_RECORD_BYTES: Final = 9 * G1_BYTES + 5 * G2_BYTES + STATE_BYTES + DIGEST_BYTES + 8
_NAME, _ITERATIONS, _BEACON = 1, 2, 3


@dataclass(frozen=True)
class Layout:
    """Where the sections of a file lie. Public.

    Args:
        power: p.
        ceremony_power: c ≥ p.
        offsets: start and length of each section's content, by number.
    """

    power: int
    ceremony_power: int
    offsets: dict[int, tuple[int, int]]

    @property
    def complete(self) -> bool:
        """Whether the file has every power of its ceremony, so that the last digest can be recomputed."""
        return self.power == self.ceremony_power


@dataclass(frozen=True, eq=False)
class Record:
    """One contribution, as read: points are checked to lie on their curves, those of G2 not for their subgroup. Public.

    Args:
        tau_g1, alpha_g1, beta_g1: (1, 8) points after the contribution.
        tau_g2, beta_g2: the same in G2.
        keys: of the contributor's factors of τ, α and β.
        hash_state: state of the response hash before the keys, 216 bytes.
        next_digest: 64 bytes, where the next contribution starts.
        name: as it stands in the file, at most 255 bytes; a claim bound by no hash.
        beacon: None, or the public value and log2 of the iterations that the factors were drawn from.
    """

    tau_g1: Words
    tau_g2: G2
    alpha_g1: Words
    beta_g1: Words
    beta_g2: G2
    keys: tuple[FactorKey, FactorKey, FactorKey]
    hash_state: bytes
    next_digest: bytes
    name: bytes
    beacon: tuple[bytes, int] | None

    @property
    def response(self) -> bytes:
        """The 64-byte response hash: what the contributor was shown, its receipt.

        Raises:
            NonCanonicalEncodingError: the stored state is impossible.
        """
        hasher = Blake2b.decode_state(self.hash_state)
        hasher.update(hash_keys(self.keys))
        return hasher.digest()

    @property
    def shown_name(self) -> str:
        """The name with everything that a terminal would not print as it stands replaced."""
        text = self.name.decode(errors="replace")
        return "".join(character if character.isprintable() else "\ufffd" for character in text)

    def encode(self) -> bytes:
        """Return the record as in the file."""
        g1 = encode_points(np.concatenate([self.alpha_g1, self.beta_g1]))
        keys = b"".join(encode_points(key.base) + encode_points(key.product) for key in self.keys)
        parts = [encode_points(self.tau_g1), encode_points(g2_rows([self.tau_g2])), g1]
        parts += [encode_points(g2_rows([self.beta_g2])), keys, encode_points(_products_g2(self.keys))]
        parameters = bytes([_NAME, len(self.name)]) + self.name if self.name else b""
        if self.beacon is not None:
            value, log_iterations = self.beacon
            parameters += bytes([_ITERATIONS, log_iterations, _BEACON, len(value)]) + value
        kind = int(self.beacon is not None)
        tail = struct.pack("<II", kind, len(parameters)) + parameters
        return b"".join(parts) + self.hash_state + self.next_digest + tail


def hash_keys(keys: tuple[FactorKey, FactorKey, FactorKey]) -> bytes:
    """Return the keys as the response hash reads them."""
    return b"".join(hash_form(key.base) + hash_form(key.product) for key in keys) + hash_form(_products_g2(keys))


def section_sizes(power: int) -> dict[int, tuple[int, int]]:
    """Return how many points sections 2..6 hold, and the bytes of one."""
    full = 1 << power
    points = {TAU_G1: 2 * full - 1, TAU_G2: full, ALPHA_TAU_G1: full, BETA_TAU_G1: full, BETA_G2: 1}
    return {section: (n, G2_BYTES if section in (TAU_G2, BETA_G2) else G1_BYTES) for section, n in points.items()}


def encode_start(power: int, ceremony_power: int, sections: int = 7) -> bytes:
    """Return everything up to the end of the header section."""
    header = _HEADER.pack(32, FQ_MODULUS.to_bytes(32, "little"), power, ceremony_power)
    return _PREFIX.pack(_MAGIC, _VERSION, sections) + section_start(HEADER, len(header)) + header


def section_start(section: int, length: int) -> bytes:
    """Return what stands before a section's content."""
    return _SECTION.pack(section, length)


def is_ptau(head: bytes) -> bool:
    """Whether a file that begins so claims to be of this format."""
    return head[: len(_MAGIC)] == _MAGIC


def read_layout(stream: BinaryIO) -> Layout:
    """Read a file's sections and header, and check every length that the format fixes.

    Raises:
        CeremonyInvalidError: not this format, version or curve; truncated or extended; a section missing, twice there,
            unknown or of a wrong length.
        OSError: the stream cannot be read.
    """
    size = os.fstat(stream.fileno()).st_size
    head = stream.read(_PREFIX.size)
    if not is_ptau(head):
        raise CeremonyInvalidError("not a .ptau file")
    if len(head) != _PREFIX.size:
        raise CeremonyInvalidError("truncated before its first section")
    _, version, count = _PREFIX.unpack(head)
    if version != _VERSION:
        raise CeremonyInvalidError(f"version {version} is not supported")
    offsets: dict[int, tuple[int, int]] = {}
    position = _PREFIX.size
    for _ in range(min(count, len(NAMES) + len(PREPARED) + 1)):
        stream.seek(position)
        start = stream.read(_SECTION.size)
        if len(start) != _SECTION.size:
            raise CeremonyInvalidError("truncated: a section is missing")
        section, length = _SECTION.unpack(start)
        if section not in NAMES and section not in PREPARED:
            raise CeremonyInvalidError(f"section {section} does not belong to the format")
        if section in offsets:
            raise CeremonyInvalidError(f"section {section} is there twice")
        position += _SECTION.size
        offsets[section] = position, length
        position += length
        if position > size:
            raise CeremonyInvalidError(f"truncated within section {section}")
    if position != size:
        raise CeremonyInvalidError(f"{size - position} bytes follow the last section")
    for section, name in NAMES.items():
        if section not in offsets:
            raise CeremonyInvalidError(f"section {section} ({name}) is missing")
    power, ceremony_power = _read_header(stream, *offsets[HEADER])
    for section, (points, point_bytes) in section_sizes(power).items():
        if offsets[section][1] != points * point_bytes:
            found, expected = offsets[section][1], points * point_bytes
            raise CeremonyInvalidError(
                f"section {section} ({NAMES[section]}) takes {found} bytes where power {power} needs {expected}"
            )
    return Layout(power, ceremony_power, offsets)


def _read_header(stream: BinaryIO, offset: int, length: int) -> tuple[int, int]:
    if length != _HEADER.size:
        raise CeremonyInvalidError("the header is of another length than this curve's")
    stream.seek(offset)
    coordinate_bytes, modulus, power, ceremony_power = _HEADER.unpack(stream.read(length))
    if coordinate_bytes != 32 or int.from_bytes(modulus, "little") != FQ_MODULUS:
        raise CeremonyInvalidError("made for another curve than BN254")
    if not 1 <= power <= ceremony_power <= MAX_CEREMONY_POWER or power > MAX_POWER:
        raise CeremonyInvalidError(f"power {power} of a ceremony of power {ceremony_power} is not supported")
    return power, ceremony_power


def read_points(stream: BinaryIO, layout: Layout, section: int) -> Iterator[Words]:
    """Yield the points of a section in chunks of at most 4 MiB, each checked as `zk.ptau_points` does.

    Raises:
        CeremonyInvalidError: names the section and the point.
    """
    offset, length = layout.offsets[section]
    point_bytes = section_sizes(layout.power)[section][1]
    decode = decode_g2_points if point_bytes == G2_BYTES else decode_g1_points
    for start in range(0, length, CHUNK_BYTES):
        stream.seek(offset + start)
        data = stream.read(min(CHUNK_BYTES, length - start))
        if len(data) != min(CHUNK_BYTES, length - start):
            raise CeremonyInvalidError(f"truncated within section {section}")
        try:
            yield decode(data, start // point_bytes)
        except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise CeremonyInvalidError(f"section {section} ({NAMES[section]}): {error}") from error


def read_records(stream: BinaryIO, layout: Layout) -> list[Record]:
    """Read every contribution.

    Raises:
        CeremonyInvalidError: more than 1000 of them, lengths that do not fit, or a point off its curve.
    """
    offset, length = layout.offsets[CONTRIBUTIONS]
    if length < 4 or length > 4 + MAX_CONTRIBUTIONS * (_RECORD_BYTES + 1024):
        raise CeremonyInvalidError("the contributions section has an impossible length")
    stream.seek(offset)
    data = stream.read(length)
    count, position = int.from_bytes(data[:4], "little"), 4
    if count > MAX_CONTRIBUTIONS:
        raise CeremonyInvalidError(f"more than {MAX_CONTRIBUTIONS} contributions")
    records = []
    for number in range(1, count + 1):
        try:
            record, position = _decode_record(data, position)
        except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise CeremonyInvalidError(f"contribution {number}: {error}") from error
        records.append(record)
    if position != length:
        raise CeremonyInvalidError("the contributions do not fill their section")
    return records


def _decode_record(data: bytes, position: int) -> tuple[Record, int]:
    def take(size: int) -> bytes:
        nonlocal position
        if position + size > len(data):
            raise NonCanonicalEncodingError("its record is truncated")
        position += size
        return data[position - size : position]

    def g1() -> Words:
        return decode_g1_points(take(G1_BYTES))

    def g2() -> G2:
        return g2_from_row(decode_g2_points(take(G2_BYTES))[0])

    tau_g1, tau_g2, alpha_g1, beta_g1, beta_g2 = g1(), g2(), g1(), g1(), g2()
    bases = [(g1(), g1()) for _ in range(3)]
    tau, alpha, beta = (FactorKey(base, product, g2()) for base, product in bases)
    hash_state, next_digest = take(STATE_BYTES), take(DIGEST_BYTES)
    kind, length = struct.unpack("<II", take(8))
    name, beacon = _decode_parameters(take(length))
    if kind > 1 or (kind == 1) != (beacon is not None):
        raise NonCanonicalEncodingError("its type does not belong to its parameters")
    keys = (tau, alpha, beta)
    record = Record(tau_g1, tau_g2, alpha_g1, beta_g1, beta_g2, keys, hash_state, next_digest, name, beacon)
    return record, position


def _decode_parameters(data: bytes) -> tuple[bytes, tuple[bytes, int] | None]:
    found: dict[int, bytes] = {}
    position, last = 0, 0
    while position < len(data):
        kind = data[position]
        if kind <= last or kind > _BEACON or position + 1 >= len(data):
            raise NonCanonicalEncodingError("its parameters are unknown, unsorted or truncated")
        size, start = (1, position + 1) if kind == _ITERATIONS else (data[position + 1], position + 2)
        found[kind], last, position = data[start : start + size], kind, start + size
    if position != len(data) or (_ITERATIONS in found) != (_BEACON in found):
        raise NonCanonicalEncodingError("its parameters are truncated or incomplete")
    beacon = (found[_BEACON], found[_ITERATIONS][0]) if _BEACON in found else None
    return found.get(_NAME, b""), beacon


def _products_g2(keys: tuple[FactorKey, FactorKey, FactorKey]) -> Words:
    return g2_rows([key.product_g2 for key in keys])
