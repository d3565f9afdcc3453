"""A synchronous gRPC server with mutual TLS, a health service, authorisation of every call and typed failures.

Every method must stand in the authorisation table; one that does not is refused to everybody. Handlers raise domain
errors and never call ``context.abort``; what they raise becomes a status here (`services.status`), and anything that is
no domain error becomes INTERNAL with an incident number, its text staying in this process.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.config import TlsConfig
from services.errors import AddressUnavailableError, CallerRefusedError, IdentityInvalidError
from services.identity import Caller, Role, parse_caller
from services.logging import get_logger
from services.status import INTERNAL_CODE, CallStatus, call_status, has_status
from services.transport import SERVER_OPTIONS, server_credentials

_log = get_logger("services.server")
QUEUED_CALLS_PER_WORKER: Final = 4
"""Calls beyond this many for each thread are refused with RESOURCE_EXHAUSTED instead of being queued."""
_PEM_KEY: Final = "x509_pem_cert"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a method.

    Args:
        roles: any of these.
        names: and, where not None, only callers of these names.
    """

    roles: frozenset[Role]
    names: frozenset[str] | None = None

    def admits(self, caller: Caller) -> bool:
        """Whether the caller may call."""
        identity = caller.identity
        return identity.role in self.roles and (self.names is None or identity.name in self.names)


def allow(*roles: Role, names: Iterable[str] | None = None) -> Rule:
    """Write a `Rule`: any of the roles and, where given, only these names."""
    return Rule(frozenset(roles), None if names is None else frozenset(names))


Authorisation = Mapping[str, Rule]
"""Full method name, ``/tallystick.v1.ProverService/Verify``, to who may call it."""

# Not Watch: every watcher would hold a worker for as long as it likes.
HEALTH_RULES: Final[Authorisation] = {f"/grpc.health.v1.Health/{method}": allow(*Role) for method in ("Check", "List")}


