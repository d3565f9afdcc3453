"""From an owner's source to a table that can be registered: files through DuckDB, PostgreSQL through its own driver.

    mapping    which source, which columns, what their values mean: one TOML file
    allowed    the folders and hosts an operator may read from
    values     a source's value to the schema's, or what is wrong with it
    report     every fault by row and column, never with the value
    files      CSV and Parquet, read by a DuckDB that may read nothing else
    postgres   PostgreSQL, by a role that may only read
    table      a source read whole: the text to register, and the report
"""
