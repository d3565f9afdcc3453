"""The prover's process seen from its party: real calls, the same results as the engine itself, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from joint_harness import TIMEOUT_S, no_history
from joint_samples import SAMPLES
from joint_samples import owners as registered_owners
from samples import HOSPITAL_COLUMNS, Sample, random_columns, sample, two_tables, two_tables_sample

from mpc.channel import LoopbackNetwork
from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from services.config import Endpoint, TlsConfig
from services.convert import encode_elements
from services.errors import (
    RemoteError,
)
from services.identity import Identity, Role
from services.party.session import JointProver, JointSession, SessionPlan, SessionResult, session_id
from services.prover.client import ProverClient, RemoteProver
from services.prover.service import ProverServicer, prover_rules
from services.server import Server, build_server
from services.status import remote_errors
from services.transport import open_client
from zk.builder import RelationBuilder
from zk.errors import (
    ProofRejectedError,
    ProtocolStateError,
    RelationInvalidError,
    SizeMismatchError,
    WitnessUnsatisfiedError,
)
from zk.field import FR, FR_MODULUS
from zk.owners import column_owners
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.range_table import verify_table
from zk.relation import ColumnKind, RegisteredColumn
from zk.verifier import verify_proof

IssueTls = Callable[[Role, str], TlsConfig]
PROVER = Identity(Role.PROVER, "p0")
LOG_ROWS = 4
SAMPLE = two_tables_sample(LOG_ROWS)
OWNERS = column_owners(SAMPLE.relation, {i: 0 if i in HOSPITAL_COLUMNS else 1 for i in SAMPLE.secrets})


def of_party(party: int) -> dict[int, RegisteredSecret]:
    return {i: secret for i, secret in SAMPLE.secrets.items() if OWNERS[i] == party}


@pytest.fixture(scope="module")
def server(issue_tls: IssueTls) -> Iterator[Server]:
    with serving(SAMPLE, issue_tls) as built:
        yield built


@contextmanager
def serving(given: Sample, issue_tls: IssueTls) -> Iterator[Server]:
    """A prover over a sample's reference string."""
    servicer = ProverServicer(given.srs, max_sessions=4, idle_session_s=60.0, max_rows_bytes=1 << 20)
    tls = issue_tls(PROVER.role, PROVER.name)
    built = build_server("127.0.0.1:0", tls, [servicer.add_to], prover_rules("north"), workers=16, grace_s=0.1)
    built.start()
    yield built
    servicer.stop()
    built.stop()


@pytest.fixture
def client(server: Server, issue_tls: IssueTls) -> Iterator[ProverClient]:
    with client_of(server, issue_tls) as opened:
        yield opened


@contextmanager
def client_of(server: Server, issue_tls: IssueTls) -> Iterator[ProverClient]:
    endpoint = Endpoint(name=PROVER.name, address=f"127.0.0.1:{server.port}")
    opened = ProverClient(endpoint, issue_tls(Role.PARTY, "north"), timeout_s=30.0)
    yield opened
    opened.close()


@pytest.fixture
def stub(server: Server, issue_tls: IssueTls) -> Iterator[prover_pb2_grpc.ProverServiceStub]:
    with open_client(f"127.0.0.1:{server.port}", issue_tls(Role.PARTY, "north"), PROVER) as channel:
        yield prover_pb2_grpc.ProverServiceStub(channel)


@pytest.fixture
def remote(client: ProverClient) -> Iterator[RemoteProver]:
    with client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0)) as opened:
        yield opened


def test_srs_is_described(client: ProverClient) -> None:
    info = client.srs_info()
    assert (info.id, info.log_rows, info.development) == (SAMPLE.srs.id, LOG_ROWS, True)


def test_columns_are_committed_as_the_engine_does(client: ProverClient) -> None:
    secrets = [SAMPLE.secrets[i] for i in sorted(SAMPLE.secrets)]
    points = client.commit_columns(secrets)
    assert points == tuple(commit_registered(SAMPLE.srs, secret) for secret in secrets)
    assert client.commit_columns(secrets[:1]) == points[:1]


def test_columns_of_another_length_are_refused(client: ProverClient) -> None:
    whole = SAMPLE.secrets[1].rows
    for rows in (whole[:-1], whole[:-8][:7], np.concatenate([whole, whole])):
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            client.commit_columns([SAMPLE.secrets[2], RegisteredSecret(rows, FR.random(1))])
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            client.commit_columns([RegisteredSecret(rows, FR.random(1))])
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        client.commit_columns([])


