"""Asking another process whether it serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.config import TlsConfig
from services.identity import Identity
from services.transport import open_client

_CALL_TIMEOUT_S: Final = 2.0
_PAUSE_S: Final = 0.1


def is_serving(channel: grpc.Channel) -> bool:
    """Whether the process at the other end answers SERVING now."""
    try:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_CALL_TIMEOUT_S)
    except grpc.RpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def wait_serving(address: str, tls: TlsConfig, identity: Identity, check: Callable[[], None]) -> None:
    """Wait until a process serves.

    Args:
        address: host:port.
        tls: our certificate files.
        identity: who must answer there.
        check: called between tries; raises to give up.
    """
    while True:
        with open_client(address, tls, identity) as channel:
            if is_serving(channel):
                return
        check()
        time.sleep(_PAUSE_S)
