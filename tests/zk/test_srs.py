"""Structured reference strings: commitments, well-formedness (M16), files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zk.curve import GENERATOR, decode_points, multiply_generator, neg_points
from zk.errors import SizeMismatchError, SrsInvalidError
from zk.field import FR, FR_MODULUS
from zk.pairing import G2_GENERATOR, multiply_g2
from zk.srs import EXTRA_POWERS, Srs, development_srs, load_srs, store_srs, verify_srs

SEED = b"tests.zk.srs"
LOG_ROWS = 6
HEADER_BYTES, G2_BYTES, POINT_BYTES = 12, 128, 64


def with_tau(tau: int, log_rows: int = LOG_ROWS) -> Srs:
    """A string for a τ of the test's choice."""
    powers = multiply_generator(FR.powers(tau, (1 << log_rows) + EXTRA_POWERS))
    return Srs(log_rows, powers, multiply_g2(G2_GENERATOR, tau), development=True)


@pytest.fixture(scope="module")
def srs() -> Srs:
    return development_srs(LOG_ROWS, SEED)


def test_development_srs_verifies_and_is_marked(srs: Srs) -> None:
    verify_srs(srs)
    assert srs.development
    assert srs.max_rows == 64
    assert srs.powers.shape == (64 + EXTRA_POWERS, 8)


def test_seed_fixes_the_string_and_none_draws_a_fresh_one(srs: Srs) -> None:
    assert development_srs(LOG_ROWS, SEED).id == srs.id
    assert development_srs(LOG_ROWS, SEED + b"!").id != srs.id
    assert development_srs(2).id != development_srs(2).id


def test_repr_does_not_print_points(srs: Srs) -> None:
    assert len(repr(srs)) < 300


def test_commit_is_evaluation_at_tau_in_the_exponent() -> None:
    tau, srs = 987654321, with_tau(987654321)
    coefficients = FR.from_integers([3, 0, -1, FR_MODULUS - 1, 7])
    value = FR.evaluate(coefficients, tau)
    assert np.array_equal(srs.commit(coefficients), multiply_generator(FR.from_integers([value])))


def test_commit_of_nothing_and_of_everything(srs: Srs) -> None:
    assert decode_points(srs.commit(FR.zeros(0))) == [None]
    assert decode_points(srs.commit(FR.zeros(5))) == [None]
    assert np.array_equal(srs.commit(FR.from_integers([1])), GENERATOR)
    assert srs.commit(FR.from_integers([1] * (64 + EXTRA_POWERS))).shape == (1, 8)


def test_commit_refuses_too_many_coefficients_and_other_shapes(srs: Srs) -> None:
    with pytest.raises(SizeMismatchError):
        srs.commit(FR.zeros(64 + EXTRA_POWERS + 1))
    with pytest.raises(SizeMismatchError):
        srs.commit(np.zeros((3, 5), dtype=np.uint64))
    with pytest.raises(SizeMismatchError):
        srs.commit(np.zeros((3, 4), dtype=np.int64))


@pytest.mark.parametrize(("n_rows", "shift"), [(64, 0), (64, 8), (32, 1), (1, 0)])
def test_vanishing_is_the_commitment_of_its_polynomial(srs: Srs, n_rows: int, shift: int) -> None:
    coefficients = [0] * (n_rows + shift + 1)
    coefficients[shift], coefficients[n_rows + shift] = -1, 1
    assert np.array_equal(srs.vanishing(n_rows, shift), srs.commit(FR.from_integers(coefficients)))


@pytest.mark.parametrize(("n_rows", "shift"), [(64, 9), (0, 0), (64, -1), (-1, 2)])
def test_vanishing_refuses_what_does_not_fit(srs: Srs, n_rows: int, shift: int) -> None:
    with pytest.raises(SizeMismatchError):
        srs.vanishing(n_rows, shift)


@pytest.mark.parametrize("log_rows", [0, -1, 25])
def test_size_out_of_range_is_refused(log_rows: int) -> None:
    with pytest.raises(SrsInvalidError):
        development_srs(log_rows, SEED)


def test_wrong_count_of_powers_is_refused(srs: Srs) -> None:
    with pytest.raises(SrsInvalidError):
        Srs(LOG_ROWS, srs.powers[:-1], srs.tau_g2, development=True)


