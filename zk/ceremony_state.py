"""The public state of a setup ceremony: its records, their digests, and its file. The protocol is in `zk.ceremony`.

State file, version 1 (big-endian): ``TALLYCER`` ‖ version u16 ‖ k u8 ‖ length u8, label ‖ random number (32) ‖
count u16 ‖ per contribution: length u8, name ‖ previous digest (32) ‖ [τ_k]_1 (64) ‖ [τ_k]_2 (128) ‖ R (64) ‖ z (32) ‖
N+9 points ‖ SHA-256 of all before. Nothing may follow. Files are replaced atomically: after a crash the old state is
there.
"""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zk.errors import CeremonyInvalidError, NonCanonicalEncodingError, PointNotOnCurveError, SrsInvalidError
from zk.field import FR_MODULUS
from zk.pairing import G2, G2_GENERATOR
from zk.srs import (
    EXTRA_POWERS,
    G2_BYTES,
    MAX_LOG_ROWS,
    MIN_LOG_ROWS,
    POINT_BYTES,
    Points,
    check_powers_shape,
    decode_g2,
    decode_powers,
    encode_g2,
    encode_powers,
    replace_file,
)

MAX_CONTRIBUTIONS: Final = 1000
MAX_TEXT_BYTES: Final = 128

_MAGIC: Final = b"TALLYCER"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sHB")
_GENESIS_LABEL: Final = b"tallystick.ceremony.genesis.v1"
_RECORD_LABEL: Final = b"tallystick.ceremony.contribution.v1"


def check_text(text: str, what: str, shortest: int) -> None:
    """Raise CeremonyInvalidError unless ``text`` can be shown on a terminal and has one encoding only."""
    if not text.isprintable() or text != unicodedata.normalize("NFC", text).strip():
        raise CeremonyInvalidError(f"{what} must be printable text in normal form without outer spaces")
    if not shortest <= len(text.encode()) <= MAX_TEXT_BYTES:
        raise CeremonyInvalidError(f"{what} must take {shortest}..{MAX_TEXT_BYTES} bytes")


def encode_text(text: str) -> bytes:
    """Encode checked text as one length byte and UTF-8."""
    raw = text.encode()
    return bytes([len(raw)]) + raw


@dataclass(frozen=True)
class Contribution:
    """One record of the chain; public.

    Args:
        name: who claims to have contributed; printable, at most 128 bytes of UTF-8 in normal form C.
        previous: 32 bytes, digest of the chain before.
        tau_g1: [τ_k]_1, 64 bytes.
        tau_g2: [τ_k]_2.
        nonce_g1: R of the proof of knowledge, 64 bytes.
        response: z of the proof, in [0, r).

    Raises:
        CeremonyInvalidError: a field outside its canonical form. Points are checked by `verify_ceremony`.
    """

    name: str
    previous: bytes
    tau_g1: bytes
    tau_g2: G2
    nonce_g1: bytes
    response: int

    def __post_init__(self) -> None:
        check_text(self.name, "a contributor's name", 1)
        sizes = (len(self.previous), len(self.tau_g1), len(self.nonce_g1))
        if sizes != (32, POINT_BYTES, POINT_BYTES) or self.tau_g2 is None or not 0 <= self.response < FR_MODULUS:
            raise CeremonyInvalidError(f"the contribution of {self.name} is not in canonical form")

    def encode(self) -> bytes:
        """Return the record as in the state file."""
        head = encode_text(self.name) + self.previous + self.tau_g1 + encode_g2(self.tau_g2)
        return head + self.nonce_g1 + self.response.to_bytes(32, "big")

    @property
    def digest(self) -> bytes:
        """Digest of the chain up to and including this record: the contributor's receipt."""
        return hashlib.sha256(_RECORD_LABEL + self.encode()).digest()


