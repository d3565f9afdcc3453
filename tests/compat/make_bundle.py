"""Makes the audit bundles of a release: ``python tests/compat/make_bundle.py NAME [--replace]``.

Runs a whole deployment (ledger node, three parties with their provers, coordinator, agency; about half a minute), asks
the questions below and writes, beside this file,

    NAME.srs               the string, so that ``tallystick verify NAME-join.tally --srs NAME.srs`` can be run
    NAME-<question>.tally  one bundle for each question
    NAME.json              what the tests expect of them

Every release adds its own NAME (``v1`` was the first); files of a published release are never made again: later
releases must verify them as they are (``test_old_bundles.py``).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "services")]

from study_samples import make_samples, small_deployment, table_inputs  # noqa: E402

from ledger.bundle_codec import bundle_digest, encode_bundle  # noqa: E402

QUESTIONS = {
    "join": "SELECT COUNT(*) AS n, AVG(h.age) AS age, COVAR_SAMP(h.age, l.hba1c) AS c\n"
    "FROM hospital h JOIN laboratory l ON h.person = l.person",
    "alone": "SELECT COUNT(*) AS n, VAR_POP(age) AS v FROM hospital WHERE diabetic",
    "filter": "SELECT COUNT(*) AS n, SUM(age) AS years FROM hospital WHERE age BETWEEN 40 AND 70",
    "groups": "SELECT h.diabetic, COUNT(*) AS n, AVG(l.sodium) AS level\n"
    "FROM hospital h JOIN laboratory l ON h.person = l.person GROUP BY h.diabetic",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="release, e.g. v1")
    parser.add_argument("--replace", action="store_true", help="replace files of a release not published yet")
    arguments = parser.parse_args()
    targets = [HERE / f"{arguments.name}{suffix}" for suffix in (".srs", ".json", *(f"-{q}.tally" for q in QUESTIONS))]
    if not arguments.replace and any(target.exists() for target in targets):
        sys.exit(f"files of {arguments.name} exist already")
    expected: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, small_deployment(Path(folder)) as running:
        for table in table_inputs(make_samples()):
            running.register(table)
        shutil.copyfile(running.srs_path, HERE / f"{arguments.name}.srs")
        with running.connect() as agency:
            for question, sql in QUESTIONS.items():
                result = agency.query(sql, purpose="compatibility")
                encoded = encode_bundle(agency.bundle(result))
                (HERE / f"{arguments.name}-{question}.tally").write_bytes(encoded)
                expected[question] = {
                    "digest": bundle_digest(encoded).hex(),
                    "query": result.query_id.hex(),
                    "sums": list(result.sums),
                    "values": [f"{output.name} = {output.value}" for output in result.outputs],
                    "guards": {str(number): value for number, value in result.guards.items()},
                }
    (HERE / f"{arguments.name}.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main()
