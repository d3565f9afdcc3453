"""Methods that work once, in one order, and never again after a refusal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from zk.errors import ProtocolStateError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Holder = TypeVar("Holder", bound="InOrder")


class InOrder:
    """An object whose steps follow one another. Its step is public; ``"ended"`` is final."""

    _step: str


def once(
    step: str, following: str
) -> Callable[[Callable[Concatenate[Holder, Arguments], Result]], Callable[Concatenate[Holder, Arguments], Result]]:
    """Make a method a step: it works at one point only, and if it raises, nothing works afterwards.

    Args:
        step: where the object must stand; elsewhere the call raises ProtocolStateError and changes nothing.
        following: where it stands afterwards.
    """

    def declare(
        method: Callable[Concatenate[Holder, Arguments], Result],
    ) -> Callable[Concatenate[Holder, Arguments], Result]:
        @functools.wraps(method)
        def checked(self: Holder, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if self._step != step:
                raise ProtocolStateError(f"{method.__name__} was called while the proof stands at {self._step!r}")
            self._step = "ended"
            result = method(self, *args, **kwargs)
            self._step = following
            return result

        return checked

    return declare
