"""Receipt and log index of the embedded chain: three tables beside the key-value store, in the same SQLite file.

Rows of a block are written in the storage transaction that imports the block, so index and state never disagree.
Every block holds exactly one transaction, so the block number identifies transaction and receipt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import LogQueryTooLargeError

MAX_TOPICS: Final = 4
MAX_LOGS_PER_QUERY: Final = 10_000

_TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS receipts (
        number INTEGER PRIMARY KEY, block_hash BLOB NOT NULL, tx_hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL,
        sender BLOB NOT NULL, contract BLOB, gas_used INTEGER NOT NULL, status INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS logs (
        number INTEGER NOT NULL, position INTEGER NOT NULL, address BLOB NOT NULL, topic0 BLOB, topic1 BLOB,
        topic2 BLOB, topic3 BLOB, data BLOB NOT NULL, PRIMARY KEY (number, position)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS logs_by_address ON logs (address, topic0, number, position)",
    "CREATE INDEX IF NOT EXISTS logs_by_topic ON logs (topic0, topic1, number, position)",
)
_SELECT_RECEIPT: Final = (
    "SELECT number, block_hash, tx_hash, raw, sender, contract, gas_used, status FROM receipts WHERE "
)
_SELECT_LOGS: Final = (
    "SELECT logs.number, logs.position, address, topic0, topic1, topic2, topic3, data, receipts.tx_hash, "
    "receipts.block_hash FROM logs JOIN receipts ON receipts.number = logs.number WHERE "
)
_LOG_ORDER: Final = " ORDER BY logs.number, logs.position LIMIT ?"


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """Outcome of one transaction, which is the only one of its block."""

    number: int
    block_hash: bytes
    tx_hash: bytes
    raw: bytes
    sender: bytes
    contract: bytes | None
    gas_used: int
    status: int


@dataclass(frozen=True, slots=True)
class StoredLog:
    """One event of one transaction; ``position`` counts the events of the block from 0."""

    number: int
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    tx_hash: bytes
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which logs to return.

    Attributes:
        from_block: first block number, inclusive.
        to_block: last block number, inclusive.
        addresses: contracts of 20 bytes; empty means any.
        topics: at most four positions; each holds the 32-byte alternatives, empty means anything, but present.
    """

    from_block: int
    to_block: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


def create_index(connection: sqlite3.Connection) -> None:
    """Create the index tables where they are missing; only inside a storage transaction."""
    for statement in _TABLES:
        connection.execute(statement)


def insert_block(connection: sqlite3.Connection, receipt: StoredReceipt, logs: Sequence[StoredLog]) -> None:
    """Write the receipt and events of one block; only inside the storage transaction of that block."""
    connection.execute(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            receipt.number,
            receipt.block_hash,
            receipt.tx_hash,
            receipt.raw,
            receipt.sender,
            receipt.contract,
            receipt.gas_used,
            receipt.status,
        ),
    )
    connection.executemany(
        "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                log.number,
                log.position,
                log.address,
                *(*log.topics, *[None] * (MAX_TOPICS - len(log.topics))),
                log.data,
            )
            for log in logs
        ],
    )


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the newest indexed block, 0 where there is none."""
    row = connection.execute("SELECT MAX(number) FROM receipts").fetchone()
    return int(row[0] or 0)


def receipt_by_hash(connection: sqlite3.Connection, tx_hash: bytes) -> StoredReceipt | None:
    """Return the receipt of a transaction, or None where the chain does not have it."""
    row = connection.execute(_SELECT_RECEIPT + "tx_hash = ?", (tx_hash,)).fetchone()
    return None if row is None else StoredReceipt(*row)


def receipt_by_number(connection: sqlite3.Connection, number: int) -> StoredReceipt | None:
    """Return the receipt of a block's transaction, or None (genesis, unknown block)."""
    row = connection.execute(_SELECT_RECEIPT + "number = ?", (number,)).fetchone()
    return None if row is None else StoredReceipt(*row)


def find_logs(connection: sqlite3.Connection, query: LogQuery) -> list[StoredLog]:
    """Return the matching events in chain order.

    Raises:
        LogQueryTooLargeError: more than ``MAX_LOGS_PER_QUERY`` events match.
    """
    conditions = ["logs.number BETWEEN ? AND ?"]
    values: list[int | bytes] = [query.from_block, query.to_block]
    columns = [("address", query.addresses), *((f"topic{i}", topic) for i, topic in enumerate(query.topics))]
    for column, alternatives in columns:
        if alternatives:
            conditions.append(f"{column} IN ({', '.join('?' * len(alternatives))})")
            values.extend(alternatives)
    if query.topics:
        conditions.append(f"topic{len(query.topics) - 1} IS NOT NULL")
    statement = _SELECT_LOGS + " AND ".join(conditions) + _LOG_ORDER  # column names of ours; values are bound
    rows = connection.execute(statement, (*values, MAX_LOGS_PER_QUERY + 1)).fetchall()
    if len(rows) > MAX_LOGS_PER_QUERY:
        raise LogQueryTooLargeError(f"query returned more than {MAX_LOGS_PER_QUERY} results")
    return [_log_of(row) for row in rows]


def logs_of_block(connection: sqlite3.Connection, number: int) -> list[StoredLog]:
    """Return every event of one block."""
    rows = connection.execute(_SELECT_LOGS + "logs.number = ?" + _LOG_ORDER, (number, -1)).fetchall()
    return [_log_of(row) for row in rows]


def _log_of(row: Sequence[object]) -> StoredLog:
    number, position, address, *rest = row
    topics, (data, tx_hash, block_hash) = rest[:MAX_TOPICS], rest[MAX_TOPICS:]
    return StoredLog(
        number=_integer(number),
        position=_integer(position),
        address=_blob(address),
        topics=tuple(_blob(topic) for topic in topics if topic is not None),
        data=_blob(data),
        tx_hash=_blob(tx_hash),
        block_hash=_blob(block_hash),
    )


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"index column holds {type(value).__name__}, expected an integer")
    return value


def _blob(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"index column holds {type(value).__name__}, expected bytes")
    return value
