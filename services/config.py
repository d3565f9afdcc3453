"""Configuration of every process: one TOML file each, environment variables on top.

A variable is ``TALLYSTICK_`` and the field's name, with two underscores between levels: ``TALLYSTICK_LISTEN``,
``TALLYSTICK_TLS__CERTIFICATE``. Relative paths in a file are relative to the file. Unknown fields are refused.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mpc.shares import PARTIES
from services.errors import ConfigInvalidError
from services.identity import CertificateFiles

COMPUTING: Final = PARTIES
"""How many parties compute on shares: those with the smallest numbers. The others are outside owners
(docs/adr/0026): they own tables and take part only where a question uses these."""

MAX_MEMBERS: Final = 16
"""Computing parties and outside owners together, at most."""

Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsConfig(_Section):
    """Certificate, key and authority, PEM files."""

    certificate: Path
    private_key: Path
    authority: Path

    @classmethod
    def of(cls, files: CertificateFiles) -> TlsConfig:
        """Take the paths of issued certificate files."""
        return cls(certificate=files.certificate, private_key=files.private_key, authority=files.authority)


class Endpoint(_Section):
    """Another process: its name in its certificate, and host:port."""

    name: Name
    address: Address


class PartyEndpoint(Endpoint):
    """A party: also its number."""

    number: Annotated[int, Field(ge=0, lt=MAX_MEMBERS)]

    @property
    def computes(self) -> bool:
        """Whether it computes on shares; else it is an outside owner."""
        return self.number < COMPUTING


def _checked_parties(parties: Iterable[tuple[int, str]]) -> None:
    """Numbers and names of all parties of a configuration: complete, and nobody twice."""
    ordered = sorted(parties)
    if [number for number, _ in ordered] != list(range(len(ordered))):
        raise ValueError("the parties' numbers must be 0, 1, 2, ... without gaps")
    if len(ordered) < COMPUTING:
        raise ValueError(f"at least {COMPUTING} parties are needed: these compute")
    if len({name for _, name in ordered}) != len(ordered):
        raise ValueError("two parties have one name")


class LedgerConfig(_Section):
    """Where the ledger is and who we are to it.

    ``deployment`` is the public file of contract addresses; ``account`` the secret key file, absent for readers.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    chain_id: Annotated[int, Field(gt=0)]
    deployment: Path | None = None
    account: Path | None = None
    confirmations: Annotated[int, Field(ge=0)] = 1


class _Process(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="TALLYSTICK_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment comes before the file, and nothing else is read."""
        return env_settings, init_settings


class ServerConfig(_Process):
    """What every gRPC server needs."""

    name: Name
    listen: Address
    tls: TlsConfig
    data_dir: Path
    workers: Annotated[int, Field(ge=4, le=256)] = 32
    stop_grace_s: Annotated[float, Field(ge=0)] = 5.0


class ProverConfig(ServerConfig):
    """A prover: the name of the one party that may call it, and its limits."""

    party: Name
    srs: Path
    max_sessions: Annotated[int, Field(ge=1, le=64)] = 4
    idle_session_s: Annotated[float, Field(gt=0)] = 600.0
    max_rows_bytes: Annotated[int, Field(gt=0)] = 1 << 32
    warm_up: bool = True


class PartyConfig(ServerConfig):
    """A party: its number, its peers (all others), its prover and the names of who may ask it things.

    ``cohort_budget`` is how many versions of cohorts it joins in all: each shows a little about overlaps.
    """

    number: Annotated[int, Field(ge=0, lt=MAX_MEMBERS)]
    peers: tuple[PartyEndpoint, ...]
    prover: Endpoint
    ledger: LedgerConfig
    srs: Path | None = None
    coordinator: Name = "coordinator"
    message_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    cohort_budget: Annotated[int, Field(ge=0)] = 16

    @model_validator(mode="after")
    def _complete(self) -> PartyConfig:
        _checked_parties([(self.number, self.name), *((peer.number, peer.name) for peer in self.peers)])
        return self


class CoordinatorConfig(ServerConfig):
    """The coordinator: all parties and its own account on the ledger.

    A finished proof waits ``batch_window_s`` for others, to be published with one pairing; 0 publishes at once.
    """

    parties: tuple[PartyEndpoint, ...]
    ledger: LedgerConfig
    batch_window_s: Annotated[float, Field(ge=0, le=600)] = 0.0

    @model_validator(mode="after")
    def _complete(self) -> CoordinatorConfig:
        _checked_parties((party.number, party.name) for party in self.parties)
        return self


class SourcesConfig(_Section):
    """What an operator may read tables from: folders, and database servers as ``host:port``."""

    folders: tuple[Path, ...] = ()
    hosts: tuple[Address, ...] = ()


class AgencyConfig(_Process):
    """A client: its certificate, the coordinator, the parties and the ledger to check on; of an operator also the
    sources it may read. Results come from the computing parties: an agency's file may leave outside owners out."""

    name: Name
    tls: TlsConfig
    coordinator: Endpoint
    parties: tuple[PartyEndpoint, ...]
    ledger: LedgerConfig
    sources: SourcesConfig = SourcesConfig()

    @model_validator(mode="after")
    def _complete(self) -> AgencyConfig:
        _checked_parties((party.number, party.name) for party in self.parties)
        return self


ConfigT = TypeVar("ConfigT", bound=_Process)


def load_config(kind: type[ConfigT], path: Path) -> ConfigT:
    """Read a configuration file, put the environment on top, and validate.

    Raises:
        ConfigInvalidError: names the file and every wrong field; values are left out.
    """
    try:
        with open(path, "rb") as stream:
            values = tomllib.load(stream)
    except OSError as error:
        raise ConfigInvalidError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalidError(f"{path} is not TOML: {error}") from error
    try:
        config = kind(**values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigInvalidError(f"{path}: {problems}") from error
    return _anchored(config, path.resolve().parent)


def store_config(config: _Process, path: Path) -> None:
    """Write a configuration as TOML, so that `load_config` reads it back. Secrets stand in files, never in here.

    Raises:
        ConfigInvalidError: the file cannot be written.
    """
    values = config.model_dump(mode="json", exclude_none=True)
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lists = {key: value for key, value in values.items() if isinstance(value, list)}
    lines = [_line(key, value) for key, value in values.items() if key not in tables and key not in lists]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(_line(name, value) for name, value in table.items())]
    for key, rows in lists.items():
        for row in rows:
            lines += ["", f"[[{key}]]", *(_line(name, value) for name, value in row.items())]
    try:
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise ConfigInvalidError(f"cannot write {path}: {error.strerror}") from error


def _line(key: str, value: Any) -> str:
    # TOML's basic strings, integers, floats and booleans are written as JSON writes them.
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


_ModelT = TypeVar("_ModelT", bound=BaseModel)


def _anchored(model: _ModelT, base: Path) -> _ModelT:
    """Return the model with every relative path, at any depth, taken from ``base``."""
    changed: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            changed[name] = base / value
        elif isinstance(value, BaseModel):
            changed[name] = _anchored(value, base)
        elif isinstance(value, tuple):
            changed[name] = tuple(_anchored(item, base) if isinstance(item, BaseModel) else item for item in value)
    return model.model_copy(update=changed)
