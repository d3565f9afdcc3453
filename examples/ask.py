"""Ask one question as an agency: ``python examples/ask.py agency.toml``.

The file names the agency's certificate and account key, the coordinator, the three parties and the ledger. What comes
back is verified already: the proof against the ledger, and the opened sums against the sealed record.
"""

import sys

from rich import print

import tallystick

QUESTION = """
    SELECT COUNT(*) AS persons, AVG(h.age) AS mean_age, AVG(l.hba1c) AS mean_hba1c
    FROM hospital h JOIN laboratory l ON h.person = l.person
"""


def main(config: str) -> int:
    try:
        with tallystick.connect(config) as city:
            for line in city.compile(QUESTION).disclosures:
                print("discloses", line)
            result = city.query(QUESTION, purpose="example")
    except tallystick.RefusedError as error:
        print("an owner refuses:", error)
        return 1
    print(result.values)
    print(f"proof of {result.proof_bytes} bytes in transaction {result.tx}, {result.gas} gas")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
