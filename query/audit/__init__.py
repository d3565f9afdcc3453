"""The differencing auditor: which counts of people earlier answers and a new one would pin down together.

It decides from the ledger's history and public metadata alone: relations, release words and schemas, never data. What
it finds are *gaps*: linear combinations of guards that count a definite set of people. The parties then test under MPC,
on the proved counts, that no gap counts 1 to k − 1 people (docs/disclosure.md).

    columns       the registered columns of several relations as one set of variables
    persons       sample persons: joint states of those variables that can occur
    membership    how often each guard of a relation counts each sample person
    span          integer combinations of membership vectors, by elimination modulo a prime
    differencing  the gaps between a new answer and the history
    weights       how many weighted sums of one column were let out (Huth et al.)
    regressions   how large a group must be for the second moments let out about it
"""
