"""The questions of the demonstration: the SQL an agency asks, and the same question as plain data.

The second form lets `services.demo.pooled` answer it over all rows in one place, without our compiler: what the answer
has to be if nobody minded pooling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Place = tuple[str, str]  # table, column


@dataclass(frozen=True, slots=True)
class Output:
    """One result column.

    Args:
        name: its name in the SQL.
        statistic: the SQL function in capitals.
        arguments: no column for COUNT(*), else one or two.
    """

    name: str
    statistic: str
    arguments: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """A condition: a column's value, in units of 10^−scale and with booleans as 0 and 1, lies within bounds.

    Args:
        place: the column.
        low, high: bounds, both included; None for none.
    """

    place: Place
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A question.

    Args:
        title: what it is for, in words.
        sql: what the agency asks.
        tables: one table or those that are joined.
        outputs: the result columns in order, without those of GROUP BY.
        where: boolean columns that must all hold.
        ranges: conditions that must all hold, besides.
        groups: boolean columns of GROUP BY.
    """

    title: str
    sql: str
    tables: tuple[str, ...]
    outputs: tuple[Output, ...]
    where: tuple[Place, ...] = ()
    ranges: tuple[Range, ...] = ()
    groups: tuple[Place, ...] = ()


STUDIES: Final = (
    Study(
        "How old is who gets tested, and what does the test say? (hospital ⋈ laboratory; HbA1c is sometimes missing)",
        "SELECT COUNT(*) AS persons, AVG(h.age) AS mean_age, COUNT(l.hba1c) AS tested, AVG(l.hba1c) AS mean_hba1c\n"
        "FROM hospital h JOIN laboratory l ON h.person = l.person",
        ("hospital", "laboratory"),
        (Output("persons", "COUNT"), Output("mean_age", "AVG", (("hospital", "age"),)),
         Output("tested", "COUNT", (("laboratory", "hba1c"),)),
         Output("mean_hba1c", "AVG", (("laboratory", "hba1c"),))),
    ),
    Study(
        "Do age and HbA1c move together? (a hospital column with a laboratory column)",
        "SELECT CORR(h.age, l.hba1c) AS correlation, COVAR_SAMP(h.age, l.hba1c) AS covariance\n"
        "FROM hospital h JOIN laboratory l ON h.person = l.person",
        ("hospital", "laboratory"),
        (Output("correlation", "CORR", (("hospital", "age"), ("laboratory", "hba1c"))),
         Output("covariance", "COVAR_SAMP", (("hospital", "age"), ("laboratory", "hba1c")))),
    ),
    Study(
        "Does cholesterol rise with age? (the shape that publishing costs are quoted for: four sums behind one guard)",
        "SELECT COVAR_POP(h.age, l.ldl) AS covariance\n"
        "FROM hospital h JOIN laboratory l ON h.person = l.person",
        ("hospital", "laboratory"),
        (Output("covariance", "COVAR_POP", (("hospital", "age"), ("laboratory", "ldl"))),),
    ),
    Study(
        "Diabetics in arrears: how many, how old, how much? (conditions on both sides of hospital ⋈ bureau)",
        "SELECT COUNT(*) AS persons, AVG(h.age) AS mean_age, AVG(c.arrears_cents) AS mean_arrears_cents\n"
        "FROM hospital h JOIN credit c ON h.person = c.person\n"
        "WHERE h.diabetic AND c.in_arrears",
        ("hospital", "credit"),
        (Output("persons", "COUNT"), Output("mean_age", "AVG", (("hospital", "age"),)),
         Output("mean_arrears_cents", "AVG", (("credit", "arrears_cents"),))),
        (("hospital", "diabetic"), ("credit", "in_arrears")),
    ),
    Study(
        "Blood pressure and debt (a hospital column that is sometimes missing with a credit column)",
        "SELECT CORR(h.systolic, c.balance_cents) AS correlation,\n"
        "       COVAR_POP(h.systolic, c.balance_cents) AS covariance\n"
        "FROM hospital h JOIN credit c ON h.person = c.person",
        ("hospital", "credit"),
        (Output("correlation", "CORR", (("hospital", "systolic"), ("credit", "balance_cents"))),
         Output("covariance", "COVAR_POP", (("hospital", "systolic"), ("credit", "balance_cents")))),
    ),
    Study(
        "Smokers' blood pressure (one table)",
        "SELECT COUNT(*) AS smokers, AVG(systolic) AS mean_systolic, STDDEV_SAMP(systolic) AS spread,\n"
        "       VAR_POP(visits) AS variance_of_visits\n"
        "FROM hospital WHERE smoker",
        ("hospital",),
        (Output("smokers", "COUNT"), Output("mean_systolic", "AVG", (("hospital", "systolic"),)),
         Output("spread", "STDDEV_SAMP", (("hospital", "systolic"),)),
         Output("variance_of_visits", "VAR_POP", (("hospital", "visits"),))),
        (("hospital", "smoker"),),
    ),
    Study(
        "Non-smokers of middle age under pressure: how is their cholesterol? (comparisons are proved, not believed)",
        "SELECT COUNT(l.ldl) AS tested, AVG(l.ldl) AS mean_ldl\n"
        "FROM hospital h JOIN laboratory l ON h.person = l.person\n"
        "WHERE h.age BETWEEN 40 AND 69 AND h.systolic >= 140 AND NOT h.smoker",
        ("hospital", "laboratory"),
        (Output("tested", "COUNT", (("laboratory", "ldl"),)), Output("mean_ldl", "AVG", (("laboratory", "ldl"),))),
        ranges=(Range(("hospital", "age"), 40, 69), Range(("hospital", "systolic"), 140),
                Range(("hospital", "smoker"), high=0)),
    ),
    Study(
        "Diabetes and arrears, group by group (a column of each owner; the proof is as long for a hundred groups)",
        "SELECT h.diabetic, c.in_arrears, COUNT(*) AS persons, AVG(h.age) AS mean_age,\n"
        "       AVG(c.balance_cents) AS mean_balance_cents\n"
        "FROM hospital h JOIN credit c ON h.person = c.person\n"
        "GROUP BY h.diabetic, c.in_arrears",
        ("hospital", "credit"),
        (Output("persons", "COUNT"), Output("mean_age", "AVG", (("hospital", "age"),)),
         Output("mean_balance_cents", "AVG", (("credit", "balance_cents"),))),
        groups=(("hospital", "diabetic"), ("credit", "in_arrears")),
    ),
    Study(
        "The arrears of those with a high HbA1c (three owners: who is in all three tables, nobody learns)",
        "SELECT COUNT(*) AS persons, AVG(c.arrears_cents) AS mean_arrears_cents\n"
        "FROM hospital h JOIN laboratory l ON h.person = l.person JOIN credit c ON h.person = c.person\n"
        "WHERE l.hba1c >= 6.5",
        ("hospital", "laboratory", "credit"),
        (Output("persons", "COUNT"), Output("mean_arrears_cents", "AVG", (("credit", "arrears_cents"),))),
        ranges=(Range(("laboratory", "hba1c"), 65),),
    ),
    Study(
        "Do arrears of rent follow visits to the hospital? (the housing office is none of the three that compute)",
        "SELECT t.late, COUNT(*) AS persons, AVG(h.visits) AS mean_visits, AVG(t.rent_cents) AS mean_rent_cents\n"
        "FROM hospital h JOIN tenancies t ON h.person = t.person\n"
        "GROUP BY t.late",
        ("hospital", "tenancies"),
        (Output("persons", "COUNT"), Output("mean_visits", "AVG", (("hospital", "visits"),)),
         Output("mean_rent_cents", "AVG", (("tenancies", "rent_cents"),))),
        groups=(("tenancies", "late"),),
    ),
    Study(
        "442 real patients: body mass index and the progression of diabetes",
        "SELECT COUNT(*) AS patients, AVG(e.bmi) AS mean_bmi, CORR(e.bmi, s.progression) AS correlation\n"
        "FROM exams e JOIN serum s ON e.patient = s.patient",
        ("exams", "serum"),
        (Output("patients", "COUNT"), Output("mean_bmi", "AVG", (("exams", "bmi"),)),
         Output("correlation", "CORR", (("exams", "bmi"), ("serum", "progression")))),
    ),
    Study(
        "442 real patients: blood pressure with the logarithm of triglycerides",
        "SELECT COVAR_SAMP(e.bp, s.s5) AS covariance, STDDEV_SAMP(s.s5) AS spread_of_s5,\n"
        "       VAR_SAMP(e.bp) AS variance_of_bp\n"
        "FROM exams e JOIN serum s ON e.patient = s.patient",
        ("exams", "serum"),
        (Output("covariance", "COVAR_SAMP", (("exams", "bp"), ("serum", "s5"))),
         Output("spread_of_s5", "STDDEV_SAMP", (("serum", "s5"),)),
         Output("variance_of_bp", "VAR_SAMP", (("exams", "bp"),))),
    ),
)