@dataclass(frozen=True, eq=False)
class Ceremony:
    """The state of a ceremony: parameters, chain of records, powers after the last one. Public.

    Args:
        log_rows: k; the string will serve relations of up to 2^k rows.
        label: what the ceremony is for; may be empty.
        nonce: 32 random bytes that make this ceremony different from any other.
        contributions: the records, oldest first.
        powers: (N+9, 8) points [τ^i]_1 of the latest τ; treat as read-only.

    Raises:
        CeremonyInvalidError: a field outside its canonical form.
    """

    log_rows: int
    label: str
    nonce: bytes = field(repr=False)
    contributions: tuple[Contribution, ...]
    powers: Points = field(repr=False)

    def __post_init__(self) -> None:
        check_text(self.label, "the label", 0)
        if len(self.nonce) != 32 or len(self.contributions) > MAX_CONTRIBUTIONS:
            raise CeremonyInvalidError("the ceremony's random number or its count of contributions is out of range")
        try:
            check_powers_shape(self.log_rows, self.powers)
        except SrsInvalidError as error:
            raise CeremonyInvalidError(str(error)) from error

    @property
    def genesis(self) -> bytes:
        """Digest of the parameters, where the chain begins."""
        text = bytes([self.log_rows]) + encode_text(self.label)
        return hashlib.sha256(_GENESIS_LABEL + text + self.nonce).digest()

    @property
    def digest(self) -> bytes:
        """Digest of the whole chain."""
        return self.contributions[-1].digest if self.contributions else self.genesis

    @property
    def tau_g2(self) -> G2:
        """[τ]_2 of the latest state."""
        return self.contributions[-1].tau_g2 if self.contributions else G2_GENERATOR


def store_ceremony(ceremony: Ceremony, path: str | Path) -> None:
    """Write a state to a file, atomically (format in the module text).

    Raises:
        CeremonyInvalidError: the file cannot be written.
    """

    def parts() -> Iterator[bytes]:
        yield _HEADER.pack(_MAGIC, _VERSION, ceremony.log_rows) + encode_text(ceremony.label) + ceremony.nonce
        yield len(ceremony.contributions).to_bytes(2, "big")
        yield from (record.encode() for record in ceremony.contributions)
        yield from encode_powers(ceremony.powers)

    def chunks() -> Iterator[bytes]:
        digest = hashlib.sha256()
        for part in parts():
            digest.update(part)
            yield part
        yield digest.digest()

    try:
        replace_file(Path(path), chunks())
    except OSError as error:
        raise CeremonyInvalidError(f"cannot write {path}: {error.strerror}") from error


class _Reader:
    """Reads exact lengths from a stream and hashes what it read."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._digest = hashlib.sha256()
        self.position = 0

    def take(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) != size:
            raise NonCanonicalEncodingError("the file is truncated")
        self._digest.update(data)
        self.position += size
        return data

    def text(self) -> str:
        try:
            return self.take(self.take(1)[0]).decode()
        except UnicodeDecodeError as error:
            raise NonCanonicalEncodingError("a name or label is not UTF-8") from error

    def record(self) -> Contribution:
        name, previous, tau_g1 = self.text(), self.take(32), self.take(POINT_BYTES)
        tau_g2, nonce_g1 = decode_g2(self.take(G2_BYTES)), self.take(POINT_BYTES)
        return Contribution(name, previous, tau_g1, tau_g2, nonce_g1, int.from_bytes(self.take(32), "big"))

    def digest(self) -> bytes:
        return self._digest.digest()


def load_ceremony(path: str | Path) -> Ceremony:
    """Read a state from a file. Its form is checked here; believe nothing in it before `verify_ceremony`.

    Raises:
        CeremonyInvalidError: unreadable, not of this format, truncated or extended, or not canonical.
    """
    try:
        with open(path, "rb") as stream:
            size, reader = os.fstat(stream.fileno()).st_size, _Reader(stream.read)
            magic, version, log_rows = _HEADER.unpack(reader.take(_HEADER.size))
            if magic != _MAGIC or version != _VERSION or not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
                raise CeremonyInvalidError("not a ceremony state, or of an unsupported version or size")
            label, nonce = reader.text(), reader.take(32)
            count = int.from_bytes(reader.take(2), "big")
            if count > MAX_CONTRIBUTIONS:
                raise CeremonyInvalidError(f"more than {MAX_CONTRIBUTIONS} contributions")
            contributions = tuple(reader.record() for _ in range(count))
            n_powers = (1 << log_rows) + EXTRA_POWERS
            if size != reader.position + n_powers * POINT_BYTES + 32:
                raise CeremonyInvalidError("the file is truncated or extended")
            powers = decode_powers(reader.take, n_powers)
            if reader.digest() != stream.read(32):
                raise CeremonyInvalidError("the checksum does not belong to the content")
            return Ceremony(log_rows, label, nonce, contributions, powers)
    except OSError as error:
        raise CeremonyInvalidError(f"cannot read {path}: {error.strerror}") from error
    except (PointNotOnCurveError, NonCanonicalEncodingError, CeremonyInvalidError) as error:
        raise CeremonyInvalidError(f"{path}: {error}") from error
