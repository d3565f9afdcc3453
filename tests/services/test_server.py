"""A real server and real clients: who is let in, what failures look like, and that the process stays in charge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.config import (
    AgencyConfig,
    CoordinatorConfig,
    Endpoint,
    LedgerConfig,
    PartyConfig,
    PartyEndpoint,
    ProverConfig,
    TlsConfig,
    load_config,
    store_config,
)
from services.errors import AddressUnavailableError, ConfigInvalidError, RefusedError, RemoteError
from services.identity import Identity, Role, certificate_hash
from services.server import Server, allow, build_server, caller_of, service_rules
from services.status import remote_errors
from services.transport import MAX_MESSAGE_BYTES, open_client

IssueTls = Callable[[Role, str], TlsConfig]
SERVER = Identity(Role.PROVER, "p0")
SECRET = "row 17 holds 4711"


def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
    if request == b"break":
        raise ValueError(SECRET)
    if request == b"refuse":
        raise RefusedError("MINIMUM_GROUP", "ask for at least 10 rows")
    if request == b"who":
        return caller_of(context).certificate_hash
    if request == b"wait":
        time.sleep(1.5)
    return request


def spread(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b"first"
    yield echo(request, context)


def gather(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    return b"".join(echo(request, context) for request in requests)


def mirror(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    for request in requests:
        yield echo(request, context)


KINDS = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")


def add_test_service(server: grpc.Server) -> None:
    handlers = {
        "UnaryUnary": grpc.unary_unary_rpc_method_handler(echo),
        "UnaryStream": grpc.unary_stream_rpc_method_handler(spread),
        "StreamUnary": grpc.stream_unary_rpc_method_handler(gather),
        "StreamStream": grpc.stream_stream_rpc_method_handler(mirror),
        "Unlisted": grpc.unary_unary_rpc_method_handler(echo),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tallystick.v1.TestService", handlers),))


def call(channel: grpc.Channel, kind: str, request: bytes) -> list[bytes]:
    """Make one call of any kind and return all replies; fails with a typed error."""
    path = f"/tallystick.v1.TestService/{kind}"
    with remote_errors():
        if kind == "UnaryStream":
            return list(channel.unary_stream(path)(request, timeout=10))
        if kind == "StreamUnary":
            return [channel.stream_unary(path)(iter([request]), timeout=10)]
        if kind == "StreamStream":
            return list(channel.stream_stream(path)(iter([request]), timeout=10))
        return [channel.unary_unary(path)(request, timeout=10)]


@pytest.fixture(scope="module")
def server(issue_tls: IssueTls) -> Iterator[Server]:
    rules = service_rules("TestService", {kind: allow(Role.PARTY, names=["a"]) for kind in KINDS})
    built = build_server(
        "127.0.0.1:0", issue_tls(SERVER.role, SERVER.name), [add_test_service], rules, workers=8, grace_s=0.2
    )
    built.start()
    yield built
    built.stop()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., grpc.Channel]]:
    opened: list[grpc.Channel] = []

    def to(tls: TlsConfig, expected: Identity = SERVER) -> grpc.Channel:
        opened.append(open_client(f"127.0.0.1:{server.port}", tls, expected))
        return opened[-1]

    yield to
    for channel in opened:
        channel.close()


@pytest.mark.parametrize("kind", KINDS)
def test_listed_caller_is_served(kind: str, connect: Any, issue_tls: IssueTls) -> None:
    assert call(connect(issue_tls(Role.PARTY, "a")), kind, b"hello")[-1] == b"hello"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("role", "name"), [(Role.PARTY, "b"), (Role.AGENCY, "a"), (Role.PROVER, "p0")])
def test_wrong_role_or_name_is_refused(kind: str, role: Role, name: str, connect: Any, issue_tls: IssueTls) -> None:
    with pytest.raises(RemoteError) as refused:
        call(connect(issue_tls(role, name)), kind, b"hello")
    assert (refused.value.status, refused.value.code) == ("PERMISSION_DENIED", "CALLER_REFUSED")


def test_method_without_a_rule_is_refused_to_everybody(connect: Any, issue_tls: IssueTls) -> None:
    with pytest.raises(RemoteError, match="CALLER_REFUSED"):
        call(connect(issue_tls(Role.PARTY, "a")), "Unlisted", b"hello")


def test_certificate_of_another_authority_is_refused(connect: Any, foreign_tls: IssueTls, issue_tls: IssueTls) -> None:
    ours, theirs = issue_tls(Role.PARTY, "a"), foreign_tls(Role.PARTY, "a")
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        call(connect(theirs.model_copy(update={"authority": ours.authority})), "UnaryUnary", b"hello")
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        call(connect(theirs), "UnaryUnary", b"hello")


def test_client_without_certificate_is_refused(server: Server, issue_tls: IssueTls) -> None:
    credentials = grpc.ssl_channel_credentials(issue_tls(Role.PARTY, "a").authority.read_bytes())
    target = f"localhost:{server.port}"
    for opened in (grpc.secure_channel(target, credentials), grpc.insecure_channel(target)):
        with opened as channel, pytest.raises(RemoteError, match="UNAVAILABLE"):
            call(channel, "UnaryUnary", b"hello")


@pytest.mark.parametrize("expected", [Identity(Role.PROVER, "p1"), Identity(Role.PARTY, "p0")])
def test_server_that_is_not_the_expected_one_is_refused(expected: Identity, connect: Any, issue_tls: IssueTls) -> None:
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        call(connect(issue_tls(Role.PARTY, "a"), expected), "UnaryUnary", b"hello")


def test_caller_is_known_by_its_certificate(connect: Any, issue_tls: IssueTls) -> None:
    tls = issue_tls(Role.PARTY, "a")
    assert call(connect(tls), "UnaryUnary", b"who") == [certificate_hash(tls.certificate.read_bytes())]


@pytest.mark.parametrize("kind", KINDS)
def test_unforeseen_exception_shows_an_incident_and_nothing_else(
    kind: str, connect: Any, issue_tls: IssueTls, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RemoteError) as failed:
        call(connect(issue_tls(Role.PARTY, "a")), kind, b"break")
    assert (failed.value.status, failed.value.code) == ("INTERNAL", "INTERNAL")
    assert "4711" not in str(failed.value)
    assert "ValueError" not in str(failed.value)
    assert failed.value.detail["incident"] in str(failed.value)
    written = capfd.readouterr()
    assert "4711" not in written.err + written.out
    assert failed.value.detail["incident"] in written.err + written.out


@pytest.mark.parametrize("kind", KINDS)
def test_refusal_keeps_its_rule(kind: str, connect: Any, issue_tls: IssueTls) -> None:
    with pytest.raises(RemoteError) as refused:
        call(connect(issue_tls(Role.PARTY, "a")), kind, b"refuse")
    assert (refused.value.status, refused.value.code) == ("FAILED_PRECONDITION", "MINIMUM_GROUP")
    assert refused.value.message == "ask for at least 10 rows"


@pytest.mark.parametrize("kind", KINDS)
def test_message_over_the_limit_is_refused(kind: str, connect: Any, issue_tls: IssueTls) -> None:
    channel = connect(issue_tls(Role.PARTY, "a"))
    assert call(channel, kind, bytes(MAX_MESSAGE_BYTES - 16))
    with pytest.raises(RemoteError, match="RESOURCE_EXHAUSTED"):
        call(channel, kind, bytes(MAX_MESSAGE_BYTES + 1))


def test_health_answers_every_identity_at_once_behind_busy_handlers(connect: Any, issue_tls: IssueTls) -> None:
    busy = connect(issue_tls(Role.PARTY, "a"))
    threads = [threading.Thread(target=call, args=(busy, "UnaryUnary", b"wait")) for _ in range(3)]
    for thread in threads:
        thread.start()
    stub = health_pb2_grpc.HealthStub(connect(issue_tls(Role.REGULATOR, "r")))
    stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    started = time.monotonic()
    reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert time.monotonic() - started < 0.5
    assert reply.status == health_pb2.HealthCheckResponse.SERVING
    for thread in threads:
        thread.join()


def test_health_watch_is_closed(connect: Any, issue_tls: IssueTls) -> None:
    stub = health_pb2_grpc.HealthStub(connect(issue_tls(Role.REGULATOR, "r")))
    with pytest.raises(RemoteError, match="CALLER_REFUSED"), remote_errors():
        list(stub.Watch(health_pb2.HealthCheckRequest(), timeout=5))


def test_taken_address_is_refused(server: Server, issue_tls: IssueTls) -> None:
    with pytest.raises(AddressUnavailableError):
        build_server(f"127.0.0.1:{server.port}", issue_tls(SERVER.role, SERVER.name), [], {}, workers=4)


def test_missing_certificate_file_is_named(issue_tls: IssueTls, tmp_path: Path) -> None:
    tls = issue_tls(SERVER.role, SERVER.name).model_copy(update={"private_key": tmp_path / "absent.key"})
    with pytest.raises(ConfigInvalidError, match=r"absent\.key"):
        build_server("127.0.0.1:0", tls, [], {}, workers=4)


PROCESS = """
import sys
from pathlib import Path
from services.config import TlsConfig
from services.logging import configure_logging
from services.server import build_server
configure_logging("test", "info")
tls = TlsConfig(certificate=Path(sys.argv[2]), private_key=Path(sys.argv[3]), authority=Path(sys.argv[4]))
server = build_server(f"127.0.0.1:{sys.argv[1]}", tls, [], {}, workers=4)
server.serve_until_signal(lambda: print("on_stop", flush=True))
"""


def test_sigterm_stops_a_process_in_order(issue_tls: IssueTls) -> None:
    tls = issue_tls(SERVER.role, SERVER.name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PROCESS, str(port), str(tls.certificate), str(tls.private_key), str(tls.authority)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        with open_client(f"127.0.0.1:{port}", issue_tls(Role.PARTY, "a"), SERVER) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            stub.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True)
        os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    assert out == "on_stop\n"
    assert '"event": "stopping"' in err


def prover_config(tls: TlsConfig, folder: Path) -> ProverConfig:
    return ProverConfig(
        name="p0", listen="127.0.0.1:0", tls=tls, data_dir=folder / "data", party="a", srs=folder / "srs.bin"
    )


def test_stored_configuration_loads_again(issue_tls: IssueTls, tmp_path: Path) -> None:
    tls = issue_tls(SERVER.role, SERVER.name)
    prover = prover_config(tls, tmp_path)
    store_config(prover, tmp_path / "prover.toml")
    assert load_config(ProverConfig, tmp_path / "prover.toml") == prover
    party = PartyConfig(
        name="a", listen="[::1]:7000", tls=tls, data_dir=tmp_path, number=0, prover=Endpoint(name="p0", address="h:1"),
        peers=(PartyEndpoint(name="b", number=1, address="h:2"), PartyEndpoint(name="c", number=2, address="h:3")),
        ledger={"url": "http://localhost:8545", "chain_id": 1337},
    )  # fmt: skip
    store_config(party, tmp_path / "party.toml")
    assert load_config(PartyConfig, tmp_path / "party.toml") == party


def test_environment_stands_over_the_file_and_paths_are_relative_to_it(
    issue_tls: IssueTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_config(prover_config(issue_tls(SERVER.role, SERVER.name), tmp_path), tmp_path / "prover.toml")
    text = (tmp_path / "prover.toml").read_text().replace(f'"{tmp_path}/srs.bin"', '"srs.bin"')
    (tmp_path / "prover.toml").write_text(text)
    monkeypatch.setenv("TALLYSTICK_LISTEN", "127.0.0.1:9")
    monkeypatch.setenv("TALLYSTICK_TLS__AUTHORITY", "/elsewhere/ca.crt")
    config = load_config(ProverConfig, tmp_path / "prover.toml")
    assert (config.listen, config.tls.authority) == ("127.0.0.1:9", Path("/elsewhere/ca.crt"))
    assert config.srs == tmp_path / "srs.bin"
    assert config.tls.certificate.name == "prover-p0.crt"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("workers = 32", "workers = 0"), "workers"),
        (("workers = 32", "worker = 32"), "worker"),
        (('party = "a"', ""), "party"),
        (('listen = "127.0.0.1:0"', 'listen = "127.0.0.1"'), "listen"),
        (("[tls]", "[tls"), "TOML"),
    ],
)
def test_wrong_configuration_is_refused_by_field(
    change: tuple[str, str], field: str, issue_tls: IssueTls, tmp_path: Path
) -> None:
    store_config(prover_config(issue_tls(SERVER.role, SERVER.name), tmp_path), tmp_path / "prover.toml")
    text = (tmp_path / "prover.toml").read_text()
    assert change[0] in text
    (tmp_path / "prover.toml").write_text(text.replace(*change))
    with pytest.raises(ConfigInvalidError, match=field):
        load_config(ProverConfig, tmp_path / "prover.toml")


def endpoints(*members: tuple[int, str]) -> tuple[PartyEndpoint, ...]:
    return tuple(PartyEndpoint(name=name, number=number, address="h:1") for number, name in members)


LEDGER = LedgerConfig(url="http://localhost:8545", chain_id=1337)
THREE = ((0, "a"), (1, "b"), (2, "c"))


def coordinator_config(tls: TlsConfig, folder: Path, *members: tuple[int, str]) -> CoordinatorConfig:
    return CoordinatorConfig(
        name="coordinator", listen="h:1", tls=tls, data_dir=folder, parties=endpoints(*members), ledger=LEDGER
    )


def agency_config(tls: TlsConfig, folder: Path, *members: tuple[int, str]) -> AgencyConfig:
    coordinator = Endpoint(name="coordinator", address="h:1")
    return AgencyConfig(name="agency", tls=tls, coordinator=coordinator, parties=endpoints(*members), ledger=LEDGER)


def party_config(tls: TlsConfig, folder: Path, own: tuple[int, str], *peers: tuple[int, str]) -> PartyConfig:
    return PartyConfig(
        name=own[1], listen="h:1", tls=tls, data_dir=folder, number=own[0], prover=Endpoint(name="p0", address="h:1"),
        peers=endpoints(*peers), ledger=LEDGER,
    )  # fmt: skip


@pytest.mark.parametrize("config", [party_config, coordinator_config, agency_config])
@pytest.mark.parametrize(
    ("members", "fault"),
    [
        (((0, "a"), (1, "b"), (3, "d")), "without gaps"),
        (((0, "a"), (1, "b"), (2, "c"), (4, "e")), "without gaps"),
        (((0, "a"), (1, "b"), (1, "c")), "without gaps"),
        (((1, "b"), (2, "c"), (3, "d")), "without gaps"),
        (((0, "a"), (1, "b")), "at least 3 parties"),
        (((0, "a"), (1, "b"), (2, "c"), (3, "a")), "one name"),
    ],
)
def test_a_configuration_names_three_parties_or_more_without_gaps(
    config: Callable[..., PartyConfig | CoordinatorConfig | AgencyConfig], members: tuple[tuple[int, str], ...],
    fault: str, issue_tls: IssueTls, tmp_path: Path,
) -> None:  # fmt: skip
    tls, path = issue_tls(Role.PARTY, "a"), tmp_path / "process.toml"
    for complete in (THREE, (*THREE, (3, "d"), (4, "e"))):
        good = config(tls, tmp_path, *complete)
        store_config(good, path)
        assert load_config(type(good), path) == good
    with pytest.raises(ValueError, match=fault):
        config(tls, tmp_path, *members)
    short = config(tls, tmp_path, *THREE)
    store_config(short, path)
    dropped = path.read_text().rpartition("[[")[0]
    path.write_text(dropped)
    with pytest.raises(ConfigInvalidError, match="at least 3 parties"):
        load_config(type(short), path)


def test_the_first_three_parties_compute(issue_tls: IssueTls, tmp_path: Path) -> None:
    members = coordinator_config(issue_tls(Role.PARTY, "a"), tmp_path, *THREE, (3, "d"), (4, "e")).parties
    assert [party.computes for party in members] == [True, True, True, False, False]
