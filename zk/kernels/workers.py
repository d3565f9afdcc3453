"""Threads that stay between calls: starting one takes as long as a transform of 2^13 elements."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Task = TypeVar("Task")

MOST = 16
"""Threads at most; they are started when they are first needed and wait without a processor."""

_LOCK = threading.Lock()
_EXECUTORS: list[ThreadPoolExecutor] = []


def processors() -> int:
    """Return how many processors this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else MOST
    return max(1, min(os.cpu_count() or 1, allowed, MOST))


def run_tasks(work: Callable[[int, Task], None], tasks: Sequence[Task], threads: int) -> None:
    """Call work(worker, task) for every task and return when all are done.

    At most ``threads`` tasks run at a time, this thread's among them, so that nothing waits for a busy helper. No two
    that run at the same time get the same ``worker``, a number from 0 to threads - 1: it names scratch. Tasks must not
    call this function. An exception of a task is raised here, after those that run have ended; the rest is dropped.
    """
    if threads <= 1 or len(tasks) <= 1:
        for task in tasks:
            work(0, task)
        return
    left = deque(tasks)

    def help_out(worker: int) -> None:
        done = False
        try:
            while True:
                try:
                    task = left.popleft()
                except IndexError:
                    break
                work(worker, task)
            done = True
        finally:
            if not done:
                left.clear()

    helpers = [_executor().submit(help_out, worker) for worker in range(1, min(threads, len(tasks), MOST))]
    try:
        help_out(0)
    finally:
        running = [helper for helper in helpers if not helper.cancel()]
        wait(running)
    for helper in running:
        helper.result()


def _executor() -> ThreadPoolExecutor:
    with _LOCK:
        if not _EXECUTORS:
            _EXECUTORS.append(ThreadPoolExecutor(MOST, thread_name_prefix="kernels"))
        return _EXECUTORS[0]


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _LOCK
    _LOCK = threading.Lock()
    _EXECUTORS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
