"""Proved answer against pooled answer: every disclosed sum as an exact integer first, then every finished value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from query.plan import Plan
from query.statistics import Result
from services.demo.errors import DemoFailedError
from services.demo.pooled import Group, PooledAnswer, PooledOutput

_MOMENTS: Final = ("count", "left", "right", "left_left", "right_right", "left_right")


def pooled_sums(plan: Plan, pooled: PooledAnswer) -> list[int]:
    """The plan's sums in order, as the pooled computation has them.

    Raises:
        DemoFailedError: two outputs disagree on a sum, a sum belongs to no output, or the groups are others.
    """
    found: dict[int, int] = {}
    for place, group in enumerate(_groups(plan, pooled)):
        for output in plan.outputs:
            moments = pooled[group][output.name].moments
            for name in _MOMENTS:
                number = getattr(output.moments, name)
                if number is None:
                    continue
                value = int(getattr(moments, name))
                if found.setdefault(number * len(plan.cells) + place, value) != value:
                    raise DemoFailedError(f"sum {number} means two different things in {output.name}")
    if set(found) != set(range(len(plan.sums))):
        raise DemoFailedError("the plan discloses a sum that no output needs")
    return [found[number] for number in range(len(plan.sums))]


def compare_answers(
    plan: Plan, sums: Sequence[int | None], results: Sequence[Result], pooled: PooledAnswer
) -> None:
    """Require that a proved answer equals the pooled one exactly, and that only groups too small are left out.

    Args:
        plan: the compiled question.
        sums: the opened sums, in the plan's order; None where not released.
        results: the finished outputs, group by group.
        pooled: the pooled answer.

    Raises:
        DemoFailedError: a sum, a fraction or a value differs, or a group is left out that could be shown.
    """
    for spec, proved, plain in zip(plan.sums, sums, pooled_sums(plan, pooled), strict=True):
        if proved is not None and proved != plain:
            raise DemoFailedError(f"the sum {spec.name} was proved as {proved}, pooled it is {plain}")
    expected = [(group, name) for group in _groups(plan, pooled) for name in pooled[group]]
    if [result.name for result in results] != [name for _, name in expected]:
        raise DemoFailedError("the answer has other outputs than the question")
    for result, (group, name) in zip(results, expected, strict=True):
        plain_output = pooled[group][name]
        if result.suppressed:
            if not _too_small(pooled[group], plan.minimum_group):
                raise DemoFailedError(f"{result.name} was left out for a group that is large enough")
        elif result.value != plain_output.value or result.exact != plain_output.exact:
            raise DemoFailedError(f"{result.name} came out as {result.value}, pooled it is {plain_output.value}")


def _groups(plan: Plan, pooled: PooledAnswer) -> list[Group]:
    groups = [tuple(bool(label) for label in cell) for cell in plan.cells]
    if groups != list(pooled):
        raise DemoFailedError("the answer has other groups than the question")
    return groups


def _too_small(outputs: Mapping[str, PooledOutput], minimum: int) -> bool:
    """Whether a count of a group is below the minimum, or two of its counts are too near each other to show both."""
    counts = {output.moments.count for output in outputs.values()}
    return any(count < minimum for count in counts) or any(0 < a - b < minimum for a in counts for b in counts)
