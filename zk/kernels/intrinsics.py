"""Numba's two hooks for writing LLVM code by hand, with types that strict checking accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.extending
from numba.core import cgutils

_insert: Any = cgutils.get_or_insert_function


def intrinsic(describe: Callable[..., Any]) -> Any:
    """Declare a function whose body, called with argument types, returns its signature and a code generator."""
    return numba.extending.intrinsic(describe)


def external(builder: Any, signature: Any, name: str) -> Any:
    """Return LLVM's function of that name, declaring it in the builder's module on first use."""
    return _insert(builder.module, signature, name)
