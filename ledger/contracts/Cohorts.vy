# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Cohorts: who aligned the rows of which persons, in how many rows, and when
@notice A cohort is a common secret order of rows. The ledger holds who took part, commitments of the lists of identifiers that went
        in, and what every owner confirmed; no identifier and no row number. A version never changes once it is active; extending a
        cohort is a new version, under a fresh key.
@dev    `join` is an owner's approval: nothing is aligned before every owner has joined. `confirm` says that the owner has its rows and
        that its layout (a registered dataset: present, and a salted hash of each person's identifier) stands in the registry; a
        cohort is active when all have confirmed the same digest. That no row joins two persons is proved by a query over the layouts.
"""

import Precompiles as precompiles

MAX_OWNERS: constant(uint256) = 16
MAX_LOG_ROWS: constant(uint256) = 24
OWNER: constant(uint256) = 1  # as in the registry

PROPOSED: constant(uint256) = 1
ACTIVE: constant(uint256) = 2
ABANDONED: constant(uint256) = 3


interface Directory:
    def hasRole(member: address, role: uint256) -> bool: view
    def ownerOf(dataset: uint256) -> address: view


struct Version:
    state: uint256
    log_rows: uint256
    noise: uint256  # epsilon of the noise of multiplicities, in thousandths
    owners: DynArray[address, MAX_OWNERS]
    joined: uint256  # bit i stands for owners[i]
    confirmed: uint256
    digest: bytes32  # what everybody saw of the alignment


struct Entry:
    count: uint256
    commitment: uint256[2]
    layout: uint256


event CohortProposed:
    cohort: indexed(uint256)
    version: uint256
    proposer: indexed(address)
    name: String[48]

event CohortJoined:
    cohort: indexed(uint256)
    version: uint256
    owner: indexed(address)
    count: uint256

event CohortConfirmed:
    cohort: indexed(uint256)
    version: uint256
    owner: indexed(address)
    layout: uint256

event CohortActive:
    cohort: indexed(uint256)
    version: uint256
    digest: bytes32

event CohortAbandoned:
    cohort: indexed(uint256)
    version: uint256
    owner: indexed(address)


REGISTRY: public(immutable(address))

current: public(HashMap[uint256, uint256])  # latest version of a cohort, 0 where there is none
versions: HashMap[uint256, Version]  # by cohort ‖ version
entries: HashMap[uint256, Entry]  # by cohort ‖ version ‖ owner's place (4 bits)
holders: HashMap[uint256, bool]  # x-coordinates of the commitments of lists


@deploy
def __init__(registry: address):
    """
    @param registry the directory, whose members may take part
    """
    REGISTRY = registry


@external
def propose(name: String[48], log_rows: uint256, noise: uint256, owners: DynArray[address, MAX_OWNERS]) -> uint256:
    """
    @notice Propose a cohort, or the next version of one, as one of its owners
    @param name public; the first proposer takes it
    @param log_rows log2 of its number of rows
    @param noise epsilon of the noise of multiplicities, in thousandths
    @param owners in increasing order of address
    @return the version, from 1
    """
    cohort: uint256 = self._cohort(name)
    before: uint256 = self.current[cohort]
    assert len(name) != 0 and log_rows >= 3 and log_rows <= MAX_LOG_ROWS and noise != 0 and noise <= 20_000, "terms"
    assert len(owners) >= 2, "owners"
    last: uint256 = 0
    for owner: address in owners:
        assert convert(owner, uint256) > last, "owners"
        last = convert(owner, uint256)
        assert staticcall Directory(REGISTRY).hasRole(owner, OWNER), "not an owner"
    assert msg.sender in owners, "not among the owners"
    if before != 0:
        key: uint256 = (cohort << 32) | before
        assert self.versions[key].state != PROPOSED, "a version is under way"
        self._place(key)
    version: uint256 = before + 1
    assert version < 1 << 32, "version"
    self.current[cohort] = version
    self.versions[(cohort << 32) | version] = Version(
        state=PROPOSED, log_rows=log_rows, noise=noise, owners=owners, joined=0, confirmed=0, digest=empty(bytes32)
    )
    log CohortProposed(cohort=cohort, version=version, proposer=msg.sender, name=name)
    return version


@external
def join(cohort: uint256, version: uint256, count: uint256, commitment: uint256[2]):
    """
    @notice Approve a proposed version and bind one's list of identifiers
    @param count number of identifiers
    @param commitment of the list as a column, hiding; never used before
    """
    key: uint256 = (cohort << 32) | version
    place: uint256 = self._proposed(key)
    assert (self.versions[key].joined >> place) & 1 == 0, "joined before"
    assert count != 0 and count <= 1 << self.versions[key].log_rows, "count"
    precompiles._check_point(commitment[0], commitment[1])
    assert not self.holders[commitment[0]], "commitment used before"
    self.holders[commitment[0]] = True
    self.versions[key].joined |= 1 << place
    self.entries[(key << 4) | place] = Entry(count=count, commitment=commitment, layout=0)
    log CohortJoined(cohort=cohort, version=version, owner=msg.sender, count=count)


@external
def confirm(cohort: uint256, version: uint256, digest: bytes32, layout: uint256):
    """
    @notice Say that one has one's rows and has registered one's layout
    @param digest of what all parties saw; the first to confirm sets it, the others must have the same
    @param layout id of one's layout in the registry
    """
    key: uint256 = (cohort << 32) | version
    place: uint256 = self._proposed(key)
    everybody: uint256 = (1 << len(self.versions[key].owners)) - 1
    assert self.versions[key].joined == everybody, "not all have joined"
    confirmed: uint256 = self.versions[key].confirmed
    assert (confirmed >> place) & 1 == 0, "confirmed before"
    assert digest != empty(bytes32) and (confirmed == 0 or self.versions[key].digest == digest), "digest"
    assert staticcall Directory(REGISTRY).ownerOf(layout) == msg.sender, "not the owner's layout"
    confirmed |= 1 << place
    self.versions[key].digest = digest
    self.versions[key].confirmed = confirmed
    self.entries[(key << 4) | place].layout = layout
    log CohortConfirmed(cohort=cohort, version=version, owner=msg.sender, layout=layout)
    if confirmed == everybody:
        self.versions[key].state = ACTIVE
        log CohortActive(cohort=cohort, version=version, digest=digest)


@external
def abandon(cohort: uint256, version: uint256):
    """
    @notice Give up a version that is not active yet, as one of its owners; the next proposal has another number
    """
    key: uint256 = (cohort << 32) | version
    self._proposed(key)
    self.versions[key].state = ABANDONED
    log CohortAbandoned(cohort=cohort, version=version, owner=msg.sender)


@external
@view
def version(cohort: uint256, version: uint256) -> Version:
    """
    @notice A version of a cohort; state 0 where there is none
    """
    return self.versions[(cohort << 32) | version]


@external
@view
def entry(cohort: uint256, version: uint256, place: uint256) -> Entry:
    """
    @notice What the owner at a place has entered
    """
    assert place < MAX_OWNERS, "place"
    return self.entries[(cohort << 36) | (version << 4) | place]


@external
@pure
def cohortId(name: String[48]) -> uint256:
    """
    @notice The id of a name
    """
    return self._cohort(name)


@internal
@pure
def _cohort(name: String[48]) -> uint256:
    return convert(sha256(name), uint256) >> 128


@internal
@view
def _proposed(key: uint256) -> uint256:
    """
    @dev The sender's place among the owners of a version that is under way
    """
    assert self.versions[key].state == PROPOSED, "not under way"
    return self._place(key)


@internal
@view
def _place(key: uint256) -> uint256:
    for place: uint256 in range(len(self.versions[key].owners), bound=MAX_OWNERS):
        if self.versions[key].owners[place] == msg.sender:
            return place
    raise "not among the owners"
