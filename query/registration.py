"""The relation proved once per dataset: what every later query may rely on.

Zero-forms: ``present`` and every boolean column b satisfy b·b − b = 0; every column that is not nullable, and every
``__known``, vanishes where the row is absent (x − present·x = 0); a nullable column vanishes where it is not known
(x − known·x = 0, which with the form of ``known`` makes it vanish where absent, too).

Lookups: every integer or decimal column lies in [0, bound]; a category's code minus its switch (``__known`` or
``present``) lies in [0, K − 1], so that it is one of 1..K where the value is there and 0 elsewhere.

What is not shown: that no two rows are about the same person. The cohort's order decides that.

Sums: sum 0 is Σ present, its own guard and the one row that is opened: the declared number of rows. Every further
column has the sum Σ x, guarded by sum 0 and never opened. It makes the proof a proof of knowledge of each column: the
column's commitment then enters the linearised polynomial with coefficient −α^v. Of the commitments the prover chooses
after α, t enters with −Z_H(ζ), and α^v·x is not a multiple of Z_H; A could take up −α^v·x, but A is opened at ωζ by
itself, under its own power of γ. So neither can cancel it, and whoever answers for several α knows the column
(PROTOCOL §2, M12).
"""

from __future__ import annotations

from functools import lru_cache

from query.errors import SchemaInvalidError
from query.kinds import Category
from query.schema import KNOWN_SUFFIX, PRESENT_INDEX, PhysicalColumn, TableSchema, physical_columns
from zk.builder import RelationBuilder
from zk.errors import RelationInvalidError
from zk.limits import require_publishable
from zk.relation import MAX_LOG_ROWS, MIN_LOG_ROWS, ONE, ColumnKind, RegisteredColumn, Relation


def registered_column(column: PhysicalColumn, dataset: int, version: int) -> RegisteredColumn:
    """The directory's name of a physical column.

    Raises:
        RelationInvalidError: dataset or version is out of range.
    """
    return RegisteredColumn(dataset, version, column.index, column.kind)


def registration_relation(schema: TableSchema, dataset: int, version: int, log_rows: int) -> Relation:
    """Return the relation that a dataset's registration proof is about. Public.

    Args:
        schema: the table.
        dataset: directory id, below 2^128.
        version: version of the dataset, below 2^32.
        log_rows: log2 of the number of rows.

    Returns:
        A relation whose registered columns are the physical columns in order and whose sum 0 is Σ present.

    Raises:
        SchemaInvalidError: the table is too wide for one proof, has too few rows for its bounds, or its numbers are out
            of range.
    """
    try:
        return _relation(schema, dataset, version, log_rows)
    except RelationInvalidError as fault:
        if log_rows < (smallest := minimum_log_rows(schema)):
            raise SchemaInvalidError(
                f"2^{log_rows} rows are too few to register {schema.name}: pad the table to 2^{smallest} rows"
            ) from fault
        raise SchemaInvalidError(f"the table does not fit one registration proof: {fault}") from fault


@lru_cache(maxsize=256)
def minimum_log_rows(schema: TableSchema) -> int:
    """The smallest log2 of a number of rows over which a table can be registered: limbs have as many bits, so small
    tables need more of them.

    Raises:
        SchemaInvalidError: the table is too wide for one proof whatever its rows.
    """
    fault: RelationInvalidError | None = None
    for log_rows in range(MIN_LOG_ROWS, MAX_LOG_ROWS + 1):
        try:
            _relation(schema, 0, 0, log_rows)
        except RelationInvalidError as found:
            fault = found
        else:
            return log_rows
    raise SchemaInvalidError(f"the table does not fit one registration proof: {fault}") from fault


def _relation(schema: TableSchema, dataset: int, version: int, log_rows: int) -> Relation:
    physical = physical_columns(schema)
    builder = RelationBuilder(log_rows)
    handles = [builder.registered(registered_column(column, dataset, version)) for column in physical]
    present = handles[PRESENT_INDEX]
    by_name = {column.name: handle for column, handle in zip(physical, handles, strict=True)}
    builder.sum([(1, ONE, present)])
    for column, handle in zip(physical, handles, strict=True):
        if column.kind is ColumnKind.BOOLEAN:
            builder.vanish([(1, handle, handle), (-1, ONE, handle)])
        if column.index != PRESENT_INDEX:
            switch = by_name.get(column.name + KNOWN_SUFFIX, present)
            builder.vanish([(1, ONE, handle), (-1, switch, handle)])
            builder.sum([(1, ONE, handle)], guard=0)
            _prove_bound(builder, schema, column, handle, switch)
    relation = builder.build()
    require_publishable(relation)
    return relation


def _prove_bound(
    builder: RelationBuilder, schema: TableSchema, column: PhysicalColumn, handle: int, switch: int
) -> None:
    if column.kind is ColumnKind.BOOLEAN:
        return
    logical = schema.column(column.name)
    if logical is not None and isinstance(logical.kind, Category):
        builder.in_range({handle: 1, switch: -1}, column.bound - 1)
    else:
        builder.in_range({handle: 1}, column.bound)
