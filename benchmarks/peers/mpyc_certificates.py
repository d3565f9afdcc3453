"""Certificates as MPyC wants them: by common name, in a folder ``.config`` of the directory it runs in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=1)
_SKEW = timedelta(minutes=5)


def store_certificates(folder: Path, parties: int) -> None:
    """Make an authority and a certificate for each party, for one run, under ``folder/.config``."""
    target = folder / ".config"
    target.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _builder("authority", authority_key.public_key(), "authority").add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    (target / "mpyc_ca.crt").write_bytes(_signed(authority, authority_key))
    for number in range(parties):
        key = ec.generate_private_key(ec.SECP256R1())
        name = f"MPyC party {number}"  # what its client demands of the server
        issued = _signed(_builder(name, key.public_key(), "authority"), authority_key)
        (target / f"party_{number}.crt").write_bytes(issued)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (target / f"party_{number}.key").write_bytes(private)


def _builder(name: str, key: ec.EllipticCurvePublicKey, issuer: str) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
