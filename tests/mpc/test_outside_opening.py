"""Opening to an owner outside the three: the owner gets the vector, or an error if one party lies."""

from __future__ import annotations

from typing import Any

import pytest

from mpc.channel import LoopbackNetwork
from mpc.errors import DeadlineExceededError, MessageRejectedError, ShareMismatchError
from mpc.outside_opening import open_to_outside, receive_opening
from mpc.shares import share
from zk.errors import NonCanonicalEncodingError

OWNER = 4


def opened(ring: Any, values: list[int], change: Any = lambda party, payload: payload, n: int | None = None) -> Any:
    network = LoopbackNetwork(5, bytes(32))
    for party, held in enumerate(share(ring, ring.from_integers(values))):
        channel = network.channels[party]

        def send(peer: int, tag: str, payload: Any, party: int = party, honest: Any = channel.send) -> None:
            changed = change(party, bytes(payload))
            if changed is not None:
                honest(peer, tag, changed)

        channel.send = send  # type: ignore[method-assign]
        open_to_outside(ring, channel, OWNER, held, "x")
    return receive_opening(
        ring, network.channels[OWNER], len(values) if n is None else n, "x", timeout_s=0.2,
        decode_errors=(NonCanonicalEncodingError,),
    )  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 65])
def test_the_owner_gets_the_vector(ring, n, draw):
    values = draw(ring, n, n)
    assert ring.to_integers(opened(ring, values)) == values


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("digest", [True, False])
def test_another_component_or_digest_is_refused(ring, liar, digest, draw):
    def lie(party, payload):
        if party != liar or (len(payload) == 32) != digest:
            return payload
        return payload[:9] + bytes([payload[9] ^ 1]) + payload[10:]

    with pytest.raises(ShareMismatchError):
        opened(ring, draw(ring, 5, 1), lie)


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_what_is_no_opening_is_refused(prime_field, liar, draw):
    values = draw(prime_field, 5, 1)
    with pytest.raises(MessageRejectedError, match="length"):
        opened(prime_field, values, lambda party, payload: payload[:-1] if party == liar else payload)
    with pytest.raises(MessageRejectedError, match="length"):
        opened(prime_field, values, n=4)
    with pytest.raises(MessageRejectedError, match="canonical"):
        opened(prime_field, values, lambda party, payload: b"\xff" * len(payload) if party == liar else payload)
    with pytest.raises(DeadlineExceededError):
        opened(prime_field, values, lambda party, payload: None if party == liar else payload)
