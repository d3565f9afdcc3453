"""docs/statistics.md: its examples give what it says, and it has every statistic."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import TypeVar

from analyses_data import Pooled, city, trial

from query.analyses.asking import Analysis
from query.analyses.catalogue import CATALOGUE
from query.analyses.report import Report
from query.analyses.writing import Bins
from services.by_name import DEFAULT_PURPOSE, StatisticsByName

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
R = TypeVar("R", bound=Report)


class InTheClear(StatisticsByName):
    """The methods, over rows the test may see."""

    def __init__(self, data: Pooled) -> None:
        self._rehearsal = data.rehearsal

    def analyse(self, analysis: Analysis[R], *, purpose: str = DEFAULT_PURPOSE) -> R:
        return self._rehearsal.run(analysis)


def test_every_example_gives_what_the_page_says() -> None:
    names = {"city": InTheClear(city()), "trial": InTheClear(trial()), "Bins": Bins}
    result = doctest.testfile(str(PAGE), module_relative=False, globs=names)
    assert result.failed == 0
    assert result.attempted > 40


def test_every_statistic_has_a_section_with_sums_source_and_example() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    named = set()
    for section in sections:
        signature = re.search(r"^`(\w+)\(", section, flags=re.MULTILINE)
        assert signature is not None
        named.add(signature[1])
        assert "\nSums: " in section
        assert "\nSource: " in section
        assert f".{signature[1]}(" in section
    assert named == {name.replace("-", "_") for name in CATALOGUE}
