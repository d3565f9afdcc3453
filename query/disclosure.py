"""What a question discloses, in plain words, and to whom. Everything here follows from the relation alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from query.aggregates import Statistic
from query.masks import Key, Product, TableProducts
from query.schema import PRESENT_INDEX

_RANKED = {Statistic.MIN: "smallest value", Statistic.MAX: "largest value", Statistic.MEDIAN: "median",
           Statistic.QUANTILE: "quantile"}
_POWERS = {1: "", 2: "squares of "}


def describe_rows(
    sides: Sequence[TableProducts], key: Key, joint: Sequence[str] = (), union: bool = False
) -> str:
    """The rows that a product of booleans counts, e.g. ``"patients in hospital where hospital.diabetic"``.

    Args:
        sides: the question's tables.
        key: the product.
        joint: conditions over several tables, in words.
        union: whether the rows are those of all tables, one after another.
    """
    labels = sides[0].table.schema.rows_label
    if union:
        return f"{labels} {' and '.join(describe_member(side, product) for side, product in zip(sides, key))}"
    places = " and in ".join(side.table.schema.name for side in sides if not side.optional)
    conditions = [words for side, product in zip(sides, key, strict=True) for words in _conditions(side, product)]
    conditions += [f"({words})" for words in joint]
    return f"{labels} in {places}" + (f" where {' and '.join(conditions)}" if conditions else "")


def describe_member(side: TableProducts, product: Product) -> str:
    """The rows of one table of a UNION ALL."""
    conditions = _conditions(side, product)
    return f"in {side.table.schema.name}" + (f" where {' and '.join(conditions)}" if conditions else "")


def describe_persons(sides: Sequence[TableProducts], key: Key) -> str:
    """The persons of any of several tables, each counted once."""
    labels = sides[0].table.schema.rows_label
    return f"the number of {labels} {' or '.join(describe_member(side, product) for side, product in zip(sides, key))}"


def describe_sum(
    sides: Sequence[TableProducts], key: Key, rows: Key, joint: Sequence[str] = (), union: bool = False
) -> str:
    """A sum in words.

    Args:
        sides: the question's tables.
        key: the summed product.
        rows: the product of booleans that counts the sum's rows.
        joint: conditions over several tables, in words.
        union: whether the rows are those of all tables, one after another.
    """
    shown = describe_rows(sides, rows, joint, union)
    if key == rows:
        return f"the number of {shown}"
    pairs = list(zip(sides, key, strict=True))[: 1 if union else None]
    values = Counter(_name(side, number) for side, product in pairs for number in product
                     if not side.is_boolean(number))
    names = list(values)
    if len(names) > 1:
        return f"the sum of products of {' and '.join(names)} over {shown}"
    power = _POWERS[next(iter(values.values()))]
    return f"the sum of {power}{names[0]} over {shown}"


def describe_rank(statistic: Statistic, title: str, counted: str) -> str:
    """An order statistic in words.

    Args:
        statistic: which.
        title: the column.
        counted: words of the sum that counts its rows.
    """
    persons = "two persons" if statistic is Statistic.MEDIAN else "one person"
    rows = counted.removeprefix("the number of ")
    return (f"the {_RANKED[statistic]} of {title} over {rows}, made of the values of {persons}: to the agency alone, "
            "UNPROVED: computed by the parties on shares, and covered by no proof")


def _name(side: TableProducts, number: int) -> str:
    factor = side.factors[number]
    return f"({factor.words})" if factor.words else side.title(number)


def _conditions(side: TableProducts, product: Product) -> list[str]:
    words = []
    for number in product:
        if number >= len(side.physical):
            factor = side.factors[number]
            value = "" if factor.name.startswith("[") else " is above its smallest value"
            words.append(_name(side, number) + value)
        elif number == PRESENT_INDEX:
            words += [f"{side.table.schema.name} has the row"] if side.optional else []
        else:
            physical = side.physical[number]
            name = f"{side.table.schema.name}.{physical.logical}"
            words.append(name if physical.logical == physical.name else f"{name} is known")
    return words


def disclosure_lines(
    sums: Sequence[tuple[str, bool]],
    minimum_group: int,
    groups: Sequence[tuple[str, int]] = (),
    public: bool = False,
    hidden: bool = False,
) -> tuple[str, ...]:
    """One line for each sum.

    Args:
        sums: words of each sum, and whether it is a guard.
        minimum_group: smallest count that is let out.
        groups: names and numbers of groups of the columns of GROUP BY.
        public: whether every sum is opened on the ledger.
        hidden: whether guards are proved to be large enough instead of being opened.
    """
    ledger = "opened on the ledger, where everyone sees it"
    others = ledger if public else "to the agency alone"
    each = " and of ".join(f"{name} ({count} groups)" for name, count in groups)
    suffix = f", for each group of {each}" if groups else ""
    count = f"{others}, and only if at least {minimum_group}, which is proved to everyone"
    count = count if hidden else f"{ledger}, and only if at least {minimum_group}"
    return tuple(f"{words}{suffix}: {count if guard else others}" for words, guard in sums)
