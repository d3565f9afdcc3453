"""The studies contract in Python: proposing, approving and publishing queries, and checking what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Final

from hexbytes import HexBytes

from ledger.client import Event, Receipt
from ledger.client_errors import translated_errors
from ledger.contract import BoundContract
from ledger.errors import RecordInvalidError
from ledger.identifiers import address_word, binding_hash, query_id, record_hash
from ledger.proof_codec import (
    PROOF_ARGUMENTS,
    decode_contract_proof,
    decode_contract_table,
    decode_statement,
    encode_contract_proof,
    encode_statement,
)
from ledger.tables import RangeTables
from zk.decoding import decode_relation
from zk.encoding import encode_relation, relation_hash
from zk.errors import RelationInvalidError, ZkError
from zk.proof import Proof
from zk.relation import Relation
from zk.statement import Point, Statement, opened_rows
from zk.transcript import encode_words, proof_domain

MAX_BATCH: Final = 8
MAX_CALL_BYTES: Final = 6148  # calldata of a publication that may stand in a batch
STORED_BYTES: Final = 31  # of a binding or a record; the last byte of their slot is the state


class QueryState(IntEnum):
    """Where a query stands. The last four are for ever."""

    UNKNOWN = 0
    PROPOSED = 1
    APPROVED = 2
    PUBLISHED = 3
    REFUSED = 4
    FAILED = 5
    CANCELLED = 6


@dataclass(frozen=True, slots=True)
class QueryDataset:
    """A dataset a query uses, with the version and policy version it had when the query was proposed."""

    dataset: int
    version: int
    policy_version: int
    approved: bool


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A query as the ledger holds it. Public.

    Args:
        query_id: 32 bytes; subject of its proof.
        state: where it stands.
        proposer: address of the agency.
        nonce: the proposer's.
        relation: what is asked.
        relation_hash, statement_hash, sql_hash, purpose_hash: 32 bytes each; the SQL text stays off-chain, salted.
        minimum_group: largest minimum group of its datasets.
        terms: the word it is published under, which the contract made.
        datasets: in order of first use.
        block_number: of the proposal.
    """

    query_id: bytes
    state: QueryState
    proposer: str
    nonce: int
    relation: Relation
    relation_hash: bytes
    statement_hash: bytes
    sql_hash: bytes
    purpose_hash: bytes
    minimum_group: int
    terms: int
    datasets: tuple[QueryDataset, ...]
    block_number: int


@dataclass(frozen=True, slots=True)
class PublishedRecord:
    """What publication left on the ledger. Public.

    Args:
        query_id: 32 bytes.
        record: `ledger.identifiers.record_hash` of it; its first 31 bytes are stored for ever.
        constants: the sums, cell by cell, where they are plain; else none.
        sums: [s], which seals all sums; none where they are plain.
        release: release word, 0 where sums are plain.
        rows: values of the opened rows of s in increasing order.
        block_number, tx_hash: where it was published.
        together: how many publications stand in that transaction.
    """

    query_id: bytes
    record: bytes
    constants: tuple[int, ...]
    sums: Point | None
    release: int
    rows: tuple[int, ...]
    block_number: int
    tx_hash: str
    together: int = 1

    @property
    def shown(self) -> tuple[tuple[int, ...], Point | None, int, tuple[int, ...]]:
        """What tells publications of one query apart: plain sums, [s], release word, opened rows."""
        return self.constants, self.sums, self.release, self.rows

    def opened(self, relation: Relation) -> dict[int, int]:
        """Values of the opened rows of s (guards unless hidden, and public ones), and of all rows where sums are plain,
        by row number.

        Raises:
            RecordInvalidError: the release word does not belong to this relation.
        """
        try:
            numbers = opened_rows(relation, self.release)
        except ZkError as error:
            raise RecordInvalidError("the release word of a record does not fit its relation") from error
        expected = relation.sum_rows if relation.plain else 0
        if (len(numbers), expected) != (len(self.rows), len(self.constants)):
            raise RecordInvalidError("the opened rows of a record do not fit its release word")
        return dict(enumerate(self.constants)) if relation.plain else dict(zip(numbers, self.rows))


