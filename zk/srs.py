"""The structured reference string: powers of one secret point of evaluation, and the commitments made with them.

An `Srs` for N = 2^k rows holds [τ^i]_1 for 0 ≤ i ≤ N+8 and [τ]_2 and nothing else. It is public; τ must be known to
nobody, which holds when at least one contributor to the ceremony (`zk.ceremony`) was honest. A development string
comes from one process that knew τ; it says so, and its flag is part of its id, so that it cannot pass for another.

What `verify_srs` decides, and how, stands in `zk.srs_check` (PROTOCOL §1, M16).

File format, version 1 (all integers big-endian): ``TALLYSRS`` ‖ version u16 ‖ k u8 ‖ flags u8 (bit 0: development) ‖
[τ]_2 as x0 ‖ x1 ‖ y0 ‖ y1 (x = x0 + x1·u) ‖ N+9 points x ‖ y ‖ id (32 bytes). Nothing may follow.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from zk.curve import add_points, multiply_generator, neg_points, points_from_bytes, points_to_bytes
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError, SrsInvalidError
from zk.field import FR, FR_MODULUS
from zk.msm import FixedPoints, msm
from zk.pairing import G2, G2_GENERATOR, check_g2, multiply_g2
from zk.srs_check import TWO_ADICITY, Progress, verify_powers, verify_tau_outside_domains

__all__ = [
    "CHUNK_POINTS",
    "EXTRA_POWERS",
    "G2_BYTES",
    "MAX_LOG_ROWS",
    "MIN_LOG_ROWS",
    "POINT_BYTES",
    "Points",
    "Progress",
    "Srs",
    "check_powers_shape",
    "decode_g2",
    "decode_powers",
    "development_srs",
    "encode_g2",
    "encode_powers",
    "load_srs",
    "replace_file",
    "replacing",
    "store_srs",
    "verify_powers",
    "verify_srs",
    "verify_tau_outside_domains",
]

Points = NDArray[np.uint64]

MIN_LOG_ROWS: Final = 1
MAX_LOG_ROWS: Final = 24
EXTRA_POWERS: Final = 9
POINT_BYTES: Final = 64
G2_BYTES: Final = 128
CHUNK_POINTS: Final = 1 << 14

_HEADER: Final = struct.Struct(">8sHBB")
_MAGIC: Final = b"TALLYSRS"
_VERSION: Final = 1
_ID_LABEL: Final = b"tallystick.srs.v1"
_DEVELOPMENT_CHUNK: Final = 1 << 17
_DEVELOPMENT_LABEL: Final = b"tallystick.srs.development.v1"


@dataclass(frozen=True, eq=False)
class Srs:
    """A structured reference string. Public; treat the array as read-only.

    Args:
        log_rows: k; the largest relation has N = 2^k rows.
        powers: (N+9, 8) points [τ^i]_1 in internal form.
        tau_g2: [τ]_2.
        development: whether some process knew τ; part of the id.

    Attributes:
        id: 32 bytes, SHA-256 over label, k, flag, [τ]_2 and every power in canonical encoding.

    Raises:
        SrsInvalidError: size out of range, array of another shape, or [τ]_2 at infinity.
    """

    log_rows: int
    powers: Points = field(repr=False)
    tau_g2: G2 = field(repr=False)
    development: bool
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_powers_shape(self.log_rows, self.powers)
        digest = hashlib.sha256(_ID_LABEL + bytes([self.log_rows, int(self.development)]))
        digest.update(encode_g2(self.tau_g2))
        for chunk in encode_powers(self.powers):
            digest.update(chunk)
        object.__setattr__(self, "id", digest.digest())

    @property
    def max_rows(self) -> int:
        """N, the largest number of rows a relation over this string may have."""
        return 1 << self.log_rows

    def commit(self, coefficients: NDArray[np.uint64]) -> Points:
        """Commit to a polynomial: Σ c_i·[τ^i]_1.

        Args:
            coefficients: (m, 4) field elements, constant term first, m ≤ N+9; may be secret.

        Returns:
            (1, 8) point.

        Raises:
            SizeMismatchError: not an (m, 4) array of uint64, or more coefficients than powers.
        Timing: depends on m and, through the buckets of the sum, on the values; run it on the owner's machine.
        """
        if coefficients.ndim != 2 or coefficients.shape[1] != 4 or coefficients.dtype != np.uint64:
            raise SizeMismatchError("coefficients must be an (m, 4) array of 64-bit limbs")
        if coefficients.shape[0] > self.powers.shape[0]:
            raise SizeMismatchError(f"{coefficients.shape[0]} coefficients, but only {self.powers.shape[0]} powers")
        if coefficients.shape[0] == 0:
            return np.zeros((1, 8), dtype=np.uint64)
        return msm(self._fixed, np.ascontiguousarray(coefficients))

    @cached_property
    def _fixed(self) -> FixedPoints:
        """The powers laid out for sums, made by the first commitment."""
        return FixedPoints(self.powers)

    def vanishing(self, n_rows: int, shift: int = 0) -> Points:
        """Return [τ^shift·(τ^n − 1)]_1 as a (1, 8) point, the commitment of X^shift·Z_H for a domain of ``n_rows``.

        Raises:
            SizeMismatchError: n_rows < 1, shift < 0, or n_rows + shift above the degree of the string.
        """
        top = n_rows + shift
        if n_rows < 1 or shift < 0 or top >= self.powers.shape[0]:
            raise SizeMismatchError(f"X^{shift}·(X^{n_rows} − 1) does not fit {self.powers.shape[0]} powers")
        return add_points(self.powers[top : top + 1], neg_points(self.powers[shift : shift + 1]))


def check_powers_shape(log_rows: int, powers: Points) -> None:
    """Raise SrsInvalidError unless ``powers`` has the shape and type of a string for 2^log_rows rows."""
    if not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
        raise SrsInvalidError(f"log_rows must lie in {MIN_LOG_ROWS}..{MAX_LOG_ROWS}")
    if powers.shape != ((1 << log_rows) + EXTRA_POWERS, 8) or powers.dtype != np.uint64:
        raise SrsInvalidError(f"expected {(1 << log_rows) + EXTRA_POWERS} points for 2^{log_rows} rows")


def encode_g2(point: G2) -> bytes:
    """Encode a G2 point as x0 ‖ x1 ‖ y0 ‖ y1, 32 bytes each, big-endian.

    Raises:
        SrsInvalidError: infinity, which no string may contain.
        NonCanonicalEncodingError: a coordinate outside [0, 2^256).
    """
    if point is None:
        raise SrsInvalidError("a G2 point is the point at infinity")
    try:
        return b"".join(coordinate.to_bytes(32, "big") for half in point for coordinate in half)
    except OverflowError as error:
        raise NonCanonicalEncodingError("a G2 coordinate is outside the canonical range") from error


def decode_g2(data: bytes) -> G2:
    """Decode 128 bytes written by `encode_g2` and check canonical range, curve and subgroup.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: see `zk.pairing.check_g2`.
    """
    if len(data) != G2_BYTES:
        raise NonCanonicalEncodingError("a G2 point takes 128 bytes")
    x0, x1, y0, y1 = (int.from_bytes(data[i : i + 32], "big") for i in range(0, G2_BYTES, 32))
    point = ((x0, x1), (y0, y1))
    check_g2(point)
    return point


def encode_powers(powers: Points) -> Iterator[bytes]:
    """Yield the canonical encoding of points in chunks, 64 bytes each."""
    for start in range(0, powers.shape[0], CHUNK_POINTS):
        yield points_to_bytes(powers[start : start + CHUNK_POINTS])


def decode_powers(read: Callable[[int], bytes], count: int) -> Points:
    """Read ``count`` points chunk by chunk and check each is canonical and on the curve.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: a point is not acceptable, or the stream ended.
    """
    powers = np.empty((count, 8), dtype=np.uint64)
    for start in range(0, count, CHUNK_POINTS):
        size = min(CHUNK_POINTS, count - start)
        data = read(size * POINT_BYTES)
        if len(data) != size * POINT_BYTES:
            raise NonCanonicalEncodingError("the points end early")
        powers[start : start + size] = points_from_bytes(data)
    return powers


def verify_srs(srs: Srs, progress: Progress | None = None) -> None:
    """Raise unless the string may be used: powers of one τ, not 0 and in no evaluation domain.

    This shows that the string is well formed, not that τ is unknown: for that see `zk.ceremony.verify_ceremony`.

    Args:
        srs: the string.
        progress: called with a stage and the fraction done.

    Raises:
        SrsInvalidError: names the failed check.
    Timing: variable; everything is public. Two multi-scalar multiplications of N+8 by 128 bits, and two pairings.
    """
    verify_powers(srs.powers, srs.tau_g2, progress)
    verify_tau_outside_domains(srs.powers, srs.log_rows)


def development_srs(log_rows: int, seed: bytes | None = None) -> Srs:
    """Make a string whose τ this process knew: for tests and development chains only. One second at k = 20.

    Args:
        log_rows: k in 1..24.
        seed: fixes τ (tests and benchmarks); None takes it from the operating system.

    Raises:
        SrsInvalidError: log_rows out of range.
    """
    if not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
        raise SrsInvalidError(f"log_rows must lie in {MIN_LOG_ROWS}..{MAX_LOG_ROWS}")
    material = secrets.token_bytes(64) if seed is None else seed
    tau, counter = 1, 0
    while pow(tau, 1 << TWO_ADICITY, FR_MODULUS) in (0, 1):
        block = hashlib.sha512(_DEVELOPMENT_LABEL + counter.to_bytes(4, "big") + material).digest()
        tau, counter = int.from_bytes(block, "big") % FR_MODULUS, counter + 1
    powers = np.empty(((1 << log_rows) + EXTRA_POWERS, 8), dtype=np.uint64)
    for start in range(0, len(powers), _DEVELOPMENT_CHUNK):
        part = powers[start : start + _DEVELOPMENT_CHUNK]
        part[:] = multiply_generator(FR.scale(FR.powers(tau, len(part)), pow(tau, start, FR_MODULUS)))
    return Srs(log_rows, powers, multiply_g2(G2_GENERATOR, tau), development=True)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a new file to write and read that takes the place of ``path`` when the block ends without an error.

    A crash leaves either the old file or the new one, which is flushed to disk before it is renamed.

    Raises:
        OSError: the file system refused; the old file is untouched.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        with open(temporary, "x+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file as `replacing` does.

    Raises:
        OSError: the file system refused; the old file is untouched.
    """
    with replacing(path) as stream:
        stream.writelines(chunks)


