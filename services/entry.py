"""The command line of a process: one configuration file, and one line on standard error where it cannot be served."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ledger.errors import LedgerError
from services.config import ServerConfig, load_config
from services.errors import ServiceError
from services.logging import configure_logging
from zk.errors import ZkError

Config = TypeVar("Config", bound=ServerConfig)


def run_process(
    name: str, about: str, kind: type[Config], serve: Callable[[Config], None], arguments: list[str] | None = None
) -> int:
    """Read ``--config FILE`` and serve until a signal; returns the exit status.

    Args:
        name: of the process: ``services.NAME`` is its module.
        about: one sentence.
        kind: what the file holds.
        serve: opens everything and returns after the signal.
        arguments: instead of the command line's.
    """
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}", description=about)
    parser.add_argument(
        "--config", type=Path, required=True, help=f"TOML file (services/config.py: {kind.__name__})"
    )  # fmt: skip
    path = parser.parse_args(arguments).config
    try:
        config = load_config(kind, path)
        configure_logging(f"{name}-{config.name}", config.log_level)
        serve(config)
    except (ServiceError, LedgerError, ZkError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0
