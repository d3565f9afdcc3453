"""Six parties in six processes over gRPC: one is killed, one lies, the others open the right values."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.config import PartyEndpoint, TlsConfig
from services.identity import Role

PARTIES, THRESHOLD, KILLED, LIAR = 6, 1, 5, 2
ROWS = 2000

PARTY = """
import json, sys
import numpy as np
from mpc.pair_seeds import agree_pair_seeds
from mpc.shamir import ShamirEngine
from mpc.shamir_shares import ShamirShare
from services.channel import PeerNetwork
from services.config import PartyEndpoint, TlsConfig
from services.server import build_server
from zk.errors import NonCanonicalEncodingError
from zk.field import FR

given = json.loads(sys.argv[1])
out, sys.stdout = sys.stdout, sys.stderr  # the log goes elsewhere
tls, number, session = TlsConfig(**given["tls"]), given["number"], bytes.fromhex(given["session"])
endpoints = [PartyEndpoint(**endpoint) for endpoint in given["endpoints"]]
network = PeerNetwork(number, [peer for peer in endpoints if peer.number != number], tls)
server = build_server(endpoints[number].address, tls, [network.add_to], network.rules(), workers=16)
server.start()
network.start()
network.wait_connected(90.0)
with network.channel(session, 0) as channel:
    engine = ShamirEngine(
        FR, channel, agree_pair_seeds(channel, session), session, 0, given["threshold"],
        timeout_s=20.0, decode_errors=(NonCanonicalEncodingError,),
    )
    rows = given["rows"]
    column = FR.from_int64(np.arange(rows, dtype=np.int64) * (number + 1))
    shares = [
        engine.share_input(owner, column if owner == number else None, f"column/{owner}", rows) for owner in (0, 1, 2)
    ]
    masks = engine.prepare_masks(2, "masks")
    engine.verify_dealings("dealt")
    product = engine.multiply(shares[0], shares[1], "product")
    print("prepared", file=out, flush=True)
    if sys.stdin.readline().strip() == "lie":
        one = FR.from_integers([1])
        shares = [ShamirShare(number, held.degree, FR.add(held.values, one)) for held in shares]
    inner = engine.open_inner_many([(shares[0], shares[1]), (shares[2], shares[2])], masks, "inner")
    totals = [FR.to_integers(engine.open(engine.total(held), f"total/{at}")) for at, held in enumerate(shares)]
    total = FR.to_integers(engine.open(engine.total(product), "total/product"))
    result = {"inner": FR.to_integers(inner), "totals": totals, "product": total,
              "gone": sorted(engine.gone), "wrong": sorted(engine.wrong)}
    print(json.dumps(result), file=out, flush=True)
    sys.stdin.readline()
network.stop()
server.stop()
"""


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.mark.slow
def test_sums_and_inner_products_survive_a_killed_process_and_a_lying_one(
    issue_tls: Callable[[Role, str], TlsConfig],
) -> None:
    endpoints = [
        PartyEndpoint(name=f"member-{number}", number=number, address=f"127.0.0.1:{port}")
        for number, port in enumerate(free_ports(PARTIES))
    ]
    session = os.urandom(32).hex()
    processes = []
    try:
        for endpoint in endpoints:
            given = {
                "tls": issue_tls(Role.PARTY, endpoint.name).model_dump(mode="json"),
                "number": endpoint.number,
                "endpoints": [other.model_dump(mode="json") for other in endpoints],
                "session": session,
                "threshold": THRESHOLD,
                "rows": ROWS,
            }
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", PARTY, json.dumps(given)],
                    cwd=Path(__file__).parents[2],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "prepared\n"
        processes[KILLED].send_signal(signal.SIGKILL)
        for number, process in enumerate(processes):
            if number != KILLED:
                assert process.stdin is not None
                process.stdin.write("lie\n" if number == LIAR else "go\n")
                process.stdin.flush()
        results = {}
        for number, process in enumerate(processes):
            if number not in (KILLED, LIAR):
                assert process.stdout is not None
                results[number] = json.loads(process.stdout.readline())
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    squares, total = sum(k * k for k in range(ROWS)), sum(range(ROWS))
    expected = {
        "inner": [2 * squares, 9 * squares],
        "totals": [[total], [2 * total], [3 * total]],
        "product": [2 * squares],
        "gone": [KILLED],
        "wrong": [LIAR],
    }
    assert results == {number: expected for number in range(PARTIES) if number not in (KILLED, LIAR)}
