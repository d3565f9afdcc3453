"""Certificates: what the demonstration authority issues is what the others read, and nothing else is accepted."""

from __future__ import annotations

import hashlib
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.errors import IdentityInvalidError
from services.identity import (
    DemoAuthority,
    Identity,
    Role,
    certificate_hash,
    load_certificate,
    parse_caller,
    parse_identity,
    store_private,
)  # fmt: skip


def certificate_with(uris: list[str]) -> bytes:
    """A self-signed certificate with these URIs and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("role", list(Role))
def test_issued_certificate_carries_its_identity(role: Role) -> None:
    issued = DemoAuthority.create().issue(role, "general-hospital")
    assert parse_identity(issued.certificate) == Identity(role, "general-hospital")
    certificate = load_certificate(issued.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"general-hospital.{role.value}.tallystick.local", "localhost"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_certificate_is_signed_by_the_authority_and_by_no_other() -> None:
    authority, other = DemoAuthority.create(), DemoAuthority.create()
    issued = load_certificate(authority.issue(Role.PARTY, "a").certificate)
    issued.verify_directly_issued_by(load_certificate(authority.certificate))
    with pytest.raises((InvalidSignature, ValueError)):
        issued.verify_directly_issued_by(load_certificate(other.certificate))


def test_hash_is_that_of_the_der_form_in_either_encoding() -> None:
    issued = DemoAuthority.create().issue(Role.AGENCY, "statistics")
    der = load_certificate(issued.certificate).public_bytes(serialization.Encoding.DER)
    expected = hashlib.sha256(der).digest()
    assert certificate_hash(issued.certificate) == certificate_hash(der) == expected
    assert parse_caller(issued.certificate).certificate_hash == expected
    again = DemoAuthority.create().issue(Role.AGENCY, "statistics")
    assert certificate_hash(again.certificate) != expected


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = DemoAuthority.create()
    files = authority.issue_files(tmp_path, Role.PROVER, "p0")
    authority.store(tmp_path)
    for path in (files.private_key, tmp_path / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "open.key").write_bytes(b"old")
    (tmp_path / "open.key").chmod(0o644)
    store_private(tmp_path / "open.key", b"new")
    assert stat.S_IMODE((tmp_path / "open.key").stat().st_mode) == 0o600


def test_stored_authority_goes_on_issuing(tmp_path: Path) -> None:
    authority = DemoAuthority.create()
    authority.store(tmp_path)
    issued = load_certificate(DemoAuthority.load(tmp_path).issue(Role.PARTY, "late").certificate)
    issued.verify_directly_issued_by(load_certificate(authority.certificate))


def test_authority_of_mixed_files_is_refused(tmp_path: Path) -> None:
    DemoAuthority.create().store(tmp_path)
    (tmp_path / "ca.crt").write_bytes(DemoAuthority.create().certificate)
    with pytest.raises(IdentityInvalidError):
        DemoAuthority.load(tmp_path)
    with pytest.raises(IdentityInvalidError):
        DemoAuthority.load(tmp_path / "nowhere")


def test_key_stays_out_of_the_repr() -> None:
    issued = DemoAuthority.create().issue(Role.PARTY, "a")
    assert "PRIVATE" not in repr(issued)
    assert b"PRIVATE" in issued.private_key


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a-", "a/b", "a.b", "ä", "a" * 64, "a\n"])
def test_name_that_is_no_dns_label_is_refused(name: str) -> None:
    with pytest.raises(IdentityInvalidError):
        DemoAuthority.create().issue(Role.PARTY, name)


@pytest.mark.parametrize(
    "uris",
    [
        [],
        ["spiffe://tallystick.local/party/a", "spiffe://tallystick.local/party/b"],
        ["spiffe://elsewhere.local/party/a"],
        ["spiffe://tallystick.local/admin/a"],
        ["spiffe://tallystick.local/party"],
        ["spiffe://tallystick.local/party/a/b"],
        ["spiffe://tallystick.local/party/"],
        ["https://tallystick.local/party/a"],
        ["party/a"],
        ["spiffe://tallystick.local/PARTY/a"],
    ],
)
def test_certificate_without_exactly_one_identity_is_refused(uris: list[str]) -> None:
    with pytest.raises(IdentityInvalidError):
        parse_identity(certificate_with(uris))


@pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n"])
def test_bytes_that_are_no_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(IdentityInvalidError):
        parse_identity(data)
