# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Identifiers of datasets and registrations (ledger/identifiers.py)
@dev    A stateless module.
"""

LABEL_REGISTRATION: constant(bytes32) = 0x74616c6c79737469636b2e726567697374726174696f6e2e7631000000000000


@internal
@pure
def _dataset_id(owner: address, name_hash: bytes32) -> uint256:
    return convert(sha256(concat(convert(convert(owner, uint256), bytes32), name_hash)), uint256) >> 128


@internal
@pure
def _registration_id(
    owner: address, dataset: uint256, version: uint256, log_rows: uint256, rows: uint256, schema_hash: bytes32, kinds: uint256
) -> bytes32:
    return sha256(abi_encode(
        LABEL_REGISTRATION, convert(7, uint256), owner, dataset, version, log_rows, rows, schema_hash, kinds
    ))
