"""``python -m services.prover``: it serves what its file says, and refuses a file it cannot serve."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import HOSPITAL_COLUMNS, two_tables_sample

import services.entry
from services.config import Endpoint, ProverConfig, TlsConfig, store_config
from services.errors import PeerUnavailableError
from services.identity import Identity, Role
from services.prover.client import ProverClient
from services.prover.main import main
from zk.owners import column_owners
from zk.prover import RegisteredSecret
from zk.srs import store_srs

IssueTls = Callable[[Role, str], TlsConfig]
PROVER = Identity(Role.PROVER, "p0")
SAMPLE = two_tables_sample(4)
OWNERS = column_owners(SAMPLE.relation, {i: 0 if i in HOSPITAL_COLUMNS else 1 for i in SAMPLE.secrets})


def of_party(party: int) -> dict[int, RegisteredSecret]:
    return {i: secret for i, secret in SAMPLE.secrets.items() if OWNERS[i] == party}


def configured(folder: Path, issue_tls: IssueTls) -> Path:
    store_srs(SAMPLE.srs, folder / "srs.bin")
    config = ProverConfig(
        name=PROVER.name,
        listen="127.0.0.1:0",
        tls=issue_tls(PROVER.role, PROVER.name),
        data_dir=folder,
        party="north",
        srs=folder / "srs.bin",
    )
    store_config(config, folder / "prover.toml")
    return folder / "prover.toml"


def test_process_serves_and_stops_on_a_signal(tmp_path: Path, issue_tls: IssueTls) -> None:
    command = [sys.executable, "-m", "services.prover", "--config", str(configured(tmp_path, issue_tls))]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        seen = ""
        while not (found := re.search(r'"port": (\d+)', seen)):
            line = process.stderr.readline()
            assert line, seen
            seen += line
        endpoint = Endpoint(name=PROVER.name, address=f"127.0.0.1:{found[1]}")
        client = ProverClient(endpoint, issue_tls(Role.PARTY, "north"), timeout_s=30.0)
        assert client.srs_info().id == SAMPLE.srs.id
        remote = client.open_session(SAMPLE.statement, 0, OWNERS, of_party(0))
        process.kill()
        process.wait()
        with pytest.raises(PeerUnavailableError):
            remote.sum_parts()
        remote.close()
        client.close()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_process_refuses_a_bad_configuration_or_string(
    tmp_path: Path, issue_tls: IssueTls, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.entry, "configure_logging", lambda process, level: None)
    assert main(["--config", str(tmp_path / "absent.toml")]) == 1
    assert "absent.toml" in capsys.readouterr().err
    path = configured(tmp_path, issue_tls)
    (tmp_path / "srs.bin").write_bytes((tmp_path / "srs.bin").read_bytes()[:-1])
    assert main(["--config", str(path)]) == 1
    assert "srs.bin" in capsys.readouterr().err
