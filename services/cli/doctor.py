"""``tallystick doctor``: is this machine fit, and does a deployment answer?"""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import TYPED_ERRORS, JsonOption, print_json, print_line

Check = tuple[str, Callable[[], str]]


def doctor(
    config: Annotated[Path | None, typer.Option(help="An agency's file: checks its deployment too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine and, with a configuration, the ledger, the coordinator and the parties it names."""
    checks: list[Check] = [("python", _python), ("sqlite", _sqlite), ("kernels", _kernels), ("contracts", _contracts)]
    if config is not None:
        checks += _deployment_checks(config)
    found = []
    for name, check in checks:
        try:
            found.append((name, True, check()))
        except TYPED_ERRORS as error:
            found.append((name, False, str(error)))
    if as_json:
        print_json([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in found])
    else:
        for name, ok, detail in found:
            print_line(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}")
    raise typer.Exit(0 if all(ok for _, ok, _ in found) else 1)


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, {sys.platform}"


def _sqlite() -> str:
    note = "" if sqlite3.sqlite_version_info >= (3, 51, 3) else " (one connection per file, as its WAL fault demands)"
    return sqlite3.sqlite_version + note


def _kernels() -> str:
    from zk.kernels import chosen_path, warm_up

    seconds = warm_up()
    _prove_and_verify()
    return f"path {chosen_path()}, ready in {seconds:.1f} s; a small proof was made and verified"


def _prove_and_verify() -> None:
    """Count three rows of eight, prove it and verify it: the whole engine once, under a throw-away string."""
    from zk.builder import RelationBuilder
    from zk.field import FR
    from zk.prover import RegisteredSecret, commit_registered
    from zk.relation import ONE, ColumnKind, RegisteredColumn
    from zk.single import prove
    from zk.srs import development_srs
    from zk.statement import Statement
    from zk.verifier import verify_guards, verify_proof

    builder = RelationBuilder(3)
    column = builder.registered(RegisteredColumn(1, 1, 0, ColumnKind.BOOLEAN))
    builder.vanish([(1, column, column), (-1, ONE, column)])
    builder.sum([(1, ONE, column)])
    relation, srs = builder.build(), development_srs(3)
    secret = RegisteredSecret(FR.from_integers([1, 1, 1, 0, 0, 0, 0, 0]), FR.random(1))
    statement = Statement(relation, bytes(32), bytes(32), (commit_registered(srs, secret),))
    proof, _ = prove(srs, statement, {1: secret}, 1)
    verify_proof(srs.tau_g2, statement, proof)
    verify_guards(statement, proof, 3)


def _contracts() -> str:
    from ledger.artifacts import CONTRACTS, load_artifact

    return ", ".join(f"{name} by {load_artifact(name).compiler}" for name in CONTRACTS)


def _deployment_checks(path: Path) -> list[Check]:
    from services.config import AgencyConfig, load_config
    from services.errors import PeerUnavailableError
    from services.health import is_serving
    from services.identity import Identity, Role
    from services.ledger_access import open_ledger
    from services.transport import open_client

    def ledger() -> str:
        access = open_ledger(load_config(AgencyConfig, path).ledger)
        wrong = access.studies.self_test() or access.registry.self_test()
        if wrong:
            raise PeerUnavailableError(f"precompile {wrong} of this chain does not work as it must")
        return f"block {access.client.block_number()}, contracts and precompiles work"

    def process(role: Role, name: str, address: str, note: str = "") -> Check:
        def check() -> str:
            with open_client(address, load_config(AgencyConfig, path).tls, Identity(role, name)) as channel:
                if not is_serving(channel):
                    raise PeerUnavailableError(f"{address} does not serve as {role.value} {name}")
            return f"serves at {address}{note}"

        return f"{role.value} {name}", check

    try:
        config = load_config(AgencyConfig, path)
    except TYPED_ERRORS:
        return [("configuration", lambda: str(load_config(AgencyConfig, path)))]
    processes = [process(Role.COORDINATOR, config.coordinator.name, config.coordinator.address)]
    processes += [
        process(Role.PARTY, party.name, party.address, "" if party.computes else ", an outside owner")
        for party in config.parties
    ]
    return [("ledger", ledger), *processes]
