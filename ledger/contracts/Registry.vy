# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Directory of registered datasets, and the members who may use it
@notice Who may take part, which committed columns exist, and the range tables. No row and no statistic stands here, only commitments and hashes.
@dev    `register` checks a zero-knowledge proof that the declared number of rows is Σ present, under a relation that the owner
        names and the contract only interprets. What the relation says about the columns (present is boolean, absent rows are 0, bounds
        hold, every column of kind 1 is boolean) is decided off-chain: the canonical registration relation is a function of schema,
        dataset, version and log_rows, every party and every auditor recomputes it and compares its hash with `relation_hash`
        stored here, and refuses the dataset otherwise.
"""

import Identifiers as ids
import Membership as membership
import RangeTables as ranges
import RelationShape as shape
import Verification as verification

initializes: membership
initializes: ranges[verification := verification]
initializes: verification
exports: (membership.admin, membership.candidate, membership.members, membership.setMember, membership.offerAdmin, membership.takeAdmin, membership.hasRole)
exports: (ranges.registerTable, ranges.table)
exports: (verification.verifierAddress, verification.domain, verification.chainId, verification.srsId, verification.tauG2, verification.selfTest)

ACTIVE: constant(uint256) = 1
WITHDRAWN: constant(uint256) = 2

MAX_COLUMNS: constant(uint256) = shape.MAX_REGISTERED
MAX_DATASETS: constant(uint256) = 8
MIN_MINIMUM_GROUP: constant(uint256) = 3


interface Ledger:
    def openPage() -> uint256: nonpayable
    def setLane(number: uint256, lane: uint256, version: uint256): nonpayable


struct Version:
    # what never changes: log_rows (bits 0..7), columns (8..15), rows (16..47), kinds (64..95)
    shape: uint256
    schema_hash: bytes32
    relation_hash: bytes32


struct Policy:
    hash: bytes32
    minimum_group: uint256


struct Dataset:
    owner: address
    status: uint256
    version: uint256
    policy_version: uint256
    policy_hash: bytes32
    minimum_group: uint256


struct DatasetVersion:
    log_rows: uint256
    rows: uint256
    columns: uint256
    kinds: uint256
    schema_hash: bytes32
    relation_hash: bytes32


struct Resolution:
    commitments: DynArray[uint256[2], MAX_COLUMNS]  # of every column named, in order
    datasets: DynArray[uint256, MAX_DATASETS]  # dataset ‖ version ‖ policy version (128, 32, 32 bits), in order of first use
    terms: uint256  # largest minimum group of the datasets, and their lanes where one page holds them all (Pages.vy)
    owner: address  # of all datasets, or the zero address where there are several


event DatasetRegistered:
    dataset: indexed(uint256)
    owner: indexed(address)
    name_hash: bytes32
    version: uint256
    log_rows: uint256
    rows: uint256
    schema_hash: bytes32
    kinds: uint256
    relation_hash: bytes32
    statement: Bytes[shape.MAX_STATEMENT_BYTES]  # relation words, then the commitments

event PolicyChanged:
    dataset: indexed(uint256)
    policy_version: uint256
    policy_hash: bytes32
    minimum_group: uint256

event DatasetWithdrawn:
    dataset: indexed(uint256)
    version: uint256


# owner (bits 96..255), policy version (64..95), current version (32..63), status (0..7)
heads: HashMap[uint256, uint256]
policies: HashMap[uint256, Policy]
versions: HashMap[uint256, Version]  # by dataset ‖ version
points: HashMap[uint256, uint256[2]]  # by the column's word: dataset ‖ version ‖ kind ‖ column
holders: public(HashMap[uint256, uint256])  # the column's word by the x-coordinate of its commitment

places: HashMap[uint256, uint256]  # page ‖ lane (4 bits) of a dataset, in the verifier
dataset_count: uint256
page: uint256  # the last one opened


@deploy
def __init__(at: address):
    """
    @notice The deployer is the first admin
    @param at the universal verifier; chain id and reference string are its
    """
    membership.__init__()
    verification.__init__(at)
    ranges.__init__()


@external
def register(
    name_hash: bytes32,
    version: uint256,
    rows: uint256,
    schema_hash: bytes32,
    policy_hash: bytes32,
    minimum_group: uint256,
    kinds: uint256,
    last: uint256[2],
    hint: uint256,
    proof: Bytes[shape.MAX_PROOF_BYTES],
    statement: Bytes[shape.MAX_STATEMENT_BYTES],
) -> uint256:
    """
    @notice Put a new dataset, or the next version of one, into the directory
    @param name_hash hash of the dataset's name; the dataset's id is SHA-256(owner ‖ name_hash) >> 128
    @param version 1 for a new dataset, else the current version plus 1
    @param rows declared number of present rows, proved to be Σ present
    @param kinds bit j is the kind of column j; column 0 is `present` and boolean
    @param last to `proof`: proof for subject `registrationId`, opening row 0 of s alone, as the verifier takes it
    @param statement words of the registration relation, then the commitments
    @return the dataset's id
    """
    assert len(msg.data) == 4 + 32 * 14 + len(statement) + len(proof), "calldata length"
    # the transaction is where everybody finds the proof
    assert msg.sender == tx.origin, "not a transaction"
    membership._require_owner(msg.sender)
    dataset: uint256 = ids._dataset_id(msg.sender, name_hash)
    head: uint256 = self.heads[dataset]
    assert version == ((head >> 32) & shape.MASK_32) + 1 and version < 1 << 32, "version"
    relation: uint256 = extract32(statement, 0, output_type=uint256)
    at: uint256 = shape._relation_bytes(relation)
    assert (relation >> 232) & 255 == 0 and shape._code_words(relation) == 0, "plain, hidden or grouped registration"
    log_rows: uint256 = (relation >> 16) & shape.MASK_16
    columns: uint256 = (relation >> 32) & shape.MASK_16
    assert rows != 0 and rows <= 1 << log_rows, "rows"
    assert kinds & 1 == 1 and kinds >> columns == 0, "kinds"
    relation_hash: bytes32 = sha256(slice(statement, 0, at))

    # the relation's registered columns are columns 0 .. n-1 of this version, and no commitment was ever registered
    words_at: uint256 = shape._columns_at(relation)
    for j: uint256 in range(columns, bound=MAX_COLUMNS):
        word: uint256 = (dataset << 96) | (version << 64) | (((kinds >> j) & 1) << 32) | j
        assert extract32(statement, words_at + 32 * j, output_type=uint256) == word, "column"
        x: uint256 = extract32(statement, at + 64 * j, output_type=uint256)
        y: uint256 = extract32(statement, at + 64 * j + 32, output_type=uint256)
        verification.precompiles._check_point(x, y)
        assert self.holders[x] == 0, "commitment registered before"
        self.holders[x] = word
        self.points[word] = [x, y]

    subject: bytes32 = ids._registration_id(msg.sender, dataset, version, log_rows, rows, schema_hash, kinds)
    # the verifier wants calldata of exactly its length
    found: Bytes[verification.ANSWER_BYTES] = raw_call(
        verification.VERIFIER,
        abi_encode(
            subject, convert(1, uint256), last, hint, proof, statement,
            method_id=method_id("publish(bytes32,uint256,uint256[2],uint256,bytes,bytes)"),
        ),
        max_outsize=verification.ANSWER_BYTES, is_static_call=True, gas=verification.VERIFIER_GAS,
    )
    assert extract32(found, 0) == verification._binding(sha256(statement), 1, ranges._of_relation(relation)), "range table"
    verification._check_pairing(
        [extract32(found, 64, output_type=uint256), extract32(found, 96, output_type=uint256)], last
    )
    # one row is opened, in front of [W], and with lookups [T]
    row_at: uint256 = len(proof) - 96
    if (relation >> 208) & shape.MASK_16 != 0:
        row_at -= 64
    assert extract32(found, 128, output_type=uint256) == 1 and extract32(proof, row_at, output_type=uint256) == rows, "row count"

    policy_version: uint256 = ((head >> 64) & shape.MASK_32) + 1
    self.versions[(dataset << 32) | version] = Version(
        shape=log_rows | (columns << 8) | (rows << 16) | (kinds << 64), schema_hash=schema_hash, relation_hash=relation_hash
    )
    if version == 1:
        lane: uint256 = self.dataset_count & 15
        if lane == 0:
            self.page = extcall Ledger(verification.VERIFIER).openPage()
        self.dataset_count += 1
        self.places[dataset] = (self.page << 4) | lane
    self._set_policy(dataset, msg.sender, policy_version, version, policy_hash, minimum_group)
    log DatasetRegistered(
        dataset=dataset, owner=msg.sender, name_hash=name_hash, version=version, log_rows=log_rows, rows=rows,
        schema_hash=schema_hash, kinds=kinds, relation_hash=relation_hash, statement=statement,
    )
    return dataset


@external
def setPolicy(dataset: uint256, policy_hash: bytes32, minimum_group: uint256):
    """
    @notice Replace a dataset's policy; queries proposed under the old one can no longer be approved or published
    """
    head: uint256 = self._own(dataset)
    policy_version: uint256 = ((head >> 64) & shape.MASK_32) + 1
    self._set_policy(dataset, msg.sender, policy_version, (head >> 32) & shape.MASK_32, policy_hash, minimum_group)


@external
def withdraw(dataset: uint256, version: uint256):
    """
    @notice Withdraw the current version; nothing can be proposed, approved or published over it any more
    """
    head: uint256 = self._own(dataset)
    assert (head >> 32) & shape.MASK_32 == version, "version"
    self.heads[dataset] = head - ACTIVE + WITHDRAWN
    self._set_lane(dataset, 0)
    log DatasetWithdrawn(dataset=dataset, version=version)


@external
@view
def resolve(log_rows: uint256, columns: DynArray[uint256, MAX_COLUMNS]) -> Resolution:
    """
    @notice Commitments, datasets and terms of a relation's registered columns
    @param columns their words; each must be of the current version of an active dataset with 2^log_rows rows, of the kind named
    """
    found: Resolution = empty(Resolution)
    minimum_group: uint256 = 0
    page: uint256 = 0
    one_page: bool = True
    for word: uint256 in columns:
        known: bool = False
        for entry: uint256 in found.datasets:
            if entry >> 32 == word >> 64:
                known = True
        if not known:
            dataset: uint256 = word >> 96
            head: uint256 = self.heads[dataset]
            assert head & 255 == ACTIVE, "dataset not active"
            assert (head >> 32) & shape.MASK_32 == (word >> 64) & shape.MASK_32, "dataset version"
            owner: address = convert(head >> 96, address)
            if len(found.datasets) == 0:
                found.owner = owner
            elif found.owner != owner:
                found.owner = empty(address)
            assert self.versions[word >> 64].shape & 255 == log_rows, "number of rows"
            found.datasets.append(((word >> 64) << 32) | ((head >> 64) & shape.MASK_32))
            minimum_group = max(minimum_group, self.policies[dataset].minimum_group)
            place: uint256 = self.places[dataset]
            if len(found.datasets) == 1:
                page = place >> 4
            one_page = one_page and page == place >> 4
            found.terms |= ((place & 15) | (((head >> 64) & shape.MASK_32) << 4)) << (76 + 20 * len(found.datasets))
        point: uint256[2] = self.points[word]
        assert point[1] != 0, "unknown column"
        found.commitments.append(point)
    found.terms |= page << 64
    if not one_page:
        found.terms = 0
    found.terms |= minimum_group
    return found


@external
@view
def requireCurrent(datasets: DynArray[uint256, MAX_DATASETS]) -> bool:
    """
    @notice True; reverts unless every dataset ‖ version ‖ policy version is active and current
    """
    for entry: uint256 in datasets:
        self._require_current(entry)
    return True


@external
@view
def requireApprover(approver: address, entry: uint256) -> bool:
    """
    @notice True; reverts unless the account is a member with role owner, owns the dataset, and the entry is active and current
    """
    membership._require_owner(approver)
    head: uint256 = self._require_current(entry)
    assert convert(head >> 96, address) == approver, "not the dataset's owner"
    return True


@external
@view
def ownerOf(dataset: uint256) -> address:
    """
    @notice Owner of a dataset, the zero address where there is none
    """
    return convert(self.heads[dataset] >> 96, address)


@external
@view
def dataset(dataset: uint256) -> Dataset:
    """
    @notice A dataset's owner, status, current version and policy
    """
    head: uint256 = self.heads[dataset]
    policy: Policy = self.policies[dataset]
    return Dataset(
        owner=convert(head >> 96, address), status=head & 255, version=(head >> 32) & shape.MASK_32,
        policy_version=(head >> 64) & shape.MASK_32, policy_hash=policy.hash, minimum_group=policy.minimum_group,
    )


@external
@view
def datasetVersion(dataset: uint256, version: uint256) -> DatasetVersion:
    """
    @notice What was registered as a version of a dataset
    """
    found: Version = self.versions[(dataset << 32) | version]
    return DatasetVersion(
        log_rows=found.shape & 255, rows=(found.shape >> 16) & shape.MASK_32, columns=(found.shape >> 8) & 255,
        kinds=found.shape >> 64, schema_hash=found.schema_hash, relation_hash=found.relation_hash,
    )


@external
@view
def commitment(column: uint256) -> uint256[2]:
    """
    @notice Commitment of a column by its word dataset ‖ version ‖ kind ‖ column; (0, 0) where there is none
    """
    return self.points[column]


@external
@pure
def datasetId(owner: address, name_hash: bytes32) -> uint256:
    """
    @notice The id a dataset of this owner and name has
    """
    return ids._dataset_id(owner, name_hash)


@external
@pure
def registrationId(
    owner: address, dataset: uint256, version: uint256, log_rows: uint256, rows: uint256, schema_hash: bytes32, kinds: uint256
) -> bytes32:
    """
    @notice Subject of a registration's proof; the policy is not part of it
    """
    return ids._registration_id(owner, dataset, version, log_rows, rows, schema_hash, kinds)


@internal
@view
def _require_current(entry: uint256) -> uint256:
    head: uint256 = self.heads[entry >> 64]
    assert head & 255 == ACTIVE, "dataset not active"
    assert (head >> 32) & shape.MASK_32 == (entry >> 32) & shape.MASK_32, "dataset version"
    assert (head >> 64) & shape.MASK_32 == entry & shape.MASK_32, "policy version"
    return head


@internal
@view
def _own(dataset: uint256) -> uint256:
    head: uint256 = self.heads[dataset]
    membership._require_owner(msg.sender)
    assert convert(head >> 96, address) == msg.sender, "not the dataset's owner"
    assert head & 255 == ACTIVE, "dataset not active"
    return head


@internal
def _set_lane(dataset: uint256, policy_version: uint256):
    place: uint256 = self.places[dataset]
    extcall Ledger(verification.VERIFIER).setLane(place >> 4, place & 15, policy_version)


@internal
def _set_policy(
    dataset: uint256, owner: address, policy_version: uint256, version: uint256, policy_hash: bytes32, minimum_group: uint256
):
    assert policy_version < 1 << 16, "policy version"
    assert minimum_group >= MIN_MINIMUM_GROUP and minimum_group < 1 << 64, "minimum group"
    self._set_lane(dataset, policy_version)
    self.heads[dataset] = (convert(owner, uint256) << 96) | (policy_version << 64) | (version << 32) | ACTIVE
    self.policies[dataset] = Policy(hash=policy_hash, minimum_group=minimum_group)
    log PolicyChanged(dataset=dataset, policy_version=policy_version, policy_hash=policy_hash, minimum_group=minimum_group)
