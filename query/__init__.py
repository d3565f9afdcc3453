"""From a question in SQL to a `zk.relation.Relation`, and from proved sums to statistics. No cryptography, no network.

    errors        the typed errors of the package
    canonical     canonical JSON, for everything that is hashed
    kinds         what a column may hold
    schema        a table's meaning and the physical columns its owner commits to
    rows          records to physical columns
    registration  the relation proved once per dataset
    aggregates    the statistics a question may ask for
    policy        what an owner allows
    directory     the registered tables, as the ledger knows them
    sql, tokens   the accepted subset of SQL
    binding       names of a question resolved against the directory
    masks         products of columns, simplified by what registration proved
    plan          the compiler
    disclosure    what is disclosed, in plain words
    explain       a plan as text
    statistics    exact sums to results
"""
