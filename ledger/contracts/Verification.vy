# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Link of a contract to the universal verifier
@dev    A module. The verifier's address is fixed at deployment; what it returns is paired here, once, by whoever accepts the proof.
"""

import Labels as labels
import Precompiles as precompiles
import ProofVerifier as verifier

# selector of the verifier's publish(bytes32,uint256,uint256[2],uint256,bytes,bytes)
PUBLISH: constant(uint256) = 851057629
PUBLISH_SELECTOR: constant(bytes4) = 0x32ba1bdd
ANSWER_BYTES: constant(uint256) = 160  # binding, digest, left, bitmap of the opened rows
VERIFIER_GAS: constant(uint256) = 10_000_000  # bound on what one verification can cost its caller

VERIFIER: immutable(address)
CHAIN_ID: immutable(uint256)
SRS_ID: immutable(bytes32)
TAU: immutable(uint256[4])


@deploy
def __init__(at: address):
    """
    @param at the universal verifier
    """
    VERIFIER = at
    CHAIN_ID = staticcall verifier.__interface__(at).chainId()
    SRS_ID = staticcall verifier.__interface__(at).srsId()
    TAU = staticcall verifier.__interface__(at).tauG2()


@external
@view
def verifierAddress() -> address:
    """
    @notice The universal verifier this contract asks
    """
    return VERIFIER


@external
@view
def domain() -> bytes32:
    """
    @notice Hash that ties every proof to this chain, this contract and its structured reference string
    """
    return staticcall verifier.__interface__(VERIFIER).domain(self)


@external
@view
def chainId() -> uint256:
    """
    @notice The chain id set at the verifier's deployment
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
def selfTest() -> uint256:
    """
    @notice Check precompiles 0x02 and 0x05 to 0x08 against vectors, and [tau]_2; the verifier did so when it was deployed
    @return 0, or the number of the precompile that is wrong, or 255 for [tau]_2
    """
    return precompiles._self_test(TAU)


@internal
@view
def _check_pairing(left: uint256[2], right: uint256[2]):
    """
    @dev Revert unless e(left, [1]_2) = e(right, [tau]_2); both points were checked to be on the curve
    """
    assert precompiles._pairing(left, [right[0], unsafe_sub(precompiles.FQ, right[1])], TAU), "pairing"


@internal
@view
def _binding(statement_hash: bytes32, terms: uint256, table: uint256[2]) -> bytes32:
    """
    @dev What the verifier answers as binding when asked this statement, under these terms, with this range table
    """
    return sha256(abi_encode(labels.BINDING, convert(4, uint256), statement_hash, terms, table))
