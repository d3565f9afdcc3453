# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Universal verifier of proofs about quadratic forms (docs/protocol.md, relations of version 2)
@notice One contract for every relation: no verifier per query and no setup per query; the relation is data. It decides nothing
        by itself: a caller asks, and does the pairing with what it gets back. Its state is pages.
@dev    Shape belongs to the statement: every count comes from the relation's header and the release word, never from the
        lengths the prover sends. The caller has checked the header's limits (RelationShape) when it accepted the relation.
        A relation that names scalars or slots outside its own shape either reverts here or means what its words say; whether they
        say what was asked is checked by everybody off-chain, who re-derives the relation and compares its hash.
        Points reach a precompile only after the curve check, so none can burn the gas forwarded to it.
"""

import HiddenGuards as bits
import Labels as labels
import Pages as pages
import Precompiles as precompiles
import ReferenceString as string
import RelationShape as shape

initializes: pages
initializes: string
exports: (pages.openPage, pages.setLane, pages.page)
exports: (string.chainId, string.srsId, string.tauG2, string.domain)

FR: constant(uint256) = precompiles.FR
FQ: constant(uint256) = precompiles.FQ
ONE: constant(uint256) = 1
MASK_128: constant(uint256) = 2**128 - 1


struct Combination:
    binding: bytes32  # hash of statement, terms and the [T] it was read with: what was asked, to be compared by the caller
    digest: bytes32  # transcript after everything was absorbed: binds subject, statement, caller, [s] and opened rows
    left: uint256[2]  # [F] + z·[V], to be paired with [1]_2; [V], a point too, is to be paired with [tau]_2
    rows: uint256  # bitmap of the opened rows of s


@deploy
def __init__(chain_id: uint256, srs_id: bytes32, tau_g2: uint256[4], srs_development: bool, production: bool):
    """
    @notice Arguments as in ReferenceString.vy
    """
    string.__init__(chain_id, srs_id, tau_g2, srs_development, production)


@external
@view
def publish(
    subject: bytes32,
    terms: uint256,
    last: uint256[2],
    hint: uint256,
    proof: Bytes[shape.MAX_PROOF_BYTES],
    statement: Bytes[shape.MAX_STATEMENT_BYTES],
) -> Combination:
    """
    @notice Everything a proof needs but its pairing: reverts unless e(left, [1]_2) = e([V], [tau]_2) is all that is left to check
    @dev    Named and typed as in Studies, which forwards its calldata unchanged. The proof is bound to msg.sender by the domain.
    @param subject query id or registration id
    @param terms in bits 0..63 the smallest count a released sum's guard may show; above, lanes that must be as they were (Pages.vy)
    @param last [V]
    @param hint inverse of the product of all denominators
    @param proof its words in canonical order but for [V] (zk/proof.py); with lookups then [T], which the caller compares
    @param statement relation words, then the commitments of the registered columns, all checked to be points when registered
    """
    pages._check(terms)
    head: uint256 = extract32(statement, 0, output_type=uint256)
    assert head & shape.MASK_16 == shape.RELATION_VERSION, "relation version"
    log_rows: uint256 = (head >> 16) & shape.MASK_16
    opened: uint256 = (head >> 80) & shape.MASK_16
    sums: uint256 = (head >> 96) & shape.MASK_16
    codes: uint256 = (head >> 192) & shape.MASK_16
    lookups: uint256 = convert((head >> 208) & shape.MASK_16 != 0, uint256)
    plain: uint256 = (head >> 232) & 1
    hidden: uint256 = (head >> 233) & 1
    cells: uint256 = 1
    if codes != 0:
        cells = unsafe_mul(codes & 255, max(codes >> 8, 1))
    count: uint256 = unsafe_mul(sums, cells)
    # where the parts of the proof begin
    round1_at: uint256 = unsafe_mul(unsafe_mul(32, count), plain)
    sums_at: uint256 = unsafe_add(unsafe_add((head >> 48) & shape.MASK_16, lookups), hidden)
    sums_at = unsafe_add(round1_at, unsafe_mul(64, sums_at))
    round2_at: uint256 = unsafe_add(sums_at, unsafe_mul(64, unsafe_sub(1, plain)))
    accumulator_at: uint256 = unsafe_add(round2_at, unsafe_mul(64, (head >> 64) & shape.MASK_16))
    values_at: uint256 = unsafe_add(accumulator_at, 128)
    opening_at: uint256 = unsafe_add(values_at, unsafe_mul(32, unsafe_add(opened, 1)))
    table_at: uint256 = unsafe_sub(len(proof), unsafe_mul(64, lookups))
    assert table_at <= len(proof) and opening_at <= table_at, "length"
    # nothing is missing and nothing stands behind: where the calldata is forwarded, it is what everybody reads the proof from
    assert len(msg.data) == unsafe_add(292, unsafe_add(len(statement), len(proof))), "calldata length"

    # opened rows: the guards of released rows, unless hidden, and the public rows; of a plain relation every row is shown
    at: uint256 = unsafe_mul(32, unsafe_add(1, unsafe_div(unsafe_add(opened, 31), 32)))
    rows: uint256 = 0  # public
    release: uint256 = unsafe_sub(ONE << count, 1)
    if plain == 0:
        rows = extract32(proof, opening_at, output_type=uint256)
        assert rows & MASK_128 & ~release == 0 and rows & MASK_128 != 0 and (rows >> 128) & ~rows == 0, "release word"
        release = rows & MASK_128
        rows = rows >> 128
    guards: uint256 = 0
    mask: uint256 = unsafe_sub(ONE << cells, 1)
    word: uint256 = 0
    for v: uint256 in range(sums, bound=shape.MAX_SUMS):
        if v & 31 == 0:
            word = extract32(statement, at, output_type=uint256)
            at = unsafe_add(at, 32)
        assert word & 255 < sums, "guard"
        guards = guards | ((release & mask) << unsafe_mul(word & 255, cells))
        release = release >> cells
        word = word >> 8
    # behind them the registered columns' words, codes, hints, constants, products, program, and the commitments
    word = unsafe_mul(32, (head >> 32) & shape.MASK_16)
    at = unsafe_add(at, word)
    commitment_at: uint256 = unsafe_add(at, unsafe_mul(32, unsafe_add(unsafe_add(
        head >> 240, (head >> 128) & shape.MASK_16), unsafe_add((head >> 144) & shape.MASK_16, (head >> 160) & shape.MASK_16
    ))))
    if codes != 0:
        commitment_at = unsafe_add(commitment_at, unsafe_mul(32, shape._code_words(head)))
    assert len(statement) == unsafe_add(commitment_at, unsafe_mul(2, word)), "length"

    # transcript
    bound: bytes32 = sha256(statement)
    domain: bytes32 = sha256(abi_encode(labels.DOMAIN, string.THREE, string.CHAIN_ID, msg.sender, string.SRS_ID))
    state: bytes32 = empty(bytes32)
    # [T] comes first of all: chosen after zeta, one of the tables that pass could give T(zeta) any value (M9)
    if lookups == 0:
        if plain == 0:
            if hidden == 0:
                state = sha256(abi_encode(labels.PROOF, labels.STATEMENT, string.THREE, domain, subject, bound))
            else:
                # the minimum that hidden guards are proved to reach comes before every challenge, too
                state = sha256(abi_encode(
                    labels.PROOF, labels.STATEMENT, convert(4, uint256), domain, subject, bound, terms & shape.MASK_64
                ))
        else:
            word = unsafe_add(3, count)
            state = sha256(concat(
                labels.PROOF, labels.STATEMENT, convert(word, bytes32), domain, subject, bound, slice(proof, 0, round1_at)
            ))
    elif plain == 0:
        if hidden == 0:
            state = sha256(abi_encode(
                labels.PROOF, labels.STATEMENT, convert(5, bytes32), domain, subject, bound,
                extract32(proof, table_at), extract32(proof, unsafe_add(table_at, 32)),
            ))
        else:
            state = sha256(abi_encode(
                labels.PROOF, labels.STATEMENT, convert(6, bytes32), domain, subject, bound,
                extract32(proof, table_at), extract32(proof, unsafe_add(table_at, 32)), terms & shape.MASK_64,
            ))
    else:
        word = unsafe_add(5, count)
        state = sha256(concat(
            labels.PROOF, labels.STATEMENT, convert(word, bytes32), domain, subject, bound,
            extract32(proof, table_at), extract32(proof, unsafe_add(table_at, 32)), slice(proof, 0, round1_at),
        ))
    word = unsafe_sub(round2_at, round1_at)
    state = sha256(concat(state, labels.ROUND1, convert(word >> 5, bytes32), slice(proof, round1_at, word)))
    after_round1: bytes32 = state
    word = unsafe_sub(accumulator_at, round2_at)
    if word == 0:
        state = sha256(abi_encode(state, labels.ROUND2, empty(bytes32)))
    else:
        state = sha256(concat(state, labels.ROUND2, convert(word >> 5, bytes32), slice(proof, round2_at, word)))
    alpha: uint256 = convert(sha256(abi_encode(state, labels.ALPHA, empty(bytes32))), uint256) % FR
    at_t: uint256 = unsafe_add(accumulator_at, 64)
    accumulator: uint256[2] = [extract32(proof, accumulator_at, output_type=uint256), extract32(proof, unsafe_sub(at_t, 32), output_type=uint256)]
    state = sha256(abi_encode(state, labels.ACCUMULATOR, convert(2, uint256), accumulator))
    delta: uint256 = convert(sha256(abi_encode(state, labels.DELTA, empty(bytes32))), uint256) % FR
    quotient: uint256[2] = [extract32(proof, at_t, output_type=uint256), extract32(proof, unsafe_add(at_t, 32), output_type=uint256)]
    state = sha256(abi_encode(state, labels.QUOTIENT, convert(2, uint256), quotient))
    zeta: uint256 = convert(sha256(abi_encode(state, labels.ZETA, empty(bytes32))), uint256) % FR
    word = unsafe_sub(opening_at, values_at)
    state = sha256(concat(state, labels.EVALUATIONS, convert(word >> 5, bytes32), slice(proof, values_at, word)))
    gamma: uint256 = convert(sha256(abi_encode(state, labels.GAMMA, empty(bytes32))), uint256) % FR
    word = unsafe_sub(table_at, opening_at)
    state = sha256(concat(state, labels.OPENING, convert(word >> 5, bytes32), slice(proof, opening_at, word)))
    z: uint256 = convert(sha256(abi_encode(state, labels.Z, empty(bytes32))), uint256) % FR

    # table of scalars; an index at or above its length reverts
    table: DynArray[uint256, shape.MAX_TABLE] = []

    # e(zeta) = Z_H(zeta)/N · e_top/e_bottom, or S_alpha = e_top/e_bottom if plain: cell by cell, over the sums in each. beta + code
    # of the first group stands among the denominators. Of the second, the table holds until the cells are done for each code
    # the product over its other codes, and their product stands among the denominators once.
    # What only enters products may stay above r: a sum of two residues is below 2^255.
    e_top: uint256 = 0
    e_bottom: uint256 = 1
    omega: uint256 = string.OMEGA[log_rows]
    first: uint256 = 0  # beta_1
    second: uint256 = codes >> 8  # number of codes
    step: uint256 = omega  # omega^cells, from one sum's row to the next's
    code_at: uint256 = at
    if codes != 0:
        step = precompiles._power(omega, cells)
        first = convert(sha256(abi_encode(after_round1, labels.BETA, convert(1, bytes32))), uint256) % FR
        at = unsafe_add(at, unsafe_mul(32, shape._code_words(head)))
    beta: uint256 = 0  # beta_2
    second_bottom: uint256 = 1
    if second != 0:
        beta = convert(sha256(abi_encode(after_round1, labels.BETA, convert(2, bytes32))), uint256) % FR
        second_at: uint256 = unsafe_sub(at, unsafe_mul(32, unsafe_div(unsafe_add(second, 15), 16)))
        for k: uint256 in range(second, bound=shape.MAX_CODES):
            table.append(second_bottom)
            word = extract32(statement, unsafe_add(second_at, unsafe_mul(32, k >> 4)), output_type=uint256)
            word = (word >> unsafe_mul(16, k & 15)) & shape.MASK_16
            second_bottom = uint256_mulmod(second_bottom, unsafe_add(beta, word), FR)
        product: uint256 = 1
        for i: uint256 in range(second, bound=shape.MAX_CODES):
            k: uint256 = unsafe_sub(unsafe_sub(second, 1), i)
            table[k] = uint256_mulmod(table[k], product, FR)
            word = extract32(statement, unsafe_add(second_at, unsafe_mul(32, k >> 4)), output_type=uint256)
            word = (word >> unsafe_mul(16, k & 15)) & shape.MASK_16
            product = uint256_mulmod(product, unsafe_add(beta, word), FR)
    at = unsafe_add(at, unsafe_mul(32, head >> 240))  # hints prove nothing
    minimum: uint256 = terms & shape.MASK_64
    assert minimum <= 1 << log_rows, "guard value"
    span: uint256 = unsafe_sub(1 << log_rows, minimum)
    alpha_step: uint256 = alpha
    if plain == 0:
        alpha_step = uint256_mulmod(alpha, step, FR)
    place: uint256 = 0  # of the cell's code in the first group
    inner: uint256 = 0  # in the second
    start: uint256 = 1  # omega^cell
    power: uint256 = 1  # omega^row
    weight: uint256 = 1  # alpha^v·omega^row, or alpha^v if plain
    part_top: uint256 = 0  # of the cells with one code in the first group
    part_bottom: uint256 = 1
    difference: uint256 = 0
    for cell: uint256 in range(cells, bound=shape.MAX_CELLS):
        power = start
        weight = start
        if second != 0:
            weight = uint256_mulmod(start, table[inner], FR)
        if plain == 0:
            for _: uint256 in range(sums, bound=shape.MAX_SUMS):
                difference = unsafe_add(zeta, unsafe_sub(FR, power))
                part_top = unsafe_add(uint256_mulmod(part_top, difference, FR), uint256_mulmod(weight, part_bottom, FR))
                part_bottom = uint256_mulmod(part_bottom, difference, FR)
                power = uint256_mulmod(power, step, FR)
                weight = uint256_mulmod(weight, alpha_step, FR)
        else:
            power = cell  # the row
            for _: uint256 in range(sums, bound=shape.MAX_SUMS):
                difference = extract32(proof, unsafe_mul(32, power), output_type=uint256)
                if (guards >> power) & 1 == 1:
                    assert unsafe_sub(difference, minimum) <= span, "guard value"
                else:
                    assert difference < FR, "scalar"
                part_top = uint256_addmod(part_top, uint256_mulmod(weight, difference, FR), FR)
                weight = uint256_mulmod(weight, alpha_step, FR)
                power = unsafe_add(power, cells)
        if codes == 0:
            e_top = part_top
            e_bottom = part_bottom
        else:
            inner = unsafe_add(inner, 1)
            if inner >= second:
                inner = 0
                if place & 15 == 0:
                    word = extract32(statement, code_at, output_type=uint256)
                    code_at = unsafe_add(code_at, 32)
                place = unsafe_add(place, 1)
                part_bottom = uint256_mulmod(part_bottom, unsafe_add(first, word & shape.MASK_16), FR)
                word = word >> 16
                e_top = unsafe_add(uint256_mulmod(e_top, part_bottom, FR), uint256_mulmod(part_top, e_bottom, FR))
                e_bottom = uint256_mulmod(e_bottom, part_bottom, FR)
                part_top = 0
                part_bottom = 1
            if plain == 0:
                start = uint256_mulmod(start, omega, FR)
    e_bottom = uint256_mulmod(e_bottom, second_bottom, FR)

    # opened rows: sum of gamma^k/(z - omega^row) and of gamma^k·S_k/(z - omega^row)
    row_top: uint256 = 0
    value_top: uint256 = 0
    row_bottom: uint256 = 1
    row_at: uint256 = opening_at
    if plain == 0:
        if hidden == 0:
            rows = rows | guards
        else:
            # hidden guards: an equation for every guard row (HiddenGuards.vy). What the cells' loops used is free again.
            place = unsafe_mul(32, unsafe_add(1, unsafe_div(unsafe_add(opened, 31), 32)))
            release = 0  # guard rows
            for v: uint256 in range(sums, bound=shape.MAX_SUMS):
                if v & 31 == 0:
                    word = extract32(statement, unsafe_add(place, v), output_type=uint256)
                release = release | (mask << unsafe_mul(word & 255, cells))
                word = word >> 8
            weight = precompiles._power(alpha, unsafe_add(sums, lookups))
            power = precompiles._power(omega, bits._top_row(log_rows))
            step = precompiles._power(omega, unsafe_sub(ONE << log_rows, ONE))  # 1/omega
            start = zeta  # zeta/omega^row
            part_top = 0  # of b: a fraction over part_bottom
            part_bottom = 1
            place = 1  # product of z - omega^row over the rows of b that are opened
            inner = 0  # sum of the equations' weights
            for row: uint256 in range(shape.MAX_CELLS):
                if release == 0:
                    break
                if release & 1 == 1:
                    difference = unsafe_add(start, FR - 1)
                    e_top = unsafe_add(uint256_mulmod(e_top, difference, FR), uint256_mulmod(weight, e_bottom, FR))
                    e_bottom = uint256_mulmod(e_bottom, difference, FR)
                    word = bits._half(start)
                    difference = bits._sixteenth(start)
                    if log_rows >= 16:
                        second_bottom = uint256_mulmod(bits._half(uint256_mulmod(start, bits.BACK, FR)), bits.UPPER, FR)
                        second_bottom = uint256_mulmod(second_bottom, unsafe_add(difference, FR - 1), FR)
                        word = unsafe_add(uint256_mulmod(word, unsafe_sub(FR - 1, difference), FR), second_bottom)
                        difference = uint256_mulmod(unsafe_add(difference, FR - 1), unsafe_sub(FR - 1, difference), FR)
                    else:
                        difference = unsafe_add(difference, FR - 1)
                    word = uint256_mulmod(word, uint256_mulmod(weight, part_bottom, FR), FR)
                    part_top = unsafe_add(uint256_mulmod(part_top, difference, FR), word)
                    part_bottom = uint256_mulmod(part_bottom, difference, FR)
                    inner = uint256_addmod(inner, weight, FR)
                    weight = uint256_mulmod(weight, alpha, FR)
                    if (guards >> row) & 1 == 1:
                        place = uint256_mulmod(place, unsafe_add(z, unsafe_sub(FR, power)), FR)
                start = uint256_mulmod(start, step, FR)
                power = uint256_mulmod(power, omega, FR)
                release = release >> 1
            e_top = uint256_mulmod(e_top, part_bottom, FR)
            part_top = uint256_mulmod(part_top, e_bottom, FR)
            e_bottom = uint256_mulmod(e_bottom, part_bottom, FR)
        row_at = unsafe_add(row_at, 32)
        power = 1
        weight = 1  # gamma^k
        release = rows  # bits still to come
        for row: uint256 in range(shape.MAX_CELLS):
            if release == 0:
                break
            if release & 1 == 1:
                value: uint256 = extract32(proof, row_at, output_type=uint256)
                row_at = unsafe_add(row_at, 32)
                if (guards >> row) & 1 == 1:
                    assert unsafe_sub(value, minimum) <= span, "guard value"
                else:
                    assert value < FR, "scalar"
                difference = unsafe_add(z, unsafe_sub(FR, power))
                word = uint256_mulmod(weight, row_bottom, FR)
                row_top = unsafe_add(uint256_mulmod(row_top, difference, FR), word)
                value_top = unsafe_add(uint256_mulmod(value_top, difference, FR), uint256_mulmod(word, value, FR))
                row_bottom = uint256_mulmod(row_bottom, difference, FR)
                weight = uint256_mulmod(weight, gamma, FR)
            power = uint256_mulmod(power, omega, FR)
            release = release >> 1
        if hidden == 1:
            # opened rows of b are 1, and one quotient serves them all
            part_bottom = uint256_mulmod(weight, row_bottom, FR)
            row_top = uint256_mulmod(row_top, place, FR)
            value_top = unsafe_add(uint256_mulmod(value_top, place, FR), part_bottom)
            row_bottom = uint256_mulmod(row_bottom, place, FR)
    assert table_at == unsafe_add(row_at, 64), "length"

    # one inverse for all denominators; zeta in H, z = zeta, z = omega·zeta, z on an opened row and beta = -code fail here
    vanishing: uint256 = unsafe_add(precompiles._power(zeta, 1 << log_rows), FR - 1)
    z_zeta: uint256 = unsafe_add(z, unsafe_sub(FR, zeta))
    z_next: uint256 = unsafe_add(z, unsafe_sub(FR, uint256_mulmod(omega, zeta, FR)))
    tail_part: uint256 = uint256_mulmod(z_next, row_bottom, FR)
    both: uint256 = uint256_mulmod(uint256_mulmod(vanishing, z_zeta, FR), tail_part, FR)
    assert hint < FR and uint256_mulmod(hint, uint256_mulmod(both, e_bottom, FR), FR) == 1, "hint"
    e_weight: uint256 = uint256_mulmod(e_top, uint256_mulmod(hint, both, FR), FR)
    e_weight = uint256_mulmod(e_weight, unsafe_sub(FR, (FR - 1) >> log_rows), FR)  # e(zeta)/Z_H(zeta), or S_alpha/N
    inverse: uint256 = uint256_mulmod(uint256_mulmod(hint, e_bottom, FR), z_zeta, FR)  # 1/(vanishing · z_next · row_bottom)
    scale: uint256 = uint256_mulmod(inverse, tail_part, FR)  # 1/Z_H(zeta)
    inverse = uint256_mulmod(inverse, uint256_mulmod(vanishing, z_zeta, FR), FR)  # (z - zeta)/(z_next · row_bottom)

    scalar: uint256 = 0  # of the generator
    total: uint256[2] = empty(uint256[2])
    point: uint256[2] = empty(uint256[2])
    more: uint256 = 0  # whether the slot goes on in the next word

    table = [1, FR - 1]
    if lookups == 1:
        table.append(convert(sha256(abi_encode(after_round1, labels.BETA, empty(bytes32))), uint256) % FR)
    if codes != 0:
        table.append(first)
        if second != 0:
            table.append(beta)
    for _: uint256 in range((head >> 128) & shape.MASK_16, bound=shape.MAX_TABLE):
        word = extract32(statement, at, output_type=uint256)
        assert word < FR, "constant"
        table.append(word)
        at = unsafe_add(at, 32)
    for i: uint256 in range(opened, bound=shape.MAX_OPENED):
        word = extract32(proof, unsafe_add(values_at, unsafe_mul(32, i)), output_type=uint256)
        assert word < FR, "scalar"
        table.append(word)
    weight = scale
    for i: uint256 in range(opened, bound=shape.MAX_OPENED):
        weight = uint256_mulmod(weight, gamma, FR)
        table.append(weight)
        word = extract32(proof, unsafe_add(values_at, unsafe_mul(32, i)), output_type=uint256)
        scalar = uint256_addmod(scalar, uint256_mulmod(weight, word, FR), FR)
    weight = uint256_mulmod(uint256_mulmod(weight, gamma, FR), inverse, FR)
    factor: uint256 = uint256_mulmod(weight, row_bottom, FR)  # of A - A(omega zeta)
    if plain == 0:
        row_bottom = uint256_mulmod(uint256_mulmod(weight, gamma, FR), z_next, FR)  # of the rows
        if hidden == 1:
            difference = unsafe_sub(FR, (FR - 1) >> log_rows)  # 1/N
            part_top = uint256_mulmod(uint256_mulmod(part_top, uint256_mulmod(hint, both, FR), FR), difference, FR)
            table.append(unsafe_add(uint256_mulmod(row_bottom, part_bottom, FR), unsafe_sub(FR, part_top)))
            # S_alpha/N is added to the constant, from which all this is subtracted
            inner = uint256_mulmod(uint256_mulmod(inner, span, FR), uint256_mulmod(difference, scale, FR), FR)
            scalar = unsafe_add(scalar, unsafe_sub(FR, inner))
    # the weights of A - A(omega zeta) and of the rows carry 1/Z_H(zeta) already, through `weight`
    weight = unsafe_sub(FR, scale)
    for _: uint256 in range(unsafe_add(sums, lookups), bound=shape.MAX_SUMS + 1):
        table.append(weight)
        weight = uint256_mulmod(weight, alpha, FR)
    weight = scale
    for _: uint256 in range((head >> 112) & shape.MASK_16, bound=shape.MAX_ZERO_FORMS):
        weight = uint256_mulmod(weight, delta, FR)
        table.append(weight)
    for _: uint256 in range((head >> 144) & shape.MASK_16, bound=shape.MAX_WORDS):
        word = extract32(statement, at, output_type=uint256)
        at = unsafe_add(at, 32)
        for __: uint256 in range(word & 255, bound=shape.PAIRS_PER_WORD):
            word = word >> 16
            table.append(uint256_mulmod(table[word & 255], table[(word >> 8) & 255], FR))

    # constant: A(omega zeta)/Z_H(zeta) - (opened values) - (A's opening) - (opened rows)
    word = extract32(proof, unsafe_sub(opening_at, 32), output_type=uint256)
    assert word < FR, "scalar"
    factor = uint256_addmod(scale, unsafe_sub(FR, factor), FR)
    scalar = uint256_addmod(unsafe_sub(2 * FR, scalar), uint256_mulmod(factor, word, FR), FR)
    if plain == 0:
        scalar = uint256_addmod(scalar, unsafe_sub(FR, uint256_mulmod(row_bottom, value_top, FR)), FR)
    else:
        scalar = uint256_addmod(scalar, uint256_mulmod(scale, e_weight, FR), FR)

    precompiles._check_point(accumulator[0], accumulator[1])
    precompiles._check_point(quotient[0], quotient[1])
    precompiles._check_point(last[0], last[1])
    total = ecadd([quotient[0], unsafe_sub(FQ, quotient[1])], ecmul(accumulator, unsafe_sub(FR, factor)))
    total = ecadd(total, ecmul(last, z))
    point = [extract32(proof, row_at, output_type=uint256), extract32(proof, unsafe_add(row_at, 32), output_type=uint256)]
    precompiles._check_point(point[0], point[1])
    total = ecadd(total, ecmul(point, unsafe_sub(FR, uint256_mulmod(scale, z_zeta, FR))))
    if plain == 0:
        point = [extract32(proof, sums_at, output_type=uint256), extract32(proof, unsafe_add(sums_at, 32), output_type=uint256)]
        precompiles._check_point(point[0], point[1])
        total = ecadd(total, ecmul(point, unsafe_add(e_weight, uint256_mulmod(row_bottom, row_top, FR))))

    # the program: one scalar for the generator, each registered column, each of round 1 and round 2, and the range table
    point = [1, 2]
    row_at = round1_at
    for _: uint256 in range((head >> 160) & shape.MASK_16, bound=shape.MAX_WORDS):
        word = extract32(statement, at, output_type=uint256)
        at = unsafe_add(at, 32)
        more = word & 128
        for __: uint256 in range(word & 127, bound=shape.PAIRS_PER_WORD):
            word = word >> 16
            scalar = uint256_addmod(scalar, uint256_mulmod(table[word & 255], table[(word >> 8) & 255], FR), FR)
        if more == 0:
            total = ecadd(total, ecmul(point, scalar))
            scalar = 0
            # the next slot's point
            if commitment_at != len(statement):
                point[0] = extract32(statement, commitment_at, output_type=uint256)
                point[1] = extract32(statement, unsafe_add(commitment_at, 32), output_type=uint256)
                commitment_at = unsafe_add(commitment_at, 64)
            else:
                if row_at == sums_at:
                    row_at = round2_at
                if row_at == accumulator_at:
                    row_at = table_at
                if row_at < len(proof):
                    point[0] = extract32(proof, row_at, output_type=uint256)
                    point[1] = extract32(proof, unsafe_add(row_at, 32), output_type=uint256)
                    precompiles._check_point(point[0], point[1])
                row_at = unsafe_add(row_at, 64)  # behind [T] the program must end
    assert row_at == unsafe_add(len(proof), 64) and more == 0, "program"
    # with lookups the last point is [T]
    if lookups == 0:
        point = [0, 0]
    bound = sha256(abi_encode(labels.BINDING, convert(4, uint256), bound, terms, point))
    return Combination(binding=bound, digest=state, left=total, rows=rows)
