"""A whole deployment on this machine, two small tables, one question: ``python examples/local_study.py``.

Eight real processes start in a temporary folder and are stopped in the end. The hospital and the laboratory agreed on a
row order beforehand; the column ``row`` of their files is the place in it.
"""

import tempfile
from pathlib import Path

from rich import print

from query.kinds import Boolean, BoundedInteger
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema, encode_schema
from services.deployment import LocalDeployment, TableInput

LOG_ROWS = 4  # room for 16 persons

WARD = TableSchema("ward", "hospital", "patients", "person", "example",
                   (ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("smoker", Boolean())))
BLOOD = TableSchema("blood", "laboratory", "patients", "person", "example",
                    (ColumnSchema("iron", BoundedInteger(0, 500)),))

WARD_CSV = "row,age,smoker\n" + "".join(f"{k},{30 + 3 * k},{'true' if k % 3 else 'false'}\n" for k in range(12))
BLOOD_CSV = "row,iron\n" + "".join(f"{k},{80 + 5 * k}\n" for k in range(2, 14))

QUESTION = """
    SELECT COUNT(*) AS patients, AVG(w.age) AS mean_age, COVAR_SAMP(w.age, b.iron) AS covariance
    FROM ward w JOIN blood b ON w.person = b.person
    WHERE w.smoker
"""


def main() -> None:
    policy = encode_policy(Policy(minimum_group=3))
    with tempfile.TemporaryDirectory() as folder, LocalDeployment(Path(folder), log_rows=LOG_ROWS) as deployment:
        for party, schema, csv in ((0, WARD, WARD_CSV), (1, BLOOD, BLOOD_CSV)):
            deployment.register(TableInput(party, encode_schema(schema), policy, csv.encode(), LOG_ROWS, "row"))
        with deployment.connect() as study:
            print(study.explain(QUESTION))
            result = study.query(QUESTION, purpose="example")
            print(result.values)
            print(f"proof of {result.proof_bytes} bytes in transaction {result.tx}, {result.gas} gas")


if __name__ == "__main__":
    main()
