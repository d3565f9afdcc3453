# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Range tables: the commitments [T] of T_i = i mod 2^bits over 2^log_rows rows (zk/range_table.py)
@notice Anybody may register a table, once: what is checked makes T right on every row, which is all that soundness needs (M9).
@dev    A module of the registry. T(1) = 0, T(0) = (K - 1)/2 and T(omega z) = T(z) + 1 - K·L_(K-1)(z^(N/K)) with K = 2^bits, z drawn
        from [T]: the third makes T climb by one along the domain and fall back after every K-th row, the others fix what it leaves
        open but for multiples of X^2N - X^N where such powers are known. Provers commit to the canonical T, so a table registered to
        keep them out may be replaced by whoever deployed the verifier. One pairing joins the four openings.
"""

import Precompiles as precompiles
import ReferenceString as string
import RelationShape as shape
import Verification as verification

uses: verification

FR: constant(uint256) = precompiles.FR
FQ: constant(uint256) = precompiles.FQ

# labels: ASCII, zero bytes on the right
LABEL_TABLE: constant(bytes32) = 0x74616c6c79737469636b2e7461626c652e763100000000000000000000000000
LABEL_WEIGHT: constant(bytes32) = 0x74616c6c79737469636b2e7461626c652e7765696768742e7631000000000000


event TableRegistered:
    log_rows: indexed(uint256)
    bits: indexed(uint256)
    commitment: uint256[2]


DEPLOYER: immutable(address)

# by log_rows ‖ bits (8 bits)
tables: HashMap[uint256, uint256[2]]


@deploy
def __init__():
    DEPLOYER = msg.sender


@external
@view
def table(log_rows: uint256, bits: uint256) -> uint256[2]:
    """
    @notice [T] of a size, (0, 0) where nobody registered it
    """
    return self.tables[(log_rows << 8) | bits]


@external
def registerTable(
    log_rows: uint256, bits: uint256, commitment: uint256[2], at_z: uint256, quotients: uint256[2][4], inverse: uint256
):
    """
    @notice Put a range table's commitment on the ledger; anybody may, once for each size, and whoever deployed this contract again
    @param log_rows table over 2^log_rows rows
    @param bits it counts from 0 to 2^bits - 1, again and again
    @param commitment [T]
    @param at_z T(z), z drawn from [T]
    @param quotients [(T - T(x))/(X - x)] at x = 1, 0, z, omega z
    @param inverse of z^(N/K) - omega_K^(K-1), K = 2^bits
    """
    assert (
        log_rows >= shape.MIN_TABLE_LOG_ROWS and log_rows <= shape.MAX_LOG_ROWS
        and bits != 0 and bits <= shape.MAX_TABLE_BITS and bits <= log_rows
    ), "range table"
    # the transaction is where everybody finds the proof
    assert msg.sender == tx.origin, "not a transaction"
    key: uint256 = (log_rows << 8) | bits
    assert self.tables[key][1] == 0 or msg.sender == DEPLOYER, "table registered before"
    assert at_z < FR, "scalar"
    precompiles._check_point(commitment[0], commitment[1])
    for i: uint256 in range(4):
        precompiles._check_point(quotients[i][0], quotients[i][1])

    z: uint256 = convert(
        sha256(abi_encode(LABEL_TABLE, convert(4, uint256), log_rows, bits, commitment)), uint256
    ) % FR
    # K·L_(K-1)(y) = (y^K - 1)·last/(y - last), y = z^(N/K), last = omega_K^(K-1)
    size: uint256 = 1 << bits
    y: uint256 = precompiles._power(z, 1 << (log_rows - bits))
    last: uint256 = precompiles._power(self._root(bits), size - 1)
    assert inverse < FR and uint256_mulmod(inverse, y + (FR - last), FR) == 1, "hint"
    spike: uint256 = uint256_mulmod(
        uint256_mulmod(precompiles._power(y, size) + (FR - 1), last, FR), inverse, FR
    )
    places: uint256[4] = [1, 0, z, uint256_mulmod(z, self._root(log_rows), FR)]
    values: uint256[4] = [
        0, uint256_mulmod(size - 1, (FR + 1) // 2, FR), at_z, uint256_addmod(at_z + 1, FR - spike, FR)
    ]

    weight: uint256 = convert(
        sha256(abi_encode(LABEL_WEIGHT, convert(13, uint256), log_rows, bits, at_z, commitment, quotients)), uint256
    ) % FR
    # e(sum of weight^k·([T] - T(x_k) + x_k·Q_k), [1]_2) = e(sum of weight^k·Q_k, [tau]_2)
    factor: uint256 = 1
    factors: uint256 = 0
    constant_: uint256 = 0
    left: uint256[2] = empty(uint256[2])
    right: uint256[2] = empty(uint256[2])
    for k: uint256 in range(4):
        term: uint256[2] = ecmul(quotients[k], factor)
        right = ecadd(right, term)
        left = ecadd(left, ecmul(term, places[k]))
        factors = uint256_addmod(factors, factor, FR)
        constant_ = uint256_addmod(constant_, uint256_mulmod(factor, values[k], FR), FR)
        factor = uint256_mulmod(factor, weight, FR)
    left = ecadd(left, ecmul(commitment, factors))
    left = ecadd(left, ecmul([1, 2], FR - constant_))
    assert precompiles._pairing(left, [right[0], FQ - right[1]], verification.TAU), "pairing"
    self.tables[key] = commitment
    log TableRegistered(log_rows=log_rows, bits=bits, commitment=commitment)


@internal
@view
def _of_relation(head: uint256) -> uint256[2]:
    """
    @dev The registered [T] of a relation's header, (0, 0) without lookups
    """
    if (head >> 208) & shape.MASK_16 == 0:
        return [0, 0]
    found: uint256[2] = self.tables[(((head >> 16) & shape.MASK_16) << 8) | ((head >> 176) & shape.MASK_16)]
    assert found[1] != 0, "no range table"
    return found


@internal
@view
def _root(log_order: uint256) -> uint256:
    """
    @dev The root of unity of order 2^log_order that domains are made of
    """
    return precompiles._power(string.ROOT_OF_ORDER_2_28, 1 << (28 - log_order))
