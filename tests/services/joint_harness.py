"""Three parties, and owners outside them, in a thread each over a loopback whose every message is recorded and may be
tampered with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from samples import Sample

from mpc.channel import FramedChannel, LoopbackNetwork
from query.dominance import DominanceChecks
from services.party.gap_tests import EarlierGuards, GapTests
from services.party.outside_session import OutsideSession
from services.party.rank_session import RankStep
from services.party.session import Auditor, JointSession, SessionPlan, SessionResult, session_id
from zk.curve import add_points, decode_points
from zk.field import FR, Words
from zk.owners import column_owners
from zk.proof import Proof
from zk.prover import Contributor
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof, verify_row_openings

TIMEOUT_S = 20.0
MEMBERS = 6
"""Three parties and as many owners outside them as a session can have here."""
PARTIES = range(3)
Tamper = Callable[[int, int, str, bytes], bytes]


@dataclass
class Outcome:
    """What happened in one attempt.

    Args:
        results: by party: what `JointSession.run` returned or raised.
        outside: by outside owner: what `OutsideSession.run` returned or raised.
        messages: (sender, receiver, tag, payload) in the order of delivery.
        stages: by party: stages begun.
        spent: by party: stages begun when `spend` was called.
    """

    results: list[SessionResult | Exception | None] = field(default_factory=lambda: [None] * 3)
    outside: dict[int, Proof | Exception | None] = field(default_factory=dict)
    messages: list[tuple[int, int, str, bytes]] = field(default_factory=list)
    stages: list[list[str]] = field(default_factory=lambda: [[] for _ in range(MEMBERS)])
    spent: list[list[int]] = field(default_factory=lambda: [[] for _ in range(MEMBERS)])
    provers: list[Any] = field(default_factory=lambda: [None] * MEMBERS)

    def tags(self, *parties: int) -> set[str]:
        """Tags that these parties (all, if none is named) sent."""
        return {tag for sender, _, tag, _ in self.messages if not parties or sender in parties}

    def proof(self) -> Any:
        assert all(isinstance(result, SessionResult) for result in self.results), self.results
        return self.results[0].proof  # type: ignore[union-attr]


class TamperedNetwork(LoopbackNetwork):
    """Records every message; `tamper(sender, receiver, tag, payload)` returns what is delivered instead."""

    def __init__(self, session: bytes, attempt: int, outcome: Outcome, tamper: Tamper | None) -> None:
        super().__init__(MEMBERS, session, attempt)
        for channel in self.channels:
            channel.send = self._sender(channel, outcome, tamper)  # type: ignore[method-assign]

    @staticmethod
    def _sender(channel: FramedChannel, outcome: Outcome, tamper: Tamper | None) -> Callable[[int, str, bytes], None]:
        def send(peer: int, tag: str, payload: bytes) -> None:
            delivered = tamper(channel.party, peer, tag, payload) if tamper else payload
            outcome.messages.append((channel.party, peer, tag, delivered))
            FramedChannel.send(channel, peer, tag, delivered)

        return send


def no_history(guards: tuple[int, ...]) -> GapTests:
    """The first answer of all."""
    return GapTests(bytes(32), (), EarlierGuards({}, {}))


def run_session(
    sample: Sample,
    owners: Mapping[int, int],
    *,
    minimum: int = 3,
    wrap: Callable[[int, Contributor], Any] = lambda party, prover: prover,
    session: Callable[[int], type[JointSession]] = lambda party: JointSession,
    outsider: Callable[[int], type[OutsideSession]] = lambda owner: OutsideSession,
    tamper: Tamper | None = None,
    absent: tuple[int, ...] = (),
    timeout_s: float = TIMEOUT_S,
    attempt: int = 1,
    audit: Auditor = no_history,
    public: bool = False,
    dominance: Callable[[int], DominanceChecks] = lambda party: DominanceChecks(),
    ranks: Callable[[int], RankStep | None] = lambda party: None,
) -> Outcome:
    """Run one attempt.

    Args:
        owners: party of each registered column.
        wrap: replaces a party's prover.
        session: the class a party runs.
        outsider: the class an outside owner runs.
        tamper: changes messages on their way.
        absent: parties that never start.
        audit: gaps beside earlier answers.
        public: whether what is released is public.
        dominance: what dominance rules demand, as each party has compiled it.
        ranks: a party's part in order statistics.
    """
    outcome = Outcome()
    identifier = session_id(sample.statement.subject, attempt)
    network = TamperedNetwork(identifier, attempt, outcome, tamper)
    everyone = column_owners(sample.relation, owners)

    def run(party: int) -> None:
        plan = SessionPlan(sample.statement, everyone, minimum, identifier, attempt, sample.srs.tau_g2, timeout_s,
                           public, dominance(party))
        secrets = {i: secret for i, secret in sample.secrets.items() if owners[i] == party}
        prover = wrap(party, Contributor(sample.statement, sample.srs, party, everyone, secrets))
        outcome.provers[party] = prover
        stages, spent = outcome.stages[party], outcome.spent[party]
        common = (plan, network.channels[party], prover, lambda: spent.append(len(sent_by(party))), stages.append)
        try:
            if party in PARTIES:
                outcome.results[party] = session(party)(*common, audit=audit, ranks=ranks(party)).run()
            else:
                outcome.outside[party] = outsider(party)(*common, ranks=ranks(party)).run()
        except Exception as error:  # the test looks at it
            if party in PARTIES:
                outcome.results[party] = error
            else:
                outcome.outside[party] = error
            for channel in network.channels:
                if channel.party != party:
                    channel.mailbox.close(party)

    def sent_by(party: int) -> list[str]:
        return [tag for sender, _, tag, _ in outcome.messages if sender == party]

    members = sorted({*PARTIES, *owners.values()} - set(absent))
    threads = [threading.Thread(target=run, args=(party,)) for party in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


class Lying:
    """A prover one of whose answers is false."""

    def __init__(self, prover: Contributor, method: str, answer: Callable[..., Any]) -> None:
        self._prover, self._method, self._answer = prover, method, answer

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            return lambda *given: self._answer(self._prover, *given)
        return getattr(self._prover, name)


def lying(liar: int, method: str, answer: Callable[..., Any]) -> Callable[[int, Contributor], Any]:
    return lambda party, prover: Lying(prover, method, answer) if party == liar else prover


def nothing_released(outcome: Outcome, honest: set[int]) -> None:
    for party in honest:
        found = outcome.results[party] if party in PARTIES else outcome.outside[party]
        assert isinstance(found, Exception), found
    assert not any("guards/opened" in tag or tag.startswith("session/final") for tag in outcome.tags(*honest))


def totals(outcome: Outcome) -> tuple[list[int], Words]:
    """What an agency adds up: the released values and their quotients."""
    values, quotients = FR.zeros(len(outcome.results[0].values)), outcome.results[0].quotients[:0]  # type: ignore[union-attr]
    for number, result in enumerate(outcome.results):
        assert isinstance(result, SessionResult)
        values = FR.add(values, result.values)
        quotients = result.quotients if number == 0 else add_points(quotients, result.quotients)
    return FR.to_integers(values), quotients


def check_success(
    sample: Sample, outcome: Outcome, minimum: int, suppressed: frozenset[int] = frozenset(),
    closed: frozenset[int] = frozenset(),
) -> None:  # fmt: skip
    """All three hold one valid proof and parts of the plain sums that open its rows, all but those of some cells and
    all but some sums."""
    proof, relation = outcome.proof(), sample.relation
    expected = sample.sums()
    cells = relation.cells
    released = [row for row in range(relation.sum_rows) if row % cells not in suppressed and row // cells not in closed]
    assert all(result.proof == proof for result in outcome.results)  # type: ignore[union-attr]
    assert all(found == proof for found in outcome.outside.values()), outcome.outside
    verify_proof(sample.srs.tau_g2, sample.statement, proof)
    verify_guards(sample.statement, proof, minimum)
    assert proof.release == sum(1 << row for row in released)
    sums, quotients = totals(outcome)
    assert sums == [expected[row] for row in released]
    points = decode_points(quotients)
    openings = [(row, value, point) for row, value, point in zip(released, sums, points)]
    verify_row_openings(sample.srs.tau_g2, relation.log_rows, proof.sums, openings)  # type: ignore[arg-type]
    assert proof.rows == tuple(expected[row] for row in opened_rows(relation, proof.release))
