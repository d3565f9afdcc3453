"""What an owner allows. Evaluated by the owner's own party on the plan it compiled itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from query.aggregates import Statistic
from query.canonical import Fields, JsonValue, as_json_texts, encode_canonical, hash_canonical, parse_object
from query.errors import PolicyInvalidError, PolicyRefusedError
from query.limits import Limits, limits_as_json, limits_from_json
from query.publication import Publication

if TYPE_CHECKING:
    from query.directory import RegisteredTable
    from query.plan import Plan

FORMAT: Final = "tallystick.policy/1"
DEFAULT_MINIMUM_GROUP: Final = 10
MAX_MINIMUM_GROUP: Final = 1 << 24

_TEXT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a member of the ledger and its role, both public and authenticated by the caller."""

    member: str
    role: str


@dataclass(frozen=True, slots=True)
class Policy:
    """An owner's conditions for one table. Public; None means no restriction, an empty tuple means none at all.

    Args:
        minimum_group: smallest count that may be released, at least 2.
        automatic: whether the party approves by itself; otherwise a person does.
        members: who may ask.
        roles: in which role.
        statistics: which statistics; None means all that are proved. Order statistics, which no proof covers and each
            of which shows single persons' values, have to be named.
        partners: owners whose tables it may be joined with.
        hidden_values: columns that may not be aggregated.
        hidden_filters: columns that may not stand in WHERE.
        expires_at_s: seconds since 1970 after which everything is refused.
        public_release: whether released numbers may stand on the ledger for everybody to read.
        limits: finer clauses.
    """

    minimum_group: int = DEFAULT_MINIMUM_GROUP
    automatic: bool = True
    members: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    statistics: tuple[Statistic, ...] | None = None
    partners: tuple[str, ...] | None = None
    hidden_values: tuple[str, ...] = ()
    hidden_filters: tuple[str, ...] = ()
    expires_at_s: int | None = None
    public_release: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 2 <= self.minimum_group <= MAX_MINIMUM_GROUP:
            raise PolicyInvalidError(f"minimum_group must lie in [2, {MAX_MINIMUM_GROUP}]")
        if self.expires_at_s is not None and not 0 <= self.expires_at_s < 1 << 63:
            raise PolicyInvalidError("expires_at_s must lie in [0, 2^63)")
        for texts in (self.members, self.roles, self.partners, self.hidden_values, self.hidden_filters):
            if texts is not None and not (len(set(texts)) == len(texts) and all(map(_TEXT.fullmatch, texts))):
                raise PolicyInvalidError("names in a policy differ; they have 1 to 64 letters, digits or . _ -")
        if self.statistics is not None and len(set(self.statistics)) != len(self.statistics):
            raise PolicyInvalidError("a policy names a statistic twice")


def _as_json(policy: Policy) -> JsonValue:
    statistics = None if policy.statistics is None else tuple(str(statistic) for statistic in policy.statistics)
    later: dict[str, JsonValue] = {"public_release": True} if policy.public_release else {}  # old policies keep a hash
    if policy.limits != Limits():
        later["limits"] = limits_as_json(policy.limits)
    return {**later, "format": FORMAT, "minimum_group": policy.minimum_group, "automatic": policy.automatic,
            "members": as_json_texts(policy.members), "roles": as_json_texts(policy.roles),
            "statistics": as_json_texts(statistics), "partners": as_json_texts(policy.partners),
            "hidden_values": [*policy.hidden_values], "hidden_filters": [*policy.hidden_filters],
            "expires_at_s": policy.expires_at_s}


def encode_policy(policy: Policy) -> bytes:
    """The canonical JSON of a policy."""
    return encode_canonical(_as_json(policy))


def policy_hash(policy: Policy) -> bytes:
    """SHA-256 of the canonical JSON; what the ledger keeps."""
    return hash_canonical(_as_json(policy))


def parse_policy(text: str | bytes) -> Policy:
    """Read a policy from JSON, canonical or not.

    Raises:
        PolicyInvalidError: the text is not a policy.
    """
    fields = Fields(parse_object(text, PolicyInvalidError), "the policy", PolicyInvalidError)
    if fields.text("format") != FORMAT:
        raise PolicyInvalidError(f"the policy's format is not {FORMAT}")
    policy = Policy(fields.integer("minimum_group"), fields.boolean("automatic"), fields.optional_texts("members"),
                    fields.optional_texts("roles"), _statistics(fields.optional_texts("statistics")),
                    fields.optional_texts("partners"), fields.texts("hidden_values"), fields.texts("hidden_filters"),
                    fields.optional_integer("expires_at_s"), fields.flag("public_release"),
                    limits_from_json(fields.nested("limits")) if fields.has("limits") else Limits())
    fields.end()
    return policy


def _statistics(names: tuple[str, ...] | None) -> tuple[Statistic, ...] | None:
    if names is None:
        return None
    known = {str(statistic): statistic for statistic in Statistic}
    if not known.keys() >= set(names):
        raise PolicyInvalidError("a policy names a statistic that does not exist")
    return tuple(known[name] for name in names)


def check_policy(plan: Plan, table: RegisteredTable, asker: Asker, now_s: int) -> None:
    """Check a plan against the policy of one of its tables.

    Args:
        plan: the plan this party compiled itself.
        table: one of the plan's tables, with its policy.
        asker: who asks.
        now_s: seconds since 1970.

    Raises:
        PolicyRefusedError: a clause refuses; `rule` names the first that does.
    """
    policy, name = table.policy, table.schema.name

    def refuse_if(condition: bool, rule: str, detail: str) -> None:
        if condition:
            raise PolicyRefusedError(rule, name, detail)

    use = next((use for use in plan.uses if use.table == name), None)
    if use is None or (use.dataset, use.version) != (table.dataset, table.version):
        raise PolicyRefusedError("dataset", name, "the plan does not use this version of the table")
    refuse_if(policy.expires_at_s is not None and now_s >= policy.expires_at_s, "expiry", "the permission has expired")
    refuse_if(policy.members is not None and asker.member not in policy.members, "member", "this member may not ask")
    refuse_if(policy.roles is not None and asker.role not in policy.roles, "role", "this role may not ask")
    refuse_if(plan.publication is Publication.PUBLIC and not policy.public_release, "public_release",
              "its numbers may not be made public")
    refuse_if(policy.partners is not None and not set(use.partners) <= set(policy.partners), "partner",
              "it may not be joined with that owner's table")
    refuse_if(plan.minimum_group < max(policy.minimum_group, table.minimum_group), "minimum_group",
              f"groups below {policy.minimum_group} stay closed")
    for statistic in plan.statistics:
        refuse_if(policy.statistics is None and statistic.ranked, "statistic",
                  f"{statistic} is unproved and shows single values, so it has to be allowed by name")
        refuse_if(policy.statistics is not None and statistic not in policy.statistics, "statistic",
                  f"{statistic} is not allowed")
    for column in use.values:
        refuse_if(column in policy.hidden_values, "value", f"{column} may not be aggregated")
    for column in use.filters:
        refuse_if(column in policy.hidden_filters, "filter", f"{column} may not be used as a filter")
