"""Kernels against NumPy or Python integers, the two AES paths against each other, and the choice between them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc import kernels
from mpc.errors import KernelPathError
from mpc.kernels import halving, limbs, planes, words
from mpc.kernels.memory import LEAST_WORDS, fresh, joined, taken
from mpc.kernels.path import NEEDED_FEATURES, PORTABLE, VAES, VARIABLE, choose_path
from mpc.prg import Stream

KEY = bytes(range(32))
EDGES = np.array([0, 1, 1 << 63, (1 << 64) - 1, (1 << 32) - 1, 1 << 32], np.uint64)


def vectors(n, count, seed=0):
    rng = np.random.default_rng(seed)
    found = [rng.integers(0, 1 << 64, n, dtype=np.uint64) for _ in range(count)]
    for k, vector in enumerate(found):
        vector[: min(n, 6)] = np.roll(EDGES, k)[: min(n, 6)]
    return found


def reference(n_bytes):
    return Cipher(algorithms.AES256(KEY), modes.CTR(bytes(16))).encryptor().update(bytes(n_bytes))


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
def test_products_and_masks(n):
    a, b, c, d, plus, minus = vectors(n, 6)
    out = np.empty(n, np.uint64)
    words.product_words(a, b, c, d, plus, minus, out)
    assert (out == a * (c + d) + b * c + plus - minus).all()
    words.product_bits(a, b, c, d, plus, minus, out)
    assert (out == (a & (c ^ d)) ^ (b & c) ^ plus ^ minus).all()
    words.mask_words(a, plus, minus, out)
    assert (out == a + plus - minus).all()
    words.mask_bits(a, plus, minus, out)
    assert (out == a ^ plus ^ minus).all()
    words.subtract_words(a, minus, out)
    assert (out == a - minus).all()
    words.subtract_bits(a, minus, out)
    assert (out == a ^ minus).all()
    assert words.inner_words(a, b, c, d) == np.sum(a * (c + d) + b * c, dtype=np.uint64)
    assert words.inner_bits(a, b, c, d) == np.bitwise_xor.reduce((a & (c ^ d)) ^ (b & c), initial=np.uint64(0))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 65, 2), (5, 0, 4), (2, 7, 33)])
def test_matrix_products(shape):
    rows, depth, columns = shape
    a, b = (vector.reshape(rows, depth) for vector in vectors(rows * depth, 2))
    c, d = (vector.reshape(depth, columns) for vector in vectors(depth * columns, 2, seed=1))
    out = np.empty((rows, columns), np.uint64)
    words.matrix_words(a, b, c, d, out)
    assert (out == a @ (c + d) + b @ c).all()


def integers(x):
    return [int(low) + (int(high) << 64) for low, high in x]


@pytest.mark.parametrize("n", [1, 6, 100])
def test_two_limbs(n):
    a, b = (np.ascontiguousarray(np.stack(vectors(n, 2, seed=s), axis=1)) for s in (1, 2))
    x, y, size = integers(a), integers(b), 1 << 128
    out, one = np.empty((n, 2), np.uint64), np.empty(2, np.uint64)
    limbs.add_limbs(a, b, out)
    assert integers(out) == [(u + v) % size for u, v in zip(x, y)]
    limbs.subtract_limbs(a, b, out)
    assert integers(out) == [(u - v) % size for u, v in zip(x, y)]
    limbs.multiply_limbs(a, b, out)
    assert integers(out) == [u * v % size for u, v in zip(x, y)]
    limbs.inner_limbs(a, b, one)
    assert integers([one]) == [sum(u * v for u, v in zip(x, y)) % size]
    limbs.total_limbs(a, one)
    assert integers([one]) == [sum(x) % size]


@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("kept", [1, 33, 64])
def test_slicing_and_joining(n, kept):
    (x,) = vectors(n, 1)
    sliced = np.empty((kept, -(-n // 64)), np.uint64)
    order = np.random.default_rng(0).permutation(kept)
    planes.slice_words(x, sliced, order)
    for bit in range(kept):
        lanes = np.unpackbits(sliced[order[bit]].view(np.uint8), bitorder="little")
        assert (lanes[:n] == (x >> np.uint64(bit)) & np.uint64(1)).all() and not lanes[n:].any()
    joined = np.empty(n, np.uint64)
    planes.join_planes(np.ascontiguousarray(sliced[order]), joined)
    assert (joined == x & np.uint64((1 << kept) - 1)).all()


@pytest.mark.parametrize("pieces", [[0], [16], [5, 0, 59], [8] * 9, [1024, 7, 8, 1, 600], [24, 8, 32]])
def test_a_stream_does_not_depend_on_how_it_is_taken(pieces):
    stream = Stream(KEY)
    assert b"".join(stream(piece) for piece in pieces) == reference(sum(pieces))


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 16384, 16387, 40001])
def test_words_of_a_stream_are_its_bytes(n):
    stream, out, more = Stream(KEY), np.empty(n, np.uint64), np.empty(3, np.uint64)
    stream.fill(out)
    stream.fill(more)
    assert out.astype("<u8").tobytes() + more.astype("<u8").tobytes() == reference(8 * n + 24)
    mixed, rest = Stream(KEY), np.empty(n, np.uint64)
    head = mixed(3)
    mixed.fill(rest)
    assert head + rest.astype("<u8").tobytes() == reference(8 * n + 3)


def digest_of(path):
    program = (
        "import hashlib, numpy as np; from mpc.prg import Stream; from mpc.kernels import chosen_path\n"
        "s = Stream(bytes(range(32))); out = np.empty(70001, np.uint64); head = s(5); s.fill(out)\n"
        "print(chosen_path(), hashlib.sha256(head + out.astype('<u8').tobytes() + s(9)).hexdigest())"
    )
    root = Path(kernels.__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, VARIABLE: path},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return found.stdout.split()


@pytest.mark.parametrize("path", [PORTABLE, VAES])
def test_both_paths_give_the_same_bytes(path):
    if path == VAES and kernels.chosen_path() != VAES:
        path = PORTABLE  # the processor has one path only, which is then taken twice
    assert digest_of(path) == [path, hashlib.sha256(reference(8 * 70001 + 14)).hexdigest()]


def test_the_choice_of_a_path():
    assert choose_path("", NEEDED_FEATURES) == VAES
    assert choose_path("", NEEDED_FEATURES[1:]) == PORTABLE
    assert choose_path(PORTABLE, NEEDED_FEATURES) == PORTABLE
    for wanted, features in [("fast", NEEDED_FEATURES), (VAES, NEEDED_FEATURES[:-1])]:
        with pytest.raises(KernelPathError):
            choose_path(wanted, features)


def test_the_cache_is_private_and_keyed_by_the_sources(tmp_path):
    directory = kernels.cache_directory()
    assert directory.name.endswith(kernels.cache_key()) or directory.name.startswith("tallystick-mpc-kernels-")
    assert not directory.stat().st_mode & 0o077
    (tmp_path / "a.py").write_text("x = 1\n")
    before = kernels.cache_key(tmp_path)
    (tmp_path / "a.py").write_text("x = 2\n")
    assert kernels.cache_key(tmp_path) != before


def test_memory_is_used_again_and_never_while_it_is_held():
    first = fresh(LEAST_WORDS * 3)
    first[:] = 7
    view, address = first[10:20], first.ctypes.data
    del first
    assert fresh(LEAST_WORDS * 3).ctypes.data != address and (view == 7).all()
    del view
    held = [fresh(LEAST_WORDS * 3) for _ in range(2)]
    assert address in {vector.ctypes.data for vector in held}
    assert held[0].ctypes.data != held[1].ctypes.data


@pytest.mark.parametrize("n", [0, 1, 500])
def test_halving(n):
    """One step of halving against its definition, row by row; then rows grouped by slot, in order."""
    rng = np.random.default_rng(n)
    rows, pivots = np.arange(n, dtype=np.int64) * 2, rng.permutation(64).astype(np.int64)
    first = rng.integers(0, 32, n, dtype=np.int64)
    low = rng.integers(0, 16, n, dtype=np.int64)
    high = low + rng.integers(1, 16, n, dtype=np.int64)
    active = np.flatnonzero(rng.integers(0, 2, n)).astype(np.int64)
    later, earlier = np.empty_like(active), np.empty_like(active)
    halving.questions(active, rows, first, pivots, low, high, later, earlier)
    middle = (low + high) // 2
    pivot = pivots[first + middle][active]
    assert (later == np.maximum(rows[active], pivot)).all() and (earlier == np.minimum(rows[active], pivot)).all()
    told = rng.integers(0, 2, len(active)).astype(np.uint8)
    row_is_below = (told == 1) == (rows[active] > pivot)
    new_low, new_high, expected = low.copy(), high.copy(), active.copy()
    new_low[active] = np.where(row_is_below, low[active], middle[active] + 1)
    new_high[active] = np.where(row_is_below, middle[active], high[active])
    kept = halving.answers(active, rows, first, pivots, low, high, told)
    assert (low == new_low).all() and (high == new_high).all()
    assert active[:kept].tolist() == [k for k in expected if low[k] < high[k]]

    slot = rng.integers(0, 7, n, dtype=np.int64)
    counts = np.bincount(slot, minlength=7)
    grouped = np.empty(n, np.int64)
    halving.distribute(rows, slot, (np.cumsum(counts) - counts).astype(np.int64), grouped)
    assert grouped.tolist() == rows[np.argsort(slot, kind="stable")].tolist()


def test_differences_of_rows():
    (x,) = vectors(100, 1)
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 100, 300), rng.integers(0, 100, 300)
    out = np.empty(300, np.uint64)
    halving.difference_of_rows(x, left, right, out)
    assert (out == x[left] - x[right]).all()


@pytest.mark.parametrize("shape", [(0,), (7,), (LEAST_WORDS + 5,), (9, 2), (LEAST_WORDS, 2), (6, 4)])
def test_rows_taken_and_arrays_joined(shape):
    """As NumPy does it, for words of any shape and for other types, small and large."""
    rng = np.random.default_rng(0)
    for kind in (np.uint64, np.int64):
        x = rng.integers(0, 1 << 62, shape).astype(kind)
        rows = rng.integers(0, max(len(x), 1), 2 * len(x)).astype(np.int64)
        assert (taken(x, rows) == np.take(x, rows, axis=0)).all() and taken(x, rows).dtype == kind
        assert (joined([x, x[:1], x]) == np.concatenate([x, x[:1], x])).all()
        assert (joined([x]) == x).all()
