"""The setup ceremony: honest chains verify; every forged, moved or useless contribution is named and refused."""

from __future__ import annotations

import copy
import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest

from zk.ceremony import (
    Ceremony,
    Contribution,
    SecretScalar,
    begin_ceremony,
    contribute,
    finish_ceremony,
    proof_challenge,
    verify_ceremony,
)
from zk.curve import GENERATOR, multiply_generator, multiply_points, points_to_bytes
from zk.errors import CeremonyInvalidError
from zk.field import FR, FR_MODULUS
from zk.pairing import G2_GENERATOR, multiply_g2
from zk.srs import EXTRA_POWERS, verify_srs

LOG_ROWS = 4
COUNT = (1 << LOG_ROWS) + EXTRA_POWERS


def scaled(state: Ceremony, x: int) -> np.ndarray:
    """The powers of x·τ, computed apart from the code under test."""
    return multiply_points(state.powers, FR.from_integers([pow(x, i, FR_MODULUS) for i in range(COUNT)]))


def forged(state: Ceremony, name: str, x: int, **changes: object) -> Ceremony:
    """What a contributor with a factor of its choice would send: the same formulas, written again."""
    powers = scaled(state, x)
    before, after = points_to_bytes(state.powers[1:2]), points_to_bytes(powers[1:2])
    after_g2 = changes.get("tau_g2", multiply_g2(state.tau_g2, x))
    nonce = 1234567
    nonce_g1 = points_to_bytes(multiply_points(state.powers[1:2], FR.from_integers([nonce])))
    challenge = proof_challenge(state.digest, name, before, after, after_g2, nonce_g1)  # type: ignore[arg-type]
    response = (nonce + challenge * int(changes.get("known", x))) % FR_MODULUS  # type: ignore[call-overload]
    record = Contribution(name, state.digest, after, after_g2, nonce_g1, response)  # type: ignore[arg-type]
    return replace(state, contributions=(*state.contributions, record), powers=powers)


def with_record(state: Ceremony, index: int, **changes: object) -> Ceremony:
    records = list(state.contributions)
    records[index] = replace(records[index], **changes)  # type: ignore[arg-type]
    return replace(state, contributions=tuple(records))


@pytest.fixture(scope="module")
def empty() -> Ceremony:
    return begin_ceremony(LOG_ROWS, "test")


@pytest.fixture(scope="module")
def one(empty: Ceremony) -> Ceremony:
    return contribute(empty, "hospital")


@pytest.fixture(scope="module")
def three(one: Ceremony) -> Ceremony:
    return contribute(contribute(one, "laboratory", b"dice 4 2 6"), "régulateur")


# --- honest chains -----------------------------------------------------------------------------------------------


def test_three_contributions_verify_and_give_a_production_srs(three: Ceremony) -> None:
    lines: list[str] = []
    srs = finish_ceremony(three, lines.append)
    verify_srs(srs)
    assert not srs.development
    assert np.array_equal(srs.powers, three.powers)
    for record in three.contributions:
        assert any(record.name in line and record.digest.hex() in line for line in lines)
    assert any("τ^(2^i)" in line for line in lines)


def test_formulas_written_again_are_accepted_and_give_the_known_tau(empty: Ceremony) -> None:
    state = forged(forged(empty, "a", 5), "b", 7)
    verify_ceremony(state)
    assert np.array_equal(state.powers, multiply_generator(FR.powers(35, COUNT)))


def test_contribution_with_known_randomness_is_the_formula(empty: Ceremony, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda n: bytes(n))
    state = contribute(empty, "a", b"mine")
    parts = b"".join(len(part).to_bytes(8, "big") + part for part in (b"factor", b"mine"))
    block = hashlib.sha512(b"tallystick.ceremony.secret.v1" + bytes(64) + parts).digest()
    x = int.from_bytes(block, "big") % FR_MODULUS
    assert np.array_equal(state.powers, scaled(empty, x))


def test_repeating_randomness_repeats_no_nonce(empty: Ceremony, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda n: bytes(n))
    first, second = contribute(empty, "a").contributions[0], contribute(empty, "b").contributions[0]
    assert first.tau_g1 == second.tau_g1
    assert first.nonce_g1 not in (second.nonce_g1, first.tau_g1)


