"""Files of a ceremony's state: written atomically, read strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from zk.ceremony import Ceremony, begin_ceremony, contribute, load_ceremony, store_ceremony, verify_ceremony
from zk.errors import CeremonyInvalidError
from zk.field import FQ_MODULUS

ONE_RECORD_OFFSET = 11 + 1 + 4 + 32 + 2  # header, label "test", random number, count


@pytest.fixture(scope="module")
def empty() -> Ceremony:
    return begin_ceremony(4, "test")


@pytest.fixture(scope="module")
def one(empty: Ceremony) -> Ceremony:
    return contribute(empty, "hospital")


@pytest.fixture(scope="module")
def three(one: Ceremony) -> Ceremony:
    return contribute(contribute(one, "laboratory"), "régulateur")


def test_store_then_load_gives_the_same_state(three: Ceremony, empty: Ceremony, tmp_path: Path) -> None:
    for state in (three, empty):
        store_ceremony(state, tmp_path / "state")
        loaded = load_ceremony(tmp_path / "state")
        assert loaded.contributions == state.contributions
        assert np.array_equal(loaded.powers, state.powers)
        assert (loaded.label, loaded.nonce, loaded.digest) == (state.label, state.nonce, state.digest)
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


def test_interrupted_write_leaves_the_old_state(
    one: Ceremony, three: Ceremony, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(CeremonyInvalidError, match="No space left"):
        store_ceremony(three, path)
    assert load_ceremony(path).digest == one.digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("cut", [0, 7, 11, 20, 48, 60, 200, -33, -1])
def test_truncated_file_is_refused(one: Ceremony, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CeremonyInvalidError, match="truncated"):
        load_ceremony(path)


def test_extended_file_is_refused(one: Ceremony, tmp_path: Path) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CeremonyInvalidError, match="extended"):
        load_ceremony(path)


def rewritten(path: Path, offset: int, new: bytes) -> None:
    """Change bytes of a file and make its checksum right again: what an attacker does, not what a disk does."""
    data = bytearray(path.read_bytes()[:-32])
    data[offset : offset + len(new)] = new
    path.write_bytes(bytes(data) + hashlib.sha256(data).digest())


def test_disk_fault_is_noticed(one: Ceremony, tmp_path: Path) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    data = bytearray(path.read_bytes())
    data[20] ^= 1  # in the random number, where every value is well formed
    path.write_bytes(data)
    with pytest.raises(CeremonyInvalidError, match="checksum"):
        load_ceremony(path)


@pytest.mark.parametrize(
    ("offset", "new", "what"),
    [
        (0, b"X", "not a ceremony"),
        (9, b"\2", "unsupported"),
        (10, b"\0", "unsupported"),
        (12, b"\xff", "UTF-8"),
        (12, b"\x07", "printable"),
        (48, b"\xff\xff", "more than"),
        (ONE_RECORD_OFFSET + 9 + 32 + 64, b"\xff", "G2 point"),
        (ONE_RECORD_OFFSET + 9 + 320 - 32, b"\xff" * 32, "canonical form"),
    ],
)
def test_rewritten_file_is_refused_on_reading(
    one: Ceremony, tmp_path: Path, offset: int, new: bytes, what: str
) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    rewritten(path, offset, new)
    with pytest.raises(CeremonyInvalidError, match=what):
        load_ceremony(path)


@pytest.mark.parametrize("field_offset", [9 + 32, 9 + 32 + 64 + 128])
@pytest.mark.parametrize("kind", ["off the curve", "not canonical"])
def test_bad_point_of_a_record_is_refused_and_named(
    one: Ceremony, tmp_path: Path, field_offset: int, kind: str
) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    start = ONE_RECORD_OFFSET + field_offset
    x = int.from_bytes(path.read_bytes()[start : start + 32], "big")
    rewritten(path, start, (x + (1 if kind == "off the curve" else FQ_MODULUS)).to_bytes(32, "big"))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 1 \(hospital\)"):
        verify_ceremony(load_ceremony(path))


def test_bad_power_in_a_file_is_refused(one: Ceremony, tmp_path: Path) -> None:
    path = tmp_path / "state"
    store_ceremony(one, path)
    rewritten(path, ONE_RECORD_OFFSET + 9 + 320 + 3 * 64 + 31, b"\0\1")
    with pytest.raises(CeremonyInvalidError):
        load_ceremony(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CeremonyInvalidError, match="cannot read"):
        load_ceremony(tmp_path / "none")
