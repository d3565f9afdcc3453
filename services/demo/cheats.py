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

    def judge(self, what: str, statement: Statement, proof: Proof, because: str = "pairing") -> CheatReport:
        """Try to publish a forged proof, and to have it verified away from the chain.

        Args:
            what: for the report.
            statement, proof: forged.
            because: the contract's reason; the verifier's is always the pairing.
        """
        return make_attempts(what, (
            Attempt("contract", because, lambda: self.studies.publish(statement, proof, gas=PUBLISH_GAS)),
            Attempt("verifier in Python", "pairing", lambda: self._verify(statement, proof)),
        ))

    def _verify(self, statement: Statement, proof: Proof) -> None:
        verify_proof(self._tau_g2, statement, proof)

    def require_honest(self, query: ApprovedQuery) -> None:
        """Publish the honest proof.

        Raises:
            DemoFailedError: it is refused.
        """
        try:
            self._verify(query.statement, query.proof)
            self.studies.publish(query.statement, query.proof)
        except (LedgerError, ZkError) as error:
            raise DemoFailedError(f"the honest proof was refused after the cheats: {error}") from error
        if self.studies.state(query.statement.subject) is not QueryState.PUBLISHED:
            raise DemoFailedError("the honest proof was not published after the cheats")


def cheat_on_guard(verifiers: Verifiers, query: ApprovedQuery) -> CheatReport:
    """The proof shows that a sum is over enough rows, or over how many: with other bits, or claim one more."""
    relation, proof = query.statement.relation, query.proof
    if relation.hidden_guards:
        place = relation.bits_index - relation.round1_indices().start
        changed = (*proof.round1[:place], proof.quotient, *proof.round1[place + 1 :])
        what = f"another number behind a sum that is proved to rest on at least {query.statement.minimum} rows"
        return verifiers.judge(what, query.statement, replace(proof, round1=changed))
    rows = ((query.proof.rows[0] + 1) % FR_MODULUS, *query.proof.rows[1:])
    what = f"a changed opened sum: {query.proof.rows[0]} rows proved, {rows[0]} claimed"
    return verifiers.judge(what, query.statement, replace(query.proof, rows=rows))


def cheat_on_commitment(verifiers: Verifiers, query: ApprovedQuery, other: Point) -> CheatReport:
    """Put the commitment of another registered column in the place of the statement's first."""
    swapped = replace_commitment(query.statement, other)
    what = "a dataset's commitment swapped for another registered one"
    return verifiers.judge(what, swapped, query.proof, because="statement")


def replace_commitment(statement: Statement, other: Point) -> Statement:
    """The statement with another first commitment."""
    return replace(statement, commitments=(other, *statement.commitments[1:]))


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
    changed = [ReleasedParts(liar.rows, FR.encode_bytes(values), liar.points), *parts[1:]]
    return make_attempts("a released sum changed by 1 on its way to the agency", (
        Attempt("the agency", "row opening", lambda: combine_parts(tau_g2, verified, changed)),
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
    forged = Statement(
        half, statement.domain, query_id, statement.commitments, statement.table, statement.minimum
    )
    what = f"half the rows: 2^{half.log_rows} instead of the registered 2^{statement.relation.log_rows}"
    return make_attempts(what, (
        Attempt("contract", "number of rows",
                lambda: agency.propose(half, nonce=nonce, sql_hash=bytes(32), purpose_hash=bytes(32))),
        Attempt("regulator", "was proposed", lambda: verify_published(regulator, query_id)),
        Attempt("verifier in Python", "pairing", lambda: verify_proof(regulator.tau_g2, forged, proof)),
    ))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one judge.

    Args:
        judge: who has to refuse.
        because: words of the reason it must refuse for; a refusal for another reason proves nothing.
        run: the try.
    """

    judge: str
    because: str
    run: Callable[[], object]


def make_attempts(what: str, attempts: Sequence[Attempt]) -> CheatReport:
    """Make every attempt and say who refused and why, or who accepted.

    Raises:
        DemoFailedError: somebody refused for another reason than the forgery.
        LedgerError, ServiceError: somebody could not be asked; that is no refusal.
    """
    reasons, rejected = [], True
    for attempt in attempts:
        try:
            attempt.run()
        except TransactionRevertedError as error:
            mined = "" if error.tx_hash is None else f" (transaction {error.tx_hash[:14]}… was mined and reverted)"
            reason, told = error.reason, f"reverts with {error.reason!r}{mined}"
        except (ProofRejectedError, RecordInvalidError, ResultRejectedError) as error:
            reason = told = str(error)
        else:
            rejected = False
            reasons.append(f"{attempt.judge} ACCEPTED IT")
            continue
        if attempt.because not in reason:
            raise DemoFailedError(f"{what}: {attempt.judge} refused for another reason: {told}")
        reasons.append(f"{attempt.judge}: {told}")
    return CheatReport(what, rejected, "; ".join(reasons))
