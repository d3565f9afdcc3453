"""Processes and their transport: everything that composes the other packages. Nothing imports this one.

In the order of dependence:

    errors  status  logging             what can go wrong, how RPC says it, what logs may hold
    identity  config  transport         certificates with one identity, typed configuration, TLS channels
    server  health  process  entry      a gRPC server with roles per call; a child process with a log; its command line
    identifiers  tag_group              persons as field elements; the group of alignment tags
    link  channel                       frames between parties, sessions multiplexed over one stream per peer
    convert  convert_study  convert_dominance   the only places that turn protobuf into domain types
    ledger_access  directory            the ledger as a member sees it; tables with their meaning checked
    cohort_proof  cohort_run            the proof of a cohort; running an alignment
    disclosure                          which sums may be shown, decided by the one owner of all of them
    prover/                             the zero-knowledge engine in a process of its own
    party/                              an owner's side: store, registration, approval, joint session, release
    coordinator/                        the agencies' entry: durable studies, untrusted
    connectors/                         an owner's files and databases, read into what registration takes
    connection  following  gathering    an agency's connections; a study to its end; a result's parts from the parties
    client  results  verify  opening    what an agency and a regulator do; sums handed on one by one
    by_name  dry_run                    statistics by name; the same on generated rows
    deployment                          everything on one machine
    cli/  demo/                         `tallystick`
"""
