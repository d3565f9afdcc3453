# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Header and limits of a relation's words (zk/encoding.py)
@dev    A stateless module. The limits are those of zk/relation.py; they also bound the memory and the gas a crafted relation can cost.
        Fields of the header are 16 bits: version, log_rows, registered, witnesses, round-2 columns, opened, sums, zero-forms,
        constants, product words, program words, table bits, codes of group 1 | of group 2 << 8, lookups, compiler version |
        plain << 8 | hidden guards << 9, hint words.
"""

MASK_32: constant(uint256) = 2**32 - 1
MASK_64: constant(uint256) = 2**64 - 1
MASK_16: constant(uint256) = 2**16 - 1

RELATION_VERSION: constant(uint256) = 2
COMPILER_VERSION: constant(uint256) = 2
MIN_LOG_ROWS: constant(uint256) = 3
MIN_TABLE_LOG_ROWS: constant(uint256) = 4
MIN_GUARD_LOG_ROWS: constant(uint256) = 5
MAX_LOG_ROWS: constant(uint256) = 24
MAX_REGISTERED: constant(uint256) = 32
MAX_WITNESSES: constant(uint256) = 48
MAX_SECOND: constant(uint256) = 64
MAX_OPENED: constant(uint256) = 64
MAX_SUMS: constant(uint256) = 64
MAX_CELLS: constant(uint256) = 128
MAX_ZERO_FORMS: constant(uint256) = 128
MAX_CODES: constant(uint256) = 128
MAX_TABLE_BITS: constant(uint256) = 16
MAX_TABLE: constant(uint256) = 256
MAX_WORDS: constant(uint256) = 256
PAIRS_PER_WORD: constant(uint256) = 15

MAX_RELATION_BYTES: constant(uint256) = 32 * MAX_WORDS
MAX_STATEMENT_BYTES: constant(uint256) = MAX_RELATION_BYTES  # relation and commitments together
MAX_PROOF_WORDS: constant(uint256) = 224
MAX_PROOF_BYTES: constant(uint256) = 32 * MAX_PROOF_WORDS


@internal
@pure
def _relation_bytes(head: uint256) -> uint256:
    """
    @dev Check the header of a relation and return the length of its words
    """
    log_rows: uint256 = (head >> 16) & MASK_16
    registered: uint256 = (head >> 32) & MASK_16
    witnesses: uint256 = (head >> 48) & MASK_16
    second: uint256 = (head >> 64) & MASK_16
    opened: uint256 = (head >> 80) & MASK_16
    sums: uint256 = (head >> 96) & MASK_16
    zeros: uint256 = (head >> 112) & MASK_16
    bits: uint256 = (head >> 176) & MASK_16
    first_codes: uint256 = (head >> 192) & 255
    second_codes: uint256 = (head >> 200) & 255
    lookups: uint256 = (head >> 208) & MASK_16
    assert (
        head & MASK_16 == RELATION_VERSION and (head >> 224) & 255 == COMPILER_VERSION and (head >> 232) & 255 <= 2
    ), "relation version"
    hidden: uint256 = (head >> 233) & 1
    one: uint256 = min(lookups, 1)
    groups: uint256 = min(first_codes, 1) + min(second_codes, 1)
    cells: uint256 = max(first_codes, 1) * max(second_codes, 1)
    assert (
        log_rows >= MIN_LOG_ROWS and log_rows <= MAX_LOG_ROWS
        and registered != 0 and registered <= MAX_REGISTERED
        and witnesses <= MAX_WITNESSES and second <= MAX_SECOND
        and opened <= MAX_OPENED and opened <= witnesses + second + one + hidden
        and first_codes <= MAX_CODES and second_codes <= MAX_CODES and second_codes <= second_codes * first_codes
        and sums != 0 and sums <= MAX_SUMS and sums * cells <= MAX_CELLS and sums * cells <= 1 << log_rows
        and second >= lookups + one + groups
        and zeros >= second + hidden and zeros <= MAX_ZERO_FORMS
    ), "relation limits"
    if lookups == 0:
        assert bits == 0, "range table"
    else:
        assert bits != 0 and bits <= MAX_TABLE_BITS and bits <= log_rows and log_rows >= MIN_TABLE_LOG_ROWS, "range table"
    assert hidden == 0 or log_rows >= MIN_GUARD_LOG_ROWS, "hidden guards"
    # challenges, constants, opened values and their weights, weights of sums (one more with lookups), zero-forms, hidden guards
    assert 2 + one + groups + ((head >> 128) & MASK_16) + 2 * opened + sums + one + zeros + hidden <= MAX_TABLE, "relation limits"
    # commitments, [s], [A], [t], [W] and [T]; opened values, A(omega zeta), release word and all rows
    plain: uint256 = (head >> 232) & 1
    assert 2 * (witnesses + hidden + 2 * one + second + 4 - plain) + opened + 2 - plain + sums * cells <= MAX_PROOF_WORDS, "proof size"
    size: uint256 = self._size(head)
    assert size + 64 * registered <= MAX_STATEMENT_BYTES, "statement size"
    return size


@internal
@pure
def _size(head: uint256) -> uint256:
    """
    @dev Length in bytes of a relation's words; fields are 16 bits, so nothing overflows
    """
    return unsafe_add(self._columns_at(head), unsafe_mul(32, unsafe_add(
        unsafe_add(
            unsafe_add((head >> 32) & MASK_16, (head >> 128) & MASK_16), unsafe_add((head >> 144) & MASK_16, (head >> 160) & MASK_16)
        ),
        unsafe_add(head >> 240, self._code_words(head)),
    )))


@internal
@pure
def _columns_at(head: uint256) -> uint256:
    """
    @dev Where the words of the registered columns begin in a relation, in bytes
    """
    return unsafe_mul(32, unsafe_add(
        unsafe_add(1, unsafe_div(unsafe_add((head >> 80) & MASK_16, 31), 32)), unsafe_div(unsafe_add((head >> 96) & MASK_16, 31), 32)
    ))


@internal
@pure
def _code_words(head: uint256) -> uint256:
    """
    @dev Words that hold the codes of the group columns
    """
    return unsafe_add(
        unsafe_div(unsafe_add((head >> 192) & 255, 15), 16), unsafe_div(unsafe_add((head >> 200) & 255, 15), 16)
    )


@internal
@pure
def _is_plain(head: uint256) -> bool:
    """
    @dev Whether the sums stand in the statement
    """
    return (head >> 232) & 255 == 1


@internal
@pure
def _check_codes(relation: Bytes[MAX_RELATION_BYTES], head: uint256):
    """
    @dev Codes of every group column increase strictly from 1: 0 is the code of rows in no group, and no code stands twice
    """
    at: uint256 = self._columns_at(head) + 32 * ((head >> 32) & MASK_16)
    for group: uint256 in range(2):
        before: uint256 = 0
        word: uint256 = 0
        for i: uint256 in range((head >> (192 + 8 * group)) & 255, bound=MAX_CODES):
            if i & 15 == 0:
                word = extract32(relation, at, output_type=uint256)
                at += 32
            assert word & MASK_16 > before, "code"
            before = word & MASK_16
            word = word >> 16
