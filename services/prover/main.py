"""The prover's process: ``python -m services.prover --config prover.toml``."""

from __future__ import annotations

from services.config import ProverConfig
from services.entry import run_process
from services.logging import get_logger
from services.prover.service import ProverServicer, prover_rules
from services.server import build_server
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
    return run_process("prover", "A party's zero-knowledge engine.", ProverConfig, serve, arguments)
