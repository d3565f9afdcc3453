"""Streams: fixed vectors, one key per label, no label twice."""

import hmac
import itertools

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.errors import ProtocolStateError, RingValueError
from mpc.prg import Seed, Stream, encode_fields

SECRET = bytes(range(32))


def test_stream_is_aes_256_in_counter_mode():
    # FIPS 197, appendix C.3, gives AES-256(key = 00..1f, 00112233..ff); counter mode encrypts counters 0, 1, ...
    blocks = Cipher(algorithms.AES256(SECRET), modes.ECB()).encryptor()
    assert blocks.update(bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "8ea2b7ca516745bfeafc49904b496089"
    stream = Stream(SECRET)
    expected = b"".join(blocks.update(counter.to_bytes(16, "big")) for counter in range(4))
    assert stream(5) + stream(0) + stream(59) == expected


def test_seed_derives_the_key_from_every_field():
    fields = encode_fields(
        b"tallystick.mpc.prg.v1",
        b"s" * 32,
        (1).to_bytes(8, "big"),
        (2).to_bytes(8, "big"),
        b"mask",
        (3).to_bytes(8, "big"),
    )
    key = hmac.digest(SECRET, fields, "sha256")
    assert Seed(SECRET).stream(b"s" * 32, 1, 2, "mask", 3)(64) == Stream(key)(64)


def test_streams_differ_in_every_field():
    seed = Seed(SECRET)
    names = [(b"s" * 32, 1, 2, "mask", 3), (b"t" * 32, 1, 2, "mask", 3), (b"s" * 32, 2, 1, "mask", 3)]
    names += [(b"s" * 32, 1, 3, "mask", 3), (b"s" * 32, 1, 2, "mas", 3), (b"s" * 32, 1, 2, "mask", 4)]
    outputs = [seed.stream(*name)(32) for name in names]
    outputs.append(Seed(SECRET[::-1]).stream(*names[0])(32))
    assert all(a != b for a, b in itertools.combinations(outputs, 2))


def test_a_label_is_refused_the_second_time():
    seed = Seed(SECRET)
    seed.stream(b"s" * 32, 0, 0, "mask")
    with pytest.raises(ProtocolStateError, match="already used"):
        seed.stream(b"s" * 32, 0, 0, "mask")
    seed.stream(b"s" * 32, 1, 0, "mask")


def test_field_boundaries_cannot_be_shifted():
    assert encode_fields(b"ab", b"c") != encode_fields(b"a", b"bc")
    assert encode_fields(b"a", b"") != encode_fields(b"a")


def test_bad_seeds_and_numbers_are_refused():
    with pytest.raises(RingValueError, match="32 bytes"):
        Seed(bytes(31))
    with pytest.raises(RingValueError):
        Seed(SECRET).stream(b"s" * 32, -1, 0, "mask")
