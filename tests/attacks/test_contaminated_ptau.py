"""Contaminated `.ptau` files: each fault that could make proofs forgeable, or a file ambiguous, has its refusal.

The attacker writes the whole file. Where the fault is in one place, everything else is left valid; where the attacker
knows its own factors, the file is valid in every other respect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from ptau_samples import known_factors, layout_of, make_file, point_outside_g2

from zk.curve import GENERATOR, multiply_generator
from zk.errors import CeremonyInvalidError
from zk.field import FQ_MODULUS, FR, FR_MODULUS
from zk.pairing import G2_GENERATOR, multiply_g2
from zk.ptau import begin_ptau, contribute_ptau, import_ptau
from zk.ptau_file import CONTRIBUTIONS, NAMES, Record, encode_start, read_layout, read_records, section_start
from zk.ptau_keys import ALPHA, TAU, beacon_keys, make_key
from zk.ptau_points import encode_points
from zk.ptau_twist import g2_from_row

POWER = 4
LOG_ROWS = 4
START = 12  # bytes before the first section
ROOT = pow(5, (FR_MODULUS - 1) >> 28, FR_MODULUS)
"""Of order 2^28: the largest evaluation domain."""

Sections = dict[int, bytes]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three contributions that imports."""
    path = tmp_path_factory.mktemp("honest") / "honest.ptau"
    begin_ptau(path, POWER)
    for name in ("hospital", "laboratory", "regulator"):
        contribute_ptau(path, path, name)
    import_ptau(path, LOG_ROWS)
    return path


def sections_of(path: Path) -> Sections:
    data = path.read_bytes()
    return {section: data[at : at + size] for section, (at, size) in layout_of(path).offsets.items()}


def records_of(path: Path) -> list[Record]:
    with open(path, "rb") as stream:
        return read_records(stream, read_layout(stream))


def assembled(sections: list[tuple[int, bytes]], start: bytes = b"ptau\x01\0\0\0") -> bytes:
    parts = [section_start(number, len(content)) + content for number, content in sections]
    return start + len(parts).to_bytes(4, "little") + b"".join(parts)


def with_records(path: Path, records: list[Record]) -> bytes:
    content = len(records).to_bytes(4, "little") + b"".join(record.encode() for record in records)
    return assembled(list({**sections_of(path), CONTRIBUTIONS: content}.items()))


def refused(folder: Path, data: bytes, reason: str) -> None:
    path = folder / "contaminated.ptau"
    path.write_bytes(data)
    with pytest.raises(CeremonyInvalidError, match=reason) as caught:
        import_ptau(path, LOG_ROWS)
    assert str(path) in str(caught.value)


# --- form ----------------------------------------------------------------------------------------------------------


def test_honest_file_survives_being_taken_apart(honest: Path, tmp_path: Path) -> None:
    data = assembled(list(sections_of(honest).items()))
    assert data == honest.read_bytes() == with_records(honest, records_of(honest))
    shuffled = dict(reversed(sections_of(honest).items()))
    (tmp_path / "shuffled").write_bytes(assembled(list(shuffled.items())))
    assert import_ptau(tmp_path / "shuffled", LOG_ROWS).id == import_ptau(honest, LOG_ROWS).id


def test_truncated_anywhere_and_extended(honest: Path, tmp_path: Path) -> None:
    data, layout = honest.read_bytes(), layout_of(honest)
    for offset, length in layout.offsets.values():
        for end in (offset - 12, offset - 1, offset, offset + length - 1):
            refused(tmp_path, data[:end], "truncated|not a .ptau|missing")
    refused(tmp_path, b"", "not a .ptau file")
    refused(tmp_path, data + b"\0", "1 bytes follow the last section")


