"""The shared ledger: embedded chain, JSON-RPC, contracts and their client."""
