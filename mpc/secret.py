"""What every type that holds a secret has in common. Python cannot promise zeroisation and this does not claim it."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex

from mpc.errors import SecretExportError


class Secret:
    """Base of shares and seeds: the repr shows nothing, pickling and copying are refused.

    Raises:
        SecretExportError: on ``pickle.dumps``, ``copy.copy`` and ``copy.deepcopy``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} redacted>"

    def _refuse(self) -> NoReturn:
        raise SecretExportError(f"{type(self).__name__} holds a secret and can be neither pickled nor copied")

    def __reduce__(self) -> NoReturn:
        self._refuse()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self._refuse()

    def __getstate__(self) -> NoReturn:
        self._refuse()

    def __copy__(self) -> NoReturn:
        self._refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse()
