"""Numba's two hooks for writing LLVM code by hand, with types that strict checking accepts, and an aligned stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.extending
from llvmlite import ir
from numba import types
from numba.core import cgutils

_insert: Any = cgutils.get_or_insert_function


def intrinsic(describe: Callable[..., Any]) -> Any:
    """Declare a function whose body, called with argument types, returns its signature and a code generator."""
    return numba.extending.intrinsic(describe)


def external(builder: Any, signature: Any, name: str) -> Any:
    """Return LLVM's function of that name, declaring it in the builder's module on first use."""
    return _insert(builder.module, signature, name)


@intrinsic
def align_stack(typing_context: Any) -> Any:
    """Make the function it is called in, wherever that is inlined, keep its stack at multiples of 64 bytes.

    LLVM decides so before it knows that registers of 64 bytes will be kept on the stack. Without this three calls in
    four find every one of them across two lines of the cache.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.goto_entry_block():
            slot = builder.alloca(ir.IntType(64))
            slot.align = 64
        seen = ir.FunctionType(ir.VoidType(), [slot.type])
        builder.call(ir.InlineAsm(seen, "", "r", side_effect=True), [slot])  # no instruction, but the slot stays
        return context.get_dummy_value()

    return types.void(), generate
