# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Hidden guards: the weights of their equations (zk/guards.py, docs/protocol.md §3)
@dev    A stateless module. Bit 16c + a of the guard in row v of s stands in row v + c·N/32 + a·N/16 of b. With nu of order 16 and
        y = zeta/omega^(v + c·N/32), the Lagrange polynomials of these rows, bit a weighing 2^a, add up to
        Z_H(zeta)/N · sum of 2^a·nu^a/(y - nu^a), which is a polynomial over y^16 - 1; that of row v of s is Z_H(zeta)/N · 1/(y - 1)
        with c = 0. Results may stay above r: a sum of two residues is below 2^255.
"""

import Precompiles as precompiles

FR: constant(uint256) = precompiles.FR
UPPER: constant(uint256) = 2**16  # weight of the upper half
BACK: constant(uint256) = 17704588942648532530972307366230787358793284390049200127770755029903181125533  # 1/omega^(N/32), the same for every N: (y·BACK)^16 = -y^16


@internal
@pure
def _top_row(log_rows: uint256) -> uint256:
    """
    @dev Row of b that holds bit log_rows of the guard in row 0 of s
    """
    return unsafe_add(log_rows >> 4, unsafe_mul(log_rows & 15, 2)) << unsafe_sub(log_rows, 5)


@internal
@pure
def _sixteenth(y: uint256) -> uint256:
    """
    @dev y^16
    """
    power: uint256 = uint256_mulmod(y, y, FR)
    power = uint256_mulmod(power, power, FR)
    power = uint256_mulmod(power, power, FR)
    return uint256_mulmod(power, power, FR)


@internal
@pure
def _half(y: uint256) -> uint256:
    """
    @dev Sum of 2^a·nu^a·(y^16 - 1)/(y - nu^a): coefficient i is (2^16 - 1)/(2·nu^-i - 1)
    """
    word: uint256 = unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(1814079998050716848537817797518707903620852517221359098498308505346042113745
        , y, FR), 5873206596734966422659021959330012903802612922966854860305103009004928747944)
        , y, FR), 13911599215758228042333382913834596091956354868205875330046943554715237983299)
        , y, FR), 115549240315345736088378004459070600818807064255430430022505903)
        , y, FR), 21520688431586223160083344442428224006132988109776122532017941312347560678623)
        , y, FR), 1680446289343481754744246911220503350084071208731772886487097526293449141561)
        , y, FR), 16273351480928765959900064415682088396094021933440571909296253451584792910071)
        , y, FR), 21888242871839275222246405745257275088548364400416034343698204186575808473772)
        , y, FR), 7508241060880257159896457730498587333722366048489225792347458876728456835394)
    return unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(unsafe_add(uint256_mulmod(word
        , y, FR), 16015036275104444739870107722087366158868644501685436903468695801606200350563)
        , y, FR), 5194166249468436568167060710547436415408153916100642729915462709713143719160)
        , y, FR), 21888242871839159673006090399521186710543905329815215536633948756145785963500)
        , y, FR), 12933476253161425213245426754768541207864543336614353517957917067324123911252)
        , y, FR), 20207796582495657527219434897876667764341400167448004037135512036247038735746)
        , y, FR), 8397368797523047936822068215750918999394176871815986464712531268543875828884)
        , y, FR), 65535)
