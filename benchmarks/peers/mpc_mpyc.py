"""One party of MPyC (Shamir sharing, semi-honest): three real processes over its own loopback connections with TLS.

Runs in `.venv-peers-mpc`, in a folder with certificates (`benchmarks.peers.mpyc_certificates`). MPyC's array types and
operations are used wherever it has them. Started with one JSON argument: rank and ports.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

GIVEN = json.loads(sys.argv[1])
HOSTS = [argument for port in GIVEN["ports"] for argument in ("-P", f"127.0.0.1:{port}")]
sys.argv = [sys.argv[0], *HOSTS, "-I", str(GIVEN["rank"]), "--no-log", "--ssl"]

import numpy as np  # noqa: E402
from mpyc.runtime import mpc  # noqa: E402

from benchmarks.mpc_data import SETTLE_S, Workload, describe_fault  # noqa: E402

END_TO_END = ("inner", "moments")


def program(work: Workload, secure: Any) -> Any:
    """Return one repetition as a coroutine function, and what it is given."""
    x, y = work.inputs()
    plain = secure.array(x.astype(object)), secure.array(y.astype(object))

    def enter() -> list[Any]:
        return [mpc.input(plain[owner], senders=owner) for owner in (0, 1)]

    async def inner() -> Any:
        a, b = enter()
        return [await mpc.output(mpc.np_matmul(a, b))]

    async def moments() -> Any:
        a, b = enter()
        own = x if mpc.pid == 0 else y
        local = [int(own.sum()), int(own @ own)]
        sums = [mpc.input([secure(value) for value in local], senders=owner) for owner in (0, 1)]
        values = await mpc.output([*sums[0], *sums[1], mpc.np_matmul(a, b)])
        return values

    async def product(a: Any, b: Any) -> Any:
        return await mpc.gather(mpc.np_multiply(a, b))

    async def less(a: Any, b: Any) -> Any:
        return await mpc.gather(mpc.np_less(a, b))

    async def sort(a: Any, b: Any) -> Any:
        return await mpc.gather(mpc.np_sort(a))

    async def median(a: Any, b: Any) -> Any:
        held = mpc.np_sort(a)[(work.n - 1) // 2 : (work.n - 1) // 2 + 1]
        return await mpc.gather(held)

    return {"inner": inner, "median": median, "moments": moments, "product": product, "less": less, "sort": sort}[
        work.kind
    ], enter


async def measure(work: Workload, runs: int) -> dict[str, Any]:
    """Run a workload ``runs`` times; it compiles nothing, so that there is nothing to warm up."""
    secure = mpc.SecInt(max(64, 2 * work.value_bits + 21) if work.kind != "less" else work.value_bits + 2)
    step, enter = program(work, secure)
    inputs = [] if work.kind in END_TO_END else enter()
    if inputs:
        await mpc.gather(inputs)
    walls, processor, result = [], [], None
    for _ in range(runs):
        await asyncio.sleep(SETTLE_S)
        await mpc.barrier("start")
        cpu, wall = time.process_time(), time.perf_counter()
        result = await step(*inputs)
        await mpc.barrier("end")
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    return {"wall_s": walls, "cpu_s": processor, "result": result}


async def main() -> None:
    """Answer requests until stdin ends."""
    await mpc.start()
    print(json.dumps({"ready": mpc.pid}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):  # meanwhile the loop still sends what peers wait for
        request = json.loads(line)
        runs = request.pop("runs")
        work = Workload(**request)
        answer = await measure(work, runs)
        held = answer.pop("result")
        opened = held if isinstance(held, list) else await mpc.output(held)
        found = np.array([int(value) for value in np.asarray(opened).reshape(-1)], np.int64)
        answer["fault"] = describe_fault(found, work.expected())
        print(json.dumps(answer), flush=True)
    await mpc.shutdown()


if __name__ == "__main__":
    mpc.run(main())