def test_every_ceremony_and_every_factor_is_fresh(empty: Ceremony) -> None:
    assert begin_ceremony(LOG_ROWS, "test").digest != empty.digest
    first, second = contribute(empty, "a"), contribute(empty, "a")
    assert first.contributions[0].tau_g1 != second.contributions[0].tau_g1
    assert first.contributions[0].nonce_g1 != second.contributions[0].nonce_g1


def test_progress_reaches_one(empty: Ceremony) -> None:
    seen: list[float] = []
    contribute(empty, "a", progress=lambda _stage, fraction: seen.append(fraction))
    assert seen[-1:] == [1.0]


def test_empty_ceremony_verifies_but_cannot_be_finished(empty: Ceremony) -> None:
    verify_ceremony(empty)
    assert (empty.powers == GENERATOR).all()
    with pytest.raises(CeremonyInvalidError, match="nobody has contributed"):
        finish_ceremony(empty)


def test_secret_is_redacted_and_neither_copied_nor_pickled() -> None:
    secret = SecretScalar(b"factor", b"mine")
    assert str(secret.expose()) not in repr(secret)
    assert 1 < secret.expose() < FR_MODULUS
    assert secret.expose() != SecretScalar(b"factor", b"mine").expose()
    for refuse in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            refuse(secret)


# --- records moved about -----------------------------------------------------------------------------------------


def test_swapped_contributions_are_refused(three: Ceremony) -> None:
    a, b, c = three.contributions
    with pytest.raises(CeremonyInvalidError, match=r"contribution 1 \(laboratory\): does not continue"):
        verify_ceremony(replace(three, contributions=(b, a, c)))


def test_dropped_contribution_is_refused(three: Ceremony) -> None:
    a, _, c = three.contributions
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(régulateur\): does not continue"):
        verify_ceremony(replace(three, contributions=(a, c)))


def test_dropped_last_contribution_is_refused(three: Ceremony) -> None:
    with pytest.raises(CeremonyInvalidError, match=r"powers do not belong to contribution 2 \(laboratory\)"):
        verify_ceremony(replace(three, contributions=three.contributions[:2]))


def test_replayed_contribution_is_refused(three: Ceremony) -> None:
    replayed = (*three.contributions, three.contributions[1])
    with pytest.raises(CeremonyInvalidError, match=r"contribution 4 \(laboratory\): does not continue"):
        verify_ceremony(replace(three, contributions=replayed))
    renamed = replace(three.contributions[1], name="other", previous=three.digest)
    with pytest.raises(CeremonyInvalidError, match=r"contribution 4 \(other\): its factor is one, or undoes"):
        verify_ceremony(replace(three, contributions=(*three.contributions, renamed)))


def test_contribution_of_another_ceremony_is_refused(one: Ceremony) -> None:
    other = begin_ceremony(LOG_ROWS, "test")
    moved = replace(other, contributions=one.contributions, powers=one.powers)
    with pytest.raises(CeremonyInvalidError, match="does not continue"):
        verify_ceremony(moved)
    relinked = with_record(moved, 0, previous=other.digest)
    with pytest.raises(CeremonyInvalidError, match="proof of knowledge"):
        verify_ceremony(relinked)


@pytest.mark.parametrize("change", [{"label": "other"}, {"nonce": bytes(32)}])
def test_changed_parameters_break_the_chain(three: Ceremony, change: dict[str, object]) -> None:
    with pytest.raises(CeremonyInvalidError, match=r"contribution 1 \(hospital\): does not continue"):
        verify_ceremony(replace(three, **change))  # type: ignore[arg-type]


def test_renamed_contributor_is_refused_in_the_middle_and_at_the_end(three: Ceremony) -> None:
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(thief\): its proof of knowledge"):
        verify_ceremony(with_record(three, 1, name="thief"))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 3 \(thief\): its proof of knowledge"):
        verify_ceremony(with_record(three, 2, name="thief"))


def test_name_contributes_once(one: Ceremony) -> None:
    with pytest.raises(CeremonyInvalidError, match="has contributed already"):
        contribute(one, "hospital")
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(hospital\): its name"):
        verify_ceremony(forged(one, "hospital", 9))


# --- false contributions -----------------------------------------------------------------------------------------


def test_factor_zero_is_refused(one: Ceremony) -> None:
    record = forged(one, "b", 3).contributions[-1]
    zero = replace(record, tau_g1=bytes(64), nonce_g1=bytes(64), response=0)
    state = replace(one, contributions=(*one.contributions, zero), powers=scaled(one, 0))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): its factor is zero"):
        verify_ceremony(state)


