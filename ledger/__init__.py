"""The shared ledger: contracts, an embedded chain behind JSON-RPC, and one client for it and for any other EVM chain.

In the order of dependence:

    errors  client_errors               what everything here raises
    contracts/  compile  artifacts      Vyper sources; compiling them; what was compiled, with its hash
    identifiers  proof_codec            ids and records as the contracts compute them; a proof as calldata
    client  revert                      web3.py without retries; reasons of reverted transactions
    contract  registry  studies         bindings: members and directory; life of a query
    cohorts                             bindings: common row orders
    deploy                              putting the contracts on a chain, and checking that they are the ones
    storage  index  precompiles         SQLite under py-evm; receipts and logs; 0x06 to 0x08 in revm
    consortium_vm  simulate  chain      London rules with free gas; calls; the embedded chain
    rpc_encoding  rpc_methods  rpc      Ethereum JSON-RPC over HTTP: `python -m ledger.rpc`
"""
