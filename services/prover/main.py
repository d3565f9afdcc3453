"""The prover's process: ``python -m services.prover --config prover.toml``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from services.config import ProverConfig, load_config
from services.errors import ServiceError
from services.logging import configure_logging, get_logger
from services.prover.service import ProverServicer, prover_rules
from services.server import build_server
from zk.errors import ZkError
from zk.kernels import warm_up
from zk.srs import load_srs, verify_srs

_log = get_logger("services.prover")


def serve(config: ProverConfig) -> None:
    """Load and verify the structured reference string, compile the kernels, and serve until a signal.

    Raises:
        ZkError: the string cannot be used.
        ServiceError: the server cannot be set up.
    """
    srs = load_srs(config.srs)
    verify_srs(srs)
    if config.warm_up:
        _log.info("kernels ready", seconds=round(warm_up(), 2))
    servicer = ProverServicer(
        srs,
        max_sessions=config.max_sessions,
        idle_session_s=config.idle_session_s,
        max_rows_bytes=config.max_rows_bytes,
    )
    server = build_server(
        config.listen,
        config.tls,
        [servicer.add_to],
        prover_rules(config.party),
        workers=config.workers,
        grace_s=config.stop_grace_s,
    )
    _log.info("prover", srs=srs.id.hex(), log_rows=srs.log_rows, development=srs.development, party=config.party)
    server.serve_until_signal(servicer.stop)


def main(arguments: list[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.prover", description="A party's zero-knowledge engine.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file (services/config.py: ProverConfig)")
    path = parser.parse_args(arguments).config
    try:
        config = load_config(ProverConfig, path)
        configure_logging(f"prover-{config.name}", config.log_level)
        serve(config)
    except (ServiceError, ZkError) as error:
        sys.stderr.write(f"prover: {error}\n")
        return 1
    return 0
