"""The kernel cache never serves stale or foreign code, and kernels compile once and stay inside their arrays."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from zk import kernels
from zk.kernels import cache_directory, cache_key, vectors

SOURCES = Path(kernels.__file__).parent
REPOSITORY = SOURCES.parent.parent

ADD_TWO_AND_ONE = """
import numpy
from zk.kernels import vectors
from zk.kernels.scalar import FR_CONSTANTS
out, two, one = numpy.zeros((3, 1, 4), dtype=numpy.uint64)
two[0, 0], one[0, 0] = 2, 1
vectors.add(out, two, one, FR_CONSTANTS)
print(out[0, 0], sum(vectors.add.stats.cache_hits.values()), vectors.add.stats.cache_path)
"""

EVERY_KERNEL = """
import numpy
from zk import curve, kernels, reference
from zk.field import FQ, FR
from zk.msm import FixedPoints, msm
from zk.ntt import coset_intt, coset_ntt, intt, ntt
from zk.polynomial import divide_by_linear, running_total
for field in (FR, FQ):
    a, b = field.random(9), field.random(9)
    assert numpy.array_equal(field.inverse(field.mul(a, b)), field.mul(field.inverse(a), field.inverse(b)))
    assert numpy.array_equal(field.sub(field.add(a, b[:1]), b[:1]), a)
    assert field.evaluate(a, 5) == field.to_integers(field.inner(a, field.powers(5, 9)))[0]
    assert numpy.array_equal(field.total(a), field.inner(a, field.from_int64(numpy.ones(9, dtype=numpy.int64))))
    assert numpy.array_equal(field.decode_bytes(field.encode_bytes(a)), a)
a = FR.random(16)
assert numpy.array_equal(intt(ntt(a)), coset_intt(coset_ntt(a, 4)))
p, s = curve.multiply_generator(a), FR.random(16)
q = curve.multiply_points(p, s)
p[3] = q[3] = 0
assert numpy.array_equal(curve.sum_points(q), msm(p, s))
assert numpy.array_equal(curve.add_points(q, curve.neg_points(q)), numpy.zeros_like(q))
assert numpy.array_equal(curve.points_from_bytes(curve.points_to_bytes(q)), q)
for bits in (1, 8, 64, 128, 200):  # every width of window
    small = FR.from_integers([(1 << bits) - 1 - i % 2 for i in range(16)])
    assert numpy.array_equal(msm(p, small), reference.msm(p, small))
many, more = FR.random(128), FR.random(100)  # enough for eight lanes where they are
assert numpy.array_equal(intt(ntt(many)), coset_intt(coset_ntt(many, 7)))
points = curve.multiply_generator(many)
points[5], points[6:9] = 0, points[9]
known = curve.sum_points(curve.multiply_points(points[:100], more))
assert numpy.array_equal(msm(points, more), known)
assert numpy.array_equal(msm(FixedPoints(points), more), known)
short = FR.from_int64(numpy.arange(100) - 40)
assert numpy.array_equal(msm(points, short), curve.sum_points(curve.multiply_points(points[:100], short)))
long, power = FR.random(700), FR.powers(3, 700)
assert FR.evaluate(long, 3) == FR.to_integers(FR.inner(long, power))[0]
again = FR.add_scaled(numpy.concatenate([FR.zeros(1), divide_by_linear(long, 3)]),
                      numpy.concatenate([divide_by_linear(long, 3), FR.zeros(1)]), -3)
