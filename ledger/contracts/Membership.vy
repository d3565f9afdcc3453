# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Members of the ledger, and the admin who admits them
@dev    A module of the registry.
"""

OWNER: constant(uint256) = 1
AGENCY: constant(uint256) = 2
REGULATOR: constant(uint256) = 4
OPERATOR: constant(uint256) = 8


struct Member:
    roles: uint256  # sum of OWNER, AGENCY, REGULATOR, OPERATOR; 0 is nobody
    certificate_hash: bytes32
    did_hash: bytes32


event AdminOffered:
    candidate: indexed(address)

event AdminChanged:
    admin: indexed(address)

event MemberChanged:
    member: indexed(address)
    roles: uint256
    certificate_hash: bytes32
    did_hash: bytes32


admin: public(address)
candidate: public(address)
members: public(HashMap[address, Member])


@deploy
def __init__():
    """
    @notice The deployer is the first admin
    """
    self.admin = msg.sender
    log AdminChanged(admin=msg.sender)


@external
def offerAdmin(candidate: address):
    """
    @notice Offer the admin's place; it changes hands when the candidate takes it
    """
    assert msg.sender == self.admin, "not admin"
    self.candidate = candidate
    log AdminOffered(candidate=candidate)


@external
def takeAdmin():
    """
    @notice Take the admin's place that was offered to the sender
    """
    assert msg.sender == self.candidate, "not offered"
    self.admin = msg.sender
    self.candidate = empty(address)
    log AdminChanged(admin=msg.sender)


@external
def setMember(member: address, roles: uint256, certificate_hash: bytes32, did_hash: bytes32):
    """
    @notice Add or change a member; roles 0 removes it
    """
    assert msg.sender == self.admin, "not admin"
    assert member != empty(address) and roles <= OWNER | AGENCY | REGULATOR | OPERATOR, "member"
    self.members[member] = Member(roles=roles, certificate_hash=certificate_hash, did_hash=did_hash)
    log MemberChanged(member=member, roles=roles, certificate_hash=certificate_hash, did_hash=did_hash)


@external
@view
def hasRole(member: address, role: uint256) -> bool:
    """
    @notice Whether the account has every role of the given sum
    """
    return role != 0 and self.members[member].roles & role == role


@internal
@view
def _require_owner(member: address):
    assert self.members[member].roles & OWNER != 0, "not an owner"
