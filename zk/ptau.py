"""Ceremonies kept in `.ptau` files, the format that snarkjs 0.7 and others read and write (BN254).

    begin_ptau       a file at τ = α = β = 1
    contribute_ptau  verify a file, multiply its τ, α and β by fresh secret factors, write the next one
    verify_ptau      full verification (`zk.ptau_verify`)
    import_ptau      full verification, and the structured reference string of the first N+9 powers of τ
    export_ptau      full verification, and a copy without tables of others, cut to a smaller power if wanted

Contributors of either software can take turns on one file. A `.ptau` of power p serves relations of up to 2^p rows
(from p = 4 on; for fewer rows N+9 powers need a larger file). The other format, of `zk.ceremony`, keeps only what a
structured reference string needs, binds names and is half the size; it cannot be turned into a `.ptau`, because the
points of sections 3 to 6 exist nowhere in it.

The security argument is that of the chain (`zk.ptau_verify`): every factor is proved to be known to its contributor,
so that τ is unknown if one contributor drew its factor uniformly and forgot it.

Memory: files of any size pass through in chunks of 4 MiB; an import holds its powers, 64 bytes each.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from zk.ceremony import SecretScalar
from zk.curve import GENERATOR, multiply_generator, multiply_points
from zk.errors import CeremonyInvalidError
from zk.field import FR, FR_MODULUS, Words
from zk.pairing import G2_GENERATOR
from zk.ptau_file import (
    ALPHA_TAU_G1,
    BETA_G2,
    BETA_TAU_G1,
    CONTRIBUTIONS,
    MAX_CONTRIBUTIONS,
    MAX_NAME_BYTES,
    MAX_POWER,
    NAMES,
    POWER_SECTIONS,
    TAU_G1,
    TAU_G2,
    Layout,
    Record,
    encode_start,
    hash_keys,
    read_points,
    section_sizes,
    section_start,
)
from zk.ptau_hash import Blake2b
from zk.ptau_keys import ALPHA, BETA, TAU, FactorKey, make_key
from zk.ptau_points import compressed_form, encode_points, hash_form
from zk.ptau_twist import g2_from_row, g2_rows, multiply_generator_twist, multiply_twist
from zk.ptau_verify import Examined, Report, examine, reading, verify_ptau
from zk.srs import EXTRA_POWERS, MAX_LOG_ROWS, MIN_LOG_ROWS, Srs, replacing
from zk.srs_check import Progress

__all__ = [
    "begin_ptau",
    "contribute_ptau",
    "export_ptau",
    "import_ptau",
    "largest_log_rows",
    "powers_needed",
    "smallest_power",
    "srs_of",
    "verify_ptau",
]

_BLOCK_POINTS: Final = 1 << 14
_COPY_BYTES: Final = 1 << 22


def smallest_power(log_rows: int) -> int:
    """Return the least power p whose file holds the N+9 powers that 2^log_rows rows need."""
    power, needed = log_rows, powers_needed(log_rows)
    while (2 << power) - 1 < needed:
        power += 1
    return power


def largest_log_rows(power: int) -> int:
    """Return the largest k for which a file of this power holds enough, or 0."""
    return max((k for k in range(MIN_LOG_ROWS, MAX_LOG_ROWS + 1) if powers_needed(k) < 2 << power), default=0)


def begin_ptau(path: str | Path, power: int, progress: Progress | None = None) -> None:
    """Write a file to which nobody has contributed yet.

    Args:
        path: replaced atomically.
        power: p in 1..24; the file takes about 384·2^p bytes.
        progress: called with a stage and the fraction done.

    Raises:
        CeremonyInvalidError: power out of range, or the file cannot be written.
    """
    if not 1 <= power <= MAX_POWER:
        raise CeremonyInvalidError(f"the power must lie in 1..{MAX_POWER}")
    one = {64: encode_points(GENERATOR), 128: encode_points(g2_rows([G2_GENERATOR]))}

    def content() -> Iterator[bytes]:
        yield encode_start(power, power)
        for section, (points, point_bytes) in section_sizes(power).items():
            yield section_start(section, points * point_bytes)
            for start in range(0, points, _BLOCK_POINTS):
                yield one[point_bytes] * min(_BLOCK_POINTS, points - start)
            if progress is not None:
                progress("writing generators", section / CONTRIBUTIONS)
        yield section_start(CONTRIBUTIONS, 4) + bytes(4)

    _write(path, content())


def import_ptau(path: str | Path, log_rows: int, progress: Progress | None = None, report: Report | None = None) -> Srs:
    """Verify a file fully and return the structured reference string for 2^log_rows rows, not a development one.

    Args:
        path: the file, untrusted, from any software; read once, so that what was verified is what is returned.
        log_rows: k in 1..24.
        progress: called with a stage and the fraction done.
        report: called with one line of plain words per check that passed.

    Raises:
        CeremonyInvalidError: names the failed check, or says that the file holds too few powers.
    Timing: variable; everything is public.
    """
    return srs_of(verify_ptau(path, progress, report, powers_needed(log_rows)), log_rows)


def powers_needed(log_rows: int) -> int:
    """Return N+9, how many powers of τ a string for 2^log_rows rows holds.

    Raises:
        CeremonyInvalidError: log_rows outside 1..24.
    """
    if not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
        raise CeremonyInvalidError(f"log_rows must lie in {MIN_LOG_ROWS}..{MAX_LOG_ROWS}")
    return (1 << log_rows) + EXTRA_POWERS


def srs_of(examined: Examined, log_rows: int) -> Srs:
    """Return the string whose powers were kept while a file was verified, not a development one.

    Raises:
        SrsInvalidError: not `powers_needed` powers were kept.
    """
    return Srs(log_rows, examined.powers, examined.tau_g2, development=False)


def export_ptau(
    path: str | Path,
    out: str | Path,
    power: int | None = None,
    progress: Progress | None = None,
    report: Report | None = None,
) -> Examined:
    """Verify a file fully and write its sections 1 to 7, cut to a smaller power if wanted.

    Args:
        path: the file, untrusted.
        out: where to write; replaced atomically.
        power: of the copy, at most the file's; None keeps it. A cut copy takes no more contributions.
        progress, report: see `import_ptau`.

    Returns:
        What is known of the file that was read.

    Raises:
        CeremonyInvalidError: names the failed check, or the power is out of range, or ``out`` cannot be written.
    """
    with reading(path) as stream:
        examined = examine(stream, 0, progress, report)
        layout = examined.layout
        kept = layout.power if power is None else power
        if not 1 <= kept <= layout.power:
            raise CeremonyInvalidError(f"the power must lie in 1..{layout.power}")
        _write(out, _cut(stream, layout, kept))
    return examined


def contribute_ptau(
    path: str | Path, out: str | Path, name: str, entropy: bytes = b"", progress: Progress | None = None
) -> str:
    """Verify a file fully, multiply its τ, α and β by fresh secret factors, and write the result.

    The factors come from the operating system mixed with ``entropy`` and are neither returned nor stored.

    Args:
        path: the file received, untrusted.
        out: where to write; may be ``path``; replaced atomically.
        name: the contributor's name, public; at most 64 bytes of printable UTF-8. No hash of this format covers it.
        entropy: bytes of the caller's own, optional; secret.
        progress: called with a stage and the fraction done.

    Returns:
        The receipt: the response hash, in hexadecimal, as snarkjs prints it too.

    Raises:
        CeremonyInvalidError: the file does not verify or was cut, the name is out of range, or ``out`` cannot be
            written.
    Timing: variable, depends on the secret factors: run it on a machine of the contributor's own.
    """
    if not name.isprintable() or name != unicodedata.normalize("NFC", name).strip():
        raise CeremonyInvalidError("a contributor's name must be printable text in normal form without outer spaces")
    if not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        raise CeremonyInvalidError(f"a contributor's name must take 1..{MAX_NAME_BYTES} bytes")
    with reading(path) as stream:
        examined = examine(stream, progress=progress, may_be_empty=True)
        if not examined.layout.complete:
            raise CeremonyInvalidError("was cut to a smaller power and takes no more contributions")
        if len(examined.records) >= MAX_CONTRIBUTIONS:
            raise CeremonyInvalidError(f"a ceremony takes at most {MAX_CONTRIBUTIONS} contributions")
        try:
            with replacing(Path(out)) as target:
                return _Contribution(stream, target, examined, name, entropy, progress).write()
        except OSError as error:
            raise CeremonyInvalidError(f"cannot write {out}: {error.strerror}") from error


def _write(path: str | Path, content: Iterator[bytes]) -> None:
    try:
        with replacing(Path(path)) as stream:
            stream.writelines(content)
    except OSError as error:
        raise CeremonyInvalidError(f"cannot write {path}: {error.strerror}") from error


def _cut(stream: BinaryIO, layout: Layout, power: int) -> Iterator[bytes]:
    """Yield a file of a smaller power: the beginnings of sections 2 to 5, and sections 6 and 7."""
    yield encode_start(power, layout.ceremony_power)
    sizes = {section: points * size for section, (points, size) in section_sizes(power).items()}
    sizes[CONTRIBUTIONS] = layout.offsets[CONTRIBUTIONS][1]
    for section, length in sizes.items():
        yield section_start(section, length)
        offset = layout.offsets[section][0]
        for start in range(0, length, _COPY_BYTES):
            stream.seek(offset + start)
            yield stream.read(min(_COPY_BYTES, length - start))


class _Contribution:
    """One contribution while it is written; holds the secret factors and forgets them with itself."""

    def __init__(
        self,
        source: BinaryIO,
        target: BinaryIO,
        examined: Examined,
        name: str,
        entropy: bytes,
        progress: Progress | None,
    ) -> None:
        self._source, self._target, self._examined = source, target, examined
        self._name, self._progress = name, progress
        power = examined.layout.power
        self._sizes = section_sizes(power)
        self._done, self._total = 0, sum(points * size for points, size in self._sizes.values())
        binding = (entropy, examined.digest, name.encode())
        self._factors = [SecretScalar(b"ptau factor %d" % factor, *binding) for factor in (TAU, ALPHA, BETA)]
        bases = [SecretScalar(b"ptau base %d" % factor, *binding) for factor in (TAU, ALPHA, BETA)]
        tau, alpha, beta = (
            make_key(factor, examined.digest, secret.expose(), base.expose())
            for factor, secret, base in zip((TAU, ALPHA, BETA), self._factors, bases, strict=True)
        )
        self._keys: tuple[FactorKey, FactorKey, FactorKey] = (tau, alpha, beta)

    def write(self) -> str:
        """Write the file and return the receipt."""
        layout, before = self._examined.layout, self._examined.records
        response = Blake2b()
        response.update(self._examined.digest)
        self._target.write(encode_start(layout.power, layout.power))
        firsts = {section: self._write_section(section, response) for section in POWER_SECTIONS}
        state = response.encode_state()
        response.update(hash_keys(self._keys))
        receipt = response.digest()
        record = Record(
            tau_g1=firsts[TAU_G1][1:],
            tau_g2=g2_from_row(firsts[TAU_G2][1]),
            alpha_g1=firsts[ALPHA_TAU_G1][:1],
            beta_g1=firsts[BETA_TAU_G1][:1],
            beta_g2=g2_from_row(firsts[BETA_G2][0]),
            keys=self._keys,
            hash_state=state,
            next_digest=self._hash_written(receipt),
            name=self._name.encode(),
            beacon=None,
        )
        records = b"".join(earlier.encode() for earlier in before) + record.encode()
        self._target.seek(0, 2)
        self._target.write(section_start(CONTRIBUTIONS, 4 + len(records)))
        self._target.write((len(before) + 1).to_bytes(4, "little") + records)
        return receipt.hex()

    def _write_section(self, section: int, response: Blake2b) -> Words:
        """Multiply a section, write and hash it; return its first two points (one in section 6)."""
        points, point_bytes = self._sizes[section]
        tau, alpha, beta = (factor.expose() for factor in self._factors)
        weight = {TAU_G1: 1, TAU_G2: 1, ALPHA_TAU_G1: alpha, BETA_TAU_G1: beta, BETA_G2: beta}[section]
        self._target.write(section_start(section, points * point_bytes))
        firsts: list[Words] = []
        for chunk in read_points(self._source, self._examined.layout, section):
            for start in range(0, len(chunk), _BLOCK_POINTS):
                block = np.ascontiguousarray(chunk[start : start + _BLOCK_POINTS])
                weights = FR.scale(FR.powers(tau, len(block)), weight)
                product = _multiply(block, weights)
                weight = weight * pow(tau, len(block), FR_MODULUS) % FR_MODULUS
                firsts = firsts or [product[:2].copy()]
                self._target.write(encode_points(product))
                response.update(compressed_form(hash_form(product), point_bytes))
                self._done += len(block) * point_bytes
                if self._progress is not None:
                    self._progress(f"multiplying section {section} ({NAMES[section]})", self._done / self._total)
        return firsts[0]

    def _hash_written(self, receipt: bytes) -> bytes:
        """Return the next digest: a hash of the receipt and of every point written, uncompressed."""
        self._target.flush()
        layout = Layout(self._examined.layout.power, self._examined.layout.power, _offsets(self._sizes))
        hasher = hashlib.blake2b(receipt)
        for section in POWER_SECTIONS:
            for points in read_points(self._target, layout, section):
                hasher.update(hash_form(points))
        return hasher.digest()


def _offsets(sizes: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Where `encode_start` and the sections after it put each content."""
    offsets, position = {}, len(encode_start(1, 1))
    for section, (points, point_bytes) in sizes.items():
        position += len(section_start(section, 0))
        offsets[section] = position, points * point_bytes
        position += points * point_bytes
    return offsets


def _multiply(points: Words, weights: Words) -> Words:
    """weights[i]·points[i]; where every point is the generator, as in the first contribution, from tables."""
    in_g2 = points.shape[1] == 16
    generator = g2_rows([G2_GENERATOR]) if in_g2 else GENERATOR
    if (points == generator).all():
        return multiply_generator_twist(weights) if in_g2 else multiply_generator(weights)
    return multiply_twist(points, weights) if in_g2 else multiply_points(points, weights)