def test_factor_one_is_refused_though_its_proof_holds(one: Ceremony) -> None:
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): its factor is one"):
        verify_ceremony(forged(one, "b", 1))


def test_factor_that_undoes_an_earlier_one_is_refused(empty: Ceremony) -> None:
    first = forged(empty, "a", 5)
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): its factor is one, or undoes"):
        verify_ceremony(forged(first, "b", pow(5, -1, FR_MODULUS)))


def test_factor_that_is_not_known_is_refused(one: Ceremony) -> None:
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): its proof of knowledge"):
        verify_ceremony(forged(one, "b", 9, known=10))


def test_somebody_elses_point_cannot_be_the_new_tau(one: Ceremony, three: Ceremony) -> None:
    """Jumping to a τ of one's own (forgetting the earlier factors) would need a factor nobody knows."""
    own = multiply_generator(FR.powers(11, COUNT))
    record = forged(one, "b", 9).contributions[-1]
    jump = replace(record, tau_g1=points_to_bytes(own[1:2]), tau_g2=multiply_g2(G2_GENERATOR, 11))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): its proof of knowledge"):
        verify_ceremony(replace(one, contributions=(*one.contributions, jump), powers=own))


def test_tau_g2_of_another_factor_is_refused_in_the_middle_and_at_the_end(one: Ceremony) -> None:
    wrong = forged(one, "b", 9, tau_g2=multiply_g2(one.tau_g2, 10))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): \[τ\]_2"):
        verify_ceremony(wrong)
    record = forged(replace(wrong, contributions=wrong.contributions), "c", 3, tau_g2=multiply_g2(one.tau_g2, 27))
    with pytest.raises(CeremonyInvalidError, match=r"contribution 2 \(b\): \[τ\]_2"):
        verify_ceremony(record)


@pytest.mark.parametrize("index", [0, 1, 2, COUNT - 1])
def test_tampered_power_is_refused(three: Ceremony, index: int) -> None:
    powers = three.powers.copy()
    powers[index] = powers[5]
    with pytest.raises(CeremonyInvalidError, match=r"contribution 3 \(régulateur\)"):
        verify_ceremony(replace(three, powers=powers))


def test_powers_of_the_beginning_must_be_the_generator(empty: Ceremony) -> None:
    powers = empty.powers.copy()
    powers[4:5] = multiply_generator(FR.from_integers([2]))
    with pytest.raises(CeremonyInvalidError, match="the beginning"):
        verify_ceremony(replace(empty, powers=powers))


def test_nobody_contributes_to_a_state_that_does_not_verify(three: Ceremony) -> None:
    powers = three.powers.copy()
    powers[3] = powers[4]
    with pytest.raises(CeremonyInvalidError, match="inconsistent"):
        contribute(replace(three, powers=powers), "next")


@pytest.mark.parametrize("log_order", [1, 4, 20, 28])
def test_m16_ceremony_that_ends_in_a_domain_is_refused(empty: Ceremony, log_order: int) -> None:
    root = pow(5, (FR_MODULUS - 1) >> log_order, FR_MODULUS)
    first = forged(empty, "a", 5)
    state = forged(first, "b", root * pow(5, -1, FR_MODULUS) % FR_MODULUS)
    with pytest.raises(CeremonyInvalidError, match="evaluation domain"):
        finish_ceremony(state)


def test_earlier_tau_in_a_domain_stops_the_next_contributor_but_does_no_harm(empty: Ceremony) -> None:
    in_domain = forged(empty, "a", FR_MODULUS - 1)
    with pytest.raises(CeremonyInvalidError, match="evaluation domain"):
        contribute(in_domain, "b")
    verify_ceremony(forged(in_domain, "b", 9))


@pytest.mark.parametrize("name", ["", " a", "a\n", "\x1b[2J", "a\u202eb", "e\u0301", "x" * 129, "\ud800"])
def test_name_must_be_plain_text(empty: Ceremony, name: str) -> None:
    with pytest.raises(CeremonyInvalidError, match="name must"):
        contribute(empty, name)


@pytest.mark.parametrize("log_rows", [0, 25])
def test_size_out_of_range_is_refused(log_rows: int) -> None:
    with pytest.raises(CeremonyInvalidError):
        begin_ceremony(log_rows)