def test_wrong_magic_version_and_curve(honest: Path, tmp_path: Path) -> None:
    sections = sections_of(honest)
    refused(tmp_path, assembled(list(sections.items()), b"zkey\x01\0\0\0"), "not a .ptau file")
    refused(tmp_path, assembled(list(sections.items()), b"ptau\x02\0\0\0"), "version 2")
    bls12_381 = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
    header = (48).to_bytes(4, "little") + bls12_381.to_bytes(48, "little") + sections[1][-8:]
    refused(tmp_path, assembled(list({**sections, 1: header}.items())), "another length than this curve")
    other = sections[1][:4] + FR_MODULUS.to_bytes(32, "little") + sections[1][-8:]
    refused(tmp_path, assembled(list({**sections, 1: other}.items())), "another curve")


def test_sections_missing_twice_there_unknown_or_of_a_wrong_length(honest: Path, tmp_path: Path) -> None:
    sections = sections_of(honest)
    for section, name in NAMES.items():
        others = [(number, content) for number, content in sections.items() if number != section]
        refused(tmp_path, assembled(others), rf"section {section} \({name}\) is missing")
        refused(
            tmp_path, assembled([*sections.items(), (section, sections[section])]), f"section {section} is there twice"
        )
        if 1 < section < 7:
            for content in (sections[section] + sections[section][:64], sections[section][64:]):
                changed = {**sections, section: content}
                refused(tmp_path, assembled(list(changed.items())), rf"section {section} \({name}\) takes")
    refused(tmp_path, assembled([*sections.items(), (99, b"x")]), "section 99 does not belong")
    refused(
        tmp_path, honest.read_bytes().replace(b"ptau\x01\0\0\0\x07", b"ptau\x01\0\0\0\x08", 1), "a section is missing"
    )


@pytest.mark.parametrize(("power", "ceremony"), [(3, 4), (5, 5), (4, 3), (0, 4), (25, 25), (4, 29)])
def test_header_of_another_power(honest: Path, tmp_path: Path, power: int, ceremony: int) -> None:
    header = encode_start(power, ceremony)[START + 12 :]
    data = assembled(list({**sections_of(honest), 1: header}.items()))
    refused(tmp_path, data, "takes|is not supported")


def test_ceremony_power_that_is_not_its_own(honest: Path, tmp_path: Path) -> None:
    """Passing for cut, to escape the hashes, moves where the chain began."""
    header = encode_start(POWER, POWER + 1)[START + 12 :]
    data = assembled(list({**sections_of(honest), 1: header}.items()))
    refused(tmp_path, data, r"contribution 1 \(hospital\): its proof of knowledge of the factor of τ")


# --- points --------------------------------------------------------------------------------------------------------

POINTS = {2: (31, 64), 3: (16, 128), 4: (16, 64), 5: (16, 64), 6: (1, 128)}


def with_point(path: Path, section: int, index: int, point: bytes) -> bytes:
    content = bytearray(sections_of(path)[section])
    content[index * len(point) : (index + 1) * len(point)] = point
    return assembled(list({**sections_of(path), section: bytes(content)}.items()))