def service_rules(service: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Put ``/tallystick.v1.<service>/`` before every method's name."""
    return {f"/tallystick.v1.{service}/{method}": rule for method, rule in rules.items()}


def caller_of(context: grpc.ServicerContext) -> Caller:
    """Return who calls, as the verified certificate says.

    Raises:
        IdentityInvalidError: no certificate, or one without an identity of ours.
    """
    certificates: Any = context.auth_context().get(_PEM_KEY)
    if not isinstance(certificates, list) or len(certificates) != 1:
        raise IdentityInvalidError("the caller has shown no certificate")
    return parse_caller(certificates[0])


class _Guard(grpc.ServerInterceptor):
    """Wraps every handler, of all four kinds: authorise, run, map failures."""

    def __init__(self, authorisation: Authorisation) -> None:
        self._authorisation = dict(authorisation)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        rule = self._authorisation.get(method)
        wrap = _stream if handler.response_streaming else _unary
        make = _HANDLERS[bool(handler.request_streaming), bool(handler.response_streaming)]
        behaviour = getattr(handler, make.__name__.removesuffix("_rpc_method_handler"))
        return make(
            wrap(behaviour, method, rule),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


_HANDLERS: Final[dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}

_Behaviour = Callable[[Any, grpc.ServicerContext], Any]


def _unary(behaviour: _Behaviour, method: str, rule: Rule | None) -> _Behaviour:
    def run(request: Any, context: grpc.ServicerContext) -> Any:
        started = time.monotonic()
        try:
            _authorise(context, method, rule)
            reply = behaviour(request, context)
        except Exception as error:  # the edge of the process: nothing may pass it untyped
            _end(error, context, method)
            raise
        _log.debug("call", method=method, seconds=round(time.monotonic() - started, 4))
        return reply

    return run


def _stream(behaviour: _Behaviour, method: str, rule: Rule | None) -> _Behaviour:
    def run(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            _authorise(context, method, rule)
            yield from behaviour(request, context)
        except Exception as error:  # the edge of the process: nothing may pass it untyped
            _end(error, context, method)
            raise

    return run


def _authorise(context: grpc.ServicerContext, method: str, rule: Rule | None) -> None:
    caller = caller_of(context)
    if rule is None or not rule.admits(caller):
        raise CallerRefusedError(f"{caller.identity.role.value} {caller.identity.name} may not call {method}")


def _end(error: Exception, context: grpc.ServicerContext, method: str) -> None:
    """End the call with the error's status (this raises), or return if the caller is gone."""
    if isinstance(error, grpc.RpcError) and not has_status(error):
        return  # the caller went away while we read its stream
    status = call_status(error)
    if status is None:
        incident = secrets.token_hex(8)
        frames = [
            f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in traceback.extract_tb(error.__traceback__)
        ]
        # The text of the exception may hold values; where it happened does not.
        _log.error("incident", method=method, incident=incident, kind=type(error).__name__, frames=frames[-12:])
        message = f"internal error, incident {incident}"
        status = CallStatus(grpc.StatusCode.INTERNAL, INTERNAL_CODE, message, {"incident": incident})
    else:
        _log.info("call refused", method=method, status=status.code.name, code=status.trailing_metadata[0][1])
    context.abort_with_status(status)


class Server:
    """A running or startable server. Make it with `build_server`."""

    def __init__(self, server: grpc.Server, health_servicer: health.HealthServicer, port: int, grace_s: float) -> None:
        self._server = server
        self._health = health_servicer
        self._grace_s = grace_s
        self.port = port

    def start(self) -> None:
        """Serve, and report SERVING."""
        self._server.start()
        self.set_serving(True)

    def set_serving(self, serving: bool) -> None:
        """Change what the health service answers."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        self._health.set("", state)

    def stop(self) -> None:
        """Refuse new calls, let running ones finish within the grace period, then end them."""
        self._health.enter_graceful_shutdown()
        self._server.stop(self._grace_s).wait()

    def serve_until_signal(self, on_stop: Callable[[], None] | None = None) -> None:
        """Start, wait for SIGTERM or SIGINT, call ``on_stop`` and stop. For the main thread of a process."""
        wanted = threading.Event()

        def note(_number: int, _frame: FrameType | None) -> None:
            wanted.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, note)
        self.start()
        _log.info("serving", port=self.port)
        while not wanted.wait(1.0):  # a plain wait would hold the signal back on some platforms
            pass
        _log.info("stopping")
        if on_stop is not None:
            on_stop()
        self.stop()


def build_server(
    listen: str,
    tls: TlsConfig,
    register: Iterable[Callable[[grpc.Server], None]],
    authorisation: Authorisation,
    *,
    workers: int = 32,
    grace_s: float = 5.0,
) -> Server:
    """Build a server; nothing is served before `Server.start`.

    Args:
        listen: host:port; port 0 takes a free one, see `Server.port`.
        tls: certificate files; every client must show a certificate of the same authority.
        register: functions that add a servicer, e.g. ``lambda s: add_ProverServiceServicer_to_server(servicer, s)``.
        authorisation: who may call what; the health service is open to every identity.
        workers: threads; each running call holds one, a long-lived stream for all its life.
        grace_s: how long `Server.stop` waits for running calls.

    Raises:
        AddressUnavailableError: the address is taken or does not exist.
        ConfigInvalidError: a certificate file cannot be read.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="call")
    guard = _Guard({**authorisation, **HEALTH_RULES})
    limit = QUEUED_CALLS_PER_WORKER * workers
    server = grpc.server(pool, interceptors=[guard], options=SERVER_OPTIONS, maximum_concurrent_rpcs=limit)
    health_servicer = health.HealthServicer(experimental_non_blocking=False)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    health_servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    for add in register:
        add(server)
    try:
        port = server.add_secure_port(listen, server_credentials(tls))
    except RuntimeError as error:
        raise AddressUnavailableError(f"cannot listen on {listen}") from error
    if port == 0:
        raise AddressUnavailableError(f"cannot listen on {listen}")
    return Server(server, health_servicer, port, grace_s)
