"""The registry contract in Python: members, and the directory of registered datasets. Everything here is public."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cached_property
from typing import Final

from ledger.client import Event, LedgerClient, Receipt
from ledger.contract import BoundContract
from ledger.errors import RecordInvalidError
from ledger.identifiers import address_word, dataset_id, kinds_word, registration_id
from ledger.proof_codec import decode_statement, encode_contract_proof, encode_statement
from ledger.tables import RangeTables
from zk.encoding import encode_relation
from zk.errors import ZkError
from zk.proof import Proof
from zk.range_table import TableProof
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.statement import RELEASE_BITS, Point, Statement
from zk.transcript import encode_words, proof_domain

REGISTRATION_RELEASE: Final = 1 << RELEASE_BITS | 1  # sum 0, the number of present rows, released and public


class Role(IntFlag):
    """What a member may do on the ledger."""

    NONE = 0
    OWNER = 1
    AGENCY = 2
    REGULATOR = 4
    OPERATOR = 8


class DatasetStatus(IntEnum):
    """Status of a dataset's current version."""

    UNKNOWN = 0
    ACTIVE = 1
    WITHDRAWN = 2


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its roles, and hashes of its certificate and DID document (32 bytes each)."""

    address: str
    roles: Role
    certificate_hash: bytes
    did_hash: bytes


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """The current version of a dataset, as the directory holds it.

    Args:
        dataset: 128-bit id.
        owner: checksummed address.
        version: current version, from 1.
        log_rows: log2 of N.
        rows: declared number of present rows, proved to be Σ present.
        schema_hash, policy_hash: 32 bytes.
        policy_version: grows with every change of the policy or version.
        minimum_group: smallest count any released sum may rest on.
        status: of this version.
        kinds: kind of every column; column 0 is ``present``.
        relation: the registration relation the owner proved; compare it with the canonical one before any use.
        relation_hash: its hash as the contract stored it.
        commitments: one point for every column.
    """

    dataset: int
    owner: str
    version: int
    log_rows: int
    rows: int
    schema_hash: bytes
    policy_hash: bytes
    policy_version: int
    minimum_group: int
    status: DatasetStatus
    kinds: tuple[ColumnKind, ...]
    relation: Relation
    relation_hash: bytes
    commitments: tuple[Point, ...]

    def columns(self) -> tuple[RegisteredColumn, ...]:
        """The columns as a relation names them."""
        return tuple(RegisteredColumn(self.dataset, self.version, j, kind) for j, kind in enumerate(self.kinds))

    def registration_id(self) -> bytes:
        """Subject of the registration's proof."""
        return registration_id(
            self.owner, self.dataset, self.version, self.log_rows, self.rows, self.schema_hash, self.kinds
        )

    def require_relation(self, canonical: Relation) -> None:
        """Check that the owner proved the canonical registration relation and nothing weaker.

        Raises:
            RecordInvalidError: it did not; the dataset must not be used.
        """
        expected = hashlib.sha256(encode_words(encode_relation(canonical))).digest()
        if self.relation_hash != expected or self.relation != canonical:
            raise RecordInvalidError(f"dataset {self.dataset:032x} was not registered under the canonical relation")


