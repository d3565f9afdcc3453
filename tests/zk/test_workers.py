"""Threads that stay: every task once, scratch never shared, faults raised, and a forked process has its own."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from zk.kernels.workers import run_tasks


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 64])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_every_task_runs_once_and_scratch_is_never_shared(threads: int, count: int) -> None:
    lock, busy, done = threading.Lock(), set[int](), list[int]()

    def work(worker: int, task: int) -> None:
        with lock:
            assert worker not in busy
            assert 0 <= worker < max(threads, 1)
            busy.add(worker)
        time.sleep(0.0005)
        with lock:
            busy.remove(worker)
            done.append(task)

    run_tasks(work, range(count), threads)
    assert sorted(done) == list(range(count))


def test_two_threads_do_run_at_once() -> None:
    met = threading.Barrier(2, timeout=20)

    def meet(worker: int, task: int) -> None:
        met.wait()

    run_tasks(meet, range(2), 2)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_fault_is_raised_and_nothing_runs_afterwards(threads: int) -> None:
    done: list[int] = []

    def work(worker: int, task: int) -> None:
        if task == 3:
            raise IndexError("the third")
        time.sleep(0.001)
        done.append(task)

    with pytest.raises(IndexError, match="the third"):
        run_tasks(work, range(200), threads)
    count = len(done)
    assert count < 200
    time.sleep(0.01)
    assert len(done) == count
    run_tasks(work, [1, 2], threads)
    assert done[-2:] in ([1, 2], [2, 1])


def test_callers_do_not_wait_for_each_other() -> None:
    """Many callers at once need more helpers than there are: each does its own work."""
    results: list[int] = []

    def call() -> None:
        run_tasks(lambda worker, task: time.sleep(0.001), range(8), 8)
        results.append(1)

    callers = [threading.Thread(target=call) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert len(results) == 12


def _sum_in_child(results: multiprocessing.SimpleQueue[int]) -> None:
    done: list[int] = []
    run_tasks(lambda worker, task: done.append(task), range(10), 2)
    results.put(sum(done))


def test_a_forked_process_has_its_own_threads() -> None:
    run_tasks(lambda worker, task: time.sleep(0.001), range(4), 2)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_sum_in_child, args=(results,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert results.get() == 45