def verify_record(query: QueryRecord, statement: Statement, proof: Proof, binding: bytes) -> bytes:
    """Check that a proof is the one the ledger stored the record of, and return that record.

    Args:
        query: the query, from its proposal.
        statement, proof: from the publishing transaction.
        binding: what is stored for the query; its first 31 bytes are compared.

    Raises:
        RecordInvalidError: it is not.
    """
    if (statement.subject, statement.hash) != (query.query_id, query.statement_hash):
        raise RecordInvalidError(f"what was published is no answer to query {query.query_id.hex()}")
    try:
        record = record_hash(statement, proof)
    except ZkError as error:
        raise RecordInvalidError(f"the proof of query {query.query_id.hex()} does not fit its relation") from error
    if record[:STORED_BYTES] != binding[:STORED_BYTES]:
        raise RecordInvalidError(f"the record of query {query.query_id.hex()} does not fit what was published")
    return record


class Studies(BoundContract):
    """The studies contract at an address.

    Args:
        client: ledger client; its account signs what this object sends.
        address: of the contract.
    """

    artifact = "Studies"

    def registry_address(self) -> str:
        """Address of the registry this contract reads."""
        return str(self._call("REGISTRY"))

    def domain(self) -> bytes:
        """Domain of query proofs: chain, this contract, SRS."""
        chain_id, srs_id, _ = self.parameters()
        return proof_domain(chain_id, address_word(self.address), srs_id)

    def verifier_address(self) -> str:
        """Address of the universal verifier this contract asks."""
        return str(self._call("verifierAddress"))

    @cached_property
    def range_tables(self) -> RangeTables:
        """The range tables of the registry this contract asks."""
        return RangeTables(self.client, self.registry_address())

    def parameters(self) -> tuple[int, bytes, tuple[int, ...]]:
        """Chain id, SRS id and [τ]_2 (x1, x0, y1, y0) set at deployment."""
        return int(self._call("chainId")), bytes(self._call("srsId")), tuple(self._call("tauG2"))

    def self_test(self) -> int:
        """0, or the number of the chain's precompile that is wrong, or 255 for [τ]_2."""
        return int(self._call("selfTest"))

    def query_id(self, proposer: str, nonce: int, relation: Relation) -> bytes:
        """Id a query has, computed here."""
        return query_id(self._call("chainId"), self.address, proposer, nonce, relation_hash(relation))

    def statement(
        self,
        query: bytes,
        relation: Relation,
        commitments: Sequence[Point],
        table: Point | None = None,
        minimum: int | None = None,
    ) -> Statement:
        """The statement a query's contributors prove.

        Args:
            table: [T] if the relation has lookups; None for the one the ledger has.
            minimum: the query's minimum group, used if guards are hidden; None for the one the ledger has.

        Raises:
            RecordInvalidError: the ledger has no such table or, where its minimum is needed, no such query.
            RelationInvalidError: guards are hidden, and no group of 2^log_rows rows reaches the minimum.
        """
        named = self.range_tables.of_relation(relation) if table is None else table
        asked = None
        if relation.hidden_guards:
            asked = self.query(query).minimum_group if minimum is None else minimum
        return Statement(relation, self.domain(), query, tuple(commitments), named, asked)

    # sending

    def propose(self, relation: Relation, *, nonce: int, sql_hash: bytes, purpose_hash: bytes) -> bytes:
        """Propose a query as this client's account (an agency) and return its id.

        Args:
            nonce: below 2^256, not used before with this relation.
            sql_hash: salted hash of the SQL text, 32 bytes.
            purpose_hash: hash of the purpose, 32 bytes.

        Raises:
            TransactionRevertedError: the contract refused; the reason names the check.
        """
        self._send("propose", nonce, encode_words(encode_relation(relation)), sql_hash, purpose_hash)
        return self.query_id(self.client.address, nonce, relation)

    def approve(self, query: bytes, relation: Relation, dataset: int, policy_version: int) -> Receipt:
        """Approve a query over one's own dataset, for the relation one compiled and the policy one checked."""
        return self._send("approve", query, relation_hash(relation), dataset, policy_version)

    def refuse(self, query: bytes, dataset: int, code: int) -> Receipt:
        """Refuse a query as owner of a dataset it uses; ``code`` is public, 0 to 255."""
        return self._send("refuse", query, dataset, code)

    def fail(self, query: bytes, code: int) -> Receipt:
        """Give a query up as its proposer; ``code`` is public, 0 to 255."""
        return self._send("fail", query, code)

    def cancel(self, query: bytes) -> Receipt:
        """Take a query back as its proposer."""
        return self._send("cancel", query)

    def publish(self, statement: Statement, proof: Proof, *, gas: int | None = None) -> Receipt:
        """Publish an approved query; ``statement.subject`` is its id.

        Raises:
            TransactionRevertedError: the contract refused; the reason names the check.
            RecordInvalidError: the query was never proposed, or its event and its storage disagree.
            ProofRejectedError: the proof has no inverse hint.
        """
        return self._send("publish", *self._publication_arguments(statement, proof), gas=gas)

    def publish_batch(self, answers: Sequence[tuple[Statement, Proof]], *, gas: int | None = None) -> Receipt:
        """Publish up to MAX_BATCH approved queries in one transaction and one pairing: all, or none if one is refused.

        Args:
            answers: statement and proof of each, for which `fits_batch` holds.

        Raises:
            TransactionRevertedError, RecordInvalidError, ProofRejectedError: as `publish`; then publish one by one.
        """
        return self._send("publishBatch", [self._publication_call(*answer) for answer in answers], gas=gas)

    def fits_batch(self, statement: Statement, proof: Proof) -> bool:
        """Whether a publication is small enough to stand in a batch; raises as `publish`."""
        return len(HexBytes(self._publication_call(statement, proof))) <= MAX_CALL_BYTES

    def _publication_call(self, statement: Statement, proof: Proof) -> str:
        return str(self.contract.encode_abi("publish", args=self._publication_arguments(statement, proof)))

    def _publication_arguments(self, statement: Statement, proof: Proof) -> list[Any]:
        return [
            statement.subject,
            self.query(statement.subject).terms,
            *encode_contract_proof(statement, proof).arguments(),
            encode_statement(statement.relation, statement.commitments),
        ]

    # reading

    def state(self, query: bytes) -> QueryState:
        """Where a query stands; `QueryState.UNKNOWN` if it was never proposed."""
        return QueryState(self._call("state", query))

    def query(self, query: bytes) -> QueryRecord:
        """Return a query.

        Raises:
            RecordInvalidError: it was never proposed, or its event and its storage disagree.
        """
        events = self.client.logs(self.contract.events.Proposed, where={"query_id": query})
        if len(events) != 1:
            raise RecordInvalidError(f"no query {query.hex()} was proposed")
        return self._query(events[0])

    def queries(self) -> list[QueryRecord]:
        """Return every readable query in the order proposed; `query` tells what is wrong with another."""
        found = []
        for event in self.client.logs(self.contract.events.Proposed):
            with suppress(RecordInvalidError):
                found.append(self._query(event))
        return found

    def binding(self, query: bytes) -> bytes:
        """What is stored for a query, 32 bytes, the last one 0: its `binding_hash`, and its record once published."""
        return bytes(self._call("query", query)[3])

    def published(self, query: bytes) -> PublishedRecord:
        """Return a query's publication, read from its transaction and checked against the record stored for it.

        Raises:
            RecordInvalidError: it was not published, or transaction and record disagree.
        """
        return self._publication(query)[0]

    def published_proof(self, query: bytes) -> tuple[Statement, Proof]:
        """Return statement and proof from the publishing transaction, for verification away from the chain.

        Raises:
            RecordInvalidError: the query was not published, or transaction and record disagree.
        """
        return self._publication(query)[1:]

    def _publication(self, query: bytes) -> tuple[PublishedRecord, Statement, Proof]:
        events = self.client.logs(self.contract.events.Published, where={"query_id": query})
        if len(events) != 1:
            raise RecordInvalidError(f"query {query.hex()} was not published")
        (event,) = events
        with translated_errors(self.client.url):
            data = self.contract.w3.eth.get_transaction(HexBytes(event.tx_hash))["input"]
        try:
            arguments, together = self._sent(data, query)
            relation, commitments = decode_statement(arguments["statement"])
            sent = [arguments[name] for name in PROOF_ARGUMENTS]
            proof, table = decode_contract_proof(relation, sent), decode_contract_table(relation, sent)
        except (ValueError, KeyError, ZkError) as error:
            raise RecordInvalidError(f"the transaction that published {query.hex()} holds no proof") from error
        asked = self.query(query)
        try:
            statement = self.statement(query, relation, commitments, table, asked.minimum_group)
        except RelationInvalidError as error:
            raise RecordInvalidError(f"the minimum group of {query.hex()} does not fit its relation") from error
        record = verify_record(asked, statement, proof, self.binding(query))
        found = PublishedRecord(
            query, record, proof.constants, proof.sums, proof.release, proof.rows, event.block_number, event.tx_hash,
            together,
        )  # fmt: skip
        return found, statement, proof

    def _sent(self, data: HexBytes, query: bytes) -> tuple[Mapping[str, Any], int]:
        """Arguments of the `publish` of a query in a transaction, alone or in a batch, and the number of its members.

        Raises:
            ValueError: it is in neither.
        """
        function, arguments = self.contract.decode_function_input(data)
        calls = arguments["calls"] if function.fn_name == "publishBatch" else [data]
        for call in calls:
            function, arguments = self.contract.decode_function_input(HexBytes(call))
            if function.fn_name == "publish" and bytes(arguments["subject"]) == query:
                return dict(arguments), len(calls)
        raise ValueError("another call")

    def _query(self, event: Event) -> QueryRecord:
        args, key = event.args, bytes(event.args["query_id"])
        state, proposer, minimum_group, binding, hashed, datasets, approved = self._call("query", key)
        terms = args["terms"]
        words = [int.from_bytes(args["relation"][i : i + 32], "big") for i in range(0, len(args["relation"]), 32)]
        try:
            relation = decode_relation(words)
        except ZkError as error:
            raise RecordInvalidError(f"query {key.hex()} was proposed with an unreadable relation") from error
        announced = (relation_hash(relation), list(args["datasets"]), args["proposer"], terms & (1 << 64) - 1)
        table = self.range_tables.of_relation(relation)
        expected = binding_hash(bytes(args["statement_hash"]), terms, table)[:STORED_BYTES]
        bound = state == QueryState.PUBLISHED or expected == bytes(binding)[:STORED_BYTES]
        if announced != (bytes(hashed), list(datasets), proposer, minimum_group) or not bound:
            raise RecordInvalidError(f"event and storage of query {key.hex()} disagree")
        used = tuple(
            QueryDataset(entry >> 64, entry >> 32 & 0xFFFFFFFF, entry & 0xFFFFFFFF, bool(approved >> i & 1))
            for i, entry in enumerate(datasets)
        )
        return QueryRecord(
            key, QueryState(state), str(proposer), args["nonce"], relation, bytes(hashed),
            bytes(args["statement_hash"]), bytes(args["sql_hash"]), bytes(args["purpose_hash"]), minimum_group,
            terms, used, event.block_number,
        )
