"""Ranking by questions against NumPy's stable sort, with the number of questions and rounds, and what they leak."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RingValueError
from mpc.ranking import pivots_of, rank_rows


class Oracle:
    """Answers from the values, and notes what was asked."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.rounds = []

    def __call__(self, rows, others):
        assert rows.shape == others.shape and (others < rows).all() and (others >= 0).all()
        self.rounds.append(len(rows))
        return self.values[rows] < self.values[others]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 6, 7, 63, 64, 65, 300, 5000])
@pytest.mark.parametrize("distinct", [1, 2, 10, 1 << 40])
def test_all_ranks(n, distinct):
    values = np.random.default_rng(n).integers(0, distinct, n)
    assert rank_rows(n, Oracle(values)).tolist() == np.argsort(values, kind="stable").tolist()


@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=400), data=st.data())
@settings(max_examples=150, deadline=None)
def test_wanted_ranks(values, data):
    wanted = np.array(data.draw(st.lists(st.integers(0, len(values) - 1), max_size=4)), np.int64)
    found = rank_rows(len(values), Oracle(values), wanted)
    assert found.tolist() == np.argsort(values, kind="stable")[wanted].tolist()


@pytest.mark.parametrize("order", ["ascending", "descending", "equal"])
def test_orders_that_are_not_random_are_sorted_too(order):
    """Rows in a bad order cost more questions, never a wrong result."""
    values = {"ascending": range(2000), "descending": range(2000, 0, -1), "equal": [7] * 2000}[order]
    assert rank_rows(2000, Oracle(values)).tolist() == np.argsort(values, kind="stable").tolist()


@pytest.mark.parametrize("wanted", [-1, 5])
def test_ranks_that_are_not_there(wanted):
    with pytest.raises(RingValueError, match="ranks lie in"):
        rank_rows(5, Oracle(range(5)), np.array([wanted]))


def test_the_number_of_questions_and_rounds():
    n = 100_000
    oracle = Oracle(np.random.default_rng(1).permutation(n))
    rank_rows(n, oracle)
    assert sum(oracle.rounds) < 1.1 * n * math.log2(n) and len(oracle.rounds) <= 36
    for rank in (0, n // 2, n - 1):
        oracle = Oracle(np.random.default_rng(rank).permutation(n))
        rank_rows(n, oracle, np.array([rank]))
        assert sum(oracle.rounds) < 3 * n and len(oracle.rounds) <= 25


def test_questions_follow_from_the_order_alone():
    """The simulator: with the ranks of the rows instead of the values every question and answer is the same."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 50, 800)
    ranks = np.empty(800, np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(800)
    seen = []
    for source in (values, ranks):
        log = []

        def below(rows, others, source=source, log=log):
            answers = source[rows] < source[others]
            log.append((rows.tolist(), others.tolist(), answers.tolist()))
            return answers

        rank_rows(800, below)
        seen.append(log)
    assert seen[0] == seen[1]


def test_pivots():
    sizes = np.array([1, 5, 6, 100_000, 16, 9, 48, 49, 225, 1 << 20])
    assert pivots_of(sizes).tolist() == [1, 5, 1, 255, 3, 3, 3, 7, 15, 1023]
    assert pivots_of(np.array([200])).tolist() == [200]
