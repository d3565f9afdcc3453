"""Rates standardised to another population: direct (with a standard's weights) and indirect (the SMR).

Sums: COUNT(*) by stratum and event. Or, for events per time at risk, SUM(time) by stratum and COUNT(*) of the events.

Source: N. Breslow and N. Day, Statistical Methods in Cancer Research II (1987), ch. 2; the interval of a directly
standardised rate is M. Fay and E. Feuer, Statistics in Medicine 16 (1997); of the SMR the exact Poisson interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from query.analyses.asking import Answer, Labels, cell_words, evidence_of
from query.analyses.distributions import check_confidence, gamma_quantile
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows
from query.analyses.writing import Axis, Bins, axis_of, is_boolean, number_text, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError

Weight = float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateReport(Report):
    """A standardised rate.

    Args:
        strata: their labels.
        events, exposure: of each stratum: events, and rows or time at risk.
        rates: crude by stratum.
        crude: the rate of all strata together.
        standardised: the directly standardised rate or the SMR.
    """

    strata: tuple[str, ...]
    events: tuple[int, ...]
    exposure: tuple[Fraction, ...]
    rates: tuple[float, ...]
    crude: float
    standardised: Estimate

    def tables(self) -> tuple[Table, ...]:
        """The rate, and the strata."""
        rows = tuple(zip(self.strata, self.events, self.exposure, self.rates, strict=True))
        return (Table("standardised", ESTIMATE_HEADER, estimate_rows([self.standardised])),
                Table(f"strata; crude rate {self.crude:.6g}", ("", "events", "at risk", "rate"), rows))


@dataclass(frozen=True, slots=True)
class StandardisedRate:
    """A rate by strata, standardised.

    Args:
        event: a boolean: whether a row is a case.
        strata: one or two values, e.g. Bins of age and sex.
        weights: direct: the standard population of each stratum. Indirect: the standard's rate. By label, or by the
            labels of both values in order.
        indirect: whether the weights are rates of a standard, and the result the ratio of observed to expected events.
        time: time at risk, a number; None counts every row as one.
        where: a condition, or None.
        confidence: level of the interval.
    """

    event: str
    strata: tuple[str | Bins, ...]
    weights: Mapping[str, Weight] | Mapping[tuple[str, ...], Weight]
    indirect: bool = False
    time: str | None = None
    where: str | None = None
    confidence: float = 0.95

    def _axes(self, directory: Directory) -> list[Axis]:
        return [axis_of(directory, name) for name in self.strata]

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """Counts by stratum and event; with time at risk, the time by stratum and the events by stratum."""
        check_confidence(self.confidence)
        if not 1 <= len(self.strata) <= 2 or not is_boolean(directory, self.event):
            raise AnalysisInvalidError("a rate has a boolean event and one or two values for strata")
        axes = self._axes(directory)
        self._weights(axes)
        if self.time is None:
            event = axis_of(directory, self.event)
            return (statement(directory, ["COUNT(*) AS n"], axes=[*axes, event], where=self.where),)
        time = require_number(directory, self.time)
        known = [time, self.event]
        happened = self.event if self.where is None else f"({self.where}) AND {self.event}"
        return (statement(directory, [f"SUM({time}) AS t"], axes=axes, values=known, where=self.where),
                statement(directory, ["COUNT(*) AS n"], axes=axes, values=known, where=happened))

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> RateReport:
        """Weigh the strata."""
        axes = self._axes(directory)
        names = [axis.name for axis in axes]
        events, exposure, hidden = [], [], []
        weights = self._weights(axes)
        for labels in weights:
            words = tuple(axis.label(code) for axis, code in zip(axes, labels, strict=True))
            found = self._stratum(labels, answers)
            if found is None:
                hidden.append(cell_words(names, words))
            else:
                events.append(found[0])
                exposure.append(found[1])
        if hidden:
            raise CellsSuppressedError("a standardised rate", tuple(hidden))
        if any(value <= 0 for value in exposure):
            raise DegreesOfFreedomError("a stratum has no time at risk")
        rates = [Fraction(d) / t for d, t in zip(events, exposure, strict=True)]
        standard = list(weights.values())
        estimate = (_smr(events, exposure, standard, self.confidence) if self.indirect
                    else _direct(events, exposure, standard, self.confidence))
        labels_shown = tuple(", ".join(axis.label(code) for axis, code in zip(axes, labels, strict=True))
                             for labels in weights)
        return RateReport(
            title=f"{'indirectly' if self.indirect else 'directly'} standardised rate of {self.event}",
            evidence=evidence_of(answers), confidence=self.confidence, strata=labels_shown, events=tuple(events),
            exposure=tuple(exposure), rates=tuple(map(float, rates)), crude=float(sum(events) / sum(exposure)),
            standardised=estimate,
        )

    def _stratum(self, labels: Labels, answers: Sequence[Answer]) -> tuple[int, Fraction] | None:
        if self.time is None:
            counts = answers[0].counts("n")
            with_event, without = counts[(*labels, True)], counts[(*labels, False)]
            if with_event is None or without is None:
                return None
            return with_event, Fraction(with_event + without)
        times = {cell: outputs["t"].exact for cell, outputs in answers[0].cells()}
        time, happened = times[labels], answers[1].counts("n")[labels]
        return None if time is None or happened is None else (happened, time)

    def _weights(self, axes: Sequence[Axis]) -> dict[Labels, Fraction]:
        found: dict[Labels, Fraction] = {}
        given = {(key,) if isinstance(key, str) else key: value for key, value in self.weights.items()}
        cells: list[Labels] = [()]
        for axis in axes:
            cells = [(*cell, code) for cell in cells for code in axis.codes]
        for cell in cells:
            words = tuple(axis.label(code) for axis, code in zip(axes, cell, strict=True))
            if words not in given:
                raise AnalysisInvalidError(f"there is no weight of the stratum {', '.join(words)}")
            found[cell] = Fraction(number_text(given[words]))
        if len(given) != len(found) or any(weight <= 0 for weight in found.values()):
            raise AnalysisInvalidError("weights are positive, one for each stratum and no more")
        return found


def _direct(
    events: Sequence[int], exposure: Sequence[Fraction], standard: Sequence[Fraction], confidence: float
) -> Estimate:
    """Σ w·d/t with Poisson events; gamma interval of Fay and Feuer."""
    shares = [w / sum(standard) / t for w, t in zip(standard, exposure, strict=True)]
    rate = float(sum((s * d for s, d in zip(shares, events, strict=True)), Fraction(0)))
    variance = float(sum((s * s * d for s, d in zip(shares, events, strict=True)), Fraction(0)))
    widest, tail = float(max(shares)), (1 - confidence) / 2
    low = variance / rate * gamma_quantile(tail, rate**2 / variance) if rate else 0.0
    more, larger = rate + widest, variance + widest**2
    high = larger / more * gamma_quantile(1 - tail, more**2 / larger)
    return Estimate("rate", rate, sqrt(variance), low, high, None, None, None, sum(events))


def _smr(
    events: Sequence[int], exposure: Sequence[Fraction], rates: Sequence[Fraction], confidence: float
) -> Estimate:
    """Observed over expected events, with the exact Poisson interval."""
    observed = sum(events)
    expected = float(sum((r * t for r, t in zip(rates, exposure, strict=True)), Fraction(0)))
    tail = (1 - confidence) / 2
    low = gamma_quantile(tail, observed) / expected if observed else 0.0
    high = gamma_quantile(1 - tail, observed + 1) / expected
    return Estimate("observed/expected", observed / expected, sqrt(observed) / expected, low, high, None, None, None,
                    observed)