def test_registration_proof_verifies_here_and_there(client: ProverClient) -> None:
    proof, sums = client.prove_registration(SAMPLE.statement, SAMPLE.secrets, 1)
    verify_proof(SAMPLE.srs.tau_g2, SAMPLE.statement, proof)
    client.verify(SAMPLE.statement, proof)
    assert sums == SAMPLE.sums()
    assert proof.rows == (sums[0],)


def test_false_proof_is_rejected_with_its_reason(client: ProverClient) -> None:
    proof, _ = client.prove_registration(SAMPLE.statement, SAMPLE.secrets, 1)
    with pytest.raises(ProofRejectedError) as here:
        verify_proof(SAMPLE.srs.tau_g2, SAMPLE.statement, replace(proof, rows=(proof.rows[0] + 1,)))
    with pytest.raises(ProofRejectedError) as there:
        client.verify(SAMPLE.statement, replace(proof, rows=(proof.rows[0] + 1,)))
    assert there.value.reason == here.value.reason
    with pytest.raises(ProofRejectedError):
        client.verify(SAMPLE.asked(subject=b"\x03" * 32), proof)


def test_columns_that_break_the_relation_are_refused(client: ProverClient) -> None:
    builder = RelationBuilder(LOG_ROWS)
    x = builder.registered(RegisteredColumn(1, 1, 1, ColumnKind.BOOLEAN))
    builder.vanish([(1, x, x), (-1, 0, x)])
    builder.sum([(1, 0, x)])
    relation = builder.build()
    good = sample(relation, random_columns(relation, Random(5)))
    client.prove_registration(good.statement, good.secrets, 1)
    bad = sample(relation, {1: [2] * relation.rows})
    with pytest.raises(WitnessUnsatisfiedError):
        client.prove_registration(bad.statement, bad.secrets, 1)


def test_release_of_sums_that_do_not_exist_is_refused(client: ProverClient) -> None:
    with pytest.raises(RelationInvalidError):
        client.prove_registration(SAMPLE.statement, SAMPLE.secrets, 1 << 60)


@pytest.mark.parametrize(
    ("role", "name"), [(Role.PARTY, "south"), (Role.AGENCY, "north"), (Role.COORDINATOR, "north"), (Role.PROVER, "p0")]
)
def test_only_its_own_party_may_call(server: Server, issue_tls: IssueTls, role: Role, name: str) -> None:
    endpoint = Endpoint(name=PROVER.name, address=f"127.0.0.1:{server.port}")
    stranger = ProverClient(endpoint, issue_tls(role, name), timeout_s=10.0)
    for attempt in (
        stranger.srs_info,
        lambda: stranger.commit_columns([SAMPLE.secrets[1]]),
        lambda: stranger.open_session(SAMPLE.statement, 0, OWNERS, of_party(0)),
    ):
        with pytest.raises(RemoteError, match="CALLER_REFUSED"):
            attempt()
    stranger.close()


def joint(
    provers: list[JointProver], given: Sample, minimum: int = 3, owners: Mapping[int, int] = OWNERS
) -> list[SessionResult]:
    """Run the parties' session over a loopback with these provers."""
    identifier = session_id(given.statement.subject, 1)
    network = LoopbackNetwork(3, identifier, 1)
    plan = SessionPlan(given.statement, owners, minimum, identifier, 1, given.srs.tau_g2, TIMEOUT_S)
    found: list[Any] = [None] * 3

    def run(party: int) -> None:
        try:
            channel, prover = network.channels[party], provers[party]
            found[party] = JointSession(plan, channel, prover, lambda: None, audit=no_history).run()
        except Exception as error:
            found[party] = error
            network.close()

    threads = [threading.Thread(target=run, args=(party,)) for party in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(result, SessionResult) for result in found), found
    return found


def test_joint_proof_of_three_remote_provers_verifies(client: ProverClient) -> None:
    remotes = [client.open_session(SAMPLE.statement, party, OWNERS, of_party(party)) for party in range(3)]
    results = joint(list(remotes), SAMPLE)
    assert results[0].proof == results[1].proof == results[2].proof
    verify_proof(SAMPLE.srs.tau_g2, SAMPLE.statement, results[0].proof)
    total = FR.add(FR.add(results[0].values, results[1].values), results[2].values)
    assert FR.to_integers(total) == SAMPLE.sums()
    for remote in remotes:
        remote.close()
        with pytest.raises(RemoteError, match="RECORD_UNKNOWN"):
            remote.sum_parts()


