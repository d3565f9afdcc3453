"""Registering an owner's layout of a cohort: who is present where, and a salted number for each (query/layout.py)."""

from __future__ import annotations

import hashlib
import threading
from typing import Final

import numpy as np

from ledger.cohorts import CohortRecord
from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.identifiers import dataset_id
from ledger.registry import REGISTRATION_RELEASE
from query.layout import layout_document, layout_name, layout_relation, person_number
from services.directory import table_name_hash
from services.errors import StateConflictError
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.party.cohort_store import CohortList
from services.party.registration import LEDGER_MINIMUM_GROUP, column_secret
from services.party.store import PartyStore
from services.party.stored import StoredColumn, StoredDataset
from services.prover.client import ProverClient
from zk.field import FR

_log = get_logger("services.party.layouts")

LAYOUT_POLICY: Final = b'{"format":"tallystick.layout-policy/1"}'
"""A layout serves the proof of its cohort and nothing else."""


class LayoutRegistrar:
    """Registers one party's layouts.

    Args:
        store: where columns and blinders are kept.
        ledger: signs with the party's account.
        prover: the party's prover.
    """

    def __init__(self, store: PartyStore, ledger: LedgerAccess, prover: ProverClient) -> None:
        self._store, self._ledger, self._prover = store, ledger, prover
        self._lock = threading.Lock()

    def register(self, record: CohortRecord, kept: CohortList) -> int:
        """Register the layout of an aligned list, unless it is; returns its dataset id.

        Raises:
            StateConflictError: the list was not aligned.
            LedgerError: the ledger refused or does not answer.
            RemoteError, PeerUnavailableError: the prover failed.
        """
        if kept.rows is None:
            raise StateConflictError("the list was not aligned yet")
        with self._lock:
            name = layout_name(record.label)
            dataset = dataset_id(self._ledger.client.address, table_name_hash(name))
            if self._is_registered(dataset):
                self._store.activate(dataset, 1)
                return dataset
            present, person = np.zeros(1 << record.log_rows, np.int64), np.zeros(1 << record.log_rows, np.int64)
            present[kept.rows] = 1
            person[kept.rows] = [person_number(kept.salt, element) for element in kept.elements()]
            blinders = FR.random(2)
            columns = [
                StoredColumn(cells, FR.encode_bytes(np.ascontiguousarray(blinders[place : place + 1])))
                for place, cells in enumerate((present, person))
            ]
            document = layout_document(record.label)
            draft = StoredDataset(dataset, 1, name, document, LAYOUT_POLICY, record.log_rows, len(kept))
            self._store.keep_dataset(draft, columns)
            self._publish(draft, columns)
            return dataset

    def _publish(self, draft: StoredDataset, columns: list[StoredColumn]) -> None:
        registry = self._ledger.registry
        secrets = [column_secret(column) for column in columns]
        relation = layout_relation(draft.dataset, draft.version, draft.log_rows)
        schema_hash = hashlib.sha256(draft.schema).digest()
        statement = registry.registration_statement(
            relation, self._prover.commit_columns(secrets), draft.rows, schema_hash
        )
        proof, _ = self._prover.prove_registration(statement, dict(enumerate(secrets, start=1)), REGISTRATION_RELEASE)
        try:
            receipt = registry.register(
                statement,
                proof,
                name_hash=table_name_hash(draft.name),
                rows=draft.rows,
                schema_hash=schema_hash,
                policy_hash=hashlib.sha256(draft.policy).digest(),
                minimum_group=LEDGER_MINIMUM_GROUP,
            )
        except TransactionRevertedError:
            self._store.drop_draft(draft.dataset, draft.version)
            raise
        self._store.activate(draft.dataset, draft.version)
        _log.info("layout registered", layout=draft.name, rows=draft.rows, gas=receipt.gas_used)

    def _is_registered(self, dataset: int) -> bool:
        try:
            return self._ledger.registry.dataset(dataset).version >= 1
        except RecordInvalidError:
            return False
