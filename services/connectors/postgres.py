"""PostgreSQL through psycopg: a role that may only read, one read-only transaction, bound parameters, rows streamed.

Connection parameters are checked fields, never a connection string; names are quoted by the driver. What is set here
takes precedence over libpq's environment variables and service files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from services.connectors.mapping import Database, SourceMapping
from services.errors import PeerUnavailableError, SourceInvalidError, SourceRefusedError

CONNECT_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_MS: Final = 600_000
BATCH_ROWS: Final = 10_000
_OPTIONS: Final = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT_MS}"

_MAY_WRITE: Final = """
    SELECT has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
        OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')
        OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
"""


def read_postgres(mapping: SourceMapping, database: Database) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table or view: the values of `SourceMapping.sources`, in order.

    Args:
        mapping: of kind postgres; its host was allowed.

    Raises:
        PeerUnavailableError: the server does not answer, or refuses the role.
        SourceRefusedError: the role may write.
        SourceInvalidError: there is no such table, or it lacks a column.
    """
    with _connect(database) as connection:
        try:
            _require_reader(connection, database)
            with connection.cursor(name="tallystick") as rows:
                rows.itersize = BATCH_ROWS
                rows.execute(_statement(mapping, database), [value for _, value in mapping.where])
                yield from rows
        except psycopg.errors.UndefinedColumn as error:
            raise SourceInvalidError("columns", "the table lacks a column that the mapping names") from error
        except psycopg.OperationalError as error:
            raise PeerUnavailableError(f"the database at {database.host}:{database.port} went away") from error
        except psycopg.Error as error:
            raise SourceInvalidError("source.table", "it cannot be read") from error


def _connect(database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    password = os.environ.get(database.password_variable, "") if database.password_variable else ""
    try:
        return psycopg.connect(
            host=database.host, port=database.port, dbname=database.database, user=database.user,
            password=password or None, sslmode=database.tls, connect_timeout=CONNECT_TIMEOUT_S, options=_OPTIONS,
            application_name="tallystick", passfile=os.devnull,
        )  # fmt: skip
    except psycopg.Error:
        # the driver's text may name the password's source; the cause is left out
        raise PeerUnavailableError(f"the database at {database.host}:{database.port} does not let us in") from None


def _require_reader(connection: psycopg.Connection[tuple[Any, ...]], database: Database) -> None:
    connection.read_only = True
    found = connection.execute(_MAY_WRITE, [database.schema, database.table]).fetchone()
    if found is None:
        raise SourceInvalidError("source.table", "there is no such table or view, or the role does not see it")
    if found[0]:
        raise SourceRefusedError("source.user", "the role may write to the table: use one that may only read")


def _statement(mapping: SourceMapping, database: Database) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in mapping.sources)
    table = sql.Identifier(database.schema, database.table)
    conditions = [sql.SQL("{}::text = %s").format(sql.Identifier(name)) for name, _ in mapping.where]
    where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")
    return sql.SQL("SELECT {} FROM {}").format(columns, table) + where