@pytest.mark.parametrize("name", list(SAMPLES))
def test_remote_provers_prove_lookups_cells_and_mixed_columns(issue_tls: IssueTls, name: str) -> None:
    """Every array a session moves goes through the processes' messages here."""
    given = SAMPLES[name]()
    split = registered_owners(given)
    owners = column_owners(given.relation, split)
    with serving(given, issue_tls) as server, client_of(server, issue_tls) as client:
        remotes = [
            client.open_session(
                given.statement, party, owners, {i: s for i, s in given.secrets.items() if split[i] == party}
            )
            for party in range(3)
        ]
        results = joint(list(remotes), given, 0, owners)
        client.verify(given.statement, results[0].proof)
        if given.relation.lookups:
            found = client.prove_table(given.relation.log_rows, given.relation.table_bits)
            assert found.commitment == given.table
            verify_table(given.srs.tau_g2, found)
    assert results[0].proof == results[1].proof == results[2].proof
    given.verify(results[0].proof)
    total = FR.add(FR.add(results[0].values, results[1].values), results[2].values)
    assert FR.to_integers(total) == given.sums()


def test_tables_that_do_not_exist_are_refused(client: ProverClient) -> None:
    for log_rows, bits in ((LOG_ROWS + 1, 1), (LOG_ROWS, LOG_ROWS + 1), (LOG_ROWS, 0), (3, 1)):
        with pytest.raises((RemoteError, SizeMismatchError)):
            client.prove_table(log_rows, bits)


def test_remote_and_local_contributors_prove_together(client: ProverClient) -> None:
    local = [Contributor(SAMPLE.statement, SAMPLE.srs, party, OWNERS, of_party(party)) for party in (1, 2)]
    with client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0)) as remote:
        assert (remote.crossing, remote.uploads, remote.mixed) == (local[0].crossing, local[0].uploads, local[0].mixed)
        assert remote.relation == local[0].relation
        verify_proof(SAMPLE.srs.tau_g2, SAMPLE.statement, joint([remote, *local], SAMPLE)[0].proof)


def test_step_out_of_order_or_twice_is_refused(remote: RemoteProver) -> None:
    with pytest.raises(ProtocolStateError):
        remote.commit_accumulator(FR.zeros(1))
    with pytest.raises(ProtocolStateError):
        remote.own_values()
    mine = remote.own_uploads(1)
    assert remote.own_uploads(2) == {}
    for upload in remote.uploads:
        shares = mine.get(upload.number, FR.zeros(upload.length))
        remote.accept_upload(upload.number, shares, FR.zeros(len(shares)))
        with pytest.raises(ProtocolStateError):
            remote.accept_upload(upload.number, shares, FR.zeros(len(shares)))
    sums = remote.sum_parts()
    with pytest.raises(ProtocolStateError):
        remote.sum_parts()
    remote.accept_sums(sums, FR.random(1))
    with pytest.raises(ProtocolStateError):
        remote.accept_sums(sums, FR.random(1))


def test_arguments_of_another_size_are_refused(remote: RemoteProver) -> None:
    rows = SAMPLE.relation.rows
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.accept_upload(0, FR.zeros(rows + 3), FR.zeros(rows + 4))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.accept_upload(0, FR.zeros(rows + 2), FR.zeros(rows + 3))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.accept_upload(99, FR.zeros(rows + 3), FR.zeros(rows + 3))
    for column in (1, 99):
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            remote.mixed_part(column)
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            remote.accept_mixed(column, (FR.zeros(rows), FR.zeros(rows)), (FR.zeros(2), FR.zeros(2)))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.commit_shares(99)
    for columns in ((), (99,), (1, 99)):
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            remote.commit_share_combination(columns, 5)
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.commit_round1(FR.zeros(1))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.commit_accumulator(FR.zeros(2))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.absorb_values({1: 1})
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        remote.row_opening_parts([99], FR.zeros(1), FR.zeros(1))


def test_owners_and_secrets_must_agree(client: ProverClient) -> None:
    with pytest.raises(RelationInvalidError):
        client.open_session(SAMPLE.statement, 1, OWNERS, of_party(0))
    with pytest.raises(RemoteError, match="owners"):
        client.open_session(SAMPLE.statement, 0, {**OWNERS, 1: 16}, of_party(0))
    with pytest.raises(RemoteError, match="columns"):
        client.open_session(SAMPLE.statement, 0, OWNERS, {99: SAMPLE.secrets[1]})