again[:1] = FR.add(again[:1], FR.from_integers([FR.evaluate(long, 3)]))
assert numpy.array_equal(again, long)
assert numpy.array_equal(running_total(power)[-1:], FR.total(power))
counts = kernels.compiled_signatures()
assert len(counts) > 20 and set(counts.values()) <= {0, 1}, counts
print("checked", sum(counts.values()))
"""


def run(script: str, folder: Path, **environment: str) -> list[str]:
    """Run ``script`` in a fresh interpreter that imports from ``folder``; return the words it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the kernel sources, importable as ``zk.kernels`` from the temporary folder."""
    (tmp_path / "zk").mkdir()
    (tmp_path / "zk" / "__init__.py").write_bytes(b"")
    shutil.copy(SOURCES.parent / "errors.py", tmp_path / "zk")
    return Path(shutil.copytree(SOURCES, tmp_path / "zk" / "kernels", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_key_is_the_same_wherever_the_sources_lie(copied: Path) -> None:
    assert cache_key(copied) == cache_key() == cache_key(SOURCES)


@pytest.mark.parametrize("name", sorted(path.name for path in SOURCES.glob("*.py")))
def test_editing_any_source_changes_the_key(copied: Path, name: str) -> None:
    edited = copied / name
    edited.write_bytes(edited.read_bytes() + b"\n")
    assert cache_key(copied) != cache_key()


def test_adding_removing_and_renaming_a_source_changes_the_key(copied: Path) -> None:
    keys = [cache_key(copied)]
    (copied / "added.py").write_bytes(b"")
    keys.append(cache_key(copied))
    (copied / "added.py").rename(copied / "renamed.py")
    keys.append(cache_key(copied))
    (copied / "renamed.py").unlink()
    (copied / "msm.py").unlink()
    keys.append(cache_key(copied))
    assert len(set(keys)) == 4


def test_an_edited_helper_in_another_file_is_recompiled(copied: Path, tmp_path: Path) -> None:
    folder, cache = copied.parent.parent, str(tmp_path / "cache")
    for name in ("curve", "msm", "ntt", "pairing", "tower", "polynomials"):
        (copied / f"{name}.py").unlink(missing_ok=True)
    first = run(ADD_TWO_AND_ONE, folder, NUMBA_CACHE_DIR=cache)
    again = run(ADD_TWO_AND_ONE, folder, NUMBA_CACHE_DIR=cache)
    assert first[:2] == ["3", "0"]
    assert again == ["3", "1", first[2]]
    source = copied / "scalar.py"
    edited = source.read_text().replace("mod_add = _at_run_time(_emit_add)", "mod_add = _at_run_time(_emit_subtract)")
    source.write_text(edited)
    after = run(ADD_TWO_AND_ONE, folder, NUMBA_CACHE_DIR=cache)
    assert after[:2] == ["1", "0"]
    assert after[2] != first[2]


def test_kernels_use_the_private_directory_whatever_numba_is_told() -> None:
    assert Path(vectors.add.stats.cache_path).is_relative_to(cache_directory())  # type: ignore[attr-defined]


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_the_directory_is_private_and_where_the_environment_says(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "chosen"))
    directory = cache_directory.__wrapped__()
    parents = {"NUMBA_CACHE_DIR": "chosen", "XDG_CACHE_HOME": "chosen/tallystick", "HOME": "chosen/.cache/tallystick"}
    assert directory == tmp_path / parents[variable] / f"kernels-{cache_key()}"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert cache_directory.__wrapped__() == directory


@pytest.mark.parametrize("fault", ["writable by others", "a link", "a file", "no such place"])
def test_a_directory_that_others_could_fill_is_not_used(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    directory = tmp_path / f"kernels-{cache_key()}"
    if fault == "writable by others":
        directory.mkdir()
        directory.chmod(0o777)
    elif fault == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        directory.symlink_to(tmp_path / "elsewhere")
    elif fault == "a file":
        directory.write_bytes(b"")
    else:
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    chosen = cache_directory.__wrapped__()
    try:
        assert chosen != directory
        assert chosen.name.startswith("tallystick-kernels-")
        assert stat.S_IMODE(chosen.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(chosen)


def test_warm_up_reports_progress_and_leaves_one_signature_each() -> None:
    reported: list[tuple[str, float]] = []
    seconds = kernels.warm_up(lambda name, fraction: reported.append((name, fraction)))
    counts = kernels.compiled_signatures()
    assert seconds > 0
    assert [name for name, _ in reported] == [*counts, ""]
    assert [fraction for _, fraction in reported] == sorted(fraction for _, fraction in reported)
    assert reported[-1] == ("", 1.0)
    assert set(counts.values()) == {1}


def test_bounds_checked_kernels_stay_inside_their_arrays_and_compile_once() -> None:
    assert run(EVERY_KERNEL, REPOSITORY, NUMBA_BOUNDSCHECK="1")[0] == "checked"


def test_bounds_checking_would_notice() -> None:
    script = ADD_TWO_AND_ONE.replace("print", "vectors.multiply(numpy.zeros((2, 4), numpy.uint64), two, two[:0],"
                                     " FR_CONSTANTS); print")  # fmt: skip
    with pytest.raises(AssertionError, match="IndexError"):
        run(script, REPOSITORY, NUMBA_BOUNDSCHECK="1")