def test_development_flag_size_and_points_are_part_of_the_id(srs: Srs) -> None:
    assert replace(srs, development=False).id != srs.id
    changed = srs.powers.copy()
    changed[5] = changed[6]
    assert replace(srs, powers=changed).id != srs.id
    assert replace(srs, tau_g2=G2_GENERATOR).id != srs.id


# --- M16: what must not be accepted ------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [1, 2, 40, 64 + EXTRA_POWERS - 1])
def test_m16_tampered_power_is_refused(srs: Srs, index: int) -> None:
    powers = srs.powers.copy()
    powers[index : index + 1] = neg_points(powers[index : index + 1])
    with pytest.raises(SrsInvalidError, match="inconsistent"):
        verify_srs(replace(srs, powers=powers))


def test_m16_swapped_powers_are_refused(srs: Srs) -> None:
    powers = srs.powers.copy()
    powers[[7, 8]] = powers[[8, 7]]
    with pytest.raises(SrsInvalidError, match="inconsistent"):
        verify_srs(replace(srs, powers=powers))


def test_m16_other_tau_g2_is_refused(srs: Srs) -> None:
    with pytest.raises(SrsInvalidError, match="inconsistent"):
        verify_srs(replace(srs, tau_g2=multiply_g2(srs.tau_g2, 2)))


def test_m16_first_power_other_than_generator_is_refused(srs: Srs) -> None:
    scaled = multiply_generator(FR.scale(FR.powers(5, 64 + EXTRA_POWERS), 3))
    with pytest.raises(SrsInvalidError, match="generator"):
        verify_srs(Srs(LOG_ROWS, scaled, multiply_g2(G2_GENERATOR, 5), development=True))


def test_m16_tau_zero_is_refused(srs: Srs) -> None:
    powers = np.zeros_like(srs.powers)
    powers[:1] = GENERATOR
    with pytest.raises(SrsInvalidError, match="infinity"):
        verify_srs(replace(srs, powers=powers))
    with pytest.raises(SrsInvalidError, match="infinity"):
        replace(srs, tau_g2=None)


@pytest.mark.parametrize("log_order", [0, 1, 5, 6, 7, 15, 27, 28])
def test_m16_tau_in_a_domain_is_refused_at_every_order(log_order: int) -> None:
    tau = pow(5, (FR_MODULUS - 1) >> log_order, FR_MODULUS)  # of order exactly 2^log_order
    with pytest.raises(SrsInvalidError, match="evaluation domain"):
        verify_srs(with_tau(tau))


def test_m16_odd_power_of_the_largest_root_is_refused() -> None:
    tau = pow(5, ((FR_MODULUS - 1) >> 28) * 123456789, FR_MODULUS)
    with pytest.raises(SrsInvalidError, match="evaluation domain"):
        verify_srs(with_tau(tau, log_rows=3))


