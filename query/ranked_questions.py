"""What order statistics may be of, and may stand beside, in a question."""

from __future__ import annotations

from typing import Final

from query.aggregates import Statistic
from query.errors import ColumnKindError, SqlUnsupportedError
from query.expressions import Expression
from query.kinds import Boolean, Kind
from query.sql import Question

MAX_RANKED: Final = 8
"""Each order statistic shows the values of one or two persons."""


def check_ranked(question: Question) -> None:
    """Check what order statistics stand beside.

    Raises:
        SqlUnsupportedError: GROUP BY, or more of them than one question takes.
    """
    ranked = [aggregate for aggregate in question.aggregates if aggregate.statistic.ranked]
    if ranked and question.groups:
        raise SqlUnsupportedError(f"{ranked[0].statistic} with GROUP BY", ranked[0].position,
                                  "ask for one group at a time by WHERE")
    if len(ranked) > MAX_RANKED:
        raise SqlUnsupportedError(f"a question of {len(ranked)} order statistics", ranked[MAX_RANKED].position,
                                  f"ask for at most {MAX_RANKED} at a time")


def check_ranked_argument(statistic: Statistic, argument: Expression, kind: Kind | None) -> None:
    """Check what an order statistic is of; of any other statistic nothing.

    Args:
        kind: of the column that the argument is; None for a computed value, which could be one person's value and 0 for
            all others.

    Raises:
        SqlUnsupportedError: a computed value.
        ColumnKindError: a boolean.
    """
    if not statistic.ranked:
        return
    if kind is None:
        hint = "it is of a column; say in WHERE of which rows"
        raise SqlUnsupportedError(f"{statistic} of a computed value", argument.position, hint)
    if isinstance(kind, Boolean):
        raise ColumnKindError(f"{argument} is boolean", argument.position, f"{statistic} is of numbers; count its rows")
