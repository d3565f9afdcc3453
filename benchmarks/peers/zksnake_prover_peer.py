"""zksnake: Groth16 and PLONK over BN254, proving an inner product.

Groth16 reads the circuit's file, a constraint per element. Its PLONK takes products and sums only, two gates per
element, so its constraints are written here. Witnesses are at hand: solving for them is no part of a run.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

from zksnake._algebra import circuit
from zksnake.arithmetization import R1CS, Plonkish
from zksnake.groth16 import Groth16
from zksnake.plonk import Plonk

from benchmarks.peers.worker import FR_MODULUS, Inputs, Prepared, serve

_WITNESS_START = 76


def _wires(path: str) -> list[int]:
    """The values of a witness file: 1, the result, the a_i, the b_i, the running sums but the last."""
    encoded = Path(path).read_bytes()[_WITNESS_START:]
    return [int.from_bytes(encoded[i : i + 32], "little") for i in range(0, len(encoded), 32)]


def _prepared(system: Any, prove: Callable[[], Any], verify: Callable[[Any], bool]) -> Prepared:
    start = time.perf_counter()
    system.setup()
    setup_s = time.perf_counter() - start

    def encode(proof: Any) -> str:
        unit = 1 if sys.platform == "darwin" else 1024
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        about = {"verified": bool(verify(proof)), "setup_s": setup_s, "proof_bytes": len(proof.to_bytes())}
        return json.dumps({**about, "peak_bytes": peak_bytes})

    return Prepared(prove, encode)


def prove_groth16(inputs: Inputs) -> Prepared:
    """The R1CS of the file; wires go by the names its reader gives them, in an order of its own."""
    wires, relation = _wires(inputs["wtns"]), R1CS.from_file(inputs["r1cs"])
    relation.compile()
    n = (len(wires) - 1) // 3
    named = {"0": 1, "out1": wires[1]}
    named |= {f"priv{i}": wires[1 + i] for i in range(1, 2 * n + 1)}
    named |= {f"v{i}": wires[2 * n + 1 + i] for i in range(1, n)}
    witness = [named[name] for name in relation.constraint_system.get_witness_vector()]
    public, private = witness[: relation.n_public], witness[relation.n_public :]
    system = Groth16(relation)
    return _prepared(system, lambda: system.prove(public, private), lambda proof: system.verify(proof, public))


def prove_plonk(inputs: Inputs) -> Prepared:
    """p_i = a_i·b_i and s_i = s_{i−1} + p_i."""
    wires = _wires(inputs["wtns"])
    n = (len(wires) - 1) // 3
    values = {f"a{i}": wires[2 + i] for i in range(n)} | {f"b{i}": wires[n + 2 + i] for i in range(n)}
    products = [values[f"a{i}"] * values[f"b{i}"] for i in range(n)]
    values |= {f"p{i}": product for i, product in enumerate(products)}
    totals = list(accumulate(products))
    values |= {f"s{i}": totals[i] for i in range(1, n - 1)} | {"out": totals[-1]}
    system = circuit.ConstraintSystem([name for name in values if name[0] in "ab"], ["out"], FR_MODULUS)
    field = {name: circuit.Field(name) for name in values}
    for variable in field.values():
        system.add_variable(variable)
    system.set_public([field["out"]])
    running = [field["p0"], *(field[f"s{i}"] for i in range(1, n - 1)), field["out"]]
    for i in range(n):
        system.add_constraint(field[f"p{i}"] == field[f"a{i}"] * field[f"b{i}"])
    for i in range(1, n):
        system.add_constraint(running[i] == running[i - 1] + field[f"p{i}"])
    gates = Plonkish(system)
    gates.compile()
    public, private = gates.generate_witness(values)
    prover = Plonk(gates)
    return _prepared(prover, lambda: prover.prove(public, private), lambda proof: prover.verify(proof, public))


if __name__ == "__main__":
    serve("zksnake", version("zksnake"), {"prove_groth16": prove_groth16, "prove_plonk": prove_plonk})
