"""Which kernels run here: portable ones alone, or with AES streams in the processor's own vector instructions.

The choice is made once, when ``mpc.kernels`` is imported, from the processor that Numba compiles for;
``TALLYSTICK_MPC_KERNELS=portable`` or ``=vaes`` overrides it. LLVM ends the process when it meets an instruction the
processor lacks, and nothing can catch that: so a choice that cannot work is refused here, before anything is compiled.
Both paths give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Final

import llvmlite.binding
from numba.core import config

from mpc.errors import KernelPathError

VARIABLE: Final = "TALLYSTICK_MPC_KERNELS"
PORTABLE: Final = "portable"
VAES: Final = "vaes"
NEEDED_FEATURES: Final = ("avx512f", "avx512bw", "aes", "vaes")
"""What the AES kernels need: 512-bit registers, byte shuffles in them, AES rounds in one and in four lanes."""


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
    """Return ``"vaes"`` or ``"portable"``.

    Args:
        wanted: one of them, or empty for the fastest that ``features`` allow.
        features: names as ``processor_features`` gives them.

    Raises:
        KernelPathError: ``wanted`` is no path, or one that lacks a feature.
    """
    missing = [name for name in NEEDED_FEATURES if name not in features]
    if wanted == "":
        return PORTABLE if missing else VAES
    if wanted not in (PORTABLE, VAES):
        raise KernelPathError(f"{VARIABLE} is {wanted!r}; it may be {PORTABLE!r} or {VAES!r}")
    if wanted == VAES and missing:
        raise KernelPathError(f"{VARIABLE}={VAES}, but this processor lacks {', '.join(missing)}")
    return wanted


PATH: Final = choose_path(os.environ.get(VARIABLE, ""), processor_features())
