"""Which kernels run is decided once, from the processor, and a choice that cannot work is refused before compiling."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zk import kernels
from zk.errors import KernelPathUnsupportedError, ZkError
from zk.kernels.path import IFMA, NEEDED_FEATURES, SCALAR, VARIABLE, choose_path, processor_features

REPOSITORY = Path(kernels.__file__).parents[2]
HAS_IFMA = set(NEEDED_FEATURES) <= processor_features()

WORK = """
import numpy
from zk import curve, kernels
from zk.field import FR
from zk.msm import msm
from zk.ntt import coset_intt, coset_ntt
a = FR.powers(3, 200)
values = coset_ntt(a, 11)
assert numpy.array_equal(coset_intt(values)[:200], a)
points = curve.multiply_generator(a)
total = msm(points, FR.mul(values[:200], values[200:400]))
print(kernels.chosen_path(), FR.encode_bytes(FR.total(values)).hex(), curve.points_to_bytes(total).hex())
print(kernels.cache_directory())
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in (VARIABLE, "NUMBA_CPU_NAME")}
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_fastest_path_the_processor_allows_is_taken() -> None:
    assert choose_path("", NEEDED_FEATURES) == IFMA
    assert choose_path("", [*NEEDED_FEATURES, "avx512vl"]) == IFMA
    assert choose_path("", []) == SCALAR
    for missing in NEEDED_FEATURES:
        assert choose_path("", set(NEEDED_FEATURES) - {missing}) == SCALAR


def test_an_override_is_obeyed() -> None:
    assert choose_path(SCALAR, NEEDED_FEATURES) == SCALAR
    assert choose_path(SCALAR, []) == SCALAR
    assert choose_path(IFMA, NEEDED_FEATURES) == IFMA


@pytest.mark.parametrize("missing", NEEDED_FEATURES)
def test_ifma_without_its_instructions_is_refused(missing: str) -> None:
    with pytest.raises(KernelPathUnsupportedError, match=f"lacks {missing}$"):
        choose_path(IFMA, set(NEEDED_FEATURES) - {missing})
    assert issubclass(KernelPathUnsupportedError, ZkError)


@pytest.mark.parametrize("wanted", ["IFMA", "avx2", " "])
def test_an_unknown_path_is_refused(wanted: str) -> None:
    with pytest.raises(KernelPathUnsupportedError, match="may be 'scalar' or 'ifma'"):
        choose_path(wanted, NEEDED_FEATURES)


def test_asking_for_ifma_where_numba_may_not_use_it_is_an_error_and_no_crash() -> None:
    done = run("import zk.kernels", TALLYSTICK_KERNELS=IFMA, NUMBA_CPU_NAME="generic")
    assert done.returncode == 1
    assert "KernelPathUnsupportedError: TALLYSTICK_KERNELS=ifma, but this processor lacks avx512f" in done.stderr


def test_numba_s_own_restrictions_count(tmp_path: Path) -> None:
    show = "from zk.kernels import chosen_path; print(chosen_path())"
    for name, features in (("generic", ""), ("x86-64", "+sse2"), ("znver5", "-avx512ifma,+avx512f")):
        done = run(show, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(tmp_path))
        assert done.stdout.split() == [SCALAR], done.stderr


@pytest.mark.skipif(not HAS_IFMA, reason="needs a processor with AVX-512 IFMA")
def test_both_paths_give_the_same_bytes_from_different_caches() -> None:
    shown = []
    for path in (SCALAR, IFMA):
        done = run(WORK, TALLYSTICK_KERNELS=path)
        assert done.returncode == 0, done.stderr[-2000:]
        shown.append(done.stdout.split())
        assert shown[-1][0] == path
    assert shown[0][1:3] == shown[1][1:3]
    assert shown[0][3] != shown[1][3]
