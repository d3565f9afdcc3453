"""The proof system: quadratic relations over committed columns, proved together, verified by anyone.

In the order of dependence:

    errors                          what everything here raises
    kernels/                        Numba code, no checks
    randomness                      the operating system's, watched for repetition
    field  ntt  curve  msm  pairing public, checked array API over BN254
    polynomial                      column polynomials
    transcript                      Fiat-Shamir over SHA-256
    forms  relation  expansion      the language; the forms behind lookups and groups
    relation_rules                  what a relation must satisfy
    encoding  decoding              its canonical words, there and back
    limits                          how large a statement and a proof the contracts take
    cover  comparison  cost         what is opened; comparisons and ranges; what a relation costs
    builder                         how to write one
    srs  srs_check  ceremony        the structured reference string, how it is verified and made
    ptau                            the same in the `.ptau` format
    range_table  lagrange           the table of lookups; commitments to few rows
    guards                          hidden guards: where their bits stand, and what binds them to the sums
    statement  proof                what is proved, and a proof's form
    owners  columns  hints          who computes what; products in parts; witnesses without a form
    witness  sums  uploads          what a contributor holds, its parts of the sums, what it shares
    quotient  openings  steps       A and t; r, W and V; steps that work once
    sharing  prover  single         contributors to a joint proof; one contributor alone
    verifier                        raises unless a proof shows its statement
    reference                       slow oracle on py_ecc and galois, same names, same results
"""
