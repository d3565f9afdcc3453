"""The instructions Numba has no name for, with types that strict checking accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.extending
from llvmlite import ir
from numba.core import cgutils, types

WORD: Any = ir.IntType(64)
WIDE: Any = ir.IntType(128)
_insert: Any = cgutils.get_or_insert_function


def intrinsic(describe: Callable[..., Any]) -> Any:
    """Declare a function whose body, called with argument types, returns its signature and a code generator."""
    return numba.extending.intrinsic(describe)


def external(builder: Any, signature: Any, name: str) -> Any:
    """Return LLVM's function of that name, declaring it in the builder's module on first use."""
    return _insert(builder.module, signature, name)


@intrinsic
def high_word(context: Any, a: Any, b: Any) -> Any:
    """Return the upper 64 bits of the 128-bit product of two words."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = [builder.zext(argument, WIDE) for argument in arguments]
        return builder.trunc(builder.lshr(builder.mul(*wide), ir.Constant(WIDE, 64)), WORD)

    return types.uint64(types.uint64, types.uint64), generate
