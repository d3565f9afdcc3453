"""A random generator that is stuck or wound back is noticed before anything drawn from it is used."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from samples import masked_sum_sample

from zk import randomness
from zk.errors import RandomnessRepeatedError, ZkError
from zk.field import FR
from zk.randomness import BLOCK, fresh_bytes


@pytest.fixture(autouse=True)
def own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(randomness, "_seen", {})


def with_source(monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]) -> None:
    monkeypatch.setattr("zk.randomness.secrets.token_bytes", source)


def counting(period: int) -> Callable[[int], bytes]:
    """Blocks that repeat after a while."""
    numbers = itertools.cycle(range(1, period + 1))
    return lambda count: b"".join(next(numbers).to_bytes(BLOCK, "little") for _ in range(-(-count // BLOCK)))[:count]


def test_honest_randomness_passes() -> None:
    drawn = [fresh_bytes(count) for count in (0, 1, 63, 64, 65, 640, 64 * 1000)]
    assert [len(found) for found in drawn] == [0, 1, 63, 64, 65, 640, 64000]
    assert len({tuple(row) for row in FR.random(1000).tolist()}) == 1000
    assert len(FR.random(0)) == 0


@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_stuck_generator_is_noticed(monkeypatch: pytest.MonkeyPatch, value: int) -> None:
    """Within the first draw of two elements, or at the second draw."""
    with_source(monkeypatch, lambda count: bytes([value]) * count)
    with pytest.raises(RandomnessRepeatedError):
        FR.random(2)
    FR.random(1)
    with pytest.raises(RandomnessRepeatedError):
        FR.random(1)


@pytest.mark.parametrize("period", [1, 2, 7, 100])
def test_a_generator_that_comes_round_is_noticed(monkeypatch: pytest.MonkeyPatch, period: int) -> None:
    with_source(monkeypatch, counting(period))
    for _ in range(period):
        FR.random(1)
    with pytest.raises(RandomnessRepeatedError):
        FR.random(1)


def test_a_generator_wound_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a process is resumed from its own snapshot, generator included."""
    kept: list[bytes] = []

    def recording(count: int) -> bytes:
        kept.append(real(count))
        return kept[-1]

    real = randomness.secrets.token_bytes
    with_source(monkeypatch, recording)
    FR.random(1)
    FR.random(5)
    with_source(monkeypatch, lambda _: kept[0])
    with pytest.raises(RandomnessRepeatedError):
        FR.random(1)


def test_m4_no_proof_is_made_with_a_repeating_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    target = masked_sum_sample()
    target.verify(target.prove())
    for source in (counting(1), counting(5), lambda count: bytes(count)):
        with_source(monkeypatch, source)
        with pytest.raises(ZkError) as caught:
            target.prove()
        assert isinstance(caught.value, RandomnessRepeatedError)
        assert "0" * 8 not in str(caught.value)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(randomness, "REMEMBERED", 10)
    for draws in range(1, 30):
        fresh_bytes(BLOCK)
        assert len(randomness._seen) == min(draws, 10)
