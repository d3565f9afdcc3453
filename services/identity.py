"""Who is who: X.509 certificates with one SPIFFE-like URI, and a small authority that issues them for demonstrations.

A certificate says ``spiffe://tallystick.local/<role>/<name>`` and the DNS name ``<name>.<role>.tallystick.local``. The
first is what a server reads from its caller. The second is what a client demands of the server it calls, so that one
process with a valid certificate cannot pass for another (the demonstration runs all of them on localhost).

In production an organisation's own authority issues the same names. `DemoAuthority` keeps its key in memory unless it
is told to store it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.errors import IdentityInvalidError

TRUST_DOMAIN: Final = "tallystick.local"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VALID_DAYS: Final = 365
_CLOCK_SKEW: Final = timedelta(minutes=5)


class Role(StrEnum):
    """What a process or person is to the others."""

    PARTY = "party"
    PROVER = "prover"
    COORDINATOR = "coordinator"
    AGENCY = "agency"
    REGULATOR = "regulator"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A role and a name within it.

    Args:
        role: one of `Role`.
        name: DNS label: lower-case letters, digits and inner hyphens, at most 63.

    Raises:
        IdentityInvalidError: the name is no DNS label.
    """

    role: Role
    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise IdentityInvalidError(f"{self.name!r} is no name: lower-case letters, digits and hyphens, at most 63")

    @property
    def uri(self) -> str:
        """The URI that a certificate carries."""
        return f"spiffe://{TRUST_DOMAIN}/{self.role.value}/{self.name}"

    @property
    def dns_name(self) -> str:
        """The DNS name that a certificate carries and a client demands."""
        return f"{self.name}.{self.role.value}.{TRUST_DOMAIN}"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    Args:
        identity: who the certificate says it is.
        certificate_hash: 32 bytes, SHA-256 of the certificate, as members register it on the ledger.
    """

    identity: Identity
    certificate_hash: bytes


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate and its key, PEM. The key is secret and stays out of the repr."""

    identity: Identity
    certificate: bytes
    private_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a process finds its certificate, its key and the authority's certificate."""

    certificate: Path
    private_key: Path
    authority: Path


def load_certificate(data: bytes) -> x509.Certificate:
    """Parse one certificate, PEM or DER.

    Raises:
        IdentityInvalidError: it is neither.
    """
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise IdentityInvalidError("not an X.509 certificate") from error


def parse_identity(data: bytes) -> Identity:
    """Return the identity in a certificate. It does not verify the certificate: TLS has done so.

    Args:
        data: certificate, PEM or DER.

    Raises:
        IdentityInvalidError: no certificate, or not exactly one URI, or one that is not ours.
    """
    certificate = load_certificate(data)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise IdentityInvalidError("the certificate has no readable alternative names") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise IdentityInvalidError(f"expected one URI in the certificate, got {len(uris)}")
    prefix = f"spiffe://{TRUST_DOMAIN}/"
    parts = uris[0].removeprefix(prefix).split("/")
    if not uris[0].startswith(prefix) or len(parts) != 2 or parts[0] not in [role.value for role in Role]:
        raise IdentityInvalidError("the certificate's URI names no role of this trust domain")
    return Identity(Role(parts[0]), parts[1])


def certificate_hash(data: bytes) -> bytes:
    """Return the SHA-256 of a certificate's DER form, 32 bytes. Accepts PEM or DER.

    Raises:
        IdentityInvalidError: not a certificate.
    """
    return hashlib.sha256(load_certificate(data).public_bytes(serialization.Encoding.DER)).digest()


@lru_cache(maxsize=256)
def parse_caller(data: bytes) -> Caller:
    """Return identity and certificate hash of a verified certificate; raises as `parse_identity` does."""
    return Caller(parse_identity(data), certificate_hash(data))


class DemoAuthority:
    """A certificate authority for demonstrations and tests. Its key lives in this object.

    Args:
        certificate: the authority's own certificate.
        key: its private key. Secret.
    """

    __slots__ = ("_certificate", "_key")

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, name: str = "Tallystick demonstration authority") -> DemoAuthority:
        """Make an authority with a fresh EC P-256 key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, folder: Path) -> DemoAuthority:
        """Read an authority that `store` wrote.

        Raises:
            IdentityInvalidError: a file is missing or does not hold what it should.
        """
        try:
            certificate = load_certificate((folder / "ca.crt").read_bytes())
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise IdentityInvalidError(f"no authority in {folder}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise IdentityInvalidError(f"certificate and key of the authority in {folder} do not belong together")
        return cls(certificate, key)

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM. Public."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, role: Role, name: str, *, valid_days: int = _VALID_DAYS) -> IssuedCertificate:
        """Issue a certificate for server and client use, with a fresh EC P-256 key.

        Raises:
            IdentityInvalidError: the name is no DNS label.
        """
        identity = Identity(role, name)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{role.value}/{name}"[:64])])
        names = [
            x509.UniformResourceIdentifier(identity.uri),
            x509.DNSName(identity.dns_name),
            x509.DNSName("localhost"),
            x509.IPAddress(IPv4Address("127.0.0.1")),
            x509.IPAddress(IPv6Address("::1")),
        ]
        builder = _builder(subject, self._certificate.subject, key.public_key(), valid_days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return IssuedCertificate(identity, certificate, _private_pem(key))

    def issue_files(self, folder: Path, role: Role, name: str) -> CertificateFiles:
        """Issue a certificate into a folder: ``<role>-<name>.crt``, ``.key`` (mode 0600) and ``ca.crt``."""
        issued = self.issue(role, name)
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{role.value}-{name}"
        files = CertificateFiles(folder / f"{stem}.crt", folder / f"{stem}.key", folder / "ca.crt")
        files.certificate.write_bytes(issued.certificate)
        files.authority.write_bytes(self.certificate)
        store_private(files.private_key, issued.private_key)
        return files

    def store(self, folder: Path) -> None:
        """Write the authority's certificate and, mode 0600, its key, so that more can be issued later."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.crt").write_bytes(self.certificate)
        store_private(folder / "ca.key", _private_pem(self._key))


def store_private(path: Path, data: bytes) -> None:
    """Write a secret file that only its owner can read, whatever the umask and whatever was there before."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(data)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid_days: int = _VALID_DAYS
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _CLOCK_SKEW).not_valid_after(now + timedelta(days=valid_days))


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, encryption = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)
