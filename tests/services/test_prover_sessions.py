"""Joint proofs that a prover keeps in progress, and a prover that is not there."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from samples import HOSPITAL_COLUMNS, two_tables_sample

from services.config import Endpoint, TlsConfig
from services.errors import CapacityExceededError, PeerUnavailableError, RecordUnknownError
from services.identity import Role
from services.prover.client import ProverClient
from services.prover.sessions import SessionTable
from zk.owners import column_owners
from zk.prover import Contributor

IssueTls = Callable[[Role, str], TlsConfig]
SAMPLE = two_tables_sample(4)
OWNERS = column_owners(SAMPLE.relation, {i: 0 if i in HOSPITAL_COLUMNS else 1 for i in SAMPLE.secrets})


def contributor() -> Contributor:
    return Contributor(SAMPLE.statement, SAMPLE.srs, 0, OWNERS, {i: SAMPLE.secrets[i] for i in HOSPITAL_COLUMNS})


def test_idle_session_is_dropped_and_a_busy_one_is_not() -> None:
    table = SessionTable(limit=3, idle_s=0.3)
    idle, used, busy = (table.open(SAMPLE.statement, contributor()) for _ in range(3))
    with pytest.raises(CapacityExceededError):
        table.open(SAMPLE.statement, contributor())
    with table.use(busy):
        for _ in range(8):
            time.sleep(0.1)
            with table.use(used):
                pass
        with pytest.raises(RecordUnknownError), table.use(idle):
            pass
    with table.use(busy), table.use(used):
        pass
    table.stop()
    with pytest.raises(RecordUnknownError), table.use(used):
        pass


def test_prover_that_is_not_there_is_reported(issue_tls: IssueTls) -> None:
    absent = ProverClient(Endpoint(name="p0", address="127.0.0.1:1"), issue_tls(Role.PARTY, "north"), timeout_s=5.0)
    with pytest.raises(PeerUnavailableError):
        absent.srs_info()
    absent.close()
