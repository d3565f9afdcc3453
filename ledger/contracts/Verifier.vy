# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Universal verifier of proofs about quadratic forms (docs/protocol.md, version 1)
@notice A module: Registry and Studies import it. There is no verifier per query and no setup per query; the relation is data.
@dev    Shape belongs to the statement: every count comes from the relation's header and the release word, never from the
        lengths the prover sends. A relation that names scalars or slots outside its own shape either reverts here or means
        what its words say; whether they say what was asked is checked by everybody off-chain, who re-derives the relation and
        compares its hash. `_verify` reverts unless the proof is valid; it never returns a verdict.
        Points reach a precompile only after the curve check, so none can burn the gas forwarded to it.
"""

import Precompiles as precompiles
import RelationShape as shape

FR: constant(uint256) = precompiles.FR
FQ: constant(uint256) = precompiles.FQ
ROOT_OF_ORDER_2_28: constant(uint256) = 19103219067921713944291392827692070036145651957329286315305642004821462161904

MAX_ROUND1_BYTES: constant(uint256) = 64 * (shape.MAX_WITNESSES + 1)
MAX_EVALUATION_BYTES: constant(uint256) = 32 * (shape.MAX_OPENED + 1)
MAX_OPENING_BYTES: constant(uint256) = 32 * (shape.MAX_SUMS + 3)

# labels: ASCII, zero bytes on the right
LABEL_DOMAIN: constant(bytes32) = 0x74616c6c79737469636b2e646f6d61696e2e7631000000000000000000000000
LABEL_PROOF: constant(bytes32) = 0x74616c6c79737469636b2e70726f6f662e763100000000000000000000000000
LABEL_STATEMENT: constant(bytes32) = 0x73746174656d656e740000000000000000000000000000000000000000000000
LABEL_ROUND1: constant(bytes32) = 0x726f756e64310000000000000000000000000000000000000000000000000000
LABEL_ROUND2: constant(bytes32) = 0x726f756e64320000000000000000000000000000000000000000000000000000
LABEL_ACCUMULATOR: constant(bytes32) = 0x616363756d756c61746f72000000000000000000000000000000000000000000
LABEL_QUOTIENT: constant(bytes32) = 0x71756f7469656e74000000000000000000000000000000000000000000000000
LABEL_EVALUATIONS: constant(bytes32) = 0x6576616c756174696f6e73000000000000000000000000000000000000000000
LABEL_OPENING: constant(bytes32) = 0x6f70656e696e6700000000000000000000000000000000000000000000000000
LABEL_ALPHA: constant(bytes32) = 0x616c706861000000000000000000000000000000000000000000000000000000
LABEL_DELTA: constant(bytes32) = 0x64656c7461000000000000000000000000000000000000000000000000000000
LABEL_ZETA: constant(bytes32) = 0x7a65746100000000000000000000000000000000000000000000000000000000
LABEL_GAMMA: constant(bytes32) = 0x67616d6d61000000000000000000000000000000000000000000000000000000
LABEL_Z: constant(bytes32) = 0x7a00000000000000000000000000000000000000000000000000000000000000
ZERO: constant(bytes32) = empty(bytes32)


struct Proof:
    round1: Bytes[MAX_ROUND1_BYTES]  # witness commitments in order, then [s]
    accumulator: uint256[2]  # [A]
    quotient: uint256[2]  # [t]
    evaluations: Bytes[MAX_EVALUATION_BYTES]  # opened columns at zeta in order, then A(omega zeta)
    opening: Bytes[MAX_OPENING_BYTES]  # release word, opened rows of s in increasing order, [W]
    final: uint256[2]  # [V]
    hint: uint256  # inverse of the product of all denominators


DOMAIN: immutable(bytes32)
CHAIN_ID: immutable(uint256)
SRS_ID: immutable(bytes32)
TAU_X1: immutable(uint256)
TAU_X0: immutable(uint256)
TAU_Y1: immutable(uint256)
TAU_Y0: immutable(uint256)
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
    DOMAIN = sha256(concat(
        LABEL_DOMAIN, convert(3, bytes32), convert(chain_id, bytes32), convert(convert(self, uint256), bytes32), srs_id
    ))
    TAU_X1 = tau_g2[0]
    TAU_X0 = tau_g2[1]
    TAU_Y1 = tau_g2[2]
    TAU_Y0 = tau_g2[3]
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
def domain() -> bytes32:
    """
    @notice Hash that ties every proof to this chain, this contract and its structured reference string
    """
    return DOMAIN


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
    return [TAU_X1, TAU_X0, TAU_Y1, TAU_Y0]


@external
@view
def selfTest() -> uint256:
    """
    @notice Check precompiles 0x02 and 0x05 to 0x08 against vectors, and [tau]_2
    @return 0, or the number of the precompile that is wrong, or 255 for [tau]_2
    """
    return precompiles._self_test([TAU_X1, TAU_X0, TAU_Y1, TAU_Y0])


@internal
@view
def _verify(
    subject: bytes32, bound: bytes32, statement: Bytes[shape.MAX_STATEMENT_BYTES], proof: Proof, minimum: uint256
) -> uint256:
    """
    @dev Revert unless the proof is valid and every opened guard g satisfies minimum <= g <= N
    @param subject query id or registration id
    @param bound SHA-256 of the statement
    @param statement relation words, then the commitments of the registered columns, all checked to be points before
    @param minimum smallest count a released sum's guard may show
    @return bitmap of the opened rows of s
    """
    head: uint256 = extract32(statement, 0, output_type=uint256)
    commitments_at: uint256 = shape._relation_bytes(head)
    log_rows: uint256 = (head >> 16) & shape.MASK_16
    registered: uint256 = (head >> 32) & shape.MASK_16
    witnesses: uint256 = (head >> 48) & shape.MASK_16
    opened: uint256 = (head >> 80) & shape.MASK_16
    sums: uint256 = (head >> 96) & shape.MASK_16
    assert (
        len(statement) == unsafe_add(commitments_at, unsafe_mul(64, registered))
        and len(proof.round1) == unsafe_mul(64, unsafe_add(witnesses, 1))
        and len(proof.evaluations) == unsafe_mul(32, unsafe_add(opened, 1))
    ), "length"

    # opened rows: the guards of released sums and the public sums
    at: uint256 = unsafe_mul(32, unsafe_add(1, unsafe_add(opened, 31) // 32))
    release: uint256 = extract32(proof.opening, 0, output_type=uint256)
    released: uint256 = release & shape.MASK_64
    shown: uint256 = release >> 64
    assert released != 0 and released >> sums == 0 and shown & ~released == 0, "release word"
    guards: uint256 = 0
    word: uint256 = 0
    for v: uint256 in range(sums, bound=shape.MAX_SUMS):
        if v & 31 == 0:
            word = extract32(statement, at, output_type=uint256)
            at = unsafe_add(at, 32)
        if (released >> v) & 1 == 1:
            assert word & 255 < sums, "guard"
            guards = guards | (1 << (word & 255))
        word = word >> 8
    at = unsafe_add(at, unsafe_mul(32, registered))

    # transcript
    state: bytes32 = sha256(concat(LABEL_PROOF, LABEL_STATEMENT, convert(3, bytes32), DOMAIN, subject, bound))
    state = sha256(concat(state, LABEL_ROUND1, convert(len(proof.round1) // 32, bytes32), proof.round1))
    state = sha256(concat(state, LABEL_ROUND2, ZERO))
    alpha: uint256 = convert(sha256(concat(state, LABEL_ALPHA, ZERO)), uint256) % FR
    state = sha256(concat(
        state, LABEL_ACCUMULATOR, convert(2, bytes32), convert(proof.accumulator[0], bytes32), convert(proof.accumulator[1], bytes32)
    ))
    delta: uint256 = convert(sha256(concat(state, LABEL_DELTA, ZERO)), uint256) % FR
    state = sha256(concat(
        state, LABEL_QUOTIENT, convert(2, bytes32), convert(proof.quotient[0], bytes32), convert(proof.quotient[1], bytes32)
    ))
    zeta: uint256 = convert(sha256(concat(state, LABEL_ZETA, ZERO)), uint256) % FR
    state = sha256(concat(state, LABEL_EVALUATIONS, convert(len(proof.evaluations) // 32, bytes32), proof.evaluations))
    gamma: uint256 = convert(sha256(concat(state, LABEL_GAMMA, ZERO)), uint256) % FR
    state = sha256(concat(state, LABEL_OPENING, convert(len(proof.opening) // 32, bytes32), proof.opening))
    z: uint256 = convert(sha256(concat(state, LABEL_Z, ZERO)), uint256) % FR

    # e(zeta) = Z_H(zeta)/N · e_top/e_bottom; rows = sum of gamma^k/(z - omega^row) and of gamma^k·S_k/(z - omega^row)
    e_top: uint256 = 0
    e_bottom: uint256 = 1
    row_top: uint256 = 0
    value_top: uint256 = 0
    row_bottom: uint256 = 1
    omega: uint256 = OMEGA[log_rows]
    rows: uint256 = guards | shown
    row_at: uint256 = 32
    power: uint256 = 1  # omega^v
    weight: uint256 = 1  # (alpha·omega)^v
    factor: uint256 = 1  # gamma^k
    step: uint256 = uint256_mulmod(alpha, omega, FR)
    for v: uint256 in range(sums, bound=shape.MAX_SUMS):
        minus: uint256 = unsafe_sub(FR, power)
        difference: uint256 = uint256_addmod(zeta, minus, FR)
        e_top = uint256_addmod(uint256_mulmod(e_top, difference, FR), uint256_mulmod(weight, e_bottom, FR), FR)
        e_bottom = uint256_mulmod(e_bottom, difference, FR)
        if (rows >> v) & 1 == 1:
            value: uint256 = extract32(proof.opening, row_at, output_type=uint256)
            row_at = unsafe_add(row_at, 32)
            assert value < FR, "scalar"
            if (guards >> v) & 1 == 1:
                assert value >= minimum and value <= 1 << log_rows, "guard value"
            difference = uint256_addmod(z, minus, FR)
            scaled: uint256 = uint256_mulmod(factor, row_bottom, FR)
            row_top = uint256_addmod(uint256_mulmod(row_top, difference, FR), scaled, FR)
            value_top = uint256_addmod(uint256_mulmod(value_top, difference, FR), uint256_mulmod(scaled, value, FR), FR)
            row_bottom = uint256_mulmod(row_bottom, difference, FR)
            factor = uint256_mulmod(factor, gamma, FR)
        power = uint256_mulmod(power, omega, FR)
        weight = uint256_mulmod(weight, step, FR)
    assert len(proof.opening) == unsafe_add(row_at, 64), "length"

    # one inverse for all denominators; zeta in H, z = zeta, z = omega·zeta and z on an opened row fail here
    vanishing: uint256 = uint256_addmod(precompiles._power(zeta, 1 << log_rows), FR - 1, FR)
    z_zeta: uint256 = uint256_addmod(z, unsafe_sub(FR, zeta), FR)
    z_next: uint256 = uint256_addmod(z, unsafe_sub(FR, uint256_mulmod(omega, zeta, FR)), FR)
    head_part: uint256 = uint256_mulmod(vanishing, z_zeta, FR)
    tail_part: uint256 = uint256_mulmod(z_next, row_bottom, FR)
    both: uint256 = uint256_mulmod(head_part, tail_part, FR)
    assert proof.hint < FR and uint256_mulmod(proof.hint, uint256_mulmod(both, e_bottom, FR), FR) == 1, "hint"
    e_weight: uint256 = uint256_mulmod(e_top, uint256_mulmod(proof.hint, both, FR), FR)
    e_weight = uint256_mulmod(e_weight, unsafe_sub(FR, (FR - 1) >> log_rows), FR)  # e(zeta)/Z_H(zeta)
    inverse: uint256 = uint256_mulmod(proof.hint, e_bottom, FR)  # of vanishing · z_zeta · z_next · row_bottom
    scale: uint256 = uint256_mulmod(inverse, uint256_mulmod(z_zeta, tail_part, FR), FR)  # 1/Z_H(zeta)
    next_ratio: uint256 = uint256_mulmod(uint256_mulmod(inverse, z_zeta, FR), uint256_mulmod(head_part, row_bottom, FR), FR)
    row_ratio: uint256 = uint256_mulmod(uint256_mulmod(inverse, z_zeta, FR), uint256_mulmod(head_part, z_next, FR), FR)

    # table of scalars
    table: uint256[shape.MAX_TABLE] = empty(uint256[shape.MAX_TABLE])
    table[0] = 1
    table[1] = FR - 1
    index: uint256 = 2
    for _: uint256 in range((head >> 128) & shape.MASK_16, bound=shape.MAX_TABLE):
        word = extract32(statement, at, output_type=uint256)
        assert word < FR, "constant"
        table[index] = word
        index = unsafe_add(index, 1)
        at = unsafe_add(at, 32)
    weight = scale
    scalar: uint256 = 0  # of the generator
    for i: uint256 in range(opened, bound=shape.MAX_OPENED):
        value: uint256 = extract32(proof.evaluations, unsafe_mul(32, i), output_type=uint256)
        assert value < FR, "scalar"
        weight = uint256_mulmod(weight, gamma, FR)
        table[index] = value
        table[unsafe_add(index, opened)] = weight
        scalar = uint256_addmod(scalar, uint256_mulmod(weight, value, FR), FR)
        index = unsafe_add(index, 1)
    index = unsafe_add(index, opened)
    next_ratio = uint256_mulmod(uint256_mulmod(weight, gamma, FR), next_ratio, FR)  # of A - A(omega zeta)
    row_ratio = uint256_mulmod(uint256_mulmod(weight, uint256_mulmod(gamma, gamma, FR), FR), row_ratio, FR)
    weight = unsafe_sub(FR, scale)
    for _: uint256 in range(sums, bound=shape.MAX_SUMS):
        table[index] = weight
        weight = uint256_mulmod(weight, alpha, FR)
        index = unsafe_add(index, 1)
    weight = scale
    for _: uint256 in range((head >> 112) & shape.MASK_16, bound=shape.MAX_ZERO_FORMS):
        weight = uint256_mulmod(weight, delta, FR)
        table[index] = weight
        index = unsafe_add(index, 1)
    for _: uint256 in range((head >> 144) & shape.MASK_16, bound=shape.MAX_WORDS):
        word = extract32(statement, at, output_type=uint256)
        at = unsafe_add(at, 32)
        for __: uint256 in range(word & 255, bound=shape.PAIRS_PER_WORD):
            word = word >> 16
            table[index] = uint256_mulmod(table[word & 255], table[(word >> 8) & 255], FR)
            index = unsafe_add(index, 1)

    # constant: A(omega zeta)/Z_H(zeta) - (opened values) - (A's opening) - (opened rows)
    value: uint256 = extract32(proof.evaluations, unsafe_mul(32, opened), output_type=uint256)
    assert value < FR, "scalar"
    factor = uint256_addmod(scale, unsafe_sub(FR, next_ratio), FR)
    scalar = uint256_addmod(unsafe_sub(FR, scalar), uint256_mulmod(factor, value, FR), FR)
    scalar = uint256_addmod(scalar, unsafe_sub(FR, uint256_mulmod(row_ratio, value_top, FR)), FR)

    precompiles._check_point(proof.accumulator[0], proof.accumulator[1])
    precompiles._check_point(proof.quotient[0], proof.quotient[1])
    precompiles._check_point(proof.final[0], proof.final[1])
    total: uint256[2] = ecadd(
        [proof.quotient[0], unsafe_sub(FQ, proof.quotient[1])], ecmul(proof.accumulator, unsafe_sub(FR, factor))
    )
    point: uint256[2] = [
        extract32(proof.opening, row_at, output_type=uint256), extract32(proof.opening, unsafe_add(row_at, 32), output_type=uint256)
    ]
    precompiles._check_point(point[0], point[1])
    total = ecadd(total, ecmul(point, unsafe_sub(FR, uint256_mulmod(scale, z_zeta, FR))))
    total = ecadd(total, ecmul(proof.final, z))
    row_at = unsafe_mul(64, witnesses)
    point = [
        extract32(proof.round1, row_at, output_type=uint256), extract32(proof.round1, unsafe_add(row_at, 32), output_type=uint256)
    ]
    precompiles._check_point(point[0], point[1])
    total = ecadd(total, ecmul(point, uint256_addmod(e_weight, uint256_mulmod(row_ratio, row_top, FR), FR)))

    # the program: one scalar for the generator, each registered column and each witness column
    point = [1, 2]
    slot: uint256 = 0
    last: uint256 = unsafe_add(registered, witnesses)
    row_at = 0
    for _: uint256 in range((head >> 160) & shape.MASK_16, bound=shape.MAX_WORDS):
        assert slot <= last, "program"
        word = extract32(statement, at, output_type=uint256)
        at = unsafe_add(at, 32)
        more: uint256 = word & 128
        for __: uint256 in range(word & 127, bound=shape.PAIRS_PER_WORD):
            word = word >> 16
            scalar = uint256_addmod(scalar, uint256_mulmod(table[word & 255], table[(word >> 8) & 255], FR), FR)
        if more != 0:
            continue
        if slot != 0:
            if slot <= registered:
                point[0] = extract32(statement, commitments_at, output_type=uint256)
                point[1] = extract32(statement, unsafe_add(commitments_at, 32), output_type=uint256)
                commitments_at = unsafe_add(commitments_at, 64)
            else:
                point[0] = extract32(proof.round1, row_at, output_type=uint256)
                point[1] = extract32(proof.round1, unsafe_add(row_at, 32), output_type=uint256)
                row_at = unsafe_add(row_at, 64)
                precompiles._check_point(point[0], point[1])
        total = ecadd(total, ecmul(point, scalar))
        scalar = 0
        slot = unsafe_add(slot, 1)
    assert slot == unsafe_add(last, 1), "program"
    assert precompiles._pairing(
        total, [proof.final[0], unsafe_sub(FQ, proof.final[1])], [TAU_X1, TAU_X0, TAU_Y1, TAU_Y0]
    ), "pairing"
    return rows
