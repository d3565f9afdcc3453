"""What machine a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import llvmlite.binding
import numba


def describe() -> dict[str, str | int]:
    """Return processor, core count, Python and Numba versions."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    features = llvmlite.binding.get_host_cpu_features()
    return {
        "processor": model,
        "cores": os.cpu_count() or 1,
        "ifma": int(features.get("avx512ifma", False)),
        "python": platform.python_version(),
        "numba": numba.__version__,
    }
