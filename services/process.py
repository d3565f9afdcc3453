"""A child process with a log file, ended by its own id."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

STOP_TIMEOUT_S: Final = 15.0
_KILL_TIMEOUT_S: Final = 5.0


class ManagedProcess:
    """Starts on construction.

    Args:
        name: for people.
        command: program and arguments; no shell.
        log: file that takes both output streams, appended to.
        folder: working directory.
        environment: variables on top of ours.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is no longer running."""
        return self._process.poll() is not None

    def begin_stop(self) -> None:
        """Ask it to end, without waiting."""
        if not self.ended:
            self._process.terminate()

    def stop(self) -> int:
        """Ask it to end, and end it by force if it does not; return its exit status."""
        self.begin_stop()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(_KILL_TIMEOUT_S)
