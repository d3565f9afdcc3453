"""Compiled kernels of the engine: how they are declared and cached.

A kernel is a Numba function that trusts its caller: no checks, bounds stated on the line, no GIL. Each is compiled for
one signature, at its first call or by ``warm_up``, into a cache of our own. Numba's cache notices a change of a
kernel's own file but not of a file it imports, and its files are pickles: so the cache lives in a private directory
whose name is a hash over all kernel sources, the versions of Numba, llvmlite and NumPy, the processor, the path, and
whether ``NUMBA_BOUNDSCHECK`` is set. Where ``NUMBA_CACHE_DIR`` is set, the directory is made inside it; else inside
``$XDG_CACHE_HOME/tallystick`` or ``~/.cache/tallystick``.

    path        which kernels run here
    intrinsics  the instructions Numba has no name for
    aes         AES-256 counter-mode streams; needs the path ``vaes`` and is imported only there
    words       vectors over Z_2^64
    limbs       vectors over Z_2^128, two words an element
    planes      vectors of bits, bit-sliced: 64 lanes to a word
    dealt       carries of masked bits, from products of masks
    assignment  a random order of many places
    halving     rows find their place among ordered pivots
    memory      large arrays whose memory is used again
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib
import os
import pkgutil
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import config

from mpc.kernels.path import PATH, PORTABLE, VAES

__all__ = ["PORTABLE", "VAES", "cache_directory", "cache_key", "chosen_path", "inner", "kernel", "warm_up"]

Function = TypeVar("Function", bound=Callable[..., Any])

_REGISTRY: list[tuple[Any, str]] = []


def chosen_path() -> str:
    """Return ``"vaes"`` or ``"portable"``: which kernels this process runs, fixed at import."""
    return PATH


def cache_key(directory: Path | None = None) -> str:
    """Return 20 hex digits over every kernel source in ``directory`` and over what compiles and runs it.

    Args:
        directory: folder of kernel sources; this package's own by default.
    """
    digest = hashlib.sha256()
    for path in sorted((directory or Path(__file__).parent).glob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.name}:{len(source)}:".encode() + source)
    processor = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    settings: Any = config
    versions = numba.__version__, llvmlite.__version__, np.__version__
    digest.update(repr((versions, processor, settings.BOUNDSCHECK, PATH)).encode())
    return digest.hexdigest()[:20]


@functools.lru_cache(maxsize=1)
def cache_directory() -> Path:
    """Return the private cache directory of these kernels, made with mode 0700.

    Falls back to a temporary directory, removed at exit, where the usual place cannot be written or belongs to
    somebody else (its files are pickles, so a foreign one must never be loaded).
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tallystick"
    directory = base / f"mpc-kernels-{cache_key()}"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        if _is_private(directory) and os.access(directory, os.W_OK | os.X_OK):
            return directory
    except OSError:
        pass  # the fallback below needs no reason
    temporary = Path(tempfile.mkdtemp(prefix="tallystick-mpc-kernels-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def kernel(signature: str) -> Callable[[Function], Function]:
    """Declare an entry point with its one Numba signature, e.g. ``"void(uint64[::1], uint64[::1])"``.

    Calls must pass exactly these types: C-contiguous, writable arrays, ``np.uint64`` for ``uint64`` and plain ``int``
    for ``int64``.
    """

    def declare(function: Function) -> Function:
        compiled = _compile_lazily(function)
        _REGISTRY.append((compiled, signature))
        return compiled  # type: ignore[no-any-return]

    return declare


def inner(function: Function) -> Function:
    """Declare a function that only kernels call."""
    return _compile_lazily(function, no_cpython_wrapper=True)  # type: ignore[no-any-return]


def warm_up() -> float:
    """Compile every kernel, or load it from the cache, so that no later call pauses to do so.

    Returns:
        Seconds taken: some ten on a fresh machine, well under one with a filled cache.
    """
    start = time.perf_counter()
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        if module == "aes" and PATH != VAES:
            continue
        importlib.import_module(f"{__name__}.{module}")
    for compiled, signature in _REGISTRY:
        compiled.compile(signature)
    return time.perf_counter() - start


def _is_private(directory: Path) -> bool:
    state = directory.lstat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o022


def _compile_lazily(function: Function, **options: bool) -> Any:
    """Declare ``function`` to Numba with its cache in our directory, whatever directory other packages chose."""
    declare: Any = numba.njit  # its annotations leave out the two options that skip unused wrappers
    settings: Any = config
    chosen = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_directory())
    try:
        return declare(nogil=True, cache=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    finally:
        settings.CACHE_DIR = chosen
