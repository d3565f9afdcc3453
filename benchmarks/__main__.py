"""`python -m benchmarks [--log-rows K ...] [--runs R] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.proofs import measure
from zk.kernels import warm_up


def main() -> None:
    """Measure, print a table of ratios, and write them where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--log-rows", type=int, nargs="+", default=[10, 14], help="log2 of the number of rows")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    machine = describe()
    compile_s = warm_up()
    print(machine, f"kernels ready after {compile_s:.1f} s (compile time, not counted below)")
    rows = [row for log_rows in options.log_rows for row in measure(log_rows, options.runs)]
    for row in rows:
        print("{name:22s} {ours_s:9.4f} s   {peer}: {peer_s:9.4f} s   ratio {ratio:.2f}".format(**row))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
