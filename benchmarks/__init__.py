"""Benchmarks: each answers one stated question with ratios measured in one run. `python -m benchmarks`."""
