"""Errors about an offline audit bundle. A false proof inside one stays `zk.errors.ProofRejectedError`.

    LedgerError
    └── BundleInvalidError              a bundle that must not be believed; `part` names where
        ├── BundleNotCanonicalError     bytes that are not exactly the encoding of a bundle
        ├── BundleVersionUnknownError   a format version that this release cannot read
        └── BundleContradictedError     parts that do not fit together, or not what the reader pins
"""

from __future__ import annotations

from ledger.errors import LedgerError


class BundleInvalidError(LedgerError):
    """A bundle is not to be believed.

    Args:
        part: public name of the section, ``"file"`` for the whole.
        problem: what is wrong with it.
    """

    def __init__(self, part: str, problem: str) -> None:
        super().__init__(f"bundle, {part}: {problem}")
        self.part = part


class BundleNotCanonicalError(BundleInvalidError):
    """The bytes are not exactly what `ledger.bundle_codec.encode_bundle` writes."""


class BundleVersionUnknownError(BundleInvalidError):
    """The format version is not one of those this release reads."""


class BundleContradictedError(BundleInvalidError):
    """A part contradicts another part, or what the reader pins."""
