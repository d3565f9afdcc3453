"""Channels between parties over real gRPC with certificates, in threads and in processes that are killed or frozen."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import services.channel
from mpc.errors import ChannelClosedError, DeadlineExceededError, MessageRejectedError, ProtocolStateError
from mpc.frames import CHUNK_BYTES, Frame, encode_frame
from proto.v1 import mpc_pb2, mpc_pb2_grpc
from services.channel import PeerNetwork
from services.config import PartyEndpoint, TlsConfig
from services.errors import PeerUnavailableError, RemoteError
from services.identity import Identity, Role
from services.server import Server, build_server
from services.status import remote_errors
from services.transport import MAX_MESSAGE_BYTES, open_client

IssueTls = Callable[[Role, str], TlsConfig]
NAMES = ("north", "south", "west")
DETECTION_S = 10.0


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Parties:
    """Some parties in this process, each with a server and a network."""

    def __init__(self, issue_tls: IssueTls, count: int, grace_s: float = 1.0) -> None:
        self.endpoints = [
            PartyEndpoint(name=name, number=number, address=f"127.0.0.1:{port}")
            for number, (name, port) in enumerate(zip(NAMES, free_ports(count)))
        ]
        self.tls = [issue_tls(Role.PARTY, endpoint.name) for endpoint in self.endpoints]
        self.grace_s = grace_s
        self.networks: dict[int, PeerNetwork] = {}
        self.servers: dict[int, Server] = {}

    def start(self, *numbers: int) -> None:
        for number in numbers:
            peers = [endpoint for endpoint in self.endpoints if endpoint.number != number]
            network = PeerNetwork(number, peers, self.tls[number], grace_s=self.grace_s, send_timeout_s=5.0)
            server = build_server(
                self.endpoints[number].address,
                self.tls[number],
                [network.add_to],
                network.rules(),
                workers=8,
                grace_s=0.1,
            )
            server.start()
            network.start()
            self.networks[number], self.servers[number] = network, server

    def stop(self, *numbers: int) -> None:
        for number in numbers or tuple(self.networks):
            self.networks.pop(number).stop()
            self.servers.pop(number).stop()


@pytest.fixture
def pair(issue_tls: IssueTls) -> Iterator[Parties]:
    parties = Parties(issue_tls, 2)
    yield parties
    parties.stop()


@pytest.fixture(scope="module")
def three(issue_tls: IssueTls) -> Iterator[Parties]:
    parties = Parties(issue_tls, 3)
    parties.start(0, 1, 2)
    for network in parties.networks.values():
        network.wait_connected(10.0)
    yield parties
    parties.stop()


def test_messages_of_several_sessions_arrive_in_order(three: Parties) -> None:
    sessions = [os.urandom(32) for _ in range(3)]

    def run(number: int, session: bytes) -> list[dict[int, bytes]]:
        with three.networks[number].channel(session, 0) as channel:
            found = [channel.exchange(f"round {k}", session + bytes([number, k]), 10.0) for k in range(20)]
            channel.exchange("end", b"", 10.0)
            return found

    with ThreadPoolExecutor(9) as pool:
        results = {(n, s): pool.submit(run, n, s) for n in range(3) for s in sessions}
        for (number, session), result in results.items():
            peers = [peer for peer in range(3) if peer != number]
            assert result.result() == [{peer: session + bytes([peer, k]) for peer in peers} for k in range(20)]


def test_long_messages_cross_both_ways_at_once(three: Parties) -> None:
    session = os.urandom(32)
    payloads = [bytes([number]) * (24 * CHUNK_BYTES + 5) for number in range(3)]

    def run(number: int) -> dict[int, bytes]:
        with three.networks[number].channel(session, 0) as channel:
            found = channel.exchange("bulk", payloads[number], 30.0)
            channel.exchange("end", b"", 10.0)
            return found

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(3)))
    for number, found in enumerate(results):
        assert all(found[peer] == payloads[peer] for peer in range(3) if peer != number)


def test_messages_wait_for_a_session_that_opens_later(three: Parties) -> None:
    session = os.urandom(32)
    with three.networks[0].channel(session, 3) as first:
        first.send(1, "hello", b"early")
        time.sleep(0.2)
        with three.networks[1].channel(session, 3) as second:
            assert second.receive(0, "hello", 5.0) == b"early"
        with three.networks[1].channel(session, 4) as other, pytest.raises(DeadlineExceededError):
            other.receive(0, "hello", 0.2)


def test_what_was_sent_before_the_end_is_received_and_then_the_channel_is_closed(three: Parties) -> None:
    session = os.urandom(32)
    with three.networks[2].channel(session, 0) as receiver:
        with three.networks[0].channel(session, 0) as sender:
            sender.send(2, "last", b"word")
        assert receiver.receive(0, "last", 5.0) == b"word"
        started = time.monotonic()
        with pytest.raises(ChannelClosedError):
            receiver.receive(0, "more", 30.0)
        assert time.monotonic() - started < 5.0


def test_a_session_among_some_needs_and_hears_no_others(issue_tls: IssueTls) -> None:
    """The third is not there; what it sends once it is opens nothing and breaks nothing."""
    parties, session = Parties(issue_tls, 3, grace_s=0.4), os.urandom(32)
    parties.start(0, 1)
    try:
        zero, one = (parties.networks[n].channel(session, 1, among=(1 - n,)) for n in range(2))
        assert (zero.peers, one.peers) == ((1,), (0,))
        time.sleep(3 * parties.grace_s)  # an absent peer that took part would be given up by now
        one.send(0, "t", b"there")
        assert zero.receive(1, "t", 5.0) == b"there"
        with pytest.raises(ProtocolStateError, match="no peer 2"):
            zero.send(2, "t", b"")
        parties.start(2)
        parties.networks[2].wait_connected(10.0)
        with parties.networks[2].channel(session, 1) as uninvited:
            uninvited.send(0, "t", b"let me in")
        time.sleep(0.3)
        one.send(0, "u", b"still")
        assert zero.receive(1, "u", 5.0) == b"still"
        with pytest.raises(ProtocolStateError, match="no peer 2"):
            zero.receive(2, "t", 0.5)
    finally:
        parties.stop()


def test_a_session_among_strangers_is_refused(three: Parties) -> None:
    with pytest.raises(ProtocolStateError, match="no others"):
        three.networks[0].channel(os.urandom(32), 1, among=(1, 7))


def test_attempt_is_never_opened_twice(three: Parties) -> None:
    session = os.urandom(32)
    channel = three.networks[0].channel(session, 0)
    with pytest.raises(ProtocolStateError):
        three.networks[0].channel(session, 0)
    channel.close()
    with pytest.raises(ProtocolStateError):
        three.networks[0].channel(session, 0)
    with pytest.raises(ChannelClosedError):
        channel.send(1, "late", b"")
    three.networks[0].channel(session, 1).close()


def test_early_frames_over_the_limit_spoil_the_session(three: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.channel, "MAX_EARLY_BYTES", 1000)
    session = os.urandom(32)
    with three.networks[0].channel(session, 0) as sender:
        sender.send(1, "fits", bytes(300))
        sender.send(1, "does not", bytes(900))
        time.sleep(0.3)
        with three.networks[1].channel(session, 0) as receiver, pytest.raises(ChannelClosedError):
            receiver.receive(0, "fits", 10.0)


def link(parties: Parties, tls: TlsConfig, messages: list[mpc_pb2.LinkFrame]) -> list[mpc_pb2.LinkReply]:
    """Send messages to party 0 on a stream of our own and return what it answers; typed errors."""
    expected = Identity(Role.PARTY, parties.endpoints[0].name)
    with open_client(parties.endpoints[0].address, tls, expected) as channel, remote_errors():
        return list(mpc_pb2_grpc.MpcServiceStub(channel).Link(iter(messages), timeout=10))


def frame(session: bytes, sender: int, tag: str = "t", sequence: int = 0) -> mpc_pb2.LinkFrame:
    return mpc_pb2.LinkFrame(frame=encode_frame(Frame(session, 0, sequence, sender, True, tag, b"x")))


@pytest.mark.parametrize(("role", "name"), [(Role.PROVER, "south"), (Role.COORDINATOR, "south"), (Role.PARTY, "east")])
def test_stream_of_a_stranger_is_refused(pair: Parties, issue_tls: IssueTls, role: Role, name: str) -> None:
    pair.start(0)
    with pytest.raises(RemoteError, match="CALLER_REFUSED"):
        link(pair, issue_tls(role, name), [frame(bytes(32), 1)])


def test_certificate_of_another_authority_is_refused(pair: Parties, foreign_tls: IssueTls) -> None:
    pair.start(0)
    theirs = foreign_tls(Role.PARTY, "south").model_copy(update={"authority": pair.tls[0].authority})
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        link(pair, theirs, [frame(bytes(32), 1)])


def test_honest_stream_is_accepted_and_a_forged_sender_ends_it(pair: Parties) -> None:
    pair.start(0)
    session = os.urandom(32)
    with pair.networks[0].channel(session, 0) as channel:
        assert [reply.accepted for reply in link(pair, pair.tls[1], [frame(session, 1)])] == [True]
        assert channel.receive(1, "t", 5.0) == b"x"
    session = os.urandom(32)
    with pair.networks[0].channel(session, 0) as channel:
        with pytest.raises(RemoteError, match="MESSAGE_REJECTED"):
            link(pair, pair.tls[1], [frame(session, 0)])
        with pytest.raises(ChannelClosedError):
            channel.receive(1, "t", 5.0)


@pytest.mark.parametrize("sequence", [1, 1 << 40])
def test_frame_out_of_order_closes_its_session_only(pair: Parties, sequence: int) -> None:
    pair.start(0)
    good, bad = os.urandom(32), os.urandom(32)
    with pair.networks[0].channel(good, 0) as whole, pair.networks[0].channel(bad, 0) as broken:
        link(pair, pair.tls[1], [frame(bad, 1, sequence=sequence), frame(good, 1)])
        assert whole.receive(1, "t", 5.0) == b"x"
        with pytest.raises(ChannelClosedError):
            broken.receive(1, "t", 5.0)


def test_unexpected_tag_is_rejected_and_stays(pair: Parties) -> None:
    pair.start(0)
    session = os.urandom(32)
    with pair.networks[0].channel(session, 0) as channel:
        link(pair, pair.tls[1], [frame(session, 1, "mine")])
        with pytest.raises(MessageRejectedError):
            channel.receive(1, "other", 5.0)
        assert channel.receive(1, "mine", 5.0) == b"x"


def test_bytes_that_are_no_frame_end_the_stream(pair: Parties) -> None:
    pair.start(0)
    with pytest.raises(RemoteError, match="MESSAGE_REJECTED"):
        link(pair, pair.tls[1], [mpc_pb2.LinkFrame(frame=b"junk")])
    with pytest.raises(RemoteError, match="MESSAGE_REJECTED"):
        link(pair, pair.tls[1], [mpc_pb2.LinkFrame()])


def test_message_over_the_limit_is_refused(pair: Parties) -> None:
    pair.start(0)
    with pytest.raises(RemoteError, match="RESOURCE_EXHAUSTED"):
        link(pair, pair.tls[1], [mpc_pb2.LinkFrame(frame=bytes(MAX_MESSAGE_BYTES + 1))])


def test_peer_that_comes_late_is_waited_for(pair: Parties) -> None:
    pair.grace_s = 10.0
    pair.start(0)
    session = os.urandom(32)
    with pair.networks[0].channel(session, 0) as early:
        early.send(1, "hello", b"are you there")
        assert pair.networks[0].missing() == (1,)
        pair.start(1)
        with pair.networks[1].channel(session, 0) as late:
            assert late.receive(0, "hello", 10.0) == b"are you there"
            late.send(0, "hello", b"now")
            assert early.receive(1, "hello", 10.0) == b"now"
    for network in pair.networks.values():
        network.wait_connected(10.0)


def test_peer_that_never_comes_ends_the_session(pair: Parties) -> None:
    pair.start(0)
    with pytest.raises(PeerUnavailableError):
        pair.networks[0].wait_connected(0.1)
    with pair.networks[0].channel(os.urandom(32), 0) as channel:
        started = time.monotonic()
        with pytest.raises(ChannelClosedError):
            channel.receive(1, "hello", 60.0)
        assert time.monotonic() - started < DETECTION_S
        with pytest.raises(ChannelClosedError):
            channel.send(1, "hello", b"")


def test_sender_to_an_absent_peer_is_held_back_and_woken(pair: Parties) -> None:
    pair.start(0)
    with pair.networks[0].channel(os.urandom(32), 0) as channel, pytest.raises(ChannelClosedError):
        channel.send(1, "bulk", bytes(64 * CHUNK_BYTES))


def test_peer_that_restarts_breaks_old_sessions_and_serves_new_ones(pair: Parties) -> None:
    pair.start(0, 1)
    pair.networks[0].wait_connected(10.0)
    session = os.urandom(32)
    with pair.networks[0].channel(session, 0) as old:
        pair.stop(1)
        with pytest.raises(ChannelClosedError):
            old.receive(1, "hello", DETECTION_S)
    pair.start(1)
    pair.networks[0].wait_connected(10.0)
    pair.networks[1].wait_connected(10.0)
    with pair.networks[0].channel(session, 1) as one, pair.networks[1].channel(session, 1) as two:
        two.send(0, "hello", b"again")
        assert one.receive(1, "hello", 5.0) == b"again"


PEER = """
import json, sys, time
from pathlib import Path
from services.channel import PeerNetwork
from services.config import PartyEndpoint, TlsConfig
from services.server import build_server
given = json.loads(sys.argv[1])
tls = TlsConfig(**given["tls"])
network = PeerNetwork(1, [PartyEndpoint(**given["peer"])], tls)
server = build_server(given["listen"], tls, [network.add_to], network.rules(), workers=8)
server.start()
network.start()
network.wait_connected(30.0)
channel = network.channel(bytes.fromhex(given["session"]), 0)
channel.send(0, "ready", b"")
print("ready", flush=True)
while True:
    channel.send(0, "echo", channel.receive(0, "echo", 600.0))
