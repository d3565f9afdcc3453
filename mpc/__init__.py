"""Secret sharing with an honest majority, exact on integers: among three parties, and among n.

Modules in dependency order:

    errors      the error tree
    secret      what every secret type has in common: a redacted repr, no pickling, no copying
    kernels     compiled loops, chosen by processor, and memory that is used again
    ring_protocols    what a ring is; the scalar field of the proofs is handed in by the caller
    word_ring, rings  Z_2^64 and packed bits, several operations in one pass
    rings_wide  Z_2^128
    prg         labelled pseudo-random streams that are never used twice
    shares      replicated and additive shares, ``share`` and ``reconstruct``
    frames      one message on the wire: bound to session, attempt, sequence number, sender and tag
    channel     how a party sends and receives; the mailbox every transport shares; an in-process loopback
    seeds       the session's seeds, agreed by every pair and by all three
    endpoint    labels that are used once, streams, messages and the checks of what arrives
    replicated  the engine: input, linear operations, products, resharing, opening
    outside     owners outside the three: what they enter, and their shares of zero
    outside_opening   opening a vector to an owner who is none of the three
    coin        a public random value that nobody chose
    checked     products that one malicious party cannot bend unnoticed
    checked_words     the same for words and bits, by triples that a coin assigns
    shuffle     rows in a secret order that no party knows, and back
    checked_shuffle   the same, safe against one malicious party
    authentic   linear checks that bind a batch to one secret key
    tag_group   tags g^(1/(k + x)) of shared values, in a group that is handed in
    dummies     persons who do not exist, so that what an alignment shows is noisy
    align       owners' identifiers to rows in one secret common order
    ideal_align the same in the clear
    compare     disclosure checks: is a shared count below a bound?
    bits        bits of shared integers, as shares, with nothing opened
    signs       is a shared integer negative? As a share, with nothing opened
    circuits    carry trees and conjunctions on bit-sliced shares
    conversion  shared integers to shared bits and back
    dealt_tree  the sign of a sum by a carry tree under dealt masks, for semi-honest parties
    computation the engines of one computation, its mode and its labels
    ordering    less than, equal, select, minimum and maximum of shared integers
    ranking     which rows to compare, and what follows from the answers
    sorting     shared rows in order, or those of given ranks: shuffle, then open comparisons
    split_quantiles   quantiles of values that lie with several owners, by halving their range
    counting    how many shared bits are one
    hidden_quantiles  quantiles of a secret part of the rows, with nothing opened at all
    group_quantiles   quantiles of a secret part of the rows, if it is large enough
    reed_solomon      which of n received shares are wrong, and what the right ones say
    shamir_shares     shares of n parties with a threshold, and masks of zero
    pair_seeds  a seed for every pair of n parties
    shamir_link, shamir_dealing   rounds of n parties, some of whom may be gone; one party deals to all
    shamir      the engine of n parties: sums and inner products that survive losses and lies
    vectors     shared integers and truth values written with like NumPy arrays
    ideal       the same functionality in the clear: the oracle of the tests

This package imports nothing else of ours.
"""
