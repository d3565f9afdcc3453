"""Saying why another process cannot be reached: it is not there, or a certificate is not accepted on one side."""

from __future__ import annotations

from typing import Final

from services.errors import PeerUnavailableError, RemoteError

_CERTIFICATE_SIGNS: Final = ("handshake", "peer name", "hostname verification")  # gRPC says it in words only
_GIVEN_UP: Final = "endpoint closing"  # our side ended a handshake that the other never answered: it is frozen


class PeerNotTrustedError(PeerUnavailableError):
    """The connection was refused for a certificate: ours is not accepted there, or theirs is not accepted here."""


def peer_unavailable(who: str, error: RemoteError) -> PeerUnavailableError:
    """Return the typed form of a call that never reached its handler.

    Args:
        who: the process, e.g. ``"party hospital"``.
        error: what the transport said.
    """
    said = error.message.lower()
    if _GIVEN_UP not in said and any(sign in said for sign in _CERTIFICATE_SIGNS):
        return PeerNotTrustedError(f"{who}: the connection was refused for a certificate, ours or theirs")
    return PeerUnavailableError(f"{who} does not answer")
