"""Which kernels run here: portable ones in 64-bit words, or eight lanes of AVX-512 IFMA.

The choice is made once, when ``zk.kernels`` is imported, from the processor that Numba compiles for;
``TALLYSTICK_KERNELS=scalar`` or ``=ifma`` overrides it. LLVM ends the process when it meets an instruction the
processor lacks, and nothing can catch that: so a choice that cannot work is refused here, before anything is compiled.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import llvmlite.binding
from numba.core import config

from zk.errors import KernelPathUnsupportedError

VARIABLE = "TALLYSTICK_KERNELS"
SCALAR = "scalar"
IFMA = "ifma"
NEEDED_FEATURES = ("avx512f", "avx512dq", "avx512ifma")
"""What the IFMA kernels need: 512-bit registers, 64-bit multiplication and masks, 52-bit multiply-add."""


def processor_features() -> frozenset[str]:
    """Return LLVM's names of the instruction sets Numba may use: the processor's, or what ``NUMBA_CPU_*`` says."""
    settings: Any = config
    if settings.CPU_FEATURES is not None:
        words = str(settings.CPU_FEATURES).split(",")
        return frozenset(word.strip()[1:] for word in words if word.strip().startswith("+"))
    if settings.CPU_NAME not in (None, "", "host"):
        return frozenset()  # Numba then compiles for that name's bare feature set, which we do not look up
    return frozenset(name for name, present in llvmlite.binding.get_host_cpu_features().items() if present)


def choose_path(wanted: str, features: Collection[str]) -> str:
    """Return ``"ifma"`` or ``"scalar"``.

    Args:
        wanted: one of them, or empty for the fastest that ``features`` allow.
        features: names as ``processor_features`` gives them.

    Raises:
        KernelPathUnsupportedError: ``wanted`` is no path, or one that lacks a feature.
    """
    missing = [name for name in NEEDED_FEATURES if name not in features]
    if wanted == "":
        return SCALAR if missing else IFMA
    if wanted not in (SCALAR, IFMA):
        raise KernelPathUnsupportedError(f"{VARIABLE} is {wanted!r}; it may be {SCALAR!r} or {IFMA!r}")
    if wanted == IFMA and missing:
        raise KernelPathUnsupportedError(f"{VARIABLE}={IFMA}, but this processor lacks {', '.join(missing)}")
    return wanted


PATH = choose_path(os.environ.get(VARIABLE, ""), processor_features())