@pytest.mark.parametrize(
    ("section", "index"),
    [
        (section, index)
        for section, (count, _) in POINTS.items()
        for index in sorted({0, 1, count // 2, count - 1} & {*range(count)})
    ],
)
def test_one_wrong_point(honest: Path, tmp_path: Path, section: int, index: int) -> None:
    """A valid point of the right group in a wrong place, and infinity, in every section."""
    size = POINTS[section][1]
    content = sections_of(honest)[section]
    others = (content[i : i + size] for i in range(0, len(content), size))
    wrong = next((other for other in others if other != content[index * size : (index + 1) * size]), None)
    if wrong is None:
        wrong = sections_of(honest)[3][:size]
    refused(tmp_path, with_point(honest, section, index, wrong), rf"section {section} \({NAMES[section]}\)")
    infinity = with_point(honest, section, index, bytes(size))
    refused(tmp_path, infinity, rf"section {section} .*: point {index} is the point at infinity")


@pytest.mark.parametrize("section", POINTS)
def test_point_off_its_curve_or_not_canonical(honest: Path, tmp_path: Path, section: int) -> None:
    count, size = POINTS[section]
    point = sections_of(honest)[section][-size:]
    off = point[: size // 2] + point[: size // 2]
    refused(tmp_path, with_point(honest, section, count - 1, off), rf"point {count - 1} is not on the (curve|twist)")
    for start in range(0, size, 32):
        above = int.from_bytes(point[start : start + 32], "little") + FQ_MODULUS
        twin = point[:start] + above.to_bytes(32, "little") + point[start + 32 :]
        refused(tmp_path, with_point(honest, section, count - 1, twin), "has a coordinate above the modulus")


@pytest.mark.parametrize("index", [2, 15])
def test_g2_point_outside_the_subgroup(honest: Path, tmp_path: Path, index: int) -> None:
    """On the twist, and equal to the true point in every pairing that ignores the cofactor."""
    outside = encode_points(point_outside_g2()[None])
    refused(tmp_path, with_point(honest, 3, index, outside), r"section 3 .*outside the subgroup")


def test_record_with_a_g2_point_outside_the_subgroup(honest: Path, tmp_path: Path) -> None:
    records, outside = records_of(honest), g2_from_row(point_outside_g2())
    for change in ({"tau_g2": outside}, {"beta_g2": outside}):
        bad = [*records[:-1], replace(records[-1], **change)]  # type: ignore[arg-type]
        refused(tmp_path, with_records(honest, bad), r"contribution 3 \(regulator\): .*outside the subgroup")


# --- a τ that breaks the proof system ------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [FR_MODULUS - 1, pow(ROOT, 1 << 24, FR_MODULUS), pow(ROOT, 1 << 23, FR_MODULUS), ROOT])
def test_tau_in_an_evaluation_domain(tmp_path: Path, tau: int) -> None:
    """Valid in everything else, also where the domain (2^28) is larger than the file (M16)."""
    path = make_file(tmp_path, POWER, [12345, tau * pow(12345, -1, FR_MODULUS) % FR_MODULUS])
    with pytest.raises(CeremonyInvalidError, match="lies in an evaluation domain"):
        import_ptau(path, LOG_ROWS)


def test_tau_that_comes_back_to_one(tmp_path: Path) -> None:
    path = make_file(tmp_path, POWER, [12345, pow(12345, -1, FR_MODULUS)])
    with pytest.raises(CeremonyInvalidError, match="lies in an evaluation domain"):
        import_ptau(path, LOG_ROWS)


def test_chosen_tau_outside_every_domain_is_a_valid_file(tmp_path: Path) -> None:
    """Nobody can tell from a file that its only contributor remembers τ: the neighbour of the two above."""
    srs = import_ptau(make_file(tmp_path, POWER, [12345]), LOG_ROWS)
    assert np.array_equal(srs.powers, multiply_generator(FR.powers(12345, len(srs.powers))))


def test_tau_zero(honest: Path, tmp_path: Path) -> None:
    """Powers 1, 0, 0, …: infinity after the generator, in the sections and in the record."""
    one_g1, one_g2 = sections_of(honest)[2][:64], sections_of(honest)[3][:128]
    zero = {2: encode_points(GENERATOR) + bytes(30 * 64), 3: one_g2 + bytes(15 * 128)}
    refused(
        tmp_path, assembled(list({**sections_of(honest), **zero}.items())), r"section 2 .*point 1 is the point at inf"
    )
    content = sections_of(honest)[7]
    refused(
        tmp_path,
        assembled(list({**sections_of(honest), 7: content[:4] + bytes(64) + content[68:]}.items())),
        "contribution 1: point 0 is the point at infinity",
    )
    assert one_g1 == encode_points(GENERATOR)


def test_nobody_contributed_or_only_a_beacon(tmp_path: Path) -> None:
    """A τ that everybody knows."""
    path = tmp_path / "new.ptau"
    begin_ptau(path, POWER)
    refused(tmp_path, path.read_bytes(), "nobody has contributed a secret factor")
    contribute_ptau(path, path, "a")
    beacon = replace(records_of(path)[0], beacon=(b"public", 10))
    refused(tmp_path, with_records(path, [beacon]), "nobody has contributed a secret factor")


# --- the chain -----------------------------------------------------------------------------------------------------


def test_sections_of_another_ceremony_under_an_honest_chain(honest: Path, tmp_path: Path) -> None:
    """The receipts are honest, the powers are the attacker's."""
    own = sections_of(make_file(tmp_path, POWER, [777]))
    mixed = {**own, 7: sections_of(honest)[7]}
    refused(tmp_path, assembled(list(mixed.items())), r"section 2 \(tauG1\): point 1 is not that of the last")


@pytest.mark.parametrize("section", [2, 3, 4, 5, 6])
def test_one_section_of_another_ceremony(honest: Path, tmp_path: Path, section: int) -> None:
    own = sections_of(make_file(tmp_path, POWER, [777]))
    mixed = {**sections_of(honest), section: own[section]}
    refused(tmp_path, assembled(list(mixed.items())), rf"section {section} \({NAMES[section]}\)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda records: [records[0], records[2]], r"contribution 2 \(regulator\): its proof of knowledge"),
        (
            lambda records: [records[1], records[0], records[2]],
            r"contribution 1 \(laboratory\): its proof of knowledge",
        ),
        (lambda records: [*records, records[2]], r"contribution 4 \(regulator\): its proof of knowledge"),
        (lambda records: records[:2], r"section 2 \(tauG1\): point 1 is not that of the last contribution"),
        (lambda records: records[1:], r"contribution 1 \(laboratory\): its proof of knowledge"),
    ],
    ids=["dropped", "swapped", "replayed", "last dropped", "first dropped"],
)
def test_moved_contributions(
    honest: Path, tmp_path: Path, change: Callable[[list[Record]], list[Record]], reason: str
) -> None:
    refused(tmp_path, with_records(honest, change(records_of(honest))), reason)


def test_jump_to_a_tau_of_ones_own_needs_a_factor_nobody_knows(honest: Path, tmp_path: Path) -> None:
    """Forgetting the honest factors: own powers, own last record, and a key for some factor the attacker does know."""
    own = make_file(tmp_path, POWER, [777])
    records, last = records_of(honest), records_of(own)[0]
    keys = [make_key(factor, records[-1].next_digest, 777, 99) for factor in range(3)]
    jump = replace(last, keys=(keys[0], keys[1], keys[2]))
    sections = sections_of(own)
    content = (4).to_bytes(4, "little") + b"".join(record.encode() for record in [*records, jump])
    data = assembled(list({**sections, 7: content}.items()))
    refused(tmp_path, data, r"contribution 4 \(contributor 0\): its \[τ\]_1 is not the one before it times its factor")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tau_g1": GENERATOR}, r"its \[τ\]_1 is not"),
        ({"tau_g2": multiply_g2(G2_GENERATOR, 3)}, r"its \[τ\]_2 is not"),
        ({"alpha_g1": GENERATOR}, r"its \[α\]_1 is not"),
        ({"beta_g1": GENERATOR}, r"its \[β\]_1 is not"),
        ({"beta_g2": multiply_g2(G2_GENERATOR, 3)}, r"its \[β\]_2 is not"),
        ({"next_digest": bytes(64)}, "next digest is not that of the sections|its proof of knowledge"),
        ({"hash_state": bytes(216)}, "response hash is not that of the sections"),
        ({"beacon": (b"public", 10)}, "its factors are not those that its beacon determines"),
        ({"beacon": (b"public", 40)}, r"2\^40 iterations"),
    ],
)
def test_record_changed_in_one_field(honest: Path, tmp_path: Path, change: dict[str, object], reason: str) -> None:
    records = records_of(honest)
    bad = [*records[:-1], replace(records[-1], **change)]  # type: ignore[arg-type]
    refused(tmp_path, with_records(honest, bad), reason)


