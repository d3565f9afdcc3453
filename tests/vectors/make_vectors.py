"""Writes the fixed vectors beside it: ``python tests/vectors/make_vectors.py``. Run only when the protocol changes.

Provenance: everything comes from the seeds below through this project's own code. The hashes are recomputed with
hashlib in tests/zk/test_transcript.py; the proof was made by the prover whose every step a test may falsify
(tests/zk/forger.py, dense integer polynomials), not by zk.prover. τ is public, so these commitments hide nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "zk")]

from forger import Forger  # noqa: E402
from relations import everything_sample, plain_sample  # noqa: E402
from samples import TAU, Sample, known_srs, masked_sum, random_columns, release_word  # noqa: E402

from zk.encoding import encode_relation, relation_hash  # noqa: E402
from zk.expansion import challenges_of  # noqa: E402
from zk.field import FR  # noqa: E402
from zk.proof import encode_proof, inverse_hint, replay  # noqa: E402
from zk.prover import RegisteredSecret, commit_registered  # noqa: E402
from zk.relation import Relation  # noqa: E402
from zk.statement import Statement  # noqa: E402
from zk.transcript import Transcript, proof_domain  # noqa: E402

CHAIN_ID, CONTRACT, SEED = 20260, 0x1234567890ABCDEF1234567890ABCDEF12345678, 20260
NOTE = "Made by tests/vectors/make_vectors.py; see its first lines for provenance. All numbers hexadecimal."


def hexadecimal(value: int) -> str:
    return f"{value:064x}"


def transcript_vector() -> dict[str, object]:
    rng = Random(SEED)
    domain, subject, statement = (rng.randbytes(32) for _ in range(3))
    transcript = Transcript(domain, subject, statement)
    initial, steps = transcript.digest.hex(), []
    lengths = {"round1": ("beta", 4), "round2": ("alpha", 0), "accumulator": ("delta", 2), "quotient": ("zeta", 2),
               "evaluations": ("gamma", 3), "opening": ("z", 5)}
    for label, (challenge, count) in lengths.items():
        words = [rng.randrange(1 << 256) for _ in range(count)]
        transcript.absorb(label, words)
        steps.append({"label": label, "words": list(map(hexadecimal, words)), "state": transcript.digest.hex(),
                      "challenge": challenge, "value": hexadecimal(transcript.challenge(challenge))})
    return {"note": NOTE, "domain": domain.hex(), "subject": subject.hex(), "statement": statement.hex(),
            "initial": initial, "steps": steps}


def proof_vector(relation: Relation, columns: Mapping[int, Sequence[int]], release: int) -> dict[str, object]:
    rng, srs = Random(SEED), known_srs(relation.log_rows)
    secrets = {i: RegisteredSecret(FR.from_integers(rows), FR.from_integers([rng.randrange(FR.modulus)]))
               for i, rows in columns.items()}
    commitments = tuple(commit_registered(srs, secrets[i]) for i in sorted(secrets))
    domain = proof_domain(CHAIN_ID, CONTRACT, srs.id)
    statement = Statement(relation, domain, rng.randbytes(32), commitments)
    target = Sample(srs, statement, secrets, columns)
    proof = Forger(target, release, SEED).prove()
    rounds = replay(statement, proof)
    betas = {challenge.name.lower(): rounds.challenges[challenge] for challenge in challenges_of(relation)}
    names = ("alpha", "delta", "zeta", "gamma", "z")
    table = target.table
    return {
        "note": NOTE, "tau": hexadecimal(TAU), "log_rows": relation.log_rows, "srs_id": srs.id.hex(),
        "chain_id": hex(CHAIN_ID), "contract": hex(CONTRACT), "domain": domain.hex(),
        "subject": statement.subject.hex(), "columns": {str(i): rows for i, rows in columns.items()},
        "sums": target.sums(),
        "relation": list(map(hexadecimal, encode_relation(relation))), "relation_hash": relation_hash(relation).hex(),
        "commitments": [list(map(hexadecimal, point)) for point in commitments],
        "table": list(map(hexadecimal, table)) if table else None,
        "statement_hash": statement.hash.hex(), "release": hexadecimal(release), "proof": encode_proof(proof).hex(),
        "betas": {name: hexadecimal(value) for name, value in betas.items()},
        "challenges": {name: hexadecimal(getattr(rounds, name)) for name in names},
        "inverse_hint": hexadecimal(inverse_hint(statement, proof)),
    }


def masked_sum_vector() -> dict[str, object]:
    relation = masked_sum(3)
    columns = random_columns(relation, Random(SEED))
    columns[1][:4] = [1, 1, 1, 1]
    return proof_vector(relation, columns, release_word(0b111, 0b010))


def everything_vector() -> dict[str, object]:
    target = everything_sample(SEED)
    return proof_vector(target.relation, target.columns, release_word(0b11111011, 0b00010000))


def plain_vector() -> dict[str, object]:
    target = plain_sample(SEED)
    return proof_vector(target.relation, target.columns, 0)


VECTORS = {"transcript": transcript_vector, "proof": masked_sum_vector, "proof_everything": everything_vector,
           "proof_plain": plain_vector}


def main() -> None:
    for name, make in VECTORS.items():
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n")


if __name__ == "__main__":
    main()
