"""What an offline audit bundle holds: one published query, and all that is needed to verify it with nothing running.

The ledger's own numbers are repeated here so that a reader can compare them; nothing in a bundle proves that they stand
on a chain. Format: docs/audit-bundle.md; bytes: `ledger.bundle_codec`; checks: `ledger.bundle_verify`; reading one out
of a ledger: `ledger.bundle_source`. All of it is public but `AuditBundle.openings`, which the agency alone is given and
may pass on.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.identifiers import registration_id
from zk.range_table import TableProof
from zk.relation import ColumnKind
from zk.statement import Point
from zk.transcript import proof_domain


@dataclass(frozen=True, slots=True)
class BundleChain:
    """Where the record stands: chain id, and checksummed addresses of the studies and the registry contract."""

    chain_id: int
    studies: str
    registry: str


@dataclass(frozen=True, slots=True)
class BundleString:
    """What verification takes from the structured reference string.

    Args:
        srs_id: 32 bytes, the hash of the whole string.
        tau_g2: 128 bytes, [τ]_2 as `zk.srs.encode_g2` writes it. The id does not show by itself that this point
            belongs to it: compare both with the pinned ones, or with the string.
    """

    srs_id: bytes
    tau_g2: bytes


@dataclass(frozen=True, slots=True)
class BundleQuery:
    """A proposal as the ledger keeps it.

    Args:
        query_id: 32 bytes, subject of the proof.
        proposer: checksummed address of the agency.
        nonce: the proposer's, below 2^256.
        minimum_group: largest minimum group of the datasets when the query was proposed.
        sql_hash, purpose_hash: 32 bytes each, salted.
    """

    query_id: bytes
    proposer: str
    nonce: int
    minimum_group: int
    sql_hash: bytes
    purpose_hash: bytes


@dataclass(frozen=True, slots=True)
class BundlePublication:
    """Where to find the record: its hash (32 bytes), block number and transaction hash (32 bytes)."""

    record: bytes
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True, slots=True)
class BundleDataset:
    """One dataset version that a query uses, as the directory holds it.

    Args:
        dataset: 128-bit id.
        version: below 2^32.
        policy_version: of the policy in force when the query was proposed.
        owner: checksummed address.
        name_hash: 32 bytes; with the owner it makes the id.
        log_rows: log2 of N.
        rows: declared number of present rows.
        columns: number of committed columns, 1 to 255.
        kinds: kind of every column, one bit a column.
        schema_hash: 32 bytes.
        relation_hash: 32 bytes, of the relation it was registered under.
    """

    dataset: int
    version: int
    policy_version: int
    owner: str
    name_hash: bytes
    log_rows: int
    rows: int
    columns: int
    kinds: int
    schema_hash: bytes
    relation_hash: bytes

    @property
    def name(self) -> str:
        """The dataset and its version in messages."""
        return f"dataset {self.dataset:032x} version {self.version}"

    def column_kinds(self) -> tuple[ColumnKind, ...]:
        """Kinds of the columns in order."""
        return tuple(ColumnKind(self.kinds >> j & 1) for j in range(self.columns))

    def registration_id(self) -> bytes:
        """Subject of the registration's proof."""
        return registration_id(
            self.owner, self.dataset, self.version, self.log_rows, self.rows, self.schema_hash, self.column_kinds()
        )


@dataclass(frozen=True, slots=True)
class BundleRegistration:
    """A registration's own proof: statement (relation words, then all commitments) and proof, canonical bytes."""

    statement: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class BundleQuestion:
    """The SQL text, and the 32-byte salt of its hash on the ledger."""

    salt: bytes
    sql: str


@dataclass(frozen=True, slots=True)
class BundleOpening:
    """A released sum: row `row` of s is `value`, shown by `point` = [(s − value)/(X − ω^row)]_1."""

    row: int
    value: int
    point: Point


@dataclass(frozen=True, slots=True)
class AuditBundle:
    """One query with what shows it. Optional parts are empty where they are left out.

    Args:
        chain, string, query, publication: see there.
        statement: relation words, then commitments; its SHA-256 is the statement hash.
        proof: canonical bytes (docs/protocol.md §4).
        datasets: in order of their first use in the relation.
        registrations: one for each dataset, or none at all.
        tables: the range tables that the relations look up, each with its proof, by increasing (log_rows, bits).
        schemas: canonical JSON for each dataset, empty for one that is not public; or none at all.
        question: the SQL text, or None.
        openings: released sums in increasing order of their rows; the agency's to give.
    """

    chain: BundleChain
    string: BundleString
    query: BundleQuery
    statement: bytes
    proof: bytes
    publication: BundlePublication
    datasets: tuple[BundleDataset, ...]
    registrations: tuple[BundleRegistration, ...] = ()
    tables: tuple[TableProof, ...] = ()
    schemas: tuple[bytes, ...] = ()
    question: BundleQuestion | None = None
    openings: tuple[BundleOpening, ...] = ()

    def domain(self, contract: str) -> bytes:
        """Domain of a contract's proofs on the bundle's chain and string."""
        return proof_domain(self.chain.chain_id, int(contract, 16), self.string.srs_id)
