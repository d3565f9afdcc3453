# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title What every proof on this ledger is tied to: chain, structured reference string, and the contract that asks
@dev    A module of the verifier; nothing here changes after deployment.
"""

import Labels as labels
import Precompiles as precompiles

FR: constant(uint256) = precompiles.FR
ROOT_OF_ORDER_2_28: constant(uint256) = 19103219067921713944291392827692070036145651957329286315305642004821462161904
THREE: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000003

CHAIN_ID: immutable(uint256)
SRS_ID: immutable(bytes32)
TAU: immutable(uint256[4])
OMEGA: immutable(uint256[25])  # OMEGA[k] has order 2^k


@deploy
def __init__(chain_id: uint256, srs_id: bytes32, tau_g2: uint256[4], srs_development: bool, production: bool):
    """
    @param chain_id EIP-155 id of the chain this contract stands on (opcode CHAINID is not used)
    @param srs_id identity of the structured reference string, pinned by the members
    @param tau_g2 [tau]_2 as x1, x0, y1, y0 (imaginary parts first)
    @param srs_development whether the string was made for development (its secret is known to somebody)
    @param production whether this chain carries real studies; then a development string is refused
    """
    assert not (production and srs_development), "development SRS in production"
    CHAIN_ID = chain_id
    SRS_ID = srs_id
    TAU = tau_g2
    roots: uint256[25] = empty(uint256[25])
    root: uint256 = ROOT_OF_ORDER_2_28
    for i: uint256 in range(29):
        if i >= 4:
            roots[28 - i] = root
        root = uint256_mulmod(root, root, FR)
    OMEGA = roots
    assert precompiles._self_test(tau_g2) == 0, "self test"


@external
@view
def chainId() -> uint256:
    """
    @notice The chain id set at deployment
    """
    return CHAIN_ID


@external
@view
def srsId() -> bytes32:
    """
    @notice Identity of the structured reference string every proof must use
    """
    return SRS_ID


@external
@view
def tauG2() -> uint256[4]:
    """
    @notice [tau]_2 as x1, x0, y1, y0, to compare with the string's own file
    """
    return TAU


@external
@view
def domain(caller: address) -> bytes32:
    """
    @notice Hash that ties every proof to this chain, the contract that asks, and the structured reference string
    """
    return sha256(abi_encode(labels.DOMAIN, THREE, CHAIN_ID, caller, SRS_ID))
