"""From a question in SQL to a `zk.relation.Relation`, and from proved sums to statistics. No cryptography, no network.

    errors        the typed errors of the package
    canonical     canonical JSON, for everything that is hashed
    kinds         what a column may hold
    schema        a table's meaning and the physical columns its owner commits to
    rows          records to physical columns
    layout        layouts of a cohort, and the relation that no row joins two persons
    registration  the relation proved once per dataset
    aggregates    the statistics a question may ask for
    publication   who sees the numbers of a question
    dominance     dominance rules of a policy, and what they demand of an answer
    limits        the finer clauses of it
    policy        what an owner allows
    directory     the registered tables, as the ledger knows them
    parameters    a question's text: SQL and the values of its :names
    sql, tokens   the accepted subset of SQL
    sources       FROM and JOIN
    clauses       HAVING, ORDER BY, LIMIT, OFFSET
    reading       the parser's tree to values and conditions
    expressions   values and conditions as trees
    ranked_questions   what order statistics may be of
    binding       names of a question resolved against the directory
    polynomial    polynomials in a relation's columns
    masks         products of one table's factors, simplified by what registration proved
    values        computed values, with their bounds
    conditions    conditions of one table
    joint         conditions over several tables
    groups        columns of GROUP BY
    sides         one table of a question
    arguments     arguments of aggregates as factors
    moment_sums   sums under one mask, with few columns: MOMENTS, and values over several tables
    part_counts   the people behind the parts of a value, who need counts of their own
    dominance_parts, dominance_sums   the totals that a rule is for, and the closed sums that decide it
    compiler      the sums of a question, written into a relation
    ranks, rank_inputs, rank_cost   order statistics, which no proof covers: what owners enter for them, and their cost
    unproved      their values, labelled
    sums          what a plan says of its sums, outputs and cells
    plan          the compiler's front
    disclosure    what is disclosed, in plain words
    explain       a plan as text, with its cost
    moments       the result of MOMENTS
    regressions   REGR_*
    arranging     the order and choice of a result's rows
    statistics    exact sums to results
    clear         plans evaluated in the clear, vectorised
    analyses      statistics by name
    rehearsal     questions and analyses on rows one may see
    audit/        the differencing auditor: what a new answer and earlier ones pin down together
"""
