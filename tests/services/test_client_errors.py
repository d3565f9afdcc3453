"""The agency's client: configurations that cannot be used, processes that do not answer, endings of a study."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import tallystick
from ledger.deploy import Deployment
from ledger.errors import LedgerUnreachableError
from services.client_errors import QueryCancelledError, QueryFailedError
from services.config import AgencyConfig, Endpoint, LedgerConfig, PartyEndpoint, TlsConfig
from services.coordinator.client import StudyUpdate
from services.coordinator.store import StudyState
from services.errors import (
    ConfigInvalidError,
    DisclosureRefusedError,
    PeerUnavailableError,
    RefusedError,
    RemoteError,
    RequestInvalidError,
)
from services.following import raise_unless_published
from services.identity import Role
from services.ledger_access import load_account, load_deployment, store_account, store_deployment
from services.operator import parse_query_id
from services.unavailable import PeerNotTrustedError, peer_unavailable
from services.verify import verify_published
from zk.srs import development_srs

IssueTls = Callable[[Role, str], TlsConfig]
CHAIN_ID = 20260


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def config(tmp_path: Path, issue_tls: IssueTls) -> AgencyConfig:
    """A well-formed configuration of processes that do not exist."""
    srs = development_srs(3, b"client errors")
    contract = "0x" + "11" * 20
    deployment = Deployment(contract, contract, contract, CHAIN_ID, srs.id, False, contract)
    store_deployment(tmp_path / "deployment.json", deployment, srs)
    store_account(tmp_path / "agency.key", secrets.token_bytes(32))
    nobody = f"127.0.0.1:{free_port()}"
    return AgencyConfig(
        name="agency",
        tls=issue_tls(Role.AGENCY, "agency"),
        coordinator=Endpoint(name="coordinator", address=nobody),
        parties=tuple(PartyEndpoint(name=f"party-{n}", address=nobody, number=n) for n in range(3)),
        ledger=LedgerConfig(
            url=f"http://{nobody}",
            chain_id=CHAIN_ID,
            deployment=tmp_path / "deployment.json",
            account=tmp_path / "agency.key",
            confirmations=0,
        ),
    )


def test_processes_that_do_not_answer_are_named(config: AgencyConfig) -> None:
    with tallystick.connect(config) as client:
        with pytest.raises(PeerUnavailableError, match="coordinator"):
            client.query("SELECT COUNT(*) FROM t", purpose="nobody there")
        with pytest.raises(LedgerUnreachableError):
            verify_published(client.ledger, bytes(32))
        assert "SELECT" not in repr(client)


@pytest.mark.parametrize(
    ("sql", "purpose", "request_id", "field"),
    [
        ("SELECT 1", "", None, "purpose"),
        ("SELECT 1", "two\nlines", None, "purpose"),
        ("SELECT 1", "p", "no spaces", "request_id"),
    ],
)
def test_what_is_wrong_here_is_refused_before_anybody_is_asked(
    config: AgencyConfig, sql: str, purpose: str, request_id: str | None, field: str
) -> None:
    with tallystick.connect(config) as client, pytest.raises(RequestInvalidError) as refused:
        client.query(sql, purpose=purpose, request_id=request_id)
    assert refused.value.field == field


def test_a_configuration_without_what_it_needs_names_the_field(config: AgencyConfig, tmp_path: Path) -> None:
    def changed(**fields: object) -> AgencyConfig:
        return config.model_copy(update={"ledger": config.ledger.model_copy(update=fields)})

    for wrong, fault in (
        (changed(account=None), "ledger.account"),
        (changed(deployment=None), "ledger.deployment"),
        (changed(deployment=tmp_path / "missing.json"), "cannot read"),
        (changed(chain_id=1), "ledger.chain_id"),
        (changed(account=tmp_path / "deployment.json"), "holds no account key"),
    ):
        with pytest.raises(ConfigInvalidError, match=fault):
            tallystick.connect(wrong)
    with pytest.raises(ConfigInvalidError):
        tallystick.connect(tmp_path / "no.toml")


def test_a_key_file_that_is_malformed_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "account.key"
    for content in ("SECRET" * 8, "ab" * 31, ""):
        path.write_text(content)
        with pytest.raises(ConfigInvalidError) as refused:
            load_account(path)
        assert "SECRET" not in str(refused.value)
        assert refused.value.__cause__ is None
    store_account(path, b"k" * 32)
    assert load_account(path) == b"k" * 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_deployment_file_is_read_back_and_a_changed_one_refused(tmp_path: Path) -> None:
    srs = development_srs(3, b"deployment file")
    path = tmp_path / "deployment.json"
    written = Deployment("0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20, 7, srs.id, True, "0x" + "44" * 20)
    store_deployment(path, written, srs)
    assert load_deployment(path) == (written, srs.tau_g2)
    text = path.read_text()
    for broken in (text[:-20], "[]", "{}", text.replace('"tau_g2": "', '"tau_g2": "00')):
        path.write_text(broken)
        with pytest.raises(ConfigInvalidError, match="no deployment file"):
            load_deployment(path)


def update(state: StudyState, code: str = "", message: str = "") -> StudyUpdate:
    """A study in a final state."""
    return StudyUpdate(
        b"q" * 32, "r", "agency", "SELECT", "why", state, code, message, (), 1, (), "", 0, b"", 0, 0
    )  # fmt: skip


def test_every_ending_has_its_error() -> None:
    raise_unless_published(update(StudyState.PUBLISHED))
    with pytest.raises(RefusedError) as refused:
        raise_unless_published(update(StudyState.REFUSED, "POLICY_ROLE", "this role may not ask"))
    assert (refused.value.rule, str(refused.value)) == ("POLICY_ROLE", "this role may not ask")
    with pytest.raises(DisclosureRefusedError):
        raise_unless_published(update(StudyState.REFUSED, "DISCLOSURE", "anything a coordinator may say"))
    with pytest.raises(QueryFailedError) as failed:
        raise_unless_published(update(StudyState.FAILED, "PEER_UNAVAILABLE", "party x does not answer"))
    assert failed.value.code == "PEER_UNAVAILABLE"
    with pytest.raises(QueryCancelledError):
        raise_unless_published(update(StudyState.CANCELLED))


@pytest.mark.parametrize("text", ["", "12", "zz" * 32, "00" * 33, "0x" + "00" * 31, "00 " * 32])
def test_a_malformed_query_id_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalidError):
        parse_query_id(text)
    assert parse_query_id("0x" + "ab" * 32) == b"\xab" * 32


@pytest.mark.parametrize(
    ("said", "trusted"),
    [  # in gRPC's words
        ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: Failed to connect to remote host: "
         "connect: Connection refused (111)", True),
        ("failed to connect to all addresses; last error: UNAVAILABLE: ipv4:127.0.0.1:9: Handshake read failed "
         "(Endpoint closing)", True),
        ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: Tls handshake failed "
         "(TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_"
         "FAILED: unable to get local issuer certificate: OK", False),
        ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: Custom verification check failed "
         "with error: UNAUTHENTICATED: Hostname Verification Check failed.", False),
    ],
)  # fmt: skip
def test_a_frozen_process_is_no_question_of_certificates(said: str, trusted: bool) -> None:
    """One that accepts connections and never answers the handshake, which our side then gives up."""
    found = peer_unavailable("party pharmacy", RemoteError("UNAVAILABLE", said, "UNAVAILABLE"))
    assert "party pharmacy" in str(found)
    assert isinstance(found, PeerNotTrustedError) is not trusted
