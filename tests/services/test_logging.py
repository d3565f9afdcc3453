"""Logs are JSON lines, and secrets do not reach them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import numpy as np
import pytest
import structlog

from proto.v1 import prover_pb2
from services.logging import configure_logging, get_logger, redact


@pytest.fixture
def configured() -> Iterator[None]:
    handlers, level = list(logging.root.handlers), logging.root.level
    configure_logging("party-0", "info")
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_line_is_json_with_process_component_and_time(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("services.test").info("something happened", query="ab12", count=3)
    get_logger("services.test").debug("too small to show")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "event": "something happened",
        "level": "info",
        "process": "party-0",
        "component": "services.test",
        "query": "ab12",
        "count": 3,
    }


@pytest.mark.parametrize(
    "key", ["private_key", "password", "blinder", "value_masks", "share", "seed", "rows", "api_token"]
)
def test_value_under_a_secret_key_is_redacted(key: str) -> None:
    assert redact(None, "info", {"event": "e", key: "4711"}) == {"event": "e", key: "[redacted]"}
    assert "4711" not in json.dumps(redact(None, "info", {"event": "e", "outer": {"inner": [{key: "4711"}]}}))


@pytest.mark.parametrize(
    "value", [b"\x47\x11", bytearray(b"4711"), memoryview(b"4711"), np.array([4711]), prover_pb2.Masks(masks=b"4711")]
)
def test_bytes_arrays_and_messages_are_never_shown(value: object) -> None:
    shown = json.dumps(
        redact(None, "info", {"event": "e", "plain": value, "listed": [value], "deep": {"x": {"y": value}}})
    )
    assert "4711" not in shown
    assert "4711" not in shown.encode().decode("unicode_escape")


def test_public_values_stay() -> None:
    event = {"event": "e", "port": 1, "ok": True, "none": None, "ratio": 0.5, "names": ["a", "b"], "nested": {"n": 1}}
    assert redact(None, "info", event) == event


def test_other_objects_show_their_type_only() -> None:
    assert redact(None, "info", {"event": "e", "error": ValueError("4711")})["error"] == "[ValueError]"


def test_long_text_is_cut() -> None:
    assert len(redact(None, "info", {"event": "e", "text": "x" * 10_000})["text"]) == 2000
