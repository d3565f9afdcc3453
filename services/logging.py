"""Structured logs: one JSON object per line on stderr, with secrets kept out.

Call `configure_logging` once at the start of a process and `get_logger` anywhere. Byte strings, arrays, messages and
values under a secret-sounding key never reach the output, whoever logs them.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import numpy as np
import structlog
from google.protobuf.message import Message

_SECRET_KEY: Final = re.compile(
    r"secret|private|password|passphrase|token|blinder|mask|share|seed|(?<!log_)rows$|salt|authorization|credential",
    re.IGNORECASE,
)
_REDACTED: Final = "[redacted]"
_MAX_TEXT: Final = 2000
_MAX_DEPTH: Final = 6


def redact(logger: Any, method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Structlog processor: drop what must not be logged, at any depth."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def _clean(key: str, value: Any, depth: int) -> Any:
    if key != "event" and _SECRET_KEY.search(key):
        return _REDACTED
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    if isinstance(value, np.ndarray):
        return f"[array {value.shape}]"
    if isinstance(value, Message):
        return f"[message {type(value).__name__}]"
    if depth >= _MAX_DEPTH:
        return "[...]"
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(key, item, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    return f"[{type(value).__name__}]"


def configure_logging(process: str, level: str = "info") -> None:
    """Send this process's log lines, and warnings of the libraries, to stderr as JSON.

    Args:
        process: name that every line bears, e.g. ``"party-0"``.
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    number = getattr(logging, level.upper())

    def name_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    logging.basicConfig(stream=sys.stderr, level=max(number, logging.WARNING), format="%(message)s", force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            name_process,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose lines bear ``component=name``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
