"""Errors of the demonstration.

    DemoError
    ├── DemoSizeError        a synthetic city of a size or seed that cannot be made
    ├── DemoFileError        a file of sample data cannot be written
    └── DemoFailedError      a result, a verdict or a cheat did not come out as it must
"""

from __future__ import annotations

from services.errors import ServiceError


class DemoError(ServiceError):
    """Root of the demonstration's errors."""


class DemoSizeError(DemoError):
    """Size or seed of a synthetic city is out of range."""


class DemoFileError(DemoError):
    """A file of sample data cannot be written."""


class DemoFailedError(DemoError):
    """Something did not come out as the demonstration requires; the message says what."""
