"""Registering a table: rows → columns → commitments → proof → ledger, with the blinders on disk before anything leaves.

A crash after the ledger has the dataset finds columns and blinders in the store; a crash before leaves a draft, which
the next start drops or, if the transaction did arrive, activates.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import numpy as np

from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.identifiers import dataset_id
from ledger.registry import REGISTRATION_RELEASE, DatasetStatus
from query.policy import Policy, encode_policy, policy_hash
from query.registration import registration_relation
from query.rows import encode_rows
from query.schema import PRESENT, TableSchema, encode_schema, parse_schema, physical_columns, schema_hash
from services.directory import table_name_hash
from services.errors import RecordUnknownError, RequestInvalidError
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.party.client import Registered
from services.party.records import Record
from services.party.store import PartyStore
from services.party.stored import StoredColumn, StoredDataset
from services.party.tables import ensure_table
from services.prover.client import ProverClient
from services.range_tables import range_table
from zk.field import FR
from zk.prover import RegisteredSecret
from zk.relation import Relation

_log = get_logger("services.party.registration")

LEDGER_MINIMUM_GROUP: Final = 3


class Registrar:
    """Registers one party's tables; one at a time.

    Args:
        name: the party's name, which every schema must give as owner.
        store: where columns and blinders are kept.
        ledger: signs with the party's account.
        prover: the party's prover.
    """

    def __init__(self, name: str, store: PartyStore, ledger: LedgerAccess, prover: ProverClient) -> None:
        self._name = name
        self._store = store
        self._ledger = ledger
        self._prover = prover
        self._lock = threading.Lock()

    def register(
        self, schema: TableSchema, policy: Policy, records: Sequence[Record | None], log_rows: int
    ) -> Registered:
        """Register a table, or its next version.

        Args:
            schema: must name this party as owner.
            policy: its minimum group goes to the ledger.
            records: secret, in row order; None for an absent row.
            log_rows: log2 of the padded number of rows.

        Raises:
            RequestInvalidError: owner, minimum group, columns of dominance rules, or an empty table.
            QueryError: a record or the schema does not fit, or the table has too few rows to prove its bounds.
            LedgerError: the ledger refused or does not answer.
            RemoteError, PeerUnavailableError: the prover failed.
        """
        if schema.owner != self._name:
            raise RequestInvalidError("schema.owner", f"expected {self._name}, got {schema.owner}")
        _check_policy(policy, schema)
        with self._lock:
            columns = encode_rows(schema, records, log_rows)
            rows = int(columns[PRESENT].sum())
            if rows == 0:
                raise RequestInvalidError("records", "the table has no row")
            address = self._ledger.client.address
            dataset = dataset_id(address, table_name_hash(schema.name))
            version = self._next_version(dataset)
            relation = registration_relation(schema, dataset, version, log_rows)
            ensure_table(self._ledger, self._prover, relation)
            blinders = FR.random(len(physical_columns(schema)))
            stored = [
                StoredColumn(columns[column.name], FR.encode_bytes(np.ascontiguousarray(blinders[i : i + 1])))
                for i, column in enumerate(physical_columns(schema))
            ]
            draft = StoredDataset(
                dataset, version, schema.name, encode_schema(schema), encode_policy(policy), log_rows, rows
            )
            self._store.keep_dataset(draft, stored)
            return self._publish(schema, policy, draft, relation, [column_secret(column) for column in stored])

    def set_policy(self, table: str, policy: Policy) -> str:
        """Replace a table's policy and return the transaction; the new one is kept before the ledger has its hash.

        Raises:
            RecordUnknownError: this party has no such table.
            RequestInvalidError: the minimum group is below the ledger's, or dominance rules name other than columns of
                numbers.
            LedgerError: the ledger refused or does not answer.
        """
        with self._lock:
            found = self._current(table)
            _check_policy(policy, parse_schema(found.schema))
            self._store.set_policy(found.dataset, found.version, encode_policy(policy))
            try:
                receipt = self._ledger.registry.set_policy(found.dataset, policy_hash(policy), policy.minimum_group)
            except TransactionRevertedError:
                self._store.set_policy(found.dataset, found.version, found.policy)
                raise
        _log.info("policy changed", table=table, minimum_group=policy.minimum_group)
        return receipt.tx_hash

    def withdraw(self, table: str) -> str:
        """Withdraw a table's current version and return the transaction; its columns stay in the store.

        Raises:
            RecordUnknownError: this party has no such table.
            LedgerError: the ledger refused or does not answer.
        """
        with self._lock:
            found = self._current(table)
            receipt = self._ledger.registry.withdraw(found.dataset, found.version)
        _log.info("withdrawn", table=table, version=found.version)
        return receipt.tx_hash

    def _current(self, table: str) -> StoredDataset:
        versions = [found for found in self._store.datasets() if found.name == table]
        if not versions:
            raise RecordUnknownError(f"this party has registered no table {table[:64]!r}")
        return max(versions, key=lambda found: found.version)

    def recover(self) -> None:
        """Activate drafts that the ledger has, and drop the others; for the start of the process.

        Raises:
            LedgerError: the ledger does not answer.
        """
        for draft in self._store.datasets(active=False):
            try:
                current = self._ledger.registry.dataset(draft.dataset).version
            except RecordInvalidError:
                current = 0
            if current >= draft.version:
                self._store.activate(draft.dataset, draft.version)
            else:
                self._store.drop_draft(draft.dataset, draft.version)

    def _publish(
        self,
        schema: TableSchema,
        policy: Policy,
        draft: StoredDataset,
        relation: Relation,
        secrets: list[RegisteredSecret],
    ) -> Registered:
        registry = self._ledger.registry
        commitments = self._prover.commit_columns(secrets)
        table = range_table(self._ledger, relation)
        statement = registry.registration_statement(relation, commitments, draft.rows, schema_hash(schema), table=table)
        numbered = dict(enumerate(secrets, start=1))
        proof, _ = self._prover.prove_registration(statement, numbered, REGISTRATION_RELEASE)
        try:
            receipt = registry.register(
                statement,
                proof,
                name_hash=table_name_hash(schema.name),
                rows=draft.rows,
                schema_hash=schema_hash(schema),
                policy_hash=policy_hash(policy),
                minimum_group=policy.minimum_group,
            )
        except TransactionRevertedError:
            self._store.drop_draft(draft.dataset, draft.version)
            raise  # after any other error the transaction may still be mined: the draft stays
        self._store.activate(draft.dataset, draft.version)
        _log.info("registered", table=schema.name, version=draft.version, columns=len(secrets), gas=receipt.gas_used)
        return Registered(draft.dataset, draft.version, draft.rows, len(secrets), receipt.tx_hash, receipt.gas_used)

    def _next_version(self, dataset: int) -> int:
        try:
            found = self._ledger.registry.dataset(dataset)
        except RecordInvalidError:
            return 1
        if found.status is DatasetStatus.WITHDRAWN:
            _log.info("registering a withdrawn dataset anew", version=found.version + 1)
        return found.version + 1


def _check_policy(policy: Policy, schema: TableSchema) -> None:
    clause = policy.limits.dominance
    strangers = () if clause is None else clause.strangers(schema)
    if strangers:
        raise RequestInvalidError("policy.limits.dominance", f"{strangers[0]} is no column of numbers of the table")
    if policy.minimum_group < LEDGER_MINIMUM_GROUP:
        raise RequestInvalidError("policy.minimum_group", f"the ledger demands at least {LEDGER_MINIMUM_GROUP}")


def column_secret(column: StoredColumn) -> RegisteredSecret:
    """A stored column as the prover takes it. Secret."""
    return RegisteredSecret(FR.from_int64(column.cells), FR.decode_bytes(column.blinder))
