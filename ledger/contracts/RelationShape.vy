# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Header and limits of a relation's words (zk/encoding.py)
@dev    A stateless module. The limits are those of zk/relation.py; they also bound the memory and the gas a crafted relation can cost.
"""

MASK_32: constant(uint256) = 2**32 - 1
MASK_64: constant(uint256) = 2**64 - 1
MASK_48: constant(uint256) = 2**48 - 1
MASK_16: constant(uint256) = 2**16 - 1

MIN_LOG_ROWS: constant(uint256) = 3
MAX_LOG_ROWS: constant(uint256) = 24
MAX_REGISTERED: constant(uint256) = 32
MAX_WITNESSES: constant(uint256) = 32
MAX_OPENED: constant(uint256) = 24
MAX_SUMS: constant(uint256) = 64
MAX_ZERO_FORMS: constant(uint256) = 64
MAX_TABLE: constant(uint256) = 256
MAX_WORDS: constant(uint256) = 256
PAIRS_PER_WORD: constant(uint256) = 15

MAX_RELATION_BYTES: constant(uint256) = 32 * MAX_WORDS
MAX_STATEMENT_BYTES: constant(uint256) = MAX_RELATION_BYTES + 64 * MAX_REGISTERED
MAX_ROUND1_BYTES: constant(uint256) = 64 * (MAX_WITNESSES + 1)
MAX_EVALUATION_BYTES: constant(uint256) = 32 * (MAX_OPENED + 1)
MAX_OPENING_BYTES: constant(uint256) = 32 * (MAX_SUMS + 3)


@internal
@pure
def _relation_bytes(head: uint256) -> uint256:
    """
    @dev Check the header of a relation and return the length of its words
    """
    registered: uint256 = (head >> 32) & MASK_16
    witnesses: uint256 = (head >> 48) & MASK_16
    opened: uint256 = (head >> 80) & MASK_16
    sums: uint256 = (head >> 96) & MASK_16
    zeros: uint256 = (head >> 112) & MASK_16
    constants: uint256 = (head >> 128) & MASK_16
    products: uint256 = (head >> 144) & MASK_16
    program: uint256 = (head >> 160) & MASK_16
    log_rows: uint256 = (head >> 16) & MASK_16
    # second-round columns, table bits, groups, lookups and the last field belong to later versions
    assert (
        head & MASK_16 == 1 and (head >> 64) & MASK_16 == 0 and (head >> 176) & MASK_48 == 0 and head >> 240 == 0
    ), "relation version"
    assert (
        log_rows >= MIN_LOG_ROWS and log_rows <= MAX_LOG_ROWS
        and registered != 0 and registered <= MAX_REGISTERED
        and witnesses <= MAX_WITNESSES and opened <= MAX_OPENED and opened <= witnesses
        and sums != 0 and sums <= MAX_SUMS and sums <= 1 << log_rows
        and zeros >= witnesses and zeros <= MAX_ZERO_FORMS
        and 2 + constants + 2 * opened + sums + zeros <= MAX_TABLE
    ), "relation limits"
    words: uint256 = 1 + (opened + 31) // 32 + (sums + 31) // 32 + registered + constants + products + program
    assert words <= MAX_WORDS, "relation limits"
    return 32 * words


@internal
@pure
def _size(head: uint256) -> uint256:
    """
    @dev Length in bytes of a relation's words by a header that was checked before; fields are 16 bits, so nothing overflows
    """
    return unsafe_mul(32, unsafe_add(
        unsafe_add(unsafe_add(1, unsafe_div(unsafe_add((head >> 80) & MASK_16, 31), 32)), unsafe_div(unsafe_add((head >> 96) & MASK_16, 31), 32)),
        unsafe_add(
            unsafe_add((head >> 32) & MASK_16, (head >> 128) & MASK_16), unsafe_add((head >> 144) & MASK_16, (head >> 160) & MASK_16)
        ),
    ))


@internal
@pure
def _columns_at(head: uint256) -> uint256:
    """
    @dev Where the words of the registered columns begin in a relation, in bytes
    """
    return 32 * (1 + (((head >> 80) & MASK_16) + 31) // 32 + (((head >> 96) & MASK_16) + 31) // 32)
