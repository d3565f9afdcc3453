"""What one party holds or receives is uniform for known inputs: chi-square on bytes, 255 degrees of freedom.

The statistic has mean 255 and deviation 22.6; the threshold is fixed at 400 and the seeds are fixed, so a failure is
a change of the code and not bad luck. Field elements contribute the low 16 of their 32 bytes, which are uniform up to
2^-120.
"""

import numpy as np
import pytest

from mpc.frames import decode_frame
from mpc.rings import Z2_64
from mpc.shares import share
from zk.field import FR

THRESHOLD = 400.0
N = 20_000
KNOWN = {"zero": 0, "half": 1 << 63, "ones": (1 << 64) - 1}


def uniform_bytes(ring, data):
    array = np.frombuffer(data, np.uint8).reshape(-1, ring.element_bytes)
    return array[:, 16:] if ring is FR else array


def chi_square(values):
    counts = np.bincount(values.reshape(-1), minlength=256)
    expected = values.size / 256
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.fixture(params=[Z2_64, FR], ids=lambda ring: ring.name)
def wide_ring(request):
    return request.param


def received_by(trio):
    """Record the payloads that reach each party."""
    seen = {0: [], 1: [], 2: []}
    for channel in trio.network.channels:
        deliver = channel.mailbox.deliver

        def tap(data, sender, deliver=deliver, party=channel.party):
            frame = decode_frame(data)
            seen[party].append(frame.payload)
            deliver(data, sender)

        channel.mailbox.deliver = tap
    return seen


@pytest.mark.parametrize("value", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("owner", [0, 1, 2])
def test_shares_and_messages_of_an_input(wide_ring, owner, value, parties):
    ring, trio = wide_ring, parties(wide_ring)
    seen = received_by(trio)
    x = ring.from_integers([value] * N)
    held = trio.run(lambda engine: engine.share_input(owner, x if engine.party == owner else None, "x", N))
    public = (owner + 2) % 3  # over words this component is zero whatever the input, and all three know it
    for party in range(3):
        both = [uniform_bytes(ring, ring.encode_bytes(part)) for part in (held[party].first, held[party].second)]
        for component, part in zip((party, (party + 1) % 3), both):
            if ring is Z2_64 and component == public:
                assert not part.any()
            else:
                assert chi_square(part) < THRESHOLD
        if ring is not Z2_64 or party != owner:
            assert chi_square(both[0] ^ both[1]) < THRESHOLD
        if party != owner:
            # nor does any combination of the two with the input look special to this party
            remainder = ring.sub(ring.sub(x, held[party].first), held[party].second)
            assert chi_square(uniform_bytes(ring, ring.encode_bytes(remainder))) < THRESHOLD
    assert [len(b"".join(seen[party])) > 0 for party in range(3)].count(True) == 1


@pytest.mark.parametrize("value", KNOWN.values(), ids=KNOWN)
def test_messages_of_products_and_sums(wide_ring, value, parties):
    ring, trio = wide_ring, parties(wide_ring)
    seen = received_by(trio)
    dealt = share(ring, ring.from_integers([value] * N))
    trio.run(lambda engine: engine.multiply(dealt[engine.party], dealt[engine.party], "xx"))
    reshared = {party: b"".join(seen[party]) for party in range(3)}
    for payloads in seen.values():
        payloads.clear()
    trio.run(lambda engine: engine.open_additive(engine.local_product(dealt[engine.party], dealt[engine.party]), "s"))
    for party in range(3):
        assert len(reshared[party]) == N * ring.element_bytes
        assert chi_square(uniform_bytes(ring, reshared[party])) < THRESHOLD
        assert chi_square(uniform_bytes(ring, b"".join(seen[party]))) < THRESHOLD


def test_the_statistic_has_power(wide_ring, parties):
    """Neighbour: known values, small values and an unmasked product of trivial shares are nowhere near uniform."""
    ring, trio = wide_ring, parties(wide_ring)
    for value in KNOWN.values():
        assert chi_square(uniform_bytes(ring, ring.encode_bytes(ring.from_integers([value] * N)))) > 10 * THRESHOLD
    engine = trio.engines[0]
    public = engine.constant(ring.from_integers(range(N)))
    unmasked = engine.local_product(public, public)
    assert chi_square(uniform_bytes(ring, ring.encode_bytes(unmasked.values))) > 10 * THRESHOLD


def test_zero_shares_are_uniform(wide_ring, parties):
    ring = wide_ring
    for mask in parties(ring).run(lambda engine: engine.zero_share(N, "mask").values):
        assert chi_square(uniform_bytes(ring, ring.encode_bytes(mask))) < THRESHOLD
