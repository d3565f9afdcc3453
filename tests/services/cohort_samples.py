"""Persons, lists of them and tables about them, for the end-to-end tests of cohorts."""

from __future__ import annotations

from query.kinds import BoundedInteger
from query.limits import Limits
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema, encode_schema
from services.deployment import TableInput

LOG_ROWS = 6
EPSILON = 20.0
PEOPLE = [f"Nr. {number:04} Müller" for number in range(36)]


def listed(people: list[str]) -> bytes:
    """A CSV with one column of identifiers."""
    return ("name\n" + "".join(f"{person}\n" for person in people)).encode()


def disguised(person: str) -> str:
    """The same person as another register may write it: full width, upper case, decomposed, more space."""
    return person.upper().replace("NR.", "ＮＲ.").replace("Ü", "U\u0308").replace(" ", "  ")


def table(
    party: int,
    name: str,
    owner: str,
    cohort: str,
    people: list[str],
    factor: int,
    *,
    log_rows: int = LOG_ROWS,
    audited: bool = True,
) -> TableInput:
    """A table of a cohort: for every person its number times a factor."""
    schema = TableSchema(name, owner, "people", "person", cohort, (ColumnSchema("x", BoundedInteger(0, 1000)),))
    lines = [f"{person},{factor * int(person.split()[1])}" for person in people]
    csv = "\n".join(["person,x", *lines]) + "\n"
    policy = Policy(minimum_group=5, limits=Limits(audited=audited))
    return TableInput(party, encode_schema(schema), encode_policy(policy), csv.encode(), log_rows)
