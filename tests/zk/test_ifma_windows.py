"""Windows of scalars: they hold every bit and the carry, cost no more than windows of one width, and are shared out."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk.kernels.ifma_windows import MAX_BITS, MOST_KEYS, Windows, choose_windows


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1, 1 << 24), st.integers(0, 254), st.integers(1, 16))
def test_tasks_are_all_windows_once(n: int, length: int, threads: int) -> None:
    windows = choose_windows(n, length)
    assert sum(windows.bits) > length  # the carry has a place
    assert max(windows.bits) <= MAX_BITS
    assert max(windows.bits) - min(windows.bits) <= 1
    assert list(windows.bits) == sorted(windows.bits, reverse=True)
    tasks = sorted(windows.tasks(threads), key=lambda run: run.start)
    covered = [bits for run in tasks for bits in [run.bits] * run.wide + [run.bits - 1] * (run.count - run.wide)]
    assert covered == list(windows.bits)
    assert [run.bit for run in tasks] == [sum(windows.bits[: run.start]) for run in tasks]
    assert max(run.buckets for run in tasks) <= MOST_KEYS


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("log_n", [12, 14, 16, 18, 20])
def test_threads_get_even_shares(log_n: int, threads: int) -> None:
    windows = choose_windows(1 << log_n, 253)
    loads = [0] * threads
    for run in windows.tasks(threads):  # whoever has done least takes the next
        loads[loads.index(min(loads))] += run.count
    assert max(loads) - min(loads) <= 1


@pytest.mark.parametrize("bits", [(2,), (3, 3, 3), (5, 4, 4), (17, 17), (13,) * 14 + (12,) * 6])
def test_digits_of_raised_scalars_add_up(bits: tuple[int, ...]) -> None:
    windows, starts = Windows(bits), [0, *accumulate(bits)]
    top = (1 << (sum(bits) - 1)) - 1
    edges = (0, 1, 2, top, top - 1, top // 2, top // 3, 1 << (bits[0] - 1), (1 << bits[0]) - 1)
    for scalar in (edge for edge in edges if 0 <= edge <= top):
        raised, total = scalar + windows.raised, 0
        assert raised < 1 << sum(bits)
        for w, width in enumerate(bits):
            digit = (raised >> starts[w]) % (1 << width)
            if w < len(bits) - 1:
                digit -= 1 << (width - 1)
            assert abs(digit) <= 1 << (width - 1)
            total += digit << starts[w]
        assert total == scalar


def test_two_widths_where_they_save_and_one_where_not() -> None:
    assert choose_windows(1 << 16, 253).bits == (13,) * 14 + (12,) * 6
    assert choose_windows(1 << 20, 32).bits == (17, 17)
