"""Memory used again: never while somebody can still see it, and not without limit."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zk.kernels import idle
from zk.kernels.arenas import Arenas
from zk.kernels.leases import LEASES, LEAST_WORDS, Leases, fresh

ROWS = LEAST_WORDS // 4


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


@pytest.fixture(autouse=True)
def emptied() -> None:
    gc.collect()
    LEASES.sweep(time.monotonic() + 1)


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (1, 4), (ROWS - 1, 4), (ROWS, 4), (ROWS + 3, 4), (ROWS, 8)])
def test_an_array_like_any_other(rows: int, columns: int) -> None:
    array = fresh(rows, columns)
    assert array.shape == (rows, columns)
    assert array.dtype == np.uint64
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_memory_comes_back_when_the_last_view_is_gone() -> None:
    array = fresh(ROWS)
    place = address(array)
    view = array[5:9].reshape(-1)
    view[:] = 7
    del array
    gc.collect()
    other = fresh(ROWS)
    other[:] = 1
    assert address(other) != place
    assert view.tolist() == [7] * 16
    del view
    gc.collect()
    assert address(fresh(ROWS)) == place


def test_two_arrays_never_share() -> None:
    arrays = [fresh(ROWS + k) for k in range(6)]
    for k, array in enumerate(arrays):
        array[:] = k
    assert all((array == k).all() for k, array in enumerate(arrays))


def test_what_is_much_too_large_is_not_lent() -> None:
    place = address(fresh(8 * ROWS))
    small = fresh(ROWS)
    assert address(small) != place


def test_as_much_waits_as_was_lent_at_once_and_no_more() -> None:
    leases = Leases()
    arrays = [leases.lend(LEAST_WORDS + k) for k in range(12)]
    most, places = leases.lent_bytes, {address(array) for array in arrays}
    arrays.clear()
    gc.collect()
    assert (leases.lent_bytes, leases.kept_bytes) == (0, most)
    arrays = [leases.lend(LEAST_WORDS) for _ in range(12)]
    assert {address(array) for array in arrays} == places
    arrays.clear()
    gc.collect()
    other = leases.lend(6 * LEAST_WORDS)  # none of those serves it: as many of the oldest go
    assert leases.kept_bytes <= most - leases.lent_bytes
    assert address(leases.lend(LEAST_WORDS)) in places
    del other


def test_what_nobody_uses_is_given_back_and_the_most_is_forgotten() -> None:
    leases = Leases()
    held, returned = leases.lend(LEAST_WORDS), leases.lend(2 * LEAST_WORDS)
    before = time.monotonic()
    del returned
    gc.collect()
    assert leases.sweep(before)
    assert leases.kept_bytes > 0, "it came back later"
    assert leases.sweep(time.monotonic() + 1)
    assert leases.kept_bytes == 0
    del held
    gc.collect()
    another = leases.lend(8 * LEAST_WORDS)
    del another
    gc.collect()
    assert leases.kept_bytes == 8 * LEAST_WORDS * 8
    assert not leases.sweep(time.monotonic() + 1)


def test_arenas_in_use_are_kept_and_idle_ones_are_not() -> None:
    arenas = Arenas()
    with arenas.borrow(1000):
        pass
    assert arenas.sweep(time.monotonic() - 60)
    assert not arenas.sweep(time.monotonic() + 1)
    assert not arenas._kept


def test_an_idle_process_gives_its_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "IDLE_S", 1.5)
    monkeypatch.setattr(idle, "_RUNNING", False)  # a thread that sleeps for longer may be there
    array = fresh(ROWS)
    assert LEASES.lent_bytes > 0
    del array
    assert LEASES.kept_bytes > 0
    deadline = time.monotonic() + 20
    while LEASES.kept_bytes and time.monotonic() < deadline:
        time.sleep(0.05)
    assert LEASES.kept_bytes == 0


def test_threads_do_not_get_each_others_memory() -> None:
    def work(mark: int) -> bool:
        for _ in range(50):
            array = fresh(ROWS)
            array[::1000] = mark
            if not (array[::1000] == mark).all():
                return False
        return True

    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(work, range(4)))
