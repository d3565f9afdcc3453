# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Pages: which policy every dataset has now, sixteen datasets in one slot
@notice A registry writes its own pages here, so that a publication finds all its datasets unchanged by reading one slot, in a call that
        is made anyway. A page belongs to whoever opened it; what it means is the owner's affair.
@dev    A module of the verifier. Lane k of a page is its bits 16k..16k+15: the policy version of a dataset, 0 once it is withdrawn.
        Terms name a page (bits 64..95) and what its lanes must hold (from bit 96, 20 bits each: lane, then version; 0 ends).
"""

MAX_ENTRIES: constant(uint256) = 8
MASK_16: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1


page_count: uint256
owners: HashMap[uint256, address]
lanes: HashMap[uint256, uint256]


@external
def openPage() -> uint256:
    """
    @notice A new page, which the sender alone may write
    @return its number, from 1
    """
    number: uint256 = self.page_count + 1
    assert number <= MASK_32, "pages"
    self.page_count = number
    self.owners[number] = msg.sender
    return number


@external
def setLane(number: uint256, lane: uint256, version: uint256):
    """
    @notice Write one lane of one's own page
    """
    assert self.owners[number] == msg.sender, "not the page's owner"
    assert lane < 16 and version <= MASK_16, "lane"
    self.lanes[number] = (self.lanes[number] & ~(MASK_16 << (16 * lane))) | (version << (16 * lane))


@external
@view
def page(number: uint256) -> uint256:
    """
    @notice All lanes of a page
    """
    return self.lanes[number]


@internal
@view
def _check(terms: uint256):
    """
    @dev Revert unless the page that terms name holds what they say; terms without a page leave the check to the caller
    """
    entries: uint256 = terms >> 64
    if entries != 0:
        found: uint256 = self.lanes[entries & MASK_32]
        entries = entries >> 32
        for _: uint256 in range(MAX_ENTRIES):
            if entries == 0:
                break
            assert (found >> unsafe_mul(16, entries & 15)) & MASK_16 == (entries >> 4) & MASK_16, "dataset changed"
            entries = entries >> 20
