# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title The precompiled contracts the verifier needs, with their inputs checked and their gas bounded
@dev    A stateless module. Only calls and static calls, never a delegatecall; opcodes ecrecover, CHAINID and the like are not used.
        0x06, 0x07 and 0x08 burn all gas forwarded to them on a point off the curve: `_check_point` goes first, always.
"""

FR: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FQ: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583

# [1]_2, imaginary parts first as precompile 0x08 reads them
G2_X1: constant(uint256) = 11559732032986387107991004021392285783925812861821192530917403151452391805634
G2_X0: constant(uint256) = 10857046999023057135944570762232829481370756359578518086990519993285655852781
G2_Y1: constant(uint256) = 4082367875863433681332203403145435568316851327593401208105741076214120093531
G2_Y0: constant(uint256) = 8495653923123431417604973247489272438418190587263600148770280649306958101930

# room for repricing, and an upper bound on what a failing call can burn
MODEXP_GAS: constant(uint256) = 100_000
PAIRING_GAS: constant(uint256) = 2_000_000


@internal
@pure
def _check_point(x: uint256, y: uint256):
    """
    @dev On the curve, both coordinates canonical; (0, 0), the point at infinity, is not on the curve and refused
    """
    assert (
        x < FQ and y < FQ
        and uint256_mulmod(y, y, FQ) == uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, FQ), x, FQ), 3, FQ)
    ), "point"


@internal
@view
def _power(base: uint256, exponent: uint256) -> uint256:
    """
    @dev base^exponent modulo r
    """
    return convert(raw_call(
        0x0000000000000000000000000000000000000005,
        abi_encode(convert(32, uint256), convert(32, uint256), convert(32, uint256), base, exponent, FR),
        max_outsize=32, gas=MODEXP_GAS, is_static_call=True,
    ), uint256)


@internal
@view
def _pairing(left: uint256[2], right: uint256[2], right_g2: uint256[4]) -> bool:
    """
    @dev Whether e(left, [1]_2) · e(right, right_g2) = 1; both points were checked to be on the curve
    """
    return convert(raw_call(
        0x0000000000000000000000000000000000000008,
        abi_encode(left, G2_X1, G2_X0, G2_Y1, G2_Y0, right, right_g2),
        max_outsize=32, gas=PAIRING_GAS, is_static_call=True,
    ), uint256) == 1


@internal
@view
def _self_test(tau_g2: uint256[4]) -> uint256:
    """
    @dev Check precompiles 0x02 and 0x05 to 0x08 against vectors, and that tau_g2 is a point of the subgroup, not [0]_2 or [1]_2
    @return 0, or the number of the precompile that is wrong, or 255 for tau_g2; reverts where a call itself fails, as 0x08 does
            for a point off the twist or outside the subgroup
    """
    one: uint256[2] = [1, 2]
    two: uint256[2] = [
        1368015179489954701390400359078579693043519447331113978918064868415326638035,
        9918110051302171585080402603319702774565515993150576347155970296011118125764,
    ]
    minus_two: uint256[2] = [two[0], FQ - two[1]]
    if sha256(b"abc") != 0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad:
        return 2
    if self._power(3, 1 << 24) != 19743235389794162123653721193603892821042820983302340920060902500307561949220:
        return 5
    result: uint256[2] = ecadd(one, one)
    if result[0] != two[0] or result[1] != two[1]:
        return 6
    result = ecmul(one, FR - 2)
    if result[0] != minus_two[0] or result[1] != minus_two[1]:
        return 7
    g2: uint256[4] = [G2_X1, G2_X0, G2_Y1, G2_Y0]
    if not self._pairing(two, minus_two, g2) or self._pairing(two, [one[0], FQ - one[1]], g2):
        return 8
    if tau_g2[0] | tau_g2[1] | tau_g2[2] | tau_g2[3] == 0 or self._pairing(two, minus_two, tau_g2):
        return 255
    return 0
