"""Ideal sharing and reconstruction; shares show nothing and do not leave memory."""

import copy
import itertools
import pickle

import numpy as np
import pytest

from mpc.errors import ProtocolStateError, RingValueError, SecretExportError, ShareMismatchError
from mpc.prg import Seed, Stream
from mpc.rings import Z2_64
from mpc.seeds import PairwiseSeeds
from mpc.shares import AdditiveShare, ReplicatedShare, concatenate_shares, reconstruct, share


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
def test_any_two_parties_reconstruct(ring, n, draw):
    x = draw(ring, n, 4)
    held = share(ring, ring.from_integers(x))
    assert ring.to_integers(reconstruct(ring, held)) == x
    for pair in itertools.combinations(held, 2):
        assert ring.to_integers(reconstruct(ring, pair)) == x


def test_one_party_cannot_reconstruct(ring, draw):
    held = share(ring, ring.from_integers(draw(ring, 8, 4)))
    with pytest.raises(ProtocolStateError):
        reconstruct(ring, held[:1])
    with pytest.raises(ProtocolStateError):
        reconstruct(ring, [held[1], held[1]])


def test_holders_who_disagree_are_caught(ring, draw):
    a, b, c = share(ring, ring.from_integers(draw(ring, 8, 4)))
    tampered = ReplicatedShare(1, ring.add(b.first, ring.from_integers([1])), b.second)
    with pytest.raises(ShareMismatchError, match="component 1"):
        reconstruct(ring, [a, tampered, c])


def test_shares_of_different_lengths_are_refused(ring, draw):
    a, b, _ = share(ring, ring.from_integers(draw(ring, 8, 4)))
    with pytest.raises(RingValueError):
        reconstruct(ring, [a, b[:7]])


def test_slices_and_concatenation_keep_rows(ring, draw):
    x = draw(ring, 20, 5)
    held = share(ring, ring.from_integers(x))
    joined = [concatenate_shares([part[12:], part[:5]]) for part in held]
    assert ring.to_integers(reconstruct(ring, joined)) == x[12:] + x[:5]
    with pytest.raises(ProtocolStateError):
        concatenate_shares(held)
    with pytest.raises(RingValueError):
        concatenate_shares([])
    with pytest.raises(RingValueError):
        held[0][3]


def test_malformed_shares_are_refused():
    ones = np.ones(3, np.uint64)
    for first, second in [(ones, ones[:2]), (ones, ones.astype(np.int64)), (ones.sum(), ones.sum())]:
        with pytest.raises(RingValueError):
            ReplicatedShare(0, first, second)
    with pytest.raises(RingValueError):
        ReplicatedShare(3, ones, ones)
    with pytest.raises(RingValueError):
        AdditiveShare(-1, ones)


MARKER = 0xDEADBEEF12345678
SECRETS = {
    "replicated": ReplicatedShare(0, np.array([MARKER], np.uint64), np.array([MARKER], np.uint64)),
    "additive": AdditiveShare(0, np.array([MARKER], np.uint64)),
    "seed": Seed(MARKER.to_bytes(32, "big")),
    "stream": Stream(MARKER.to_bytes(32, "big")),
    "seeds": PairwiseSeeds(0, Seed(bytes(32)), Seed(bytes(32)), Seed(bytes(32))),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_secrets_stay_in_memory(secret):
    shown = f"{secret!r} {secret} {[secret]}"
    assert "redacted" in shown
    assert str(MARKER) not in shown and f"{MARKER:x}" not in shown.lower()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(SecretExportError):
            pickle.dumps(secret, protocol)
    for copier in (copy.copy, copy.deepcopy, lambda value: copy.deepcopy([value])):
        with pytest.raises(SecretExportError):
            copier(secret)
    assert not hasattr(secret, "__dict__")


def test_ordinary_ring_arrays_are_not_hindered():
    assert pickle.loads(pickle.dumps(Z2_64.zeros(2))).tolist() == [0, 0]