@pytest.mark.parametrize("tau", [2, 5, pow(5, (FR_MODULUS - 1) // 3, FR_MODULUS)])
def test_tau_outside_every_domain_is_accepted(tau: int) -> None:
    verify_srs(with_tau(tau))


def test_point_off_the_curve_in_memory_is_refused(srs: Srs) -> None:
    powers = srs.powers.copy()
    powers[9, 4:] = powers[10, 4:]
    with pytest.raises(SrsInvalidError, match="curve"):
        verify_srs(replace(srs, powers=powers))


def test_tau_g2_outside_its_subgroup_is_refused(srs: Srs, tmp_path: Path) -> None:
    outside = point_outside_the_subgroup()
    with pytest.raises(SrsInvalidError, match="subgroup"):
        verify_srs(replace(srs, tau_g2=outside))
    store_srs(replace(srs, tau_g2=outside), tmp_path / "srs")
    with pytest.raises(SrsInvalidError, match="subgroup"):
        load_srs(tmp_path / "srs")


def point_outside_the_subgroup() -> tuple[tuple[int, int], tuple[int, int]]:
    """A point of the twist y² = x³ + b: the first small x that has a y. One in about 2^254 has order r."""
    from py_ecc.fields import optimized_bn128_FQ2 as FQ2
    from py_ecc.optimized_bn128.optimized_curve import b2, field_modulus

    def root(a: int) -> int:  # a root of a or of -a, for the modulus is 3 mod 4
        return int(pow(a, (field_modulus + 1) // 4, field_modulus))

    half = pow(2, -1, field_modulus)
    for x in range(1, 20):
        square = FQ2([x, 0]) ** 3 + b2
        a0, a1 = (int(c) for c in square.coeffs)
        for norm in (root(a0 * a0 + a1 * a1), -root(a0 * a0 + a1 * a1)):
            y0 = root((a0 + norm) * half)
            y1 = a1 * half * pow(y0, -1, field_modulus) % field_modulus
            if FQ2([y0, y1]) ** 2 == square:
                return (x, 0), (y0, y1)
    raise AssertionError("no point found")


# --- files -------------------------------------------------------------------------------------------------------


def test_store_then_load_gives_the_same_string(srs: Srs, tmp_path: Path) -> None:
    path = tmp_path / "srs"
    store_srs(srs, path)
    loaded = load_srs(path)
    assert loaded.id == srs.id
    assert np.array_equal(loaded.powers, srs.powers)
    assert (loaded.log_rows, loaded.tau_g2, loaded.development) == (srs.log_rows, srs.tau_g2, True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["srs"]


def test_store_replaces_and_leaves_the_old_file_when_it_cannot(srs: Srs, tmp_path: Path) -> None:
    path = tmp_path / "srs"
    path.write_bytes(b"old")
    store_srs(srs, path)
    assert load_srs(path).id == srs.id
    with pytest.raises(SrsInvalidError, match="cannot write"):
        store_srs(srs, tmp_path / "missing" / "srs")


@pytest.mark.parametrize("cut", [0, 5, 12, 139, 140, 204, -33, -1])
def test_truncated_file_is_refused(srs: Srs, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "srs"
    store_srs(srs, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SrsInvalidError):
        load_srs(path)


def test_extended_file_is_refused(srs: Srs, tmp_path: Path) -> None:
    path = tmp_path / "srs"
    store_srs(srs, path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SrsInvalidError, match="extended"):
        load_srs(path)


def test_missing_file_and_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SrsInvalidError, match="cannot read"):
        load_srs(tmp_path / "none")
    with pytest.raises(SrsInvalidError, match="cannot read"):
        load_srs(tmp_path)


@pytest.mark.parametrize(
    ("offset", "what"),
    [
        (0, "not a structured reference string"),
        (9, "unsupported"),
        (10, "truncated|unsupported"),
        (11, "id does not belong"),
        (HEADER_BYTES + 31, "twist"),
        (HEADER_BYTES + G2_BYTES + 3 * POINT_BYTES + 31, "curve"),
        (-1, "id does not belong"),
    ],
)
def test_flipped_bit_is_refused(srs: Srs, tmp_path: Path, offset: int, what: str) -> None:
    path = tmp_path / "srs"
    store_srs(srs, path)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(SrsInvalidError, match=what):
        load_srs(path)


def test_non_canonical_coordinate_is_refused(srs: Srs, tmp_path: Path) -> None:
    from zk.field import FQ_MODULUS

    path = tmp_path / "srs"
    store_srs(srs, path)
    data = bytearray(path.read_bytes())
    start = HEADER_BYTES + G2_BYTES + 3 * POINT_BYTES
    lifted = int.from_bytes(data[start : start + 32], "big") + FQ_MODULUS  # the same residue, below 2^256
    data[start : start + 32] = lifted.to_bytes(32, "big")
    path.write_bytes(data)
    with pytest.raises(SrsInvalidError):
        load_srs(path)


def test_verification_in_chunks_reports_progress_and_misses_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zk.srs_check.CHECK_POINTS", 7)
    srs, seen = with_tau(987654321, 4), []
    verify_srs(srs, lambda _stage, fraction: seen.append(fraction))
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == 1.0
    for index in range(1, 16 + EXTRA_POWERS):
        powers = srs.powers.copy()
        powers[index] = powers[index - 1]
        with pytest.raises(SrsInvalidError, match="inconsistent"):
            verify_srs(replace(srs, powers=powers))


def test_development_string_made_in_chunks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = development_srs(4, SEED).id
    monkeypatch.setattr("zk.srs._DEVELOPMENT_CHUNK", 6)
    assert development_srs(4, SEED).id == expected


def test_power_with_a_coordinate_above_the_modulus_is_refused(srs: Srs) -> None:
    powers = srs.powers.copy()
    powers[3, :4] = np.uint64(0xFFFFFFFFFFFFFFFF)
    changed = object.__new__(Srs)
    for name, value in (("log_rows", srs.log_rows), ("powers", powers), ("tau_g2", srs.tau_g2)):
        object.__setattr__(changed, name, value)
    with pytest.raises(SrsInvalidError, match="above the modulus"):
        verify_srs(changed)
