"""Proved answer against pooled answer: every disclosed sum as an exact integer first, then every finished value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from query.plan import Plan
from query.statistics import Result
from services.demo.errors import DemoFailedError
from services.demo.pooled import PooledOutput

_MOMENTS: Final = ("count", "left", "right", "left_left", "right_right", "left_right")


def pooled_sums(plan: Plan, pooled: Mapping[str, PooledOutput]) -> list[int]:
    """The plan's sums in order, as the pooled computation has them.

    Raises:
        DemoFailedError: two outputs disagree on a sum, or a sum belongs to no output.
    """
    found: dict[int, int] = {}
    for output in plan.outputs:
        moments = pooled[output.name].moments
        for name in _MOMENTS:
            number = getattr(output.moments, name)
            if number is None:
                continue
            value = int(getattr(moments, name))
            if found.setdefault(number, value) != value:
                raise DemoFailedError(f"sum {number} means two different things in {output.name}")
    if set(found) != set(range(len(plan.sums))):
        raise DemoFailedError("the plan discloses a sum that no output needs")
    return [found[number] for number in range(len(plan.sums))]


def compare_answers(
    plan: Plan, sums: Sequence[int], results: Sequence[Result], pooled: Mapping[str, PooledOutput]
) -> None:
    """Require that a proved answer equals the pooled one exactly.

    Args:
        plan: the compiled question.
        sums: the opened sums, in the plan's order.
        results: the finished outputs.
        pooled: the pooled answer, by output name.

    Raises:
        DemoFailedError: a sum, a fraction or a value differs.
    """
    for spec, proved, plain in zip(plan.sums, sums, pooled_sums(plan, pooled), strict=True):
        if proved != plain:
            raise DemoFailedError(f"the sum {spec.name} was proved as {proved}, pooled it is {plain}")
    if [result.name for result in results] != list(pooled):
        raise DemoFailedError("the answer has other outputs than the question")
    for result in results:
        expected = pooled[result.name]
        if result.value != expected.value or result.exact != expected.exact:
            raise DemoFailedError(f"{result.name} came out as {result.value}, pooled it is {expected.value}")
