"""The folders and hosts an operator may read sources from. What is not listed is refused."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from services.errors import SourceRefusedError


@dataclass(frozen=True, slots=True)
class AllowedSources:
    """What may be read.

    Args:
        folders: source files lie in one of them.
        hosts: ``host:port`` of database servers, exactly as mappings write them.
    """

    folders: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()

    def file(self, name: str) -> Path:
        """The real path of a source file.

        Args:
            name: from a mapping; relative to an allowed folder, or absolute and in one.

        Raises:
            SourceRefusedError: it is no regular file in an allowed folder, links resolved.
        """
        if not name or any(character in name for character in "\0*?[]{}") or "://" in name:
            raise SourceRefusedError("file", "a plain path is needed: no patterns, no addresses")
        if ".." in Path(name).parts:
            raise SourceRefusedError("file", "a path may not go up")
        for folder in self.folders:
            real_folder = folder.resolve()
            try:
                path = (real_folder / name).resolve(strict=True)
                mode = path.stat().st_mode
            except (OSError, ValueError, RuntimeError):
                continue
            if path.is_relative_to(real_folder) and stat.S_ISREG(mode):
                return path
        raise SourceRefusedError("file", "no such regular file in the folders that are allowed")

    def require_host(self, host: str, port: int) -> None:
        """Refuse a database server that is not listed.

        Raises:
            SourceRefusedError: it is not.
        """
        if f"{host}:{port}" not in self.hosts:
            raise SourceRefusedError("host", f"{host}:{port} is not among the hosts that are allowed")