def test_statement_beyond_the_srs_is_refused(client: ProverClient) -> None:
    relation = two_tables(LOG_ROWS + 1)
    statement = replace(SAMPLE.statement, relation=relation)
    rows = FR.zeros(relation.rows)
    secrets = {i: RegisteredSecret(rows, FR.random(1)) for i in HOSPITAL_COLUMNS}
    with pytest.raises((RemoteError, SizeMismatchError)):
        client.open_session(statement, 0, OWNERS, secrets)


def call_step(stub: prover_pb2_grpc.ProverServiceStub, session: bytes, **step: Any) -> prover_pb2.StepReply:
    with remote_errors():
        return stub.Step(prover_pb2.StepRequest(session=session, **step), timeout=10)


def test_malformed_steps_are_refused(remote: RemoteProver, stub: prover_pb2_grpc.ProverServiceStub) -> None:
    session = remote._session
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        call_step(stub, session)
    with pytest.raises(RemoteError, match="RECORD_UNKNOWN"):
        call_step(stub, bytes(16), sum_parts=prover_pb2.NoInput())
    over = FR_MODULUS.to_bytes(32, "big")
    with pytest.raises(RemoteError, match="NON_CANONICAL_ENCODING"):
        call_step(stub, session, commit_accumulator=prover_pb2.Masks(masks=over))
    with pytest.raises(RemoteError, match="POINT_NOT_ON_CURVE"):
        call_step(stub, session, absorb_accumulator=prover_pb2.Points(points=b"\x01" * 64))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        call_step(stub, session, absorb_accumulator=prover_pb2.Points(points=b"\x01" * 63))
    opening = prover_pb2.OpeningPart(release=b"\x01", values=b"", mask=bytes(32))
    with pytest.raises(RemoteError, match="REQUEST_INVALID"):
        call_step(stub, session, opening_part=opening)
    call_step(stub, session, transcript_digest=prover_pb2.NoInput())


def upload(stub: prover_pb2_grpc.ProverServiceStub, *parts: Any) -> None:
    requests = [prover_pb2.CommitColumnsRequest(**part) for part in parts]
    with remote_errors():
        stub.CommitColumns(iter(requests), timeout=10)


def test_malformed_uploads_are_refused(stub: prover_pb2_grpc.ProverServiceStub) -> None:
    rows = encode_elements(SAMPLE.secrets[1].rows)
    header = {"header": prover_pb2.CommitHeader(log_rows=LOG_ROWS, blinders=bytes(32))}

    def piece(data: bytes, *, last: bool = True, column: int = 0) -> dict[str, Any]:
        return {"rows": common_pb2.ArrayChunk(column=column, data=data, last=last)}

    upload(stub, header, piece(rows[:64], last=False), piece(rows[64:]))
    for parts in (
        [],
        [piece(rows)],
        [header],
        [header, header],
        [header, piece(rows[:64], last=False)],
        [header, piece(rows[:64])],
        [header, piece(rows, last=False)],
        [header, piece(rows + rows)],
        [header, piece(rows[:-1])],
        [header, piece(rows), piece(rows)],
        [header, piece(rows, column=1)],
        [{"header": prover_pb2.CommitHeader(log_rows=60, blinders=bytes(32))}],
        [{"header": prover_pb2.CommitHeader(log_rows=LOG_ROWS, blinders=bytes(32 * 40))}],
    ):
        with pytest.raises(RemoteError, match="REQUEST_INVALID"):
            upload(stub, *parts)
    with pytest.raises(RemoteError, match="NON_CANONICAL_ENCODING"):
        upload(stub, header, piece(b"\xff" * len(rows)))


def test_too_many_sessions_are_refused_until_one_is_closed(client: ProverClient) -> None:
    opened = [client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0)) for _ in range(4)]
    with pytest.raises(RemoteError, match="CAPACITY_EXCEEDED"):
        client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0))
    opened.pop().close()
    opened.append(client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0)))
    for remote in opened:
        remote.close()


def test_secrets_stay_out_of_reprs_and_logs(client: ProverClient, capfd: pytest.CaptureFixture[str]) -> None:
    remote = client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0))
    handle = remote._session.hex()
    with pytest.raises(ProtocolStateError):
        remote.remainder_part()
    shown = repr(remote) + "".join(capfd.readouterr())
    remote.close()
    assert handle not in shown
    assert "PROTOCOL_STATE" in shown
    for secret in of_party(0).values():
        assert str(FR.to_integers(secret.blinder)[0]) not in shown
        assert encode_elements(secret.blinder).hex() not in shown
