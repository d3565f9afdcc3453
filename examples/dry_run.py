"""Develop an analysis on generated rows, before anybody is asked: ``python examples/dry_run.py``.

The schemas are public; the rows are made up. Nothing is sent, and every result says MOCK. With `tallystick.connect`
instead of `dry_run`, and a purpose, the same calls are proposed, proved and verified.
"""

from pathlib import Path

from rich import print

import tallystick

SCHEMAS = Path(__file__).parent / "schemas"


def main() -> None:
    city = tallystick.dry_run(sorted(SCHEMAS.glob("synthetic_city_*.json")))
    print(str(city.table1("hospital.diabetic", "hospital.age", "laboratory.hba1c", "credit.in_arrears")))
    print(str(city.ols("laboratory.hba1c", "hospital.age", "credit.accounts")))
    print(str(city.chi2("hospital.smoker", tallystick.Bins("credit.accounts", (10, 30)))))
    try:
        city.chi2("hospital.smoker", tallystick.Bins("credit.accounts", (1, 30)))
    except tallystick.CellsSuppressedError as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    main()
