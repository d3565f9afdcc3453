"""Attempts to cheat, each made for real: against the deployed contracts, the verifier in Python and running parties.

The cheater here is the coordinator, whom nobody has to trust. It has a query considered and approved by the owners,
runs the joint proof, and then tries to publish something else than what was proved. Every forged proof carries a
recomputed inverse hint, so that it is the proof that is refused and not the hint. In the end the honest proof still
publishes: what was refused before was refused for the forgery.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ledger.errors import LedgerError, RecordInvalidError, TransactionRevertedError
from ledger.studies import QueryState, Studies
from services.client_errors import ResultRejectedError
from services.demo.errors import DemoFailedError
from services.demo.report import CheatReport
from services.ledger_access import LedgerAccess
from services.party.client import ReleasedParts
from services.results import combine_parts
from services.verify import VerifiedQuery, verify_published
from zk.errors import ProofRejectedError, ZkError
from zk.field import FR
from zk.pairing import G2
from zk.proof import Proof
from zk.statement import Point, Statement
from zk.transcript import FR_MODULUS
from zk.verifier import verify_proof

PUBLISH_GAS = 2_000_000
"""Gas limit of a transaction meant to fail: given, not estimated, so that it is mined and the contract refuses it."""

REPLAY = "the genuine proof of an earlier query with the same question, replayed under another approved query's id"


@dataclass(frozen=True, slots=True)
class ApprovedQuery:
    """A query that the owners approved and the parties proved, not published yet.

    Args:
        statement: what was proved; its subject is the query id.
        proof: the parties' proof.
    """

    statement: Statement
    proof: Proof


class Verifiers:
    """Both places that decide about a proof: the contract, by real transactions, and the verifier in Python.

    Args:
        studies: the contract, with an account that may send transactions; nobody needs a role to publish.
        tau_g2: [τ]_2 of the chain's reference string.
    """

    def __init__(self, studies: Studies, tau_g2: G2) -> None:
        self.studies = studies
        self._tau_g2 = tau_g2

    def judge(self, what: str, statement: Statement, proof: Proof) -> CheatReport:
        """Try to publish a forged proof, and to have it verified away from the chain."""
        return _refusals(what, (
            ("contract", lambda: self.studies.publish(statement, proof, gas=PUBLISH_GAS)),
            ("verifier in Python", lambda: verify_proof(self._tau_g2, statement, proof)),
        ))

    def require_honest(self, query: ApprovedQuery) -> None:
        """Publish the honest proof.

        Raises:
            DemoFailedError: it is refused.
        """
        try:
            verify_proof(self._tau_g2, query.statement, query.proof)
            self.studies.publish(query.statement, query.proof)
        except (LedgerError, ZkError) as error:
            raise DemoFailedError(f"the honest proof was refused after the cheats: {error}") from error
        if self.studies.state(query.statement.subject) is not QueryState.PUBLISHED:
            raise DemoFailedError("the honest proof was not published after the cheats")


def cheat_on_opened_sum(verifiers: Verifiers, query: ApprovedQuery) -> CheatReport:
    """The proof shows how many rows a sum is over; claim one more."""
    rows = ((query.proof.rows[0] + 1) % FR_MODULUS, *query.proof.rows[1:])
    what = f"a changed opened sum: {query.proof.rows[0]} rows proved, {rows[0]} claimed"
    return verifiers.judge(what, query.statement, replace(query.proof, rows=rows))


def cheat_on_commitment(verifiers: Verifiers, query: ApprovedQuery, other: Point) -> CheatReport:
    """Put the commitment of another registered column in the place of the statement's first."""
    swapped = replace_commitment(query.statement, other)
    return verifiers.judge("a dataset's commitment swapped for another registered one", swapped, query.proof)


def replace_commitment(statement: Statement, other: Point) -> Statement:
    """The statement with another first commitment."""
    return Statement(statement.relation, statement.domain, statement.subject, (other, *statement.commitments[1:]))


def cheat_on_released_value(tau_g2: G2, verified: VerifiedQuery, parts: Sequence[ReleasedParts]) -> CheatReport:
    """One party changes its part of a released sum on the way to the agency, who checks it against the sealed sums.

    Raises:
        DemoFailedError: the honest parts are refused.
    """
    try:
        combine_parts(tau_g2, verified, parts)
    except ResultRejectedError as error:
        raise DemoFailedError(f"the honest parts of a result were refused: {error}") from error
    liar = parts[0]
    values = FR.decode_bytes(liar.values)
    values[-1:] = FR.add(values[-1:], FR.from_integers([1]))
    changed = [ReleasedParts(liar.sums, FR.encode_bytes(values), liar.points), *parts[1:]]
    return _refusals("a released sum changed by 1 on its way to the agency", (
        ("the agency", lambda: combine_parts(tau_g2, verified, changed)),
    ))


def cheat_on_rows(agency: Studies, regulator: LedgerAccess, statement: Statement, proof: Proof) -> CheatReport:
    """Ask about every other row of the same commitments only: the smaller domain lies inside the larger (M6).

    Args:
        agency: the contract, with the account of an agency, who may propose.
        regulator: reads the ledger.
        statement, proof: genuine, over all rows.
    """
    half = replace(statement.relation, log_rows=statement.relation.log_rows - 1)
    nonce = secrets.randbits(256)
    query_id = agency.query_id(agency.client.address, nonce, half)
    forged = Statement(half, statement.domain, query_id, statement.commitments)
    return _refusals(f"half the rows: 2^{half.log_rows} instead of the registered 2^{statement.relation.log_rows}", (
        ("contract", lambda: agency.propose(half, nonce=nonce, sql_hash=bytes(32), purpose_hash=bytes(32))),
        ("regulator", lambda: verify_published(regulator, query_id)),
        ("verifier in Python", lambda: verify_proof(regulator.tau_g2, forged, proof)),
    ))


def _refusals(what: str, attempts: Sequence[tuple[str, Callable[[], object]]]) -> CheatReport:
    """Make every attempt and say who refused and why, or who accepted."""
    reasons, rejected = [], True
    for judge, attempt in attempts:
        try:
            attempt()
        except TransactionRevertedError as error:
            mined = "" if error.tx_hash is None else f" (transaction {error.tx_hash[:14]}… was mined and reverted)"
            reasons.append(f"{judge}: reverts with {error.reason!r}{mined}")
        except (ProofRejectedError, RecordInvalidError, ResultRejectedError) as error:
            reasons.append(f"{judge}: {error}")
        else:
            rejected = False
            reasons.append(f"{judge} ACCEPTED IT")
    return CheatReport(what, rejected, "; ".join(reasons))
