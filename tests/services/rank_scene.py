"""Order statistics among three parties in memory: what each enters, and the computation by itself or within a session.
Used by tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mpc.channel import LoopbackNetwork
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import share
from query.plan import Plan
from query.rank_inputs import entered_values
from query.rows import Columns
from services.party.client import ReleasedParts
from services.party.rank_session import RankSession, RankStep, rank_bytes
from services.party.session_messages import SessionMessages
from zk.errors import NonCanonicalEncodingError
from zk.field import FR

SESSION = hashlib.sha256(b"ranks").digest()
Change = Callable[[int, RankStep], RankStep]


def step_of(plan: Plan, encoded: dict[str, Columns], numbers: dict[str, int], party: int) -> RankStep:
    """What a party brings."""
    assert plan.ranks is not None
    owners = tuple(numbers[use.owner] for use in plan.uses)
    entered = {
        number: entered_values(inputs, [encoded[inputs.table][name] for name in inputs.names])
        for number, inputs in enumerate(plan.ranks.tables)
        if inputs is not None and owners[number] == party
    }
    return RankStep(plan.ranks, owners, entered)


def with_bit_changed(step: RankStep, *rows: int) -> RankStep:
    """Other rows in the first truth value that a party enters."""
    (table, values), *rest = step.entered.items()
    changed = values[0].copy()
    changed[list(rows)] ^= 1
    return RankStep(step.plan, step.owners, {table: [changed, *values[1:]], **dict(rest)})


def compute(
    steps: Sequence[RankStep], sums: Sequence[int], timeout_s: float = 20.0
) -> list[ReleasedParts | Exception]:
    """Run the computation by itself over shares of given sums; by party what it would tell the agency, or its error."""
    network = LoopbackNetwork(3, SESSION, 1)
    shares = share(FR, FR.from_integers(list(sums)))

    def run(party: int) -> ReleasedParts | Exception:
        channel = network.channels[party]
        try:
            seeds = agree_seeds(channel, SESSION, timeout_s)
            engine = Engine(FR, channel, seeds, SESSION, 1, timeout_s=timeout_s,
                            decode_errors=(NonCanonicalEncodingError,))
            messages = SessionMessages(channel, engine, timeout_s)
            session = RankSession(channel, seeds, SESSION, 1, timeout_s, engine, messages)
            return told(session.run(steps[party], shares[party]))
        except Exception as error:  # the test looks at it
            for other in network.channels:
                if other.party != party:
                    other.mailbox.close(party)
            return error

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(run, range(3)))


def told(ranks: Any) -> ReleasedParts:
    """What a party gives the agency of order statistics."""
    return ReleasedParts((), b"", b"", rank_bytes(ranks))


