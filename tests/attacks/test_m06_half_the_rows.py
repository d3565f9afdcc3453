"""M6: H_{N/2} lies in H_N, so that a column registered over N rows can be summed over every other row. The algebra
accepts that: N must come from the directory and never from the asker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forger import Forger, commit
from samples import DOMAIN, SUBJECT, R, Sample, known_srs, masked_sum, masked_sum_sample, release_word

from zk.encoding import relation_hash
from zk.errors import ProofRejectedError, SizeMismatchError
from zk.proof import Proof
from zk.single import prove
from zk.statement import Statement
from zk.verifier import verify_proof

FULL, HALF = 4, 3


class HalfTheRows(Forger):
    """Proves over 8 rows about polynomials that were committed over 16."""

    def __init__(self, whole: Sample) -> None:
        over_all = Forger(whole)
        statement = Statement(masked_sum(HALF), DOMAIN, SUBJECT, whole.statement.commitments)
        every_other = {i: list(column[::2]) for i, column in whole.columns.items()}
        super().__init__(Sample(whole.srs, statement, {}, every_other), release_word(0b111, 0b111))
        for i in whole.columns:
            self.poly[i] = over_all.poly[i]
            assert commit(self.poly[i]) == whole.statement.commitments[i - 1]


@pytest.fixture(scope="module")
def whole() -> Sample:
    return masked_sum_sample(FULL)


@pytest.fixture(scope="module")
def halved(whole: Sample) -> Proof:
    return HalfTheRows(whole).prove()


def test_m6_the_algebra_cannot_tell(whole: Sample, halved: Proof) -> None:
    """Why the statement's N is the directory's: the same commitments, half the rows, a valid proof."""
    statement = Statement(masked_sum(HALF), DOMAIN, SUBJECT, whole.statement.commitments)
    verify_proof(whole.srs.tau_g2, statement, halved)
    assert list(halved.rows) != whole.sums()
    assert halved.rows[0] == sum(whole.columns[1][::2])


def test_m6_with_the_registered_number_of_rows_it_is_refused(whole: Sample, halved: Proof) -> None:
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(whole.srs.tau_g2, whole.statement, halved)


def test_m6_the_number_of_rows_is_bound_into_relation_and_statement(whole: Sample) -> None:
    assert relation_hash(masked_sum(HALF)) != relation_hash(masked_sum(FULL))
    assert replace(whole.statement, relation=masked_sum(HALF)).hash != whole.statement.hash


def test_m6_the_prover_refuses_columns_of_another_length(whole: Sample) -> None:
    statement = Statement(masked_sum(HALF), DOMAIN, SUBJECT, whole.statement.commitments)
    with pytest.raises(SizeMismatchError):
        prove(known_srs(FULL), statement, whole.secrets, 1)


def test_m6_the_even_rows_are_the_smaller_domain() -> None:
    """The coincidence itself."""
    large, small = pow(5, (R - 1) >> FULL, R), pow(5, (R - 1) >> HALF, R)
    assert [pow(large, 2 * i, R) for i in range(8)] == [pow(small, i, R) for i in range(8)]