class Registry(BoundContract):
    """The registry at an address.

    Args:
        client: ledger client; its account signs what this object sends.
        address: of the contract.
    """

    artifact = "Registry"

    # members

    def set_member(self, address: str, roles: Role, certificate_hash: bytes, did_hash: bytes) -> Receipt:
        """Add or change a member (admin only); `Role.NONE` removes it.

        Raises:
            TransactionRevertedError: the sender is not the admin.
        """
        return self._send("setMember", address, int(roles), certificate_hash, did_hash)

    def member(self, address: str) -> Member:
        """Return a member; `Role.NONE` for everybody else."""
        roles, certificate_hash, did_hash = self._call("members", address)
        return Member(address, Role(roles), bytes(certificate_hash), bytes(did_hash))

    def members(self) -> list[Member]:
        """Return every address that ever was a member, as it is now, in order of first admission."""
        events = self.client.logs(self.contract.events.MemberChanged)
        return [self.member(address) for address in dict.fromkeys(event.args["member"] for event in events)]

    def admin(self) -> str:
        """Address of the admin."""
        return str(self._call("admin"))

    def offer_admin(self, candidate: str) -> Receipt:
        """Offer the admin's place (admin only)."""
        return self._send("offerAdmin", candidate)

    def take_admin(self) -> Receipt:
        """Take the admin's place that was offered to this client's account."""
        return self._send("takeAdmin")

    # range tables

    @cached_property
    def range_tables(self) -> RangeTables:
        """The range tables this registry keeps."""
        return RangeTables(self.client, self.address)

    def register_table(self, proof: TableProof) -> Receipt:
        """Register a range table (anybody may, once for each size); raises as `RangeTables.register`."""
        return self.range_tables.register(proof)

    def table_proof(self, log_rows: int, bits: int) -> TableProof | None:
        """A range table with its proof, None where nobody registered it; raises as `RangeTables.proof`."""
        return self.range_tables.proof(log_rows, bits)

    def table(self, log_rows: int, bits: int) -> TableProof:
        """A range table with its proof, still to be checked with `zk.range_table.verify_table`.

        Raises:
            RecordInvalidError: nobody registered it, or transaction and storage disagree.
        """
        found = self.table_proof(log_rows, bits)
        if found is None:
            raise RecordInvalidError(f"the ledger has no range table of {bits} bits over 2^{log_rows} rows")
        return found

    def tables(self) -> list[TableProof]:
        """Every registered range table with its proof; raises as `RangeTables.proof`."""
        return self.range_tables.proofs()

    # datasets

    def domain(self) -> bytes:
        """Domain of registration proofs: chain, this contract, SRS."""
        chain_id, srs_id, _ = self.parameters()
        return proof_domain(chain_id, address_word(self.address), srs_id)

    def verifier_address(self) -> str:
        """Address of the universal verifier this contract asks."""
        return str(self._call("verifierAddress"))

    def parameters(self) -> tuple[int, bytes, tuple[int, ...]]:
        """Chain id, SRS id and [τ]_2 (x1, x0, y1, y0) set at deployment."""
        return int(self._call("chainId")), bytes(self._call("srsId")), tuple(self._call("tauG2"))

    def self_test(self) -> int:
        """0, or the number of the chain's precompile that is wrong, or 255 for [τ]_2."""
        return int(self._call("selfTest"))

    def registration_statement(
        self,
        relation: Relation,
        commitments: Sequence[Point],
        rows: int,
        schema_hash: bytes,
        owner: str | None = None,
        table: Point | None = None,
    ) -> Statement:
        """The statement an owner proves to register what the relation's columns say.

        Args:
            owner: address of the owner; None for this client's own.
            table: [T] if the relation has lookups; None for the one the ledger has.

        Raises:
            RecordInvalidError: the ledger has no such table.
        """
        named = self.range_tables.of_relation(relation) if table is None else table
        sender = self.client.address if owner is None else owner
        first, kinds = relation.registered[0], [column.kind for column in relation.registered]
        subject = registration_id(sender, first.dataset, first.version, relation.log_rows, rows, schema_hash, kinds)
        return Statement(relation, self.domain(), subject, tuple(commitments), named)

    def register(
        self, statement: Statement, proof: Proof, *, name_hash: bytes, rows: int, schema_hash: bytes,
        policy_hash: bytes, minimum_group: int,
    ) -> Receipt:
        """Register a dataset, or its next version, as this client's account.

        Args:
            statement: from `registration_statement`.
            proof: for release word `REGISTRATION_RELEASE`, opening row 0 of s alone; neither plain nor grouped.
            name_hash: 32 bytes; with the owner it makes the dataset's id.

        Raises:
            TransactionRevertedError: the contract refused; the reason names the check.
            RecordInvalidError: the range table is not registered.
        """
        columns = statement.relation.registered
        return self._send(
            "register", name_hash, columns[0].version, rows, schema_hash, policy_hash, minimum_group,
            kinds_word([column.kind for column in columns]),
            *encode_contract_proof(statement, proof).arguments(),
            encode_statement(statement.relation, statement.commitments),
        )

    def set_policy(self, dataset: int, policy_hash: bytes, minimum_group: int) -> Receipt:
        """Replace a dataset's policy (owner only); queries proposed under the old one die."""
        return self._send("setPolicy", dataset, policy_hash, minimum_group)

    def withdraw(self, dataset: int, version: int) -> Receipt:
        """Withdraw a dataset's current version (owner only)."""
        return self._send("withdraw", dataset, version)

    def commitment(self, column: RegisteredColumn) -> Point:
        """Return a column's commitment.

        Raises:
            RecordInvalidError: the directory has no such column of that kind.
        """
        word = column.dataset << 96 | column.version << 64 | int(column.kind) << 32 | column.column
        x, y = self._call("commitment", word)
        if not (x or y):
            raise RecordInvalidError(f"the directory has no column {column.column} of dataset {column.dataset:032x}")
        return x, y

    def owner_of(self, dataset: int) -> str:
        """Address of a dataset's owner.

        Raises:
            RecordInvalidError: there is no such dataset.
        """
        owner = str(self._call("ownerOf", dataset))
        if not address_word(owner):
            raise RecordInvalidError(f"the directory has no dataset {dataset:032x}")
        return owner

    def dataset(self, dataset: int) -> DatasetRecord:
        """Return the current version of a dataset; what the event says is compared with what is stored.

        Raises:
            RecordInvalidError: there is no such dataset, or event and storage disagree.
        """
        events = self.client.logs(self.contract.events.DatasetRegistered, where={"dataset": dataset})
        if not events:
            raise RecordInvalidError(f"the directory has no dataset {dataset:032x}")
        return self._record(events[-1])

    def log_rows(self, dataset: int, version: int) -> int:
        """Return log2 of the number of rows a dataset version was registered with, 0 where there is none."""
        return int(self._call("datasetVersion", dataset, version)[0])

    def datasets(self) -> list[DatasetRecord]:
        """Return the current version of every readable dataset, in order of first registration; `dataset` tells what is
        wrong with another."""
        latest: dict[int, Event] = {}
        for event in self.client.logs(self.contract.events.DatasetRegistered):
            latest[event.args["dataset"]] = event
        found = []
        for event in latest.values():
            with suppress(RecordInvalidError):
                found.append(self._record(event))
        return found

    def _record(self, event: Event) -> DatasetRecord:
        dataset, version = event.args["dataset"], event.args["version"]
        owner, status, current, policy_version, policy_hash, minimum_group = self._call("dataset", dataset)
        log_rows, rows, count, kinds, schema_hash, relation_hash = self._call("datasetVersion", dataset, version)
        try:
            relation, commitments = decode_statement(event.args["statement"])
        except ZkError as error:
            raise RecordInvalidError(f"dataset {dataset:032x} was registered under an unreadable relation") from error
        record = DatasetRecord(
            dataset, str(owner), version, log_rows, rows, bytes(schema_hash), bytes(policy_hash), policy_version,
            minimum_group, DatasetStatus(status), tuple(ColumnKind(kinds >> j & 1) for j in range(count)),
            relation, bytes(relation_hash), commitments,
        )
        hashed = hashlib.sha256(encode_words(encode_relation(relation))).digest()
        if (current, hashed, relation.registered) != (version, record.relation_hash, record.columns()):
            raise RecordInvalidError(f"event and storage of dataset {dataset:032x} disagree")
        return record


def own_dataset_id(client: LedgerClient, name_hash: bytes) -> int:
    """Id of the dataset this client's account keeps under a name."""
    return dataset_id(client.address, name_hash)
