"""Secret sharing among three parties, exact on integers, with an honest majority.

Modules in dependency order:

    errors      the error tree
    secret      what every secret type has in common: a redacted repr, no pickling, no copying
    rings       the ``Ring`` protocol and Z_2^64; the scalar field of the proofs is handed in by the caller
    prg         labelled pseudo-random streams that are never used twice
    shares      replicated and additive shares, ``share`` and ``reconstruct``
    frames      one message on the wire: bound to session, attempt, sequence number, sender and tag
    channel     how a party sends and receives; the mailbox every transport shares; an in-process loopback
    seeds       the session's seeds, agreed by every pair and by all three
    replicated  the engine: input, linear operations, products, resharing, opening
    coin        a public random value that nobody chose
    checked     products that one malicious party cannot bend unnoticed
    shuffle     rows in a secret order that no party knows, and back
    checked_shuffle   the same, safe against one malicious party
    compare     disclosure checks: is a shared count below a bound?
    ideal       the same functionality in the clear: the oracle of the tests

This package imports nothing else of ours.
"""