@pytest.mark.parametrize("factor", [TAU, ALPHA, 2])
def test_factor_its_contributor_does_not_know(honest: Path, tmp_path: Path, factor: int) -> None:
    """A key whose two halves have different factors, a key for another digest, and one for another factor."""
    records = records_of(honest)
    digest = records[1].next_digest
    good, other = make_key(factor, digest, 5, 99), make_key(factor, digest, 6, 99)
    torn = replace(good, product_g2=other.product_g2)
    for key in (torn, make_key(factor, bytes(64), 5, 99), make_key((factor + 1) % 3, digest, 5, 99)):
        keys = list(records[2].keys)
        keys[factor] = key
        bad = [*records[:2], replace(records[2], keys=tuple(keys))]  # type: ignore[arg-type]
        reason = rf"contribution 3 \(regulator\): its proof of knowledge of the factor of {'ταβ'[factor]}"
        refused(tmp_path, with_records(honest, bad), reason)


def test_beacon_that_is_not_drawn_from_its_value(tmp_path: Path) -> None:
    """A contributor who calls factors of its own choice a beacon; and the beacon it should have been is accepted."""
    path = make_file(tmp_path, POWER, [777])
    digest = records_of(path)[-1].next_digest
    with known_factors(888):
        contribute_ptau(path, path, "beacon")
    records = records_of(path)
    refused(tmp_path, with_records(path, [records[0], replace(records[1], beacon=(b"x", 10))]), "beacon determines")
    drawn = beacon_keys(digest, b"x", 10)
    changed = [records[0], replace(records[1], keys=drawn, beacon=(b"x", 10))]
    refused(tmp_path, with_records(path, changed), r"contribution 2 \(beacon\): its \[τ\]_1 is not")