def store_srs(srs: Srs, path: str | Path) -> None:
    """Write a string to a file, atomically (format in the module text).

    Raises:
        SrsInvalidError: the file cannot be written.
    """

    def chunks() -> Iterator[bytes]:
        yield _HEADER.pack(_MAGIC, _VERSION, srs.log_rows, int(srs.development))
        yield encode_g2(srs.tau_g2)
        yield from encode_powers(srs.powers)
        yield srs.id

    try:
        replace_file(Path(path), chunks())
    except OSError as error:
        raise SrsInvalidError(f"cannot write {path}: {error.strerror}") from error


def load_srs(path: str | Path) -> Srs:
    """Read a string from a file: length, flags, every point and the id are checked; `verify_srs` is separate.

    Raises:
        SrsInvalidError: unreadable, not of this format, of another length, with a point that is not canonical or off
            its curve, or with an id that does not belong to its content.
    """
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            head = stream.read(_HEADER.size)
            if len(head) != _HEADER.size or head[: len(_MAGIC)] != _MAGIC:
                raise SrsInvalidError(f"{path} is not a structured reference string")
            _, version, log_rows, flags = _HEADER.unpack(head)
            if version != _VERSION or flags > 1 or not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
                raise SrsInvalidError(f"{path} has an unsupported version, flag or size")
            count = (1 << log_rows) + EXTRA_POWERS
            if size != _HEADER.size + G2_BYTES + count * POINT_BYTES + 32:
                raise SrsInvalidError(f"{path} is truncated or extended")
            tau_g2 = decode_g2(stream.read(G2_BYTES))
            powers = decode_powers(stream.read, count)
            stored_id = stream.read(32)
    except OSError as error:
        raise SrsInvalidError(f"cannot read {path}: {error.strerror}") from error
    except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
        raise SrsInvalidError(f"{path}: {error}") from error
    srs = Srs(log_rows, powers, tau_g2, development=bool(flags))
    if srs.id != stored_id:
        raise SrsInvalidError(f"{path}: the id does not belong to the content")
    return srs
