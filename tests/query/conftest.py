"""Fixtures of the query tests: two small registered tables of one cohort, with absent rows and nulls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from query_tables import HOSPITAL, LABORATORY, registered

from query.directory import Directory


@pytest.fixture
def directory() -> Directory:
    """Hospital and laboratory over 64 rows, nothing about their contents."""
    return Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])