def test_names_are_not_covered_by_any_hash_and_cannot_reach_the_terminal(honest: Path, tmp_path: Path) -> None:
    """The format leaves names open: the file stays valid, the receipts stay, and escape sequences are not shown."""
    records = records_of(honest)
    renamed = [replace(records[0], name=b"\x1b[2Jthief\xff"), *records[1:]]
    (tmp_path / "renamed").write_bytes(with_records(honest, renamed))
    lines: list[str] = []
    assert import_ptau(tmp_path / "renamed", LOG_ROWS, report=lines.append).id == import_ptau(honest, LOG_ROWS).id
    assert all(line.isprintable() for line in lines)
    assert any("[2Jthief" in line and records[0].response.hex() in line for line in lines)


# --- anything ------------------------------------------------------------------------------------------------------


def unread_bytes(path: Path) -> set[int]:
    """Places of which no check says anything: names, earlier hash states, and unused bytes of the last one."""
    data, found = path.read_bytes(), set()
    for number, record in enumerate(records_of(path)):
        name_at = data.index(record.name, layout_of(path).offsets[7][0])
        found.update(range(name_at, name_at + len(record.name)))
        state_at = data.index(record.hash_state)
        last = number == 2
        found.update(range(state_at + (96 if last else 0), state_at + 128))
        found.update(range(state_at + (208 if last else 128), state_at + 216))
    return found


def test_any_flipped_bit_is_refused_or_changes_nothing(honest: Path, tmp_path: Path, rng: Random) -> None:
    data, unread, expected = honest.read_bytes(), unread_bytes(honest), import_ptau(honest, LOG_ROWS).id
    path, accepted = tmp_path / "flipped", 0
    places = [rng.randrange(len(data)) for _ in range(40)] + rng.sample(sorted(unread), 4)
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            srs = import_ptau(path, LOG_ROWS)
        except CeremonyInvalidError:
            continue
        accepted += 1
        assert place in unread, place
        assert srs.id == expected
    assert accepted >= 1
