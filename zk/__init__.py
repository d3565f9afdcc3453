"""The proof system: quadratic relations over committed columns, proved together, verified by anyone.

In the order of dependence:

    errors                          what everything here raises
    kernels/                        Numba code, no checks
    field  ntt  curve  msm  pairing public, checked array API over BN254
    polynomial                      column polynomials
    transcript                      Fiat-Shamir over SHA-256
    relation  builder  encoding     the language, how to write it, its canonical words
    srs  ceremony                   the structured reference string and how it is made
    statement  proof                what is proved, and a proof's form
    columns  witness  steps         what a contributor holds; steps that work once
    prover  single                  contributors to a joint proof; one contributor alone
    verifier                        raises unless a proof shows its statement
    reference                       slow oracle on py_ecc and galois, same names, same results
"""