"""


@pytest.mark.parametrize(("blow", "at_least_s"), [(signal.SIGKILL, 0.0), (signal.SIGSTOP, 1.0)])
def test_killed_or_frozen_process_is_noticed(pair: Parties, blow: signal.Signals, at_least_s: float) -> None:
    pair.start(0)
    session = os.urandom(32)
    given = {
        "tls": pair.tls[1].model_dump(mode="json"),
        "peer": pair.endpoints[0].model_dump(mode="json"),
        "listen": pair.endpoints[1].address,
        "session": session.hex(),
    }
    process = subprocess.Popen([sys.executable, "-c", PEER, json.dumps(given)], cwd=Path(__file__).parents[2])
    try:
        pair.networks[0].wait_connected(30.0)
        with pair.networks[0].channel(session, 0) as channel:
            channel.receive(1, "ready", 30.0)
            for _ in range(50):
                channel.send(1, "echo", b"ping")
                assert channel.receive(1, "echo", 10.0) == b"ping"
            timer = threading.Timer(0.2, os.kill, (process.pid, blow))
            timer.start()
            started = time.monotonic()
            with pytest.raises(ChannelClosedError):
                channel.receive(1, "echo", 60.0)
            waited_s = time.monotonic() - started
            timer.join()
            assert at_least_s < waited_s < DETECTION_S
            with pytest.raises(ChannelClosedError):
                channel.send(1, "echo", b"")
            print(f"{blow.name} noticed after {waited_s:.2f} s")
        assert pair.networks[0].missing() == (1,)
    finally:
        process.kill()
        process.wait()
