"""The tower Fq2, Fq6, Fq12: every recorded formula, executed by the kernel, against py_ecc."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from py_ecc import optimized_bn128

from zk.kernels import pairing as kernel
from zk.kernels import tower
from zk.pairing import G2_GENERATOR

reference: Any = optimized_bn128
Q = reference.field_modulus
SEED = 20240611

EDGES = [0, 1, 2, Q - 1, Q - 2, (Q - 1) // 2, (1 << 253) - 1, (1 << 192) - 1, pow(2, -256, Q), pow(2, 256, Q)]


def to_fq12(coefficients: list[tuple[int, int]]) -> Any:
    """Map our basis (Fq2 over 1, w, ..., w^5) to py_ecc's (1, w, ..., w^11), where u = w^6 - 9."""
    out = [0] * 12
    for k, (c0, c1) in enumerate(coefficients):
        out[k] += c0 - 9 * c1
        out[k + 6] += c1
    return reference.FQ12([c % Q for c in out])


def record(
    inputs: list[tuple[int, int]], body: Callable[[list[tower.Cell]], list[tower.Cell]]
) -> list[tuple[int, int]]:
    """Record ``body`` on registers holding ``inputs``, execute it and return its results."""
    recorder = tower.Recorder()
    results: list[tower.Cell] = []
    cells = [recorder.constant(*value) for value in inputs]
    routine = recorder.routine(lambda: results.extend(body(cells)))
    program = recorder.finish()
    memory = program.memory(0)
    program.run(np.array([[routine, 0, 0]], dtype=np.uint64), memory)
    return [tower.fq2_from_row(memory[cell.register]) for cell in results]


def test_fq2_operations_match_integers_on_edges() -> None:
    generator = random.Random(SEED)
    values = [(a, b) for a in EDGES for b in EDGES] + [
        (generator.randrange(Q), generator.randrange(Q)) for _ in range(20)
    ]
    for left, right in zip(values, values[7:] + values[:7], strict=True):
        a, b = reference.FQ2(left), reference.FQ2(right)
        got = record(
            [left, right],
            lambda c: [
                c[0] + c[1], c[0] - c[1], c[0] * c[1], -c[0], c[0].square(),
                c[0].conjugate(), c[0].times_xi(), c[0].times_fq(c[1]), c[0].inverse(),
            ],
        )  # fmt: skip
        zero = reference.FQ2.zero()
        inverse = zero if a == zero else reference.FQ2.one() / a
        want = [
            a + b, a - b, a * b, -a, a * a,
            reference.FQ2([left[0], -left[1] % Q]), a * reference.FQ2([9, 1]), a * right[0], inverse,
        ]  # fmt: skip
        assert got == [tuple(int(c) for c in value.coeffs) for value in want], (left, right)


def test_fq12_operations_match_reference() -> None:
    generator = random.Random(SEED)
    for attempt in range(6):
        draw = (lambda: generator.choice(EDGES)) if attempt < 3 else (lambda: generator.randrange(Q))
        inputs = [(draw(), draw()) for _ in range(12)]

        def body(cells: list[tower.Cell]) -> list[tower.Cell]:
            a, b = tower.Dodecic.from_coefficients(cells[:6]), tower.Dodecic.from_coefficients(cells[6:])
            results = [a * b, a.square(), a.inverse(), a.conjugate(), a.times_line(cells[6], cells[7])]
            return [cell for value in results for cell in value.coefficients()]

        got = record(inputs, body)
        a, b = to_fq12(inputs[:6]), to_fq12(inputs[6:])
        line = to_fq12([(1, 0), inputs[6], (0, 0), inputs[7], (0, 0), (0, 0)])
        conjugate = to_fq12([(c0 * (-1) ** k % Q, c1 * (-1) ** k % Q) for k, (c0, c1) in enumerate(inputs[:6])])
        inverse = reference.FQ12.one() / a
        for position, want in enumerate([a * b, a * a, inverse, conjugate, a * line]):
            assert to_fq12(got[6 * position : 6 * position + 6]) == want, (attempt, position)


def test_fq12_inverse_of_zero_is_zero() -> None:
    got = record([(0, 0)] * 6, lambda c: tower.Dodecic.from_coefficients(c).inverse().coefficients())
    assert got == [(0, 0)] * 6


def test_cyclotomic_square_is_a_square_in_the_subgroup_only() -> None:
    assert G2_GENERATOR is not None
    inside = kernel.pairing_product([(1, 2)], [kernel.line_table(G2_GENERATOR)])
    outside = [(k + 2, k + 3) for k in range(6)]

    def body(cells: list[tower.Cell]) -> list[tower.Cell]:
        return tower.Dodecic.from_coefficients(cells).cyclotomic_square().coefficients()

    assert to_fq12(record(inside, body)) == to_fq12(inside) ** 2
    assert to_fq12(record(outside, body)) != to_fq12(outside) ** 2
