"""`.ptau` files: what snarkjs made is read, what is made here snarkjs accepts, and every size passes in one way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from ptau_samples import known_factors, layout_of, point_outside_g2

from zk.curve import GENERATOR, encode_points, multiply_generator
from zk.errors import CeremonyInvalidError, NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError
from zk.field import FQ, FQ_MODULUS, FR, FR_MODULUS
from zk.pairing import G2_GENERATOR, check_g2, multiply_g2
from zk.ptau import (
    begin_ptau,
    contribute_ptau,
    export_ptau,
    import_ptau,
    largest_log_rows,
    smallest_power,
    verify_ptau,
)
from zk.ptau_file import read_layout, read_records
from zk.ptau_hash import STATE_BYTES, Blake2b
from zk.ptau_keys import BETA, TAU, beacon_keys, challenge_point, make_key, same_ratio
from zk.ptau_points import compressed_form, decode_g1_points, decode_g2_points, hash_form
from zk.ptau_points import encode_points as stored_points
from zk.ptau_twist import (
    TwistCombination,
    draw_digits,
    first_off_twist,
    g2_from_row,
    g2_rows,
    multiply_generator_twist,
    multiply_twist,
)
from zk.srs import EXTRA_POWERS, verify_srs

VECTORS = Path(__file__).parent.parent / "vectors"
SNARKJS_FILE = VECTORS / "snarkjs_power4.ptau"
SNARKJS_CUT_FILE = VECTORS / "snarkjs_power4_cut3.ptau"
SNARKJS: dict[str, Any] = json.loads((VECTORS / "snarkjs_ptau.json").read_text())
PEERS = Path(__file__).parent.parent.parent / "benchmarks" / "peers" / "node_modules"
POWER = 4


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[str]]:
    """Files after 0, 1 and 2 contributions made here, and the receipts."""
    folder = tmp_path_factory.mktemp("ptau")
    files, receipts = [folder / f"{i}.ptau" for i in range(3)], []
    begin_ptau(files[0], POWER)
    for before, after, name in zip(files[:-1], files[1:], ("hospital", "régulateur"), strict=True):
        receipts.append(contribute_ptau(before, after, name, b"dice 4 2 6"))
    return files, receipts


# --- files that snarkjs made ---------------------------------------------------------------------------------------


def test_file_of_snarkjs_imports_with_the_points_its_own_library_reads() -> None:
    lines: list[str] = []
    srs = import_ptau(SNARKJS_FILE, 4, report=lines.append)
    verify_srs(srs)
    assert not srs.development
    expected = encode_points([(int(x), int(y)) for x, y in SNARKJS["tau_g1"]])
    assert np.array_equal(srs.powers, expected[: 16 + EXTRA_POWERS])
    (x0, x1), (y0, y1) = SNARKJS["tau_g2"]
    assert srs.tau_g2 == ((int(x0), int(x1)), (int(y0), int(y1)))
    for name, receipt in zip(SNARKJS["names"], SNARKJS["response_hashes"], strict=True):
        assert any(f"({name})" in line and receipt in line for line in lines)
    assert any("beacon" in line for line in lines)
    assert any("τ^(2^i)" in line for line in lines)


def test_hashes_are_those_snarkjs_printed() -> None:
    examined = verify_ptau(SNARKJS_FILE)
    assert examined.receipts == SNARKJS["response_hashes"]
    assert [record.next_digest.hex() for record in examined.records] == SNARKJS["next_challenges"]
    assert [record.shown_name for record in examined.records] == SNARKJS["names"]
    assert examined.digest.hex() == SNARKJS["next_challenges"][-1]


def test_cut_file_of_snarkjs_verifies_and_says_what_it_leaves_out() -> None:
    lines: list[str] = []
    examined = verify_ptau(SNARKJS_CUT_FILE, report=lines.append)
    assert (examined.layout.power, examined.layout.ceremony_power, examined.layout.complete) == (3, 4, False)
    assert examined.receipts == SNARKJS["response_hashes"]
    assert any(line.startswith("not checked: the last contribution's hashes") for line in lines)
    assert import_ptau(SNARKJS_CUT_FILE, 2).tau_g2 == import_ptau(SNARKJS_FILE, 2).tau_g2


def test_contribution_continues_a_file_of_snarkjs(tmp_path: Path) -> None:
    receipt = contribute_ptau(SNARKJS_FILE, tmp_path / "next.ptau", "ours")
    assert verify_ptau(tmp_path / "next.ptau").receipts == [*SNARKJS["response_hashes"], receipt]
    with pytest.raises(CeremonyInvalidError, match="cut to a smaller power"):
        contribute_ptau(SNARKJS_CUT_FILE, tmp_path / "other.ptau", "ours")
    assert not (tmp_path / "other.ptau").exists()


def test_new_file_is_byte_for_byte_that_of_snarkjs(tmp_path: Path) -> None:
    begin_ptau(tmp_path / "new.ptau", 4)
    assert hashlib.sha256((tmp_path / "new.ptau").read_bytes()).hexdigest() == SNARKJS["new_power4_sha256"]


# --- files made here -----------------------------------------------------------------------------------------------


def test_own_ceremony_gives_a_production_string(chain: tuple[list[Path], list[str]]) -> None:
    files, receipts = chain
    seen: list[float] = []
    srs = import_ptau(files[2], POWER, progress=lambda _stage, fraction: seen.append(fraction))
    verify_srs(srs)
    assert not srs.development
    assert seen[-1] == 1.0
    assert verify_ptau(files[2]).receipts == receipts
    assert import_ptau(files[1], POWER).id != srs.id


def test_contribution_with_known_factors_is_the_formula(tmp_path: Path) -> None:
    begin_ptau(tmp_path / "0", 3)
    for before, after in (("0", "1"), ("1", "2")):
        with known_factors(5, alpha=7, beta=11):
            contribute_ptau(tmp_path / before, tmp_path / after, "a")
    examined = verify_ptau(tmp_path / "2", keep=15)
    assert np.array_equal(examined.powers, multiply_generator(FR.powers(25, 15)))
    assert examined.tau_g2 == multiply_g2(G2_GENERATOR, 25)
    last = examined.records[-1]
    assert np.array_equal(last.alpha_g1, multiply_generator(FR.from_integers([49])))
    assert np.array_equal(last.beta_g1, multiply_generator(FR.from_integers([121])))
    assert last.beta_g2 == multiply_g2(G2_GENERATOR, 121)


def test_every_contribution_is_fresh_whatever_entropy_is_given(
    chain: tuple[list[Path], list[str]], tmp_path: Path
) -> None:
    files, _ = chain
    first = contribute_ptau(files[0], tmp_path / "a", "a", b"same")
    assert first != contribute_ptau(files[0], tmp_path / "b", "a", b"same")


def test_file_may_be_replaced_by_its_own_next_state(tmp_path: Path) -> None:
    path = tmp_path / "state.ptau"
    begin_ptau(path, 1)
    receipts = [contribute_ptau(path, path, name) for name in "abc"]
    assert verify_ptau(path).receipts == receipts
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.ptau"]


def test_chunks_of_any_size_give_the_same_file_and_the_same_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_ptau(tmp_path / "0", 2)
    contribute_ptau(tmp_path / "0", tmp_path / "1", "somebody")
    with known_factors(5):
        contribute_ptau(tmp_path / "1", tmp_path / "whole", "a")
        monkeypatch.setattr("zk.ptau_file.CHUNK_BYTES", 2 * 128)
        monkeypatch.setattr("zk.ptau_verify._G2_CHUNK", 3)
        monkeypatch.setattr("zk.srs_check.CHECK_POINTS", 3)
        monkeypatch.setattr("zk.ptau._BLOCK_POINTS", 2)
        monkeypatch.setattr("zk.ptau._COPY_BYTES", 100)
        contribute_ptau(tmp_path / "1", tmp_path / "parts", "a")
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    export_ptau(tmp_path / "parts", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "whole").read_bytes()
    begin_ptau(tmp_path / "again", 2)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "0").read_bytes()
    data = (tmp_path / "whole").read_bytes()
    for section, (offset, length) in layout_of(tmp_path / "whole").offsets.items():
        size = 128 if section == 3 else 64
        for index in range(length // size) if section in (2, 3, 4, 5) else ():
            other = offset + size * ((index + 1) % (length // size))
            place = offset + size * index
            (tmp_path / "bad").write_bytes(data[:place] + data[other : other + size] + data[place + size :])
            with pytest.raises(CeremonyInvalidError, match=f"section {section}"):
                verify_ptau(tmp_path / "bad")


@pytest.mark.parametrize("power", [1, 2, 4])
def test_export_cuts_without_losing_the_chain(chain: tuple[list[Path], list[str]], tmp_path: Path, power: int) -> None:
    files, receipts = chain
    export_ptau(files[2], tmp_path / "cut", power)
    examined = verify_ptau(tmp_path / "cut")
    assert examined.receipts == receipts
    assert examined.layout.power == power
    assert (tmp_path / "cut").read_bytes() == files[2].read_bytes() or power < POWER


def test_export_drops_tables_of_others(tmp_path: Path) -> None:
    export_ptau(SNARKJS_FILE, tmp_path / "plain")
    assert sorted(layout_of(tmp_path / "plain").offsets) == list(range(1, 8))
    assert sorted(layout_of(SNARKJS_FILE).offsets) == [*range(1, 8), 12, 13, 14, 15]
    assert verify_ptau(tmp_path / "plain").receipts == SNARKJS["response_hashes"]
    with pytest.raises(CeremonyInvalidError, match=r"must lie in 1\.\.4"):
        export_ptau(SNARKJS_FILE, tmp_path / "more", 5)
    assert not (tmp_path / "more").exists()


def test_empty_ceremony_takes_contributions_and_nothing_else(chain: tuple[list[Path], list[str]]) -> None:
    files, _ = chain
    for use in (verify_ptau, lambda path: import_ptau(path, 3), lambda path: export_ptau(path, path)):
        with pytest.raises(CeremonyInvalidError, match="nobody has contributed a secret factor"):
            use(files[0])


@pytest.mark.parametrize(("log_rows", "power"), [(1, 3), (2, 3), (3, 4), (4, 4), (5, 5), (14, 14), (24, 24)])
def test_smallest_power_holds_the_powers_and_one_less_does_not(log_rows: int, power: int) -> None:
    assert smallest_power(log_rows) == power
    assert largest_log_rows(power) >= log_rows
    assert largest_log_rows(power - 1) < log_rows


def test_too_few_powers_sizes_out_of_range_and_missing_files_are_refused(
    chain: tuple[list[Path], list[str]], tmp_path: Path
) -> None:
    files, _ = chain
    with pytest.raises(CeremonyInvalidError, match="too few powers"):
        import_ptau(files[2], 5)
    for log_rows in (0, 25):
        with pytest.raises(CeremonyInvalidError, match="log_rows"):
            import_ptau(files[2], log_rows)
    for power in (0, 25):
        with pytest.raises(CeremonyInvalidError, match="power"):
            begin_ptau(tmp_path / "new", power)
    with pytest.raises(CeremonyInvalidError, match="cannot read"):
        verify_ptau(tmp_path / "none")
    with pytest.raises(CeremonyInvalidError, match="cannot write"):
        begin_ptau(tmp_path / "none" / "new", 1)


@pytest.mark.parametrize("name", ["", " a", "a\n", "\x1b[2J", "e\u0301", "x" * 65, "é" * 33])
def test_name_must_be_short_and_printable(chain: tuple[list[Path], list[str]], tmp_path: Path, name: str) -> None:
    with pytest.raises(CeremonyInvalidError, match="name"):
        contribute_ptau(chain[0][0], tmp_path / "out", name)


# --- the real snarkjs ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_snarkjs_verifies_what_is_made_here_and_continues_it(tmp_path: Path) -> None:
    program = os.environ.get("TALLYSTICK_SNARKJS") or str(PEERS / "snarkjs" / "cli.js")
    if shutil.which("node") is None or not Path(program).exists():
        pytest.skip("snarkjs is not installed: make bench-peers, or set TALLYSTICK_SNARKJS to its cli.js")

    def snarkjs(*arguments: str) -> str:
        command = ["node", program, "powersoftau", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    begin_ptau(tmp_path / "0.ptau", 10)
    contribute_ptau(tmp_path / "0.ptau", tmp_path / "1.ptau", "hospital")
    snarkjs("contribute", "1.ptau", "2.ptau", "--name=snarkjs", "-e=some text")
    contribute_ptau(tmp_path / "2.ptau", tmp_path / "3.ptau", "régulateur")
    snarkjs("beacon", "3.ptau", "4.ptau", "0a0b", "10", "-n=beacon")
    export_ptau(tmp_path / "4.ptau", tmp_path / "5.ptau", 6)
    for name in ("1.ptau", "3.ptau", "4.ptau", "5.ptau"):
        assert "Powers of Tau Ok!" in snarkjs("verify", name)
    assert len(verify_ptau(tmp_path / "4.ptau").receipts) == 4
    damaged = bytearray((tmp_path / "3.ptau").read_bytes())
    offset, _ = layout_of(tmp_path / "3.ptau").offsets[2]
    damaged[offset + 640 : offset + 704] = damaged[offset + 704 : offset + 768]
    (tmp_path / "6.ptau").write_bytes(damaged)
    with pytest.raises(AssertionError):
        snarkjs("verify", "6.ptau")


# --- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 256, 257, 1000])
def test_blake2b_is_that_of_hashlib_and_survives_storage(rng: Random, size: int) -> None:
    data = rng.randbytes(size)
    for cut in {0, size // 3, size}:
        hasher = Blake2b()
        hasher.update(data[:cut])
        hasher = Blake2b.decode_state(hasher.encode_state())
        hasher.update(data[cut:])
        assert hasher.digest() == hasher.digest() == hashlib.blake2b(data).digest()


def test_impossible_hash_states_are_refused() -> None:
    state = Blake2b().encode_state()
    assert len(state) == STATE_BYTES
    for bad in (state[:-1], state[:200] + (129).to_bytes(8, "little") + bytes(8), state[:192] + b"\xff" * 24):
        with pytest.raises(NonCanonicalEncodingError):
            Blake2b.decode_state(bad)


def test_multiples_on_the_twist_are_those_of_the_pairing_module(rng: Random) -> None:
    values = [0, 1, 2, FR_MODULUS - 1, *(rng.randrange(FR_MODULUS) for _ in range(300))]
    scalars = FR.from_integers(values)
    from_table = multiply_generator_twist(scalars)
    assert np.array_equal(from_table, multiply_twist(g2_rows([G2_GENERATOR] * len(values)), scalars))
    assert not from_table[0].any()
    for row, value in list(zip(from_table, values, strict=True))[1:8]:
        assert g2_from_row(row) == multiply_g2(G2_GENERATOR, value)
    with pytest.raises(SizeMismatchError):
        multiply_twist(from_table[1:], scalars)


def test_combination_on_the_twist_is_the_sum_and_finds_a_point_outside(rng: Random) -> None:
    values = [rng.randrange(FR_MODULUS) for _ in range(300)]
    points, digits = multiply_generator_twist(FR.from_integers(values)), draw_digits(300)
    combination = TwistCombination()
    combination.add(points[:7], digits[:7])
    combination.add(points[7:], digits[7:])
    total = sum(v * int.from_bytes(d.tobytes(), "little") for v, d in zip(values, digits, strict=True))
    assert combination.finish() == multiply_g2(G2_GENERATOR, total)
    points[123] = point_outside_g2()
    assert first_off_twist(points) == -1
    combination = TwistCombination()
    combination.add(points, digits)
    with pytest.raises(PointNotOnCurveError):
        combination.finish()


def test_points_are_read_in_range_on_their_curve_and_finite() -> None:
    good = stored_points(np.concatenate([GENERATOR, GENERATOR]))
    assert np.array_equal(decode_g1_points(good), np.concatenate([GENERATOR, GENERATOR]))
    above = (int.from_bytes(good[:32], "little") + FQ_MODULUS).to_bytes(32, "little")
    with pytest.raises(NonCanonicalEncodingError, match="point 8 has a coordinate above"):
        decode_g1_points(good[:64] + above + good[96:], 7)
    with pytest.raises(PointNotOnCurveError, match="point 1 is the point at infinity"):
        decode_g1_points(good[:64] + bytes(64))
    with pytest.raises(PointNotOnCurveError, match="point 1 is not on the curve"):
        decode_g1_points(good[:64] + good[32:64] + good[:32])
    with pytest.raises(NonCanonicalEncodingError, match="no whole number"):
        decode_g1_points(good[:-1])
    with pytest.raises(PointNotOnCurveError, match="point 0 is not on the twist"):
        decode_g2_points(good)
    assert g2_from_row(decode_g2_points(stored_points(g2_rows([G2_GENERATOR])))[0]) == G2_GENERATOR


def test_hash_forms_are_big_endian_and_mark_the_larger_root() -> None:
    for point in ((1, 2), (1, FQ_MODULUS - 2)):
        row = encode_points([point])
        uncompressed = point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
        assert hash_form(row) == uncompressed
        assert compressed_form(uncompressed, 64) == bytes([0x80 * (point[1] > 2)]) + bytes(30) + b"\x01"
    (x0, x1), (y0, y1) = G2_GENERATOR  # type: ignore[misc]
    uncompressed = b"".join(value.to_bytes(32, "big") for value in (x1, x0, y1, y0))
    assert hash_form(g2_rows([G2_GENERATOR])) == uncompressed
    larger = y1 > FQ_MODULUS // 2
    assert compressed_form(uncompressed, 128)[0] & 0x80 == 0x80 * larger
    edge = uncompressed[:64] + bytes(32) + (FQ_MODULUS - 1).to_bytes(32, "big")
    assert compressed_form(edge, 128)[0] & 0x80  # y1 = 0: y0 decides


def test_keys_answer_to_their_digest_factor_and_points() -> None:
    digest = bytes(range(64))
    key = make_key(TAU, digest, 77, 88)
    challenge = challenge_point(TAU, digest, key.base, key.product)
    check_g2(challenge)
    assert same_ratio(key.base, key.product, challenge, key.product_g2)
    for other in (
        challenge_point(BETA, digest, key.base, key.product),
        challenge_point(TAU, digest, key.product, key.base),
    ):
        assert not same_ratio(key.base, key.product, other, key.product_g2)
    assert not same_ratio(key.base, np.zeros_like(key.base), challenge, key.product_g2)
    assert not same_ratio(key.base, key.product, challenge, None)


def test_beacon_is_repeated_and_endless_ones_are_refused() -> None:
    with open(SNARKJS_FILE, "rb") as stream:
        records = read_records(stream, read_layout(stream))
    assert records[-1].beacon == (bytes(range(1, 32)), 10)
    drawn = beacon_keys(records[1].next_digest, bytes(range(1, 32)), 10)
    for ours, theirs in zip(drawn, records[2].keys, strict=True):
        assert np.array_equal(ours.base, theirs.base)
        assert ours.product_g2 == theirs.product_g2
    with pytest.raises(CeremonyInvalidError, match=r"2\^63 iterations"):
        beacon_keys(bytes(64), b"x", 63)


def test_records_encode_to_what_was_read() -> None:
    data = SNARKJS_FILE.read_bytes()
    with open(SNARKJS_FILE, "rb") as stream:
        layout = read_layout(stream)
        records = read_records(stream, layout)
    offset, length = layout.offsets[7]
    assert b"".join(record.encode() for record in records) == data[offset + 4 : offset + length]
    assert FQ.to_integers(records[0].tau_g1.reshape(-1, 4)) != FQ.to_integers(records[1].tau_g1.reshape(-1, 4))
