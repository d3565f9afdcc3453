"""Memory used again: never while somebody can still see it, and not without limit."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zk.kernels import leases
from zk.kernels.leases import LEAST_WORDS, fresh

ROWS = LEAST_WORDS // 4


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


@pytest.fixture(autouse=True)
def emptied() -> None:
    gc.collect()
    leases._KEPT.clear()


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


def test_what_is_kept_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "KEPT_BYTES", 16 << 20)
    arrays = [fresh(ROWS) for _ in range(12)]
    last = address(arrays[-1])
    while arrays:
        del arrays[0]
    gc.collect()
    assert 0 < sum(kept.nbytes for kept in leases._KEPT.values()) <= 16 << 20
    assert address(fresh(ROWS)) == last


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
