# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Life of a query: proposed, approved by every owner concerned, published with a proof
@notice One record per query, never keyed by proof bytes. The numbers themselves stay sealed in [s] unless their rows are opened.
@dev    The commitments of a statement come from the registry when the query is proposed and are bound by the statement hash;
        `publish` takes them as calldata and compares the hash. Policy version and status are read again when publishing, so a
        policy changed or a dataset withdrawn after approval stops the publication.
"""

import Verifier as verifier

initializes: verifier
exports: (verifier.domain, verifier.chainId, verifier.srsId, verifier.tauG2, verifier.selfTest)

MAX_COLUMNS: constant(uint256) = verifier.shape.MAX_REGISTERED
MAX_DATASETS: constant(uint256) = 8
MAX_CODE: constant(uint256) = 255

AGENCY: constant(uint256) = 2  # as in the registry

PROPOSED: constant(uint256) = 1
APPROVED: constant(uint256) = 2
PUBLISHED: constant(uint256) = 3
REFUSED: constant(uint256) = 4
FAILED: constant(uint256) = 5
CANCELLED: constant(uint256) = 6

LABEL_QUERY: constant(bytes32) = 0x74616c6c79737469636b2e71756572792e763100000000000000000000000000
LABEL_RECORD: constant(bytes32) = 0x74616c6c79737469636b2e7265636f72642e7631000000000000000000000000


struct Resolution:
    commitments: DynArray[uint256[2], MAX_COLUMNS]
    datasets: DynArray[uint256, MAX_DATASETS]
    minimum_group: uint256


interface Directory:
    def hasRole(member: address, role: uint256) -> bool: view
    def resolve(log_rows: uint256, columns: DynArray[uint256, MAX_COLUMNS]) -> Resolution: view
    def requireCurrent(datasets: DynArray[uint256, MAX_DATASETS]) -> bool: view
    def requireApprover(approver: address, entry: uint256) -> bool: view
    def ownerOf(dataset: uint256) -> address: view
    def chainId() -> uint256: view
    def srsId() -> bytes32: view


struct Query:
    state: uint256
    proposer: address
    minimum_group: uint256
    binding: bytes32  # the statement hash; the record once published
    relation_hash: bytes32
    datasets: DynArray[uint256, MAX_DATASETS]  # dataset ‖ version ‖ policy version
    approved: uint256  # bit i stands for datasets[i]


event Proposed:
    query_id: indexed(bytes32)
    proposer: indexed(address)
    nonce: uint256
    relation_hash: bytes32
    statement_hash: bytes32
    sql_hash: bytes32
    purpose_hash: bytes32
    minimum_group: uint256
    datasets: DynArray[uint256, MAX_DATASETS]
    relation: Bytes[verifier.shape.MAX_RELATION_BYTES]

event DatasetApproved:
    query_id: indexed(bytes32)
    dataset: indexed(uint256)
    policy_version: uint256

event Approved:
    query_id: indexed(bytes32)

event Published:
    query_id: indexed(bytes32)
    record: bytes32
    s_x: uint256
    s_y: uint256
    release: uint256
    rows: DynArray[uint256, verifier.shape.MAX_SUMS]  # values of the opened rows in increasing order

event Ended:
    query_id: indexed(bytes32)
    state: uint256  # REFUSED, FAILED or CANCELLED
    code: uint256
    by: indexed(address)


REGISTRY: public(immutable(address))

bindings: HashMap[bytes32, bytes32]
# proposer (bits 96..255), minimum group (32..95), approved bitmap (16..23), number of datasets (8..15), state (0..7)
heads: HashMap[bytes32, uint256]
relations: HashMap[bytes32, bytes32]
entries: HashMap[bytes32, uint256[MAX_DATASETS]]


@deploy
def __init__(
    registry: address, chain_id: uint256, srs_id: bytes32, tau_g2: uint256[4], srs_development: bool, production: bool
):
    """
    @param registry the directory; it must stand on the same chain id and use the same string
    """
    verifier.__init__(chain_id, srs_id, tau_g2, srs_development, production)
    REGISTRY = registry
    assert staticcall Directory(registry).chainId() == chain_id, "registry's chain id"
    assert staticcall Directory(registry).srsId() == srs_id, "registry's SRS"


@external
def propose(nonce: uint256, relation: Bytes[verifier.shape.MAX_RELATION_BYTES], sql_hash: bytes32, purpose_hash: bytes32) -> bytes32:
    """
    @notice Ask a question: bind a relation to the commitments the directory holds now
    @param nonce any number this proposer has not used with this relation
    @param relation its words
    @param sql_hash salted hash of the SQL text, which stays off-chain
    @param purpose_hash hash of the stated purpose
    @return the query's id
    """
    assert len(msg.data) == 4 + 32 * 5 + len(relation), "calldata length"
    assert staticcall Directory(REGISTRY).hasRole(msg.sender, AGENCY), "not an agency"
    head: uint256 = extract32(relation, 0, output_type=uint256)
    assert len(relation) == verifier.shape._relation_bytes(head), "relation length"
    relation_hash: bytes32 = sha256(relation)
    query_id: bytes32 = self._query_id(msg.sender, nonce, relation_hash)
    assert self.heads[query_id] == 0, "query exists"

    columns: DynArray[uint256, MAX_COLUMNS] = []
    at: uint256 = verifier.shape._columns_at(head)
    for i: uint256 in range((head >> 32) & verifier.shape.MASK_16, bound=MAX_COLUMNS):
        columns.append(extract32(relation, at + 32 * i, output_type=uint256))
    found: Resolution = staticcall Directory(REGISTRY).resolve((head >> 16) & verifier.shape.MASK_16, columns)
    assert len(found.commitments) == len(columns), "directory"
    statement_hash: bytes32 = sha256(concat(relation, slice(abi_encode(found.commitments), 64, 64 * len(columns))))

    self.bindings[query_id] = statement_hash
    self.relations[query_id] = relation_hash
    self.heads[query_id] = (
        (convert(msg.sender, uint256) << 96) | (found.minimum_group << 32) | (len(found.datasets) << 8) | PROPOSED
    )
    for i: uint256 in range(len(found.datasets), bound=MAX_DATASETS):
        self.entries[query_id][i] = found.datasets[i]
    log Proposed(
        query_id=query_id, proposer=msg.sender, nonce=nonce, relation_hash=relation_hash, statement_hash=statement_hash,
        sql_hash=sql_hash, purpose_hash=purpose_hash, minimum_group=found.minimum_group, datasets=found.datasets, relation=relation,
    )
    return query_id


@external
def approve(query_id: bytes32, relation_hash: bytes32, dataset: uint256, policy_version: uint256):
    """
    @notice Approve a query over one's own dataset
    @param relation_hash hash of the relation the owner compiled itself
    @param policy_version version of the policy the owner checked it against
    """
    head: uint256 = self.heads[query_id]
    assert head & 255 == PROPOSED, "state"
    assert self.relations[query_id] == relation_hash, "relation"
    count: uint256 = (head >> 8) & 255
    place: uint256 = self._place(query_id, dataset, count)
    entry: uint256 = self.entries[query_id][place]
    assert entry & verifier.shape.MASK_32 == policy_version, "policy version"
    assert (head >> (16 + place)) & 1 == 0, "approved before"
    assert staticcall Directory(REGISTRY).requireApprover(msg.sender, entry)
    head = head | (1 << (16 + place))
    log DatasetApproved(query_id=query_id, dataset=dataset, policy_version=policy_version)
    if (head >> 16) & 255 == (1 << count) - 1:
        head = head - PROPOSED + APPROVED
        log Approved(query_id=query_id)
    self.heads[query_id] = head


@external
def refuse(query_id: bytes32, dataset: uint256, code: uint256):
    """
    @notice Refuse a query as owner of one of its datasets, also after approval
    @param code small public number; what the data decides carries one code for all reasons
    """
    head: uint256 = self._open(query_id)
    place: uint256 = self._place(query_id, dataset, (head >> 8) & 255)
    assert staticcall Directory(REGISTRY).ownerOf(dataset) == msg.sender, "not the dataset's owner"
    self._end(query_id, head, REFUSED, code)


@external
def fail(query_id: bytes32, code: uint256):
    """
    @notice Give a query up because it could not be carried out
    """
    head: uint256 = self._open(query_id)
    assert convert(head >> 96, address) == msg.sender, "not the proposer"
    self._end(query_id, head, FAILED, code)


@external
def cancel(query_id: bytes32):
    """
    @notice Take a query back
    """
    head: uint256 = self._open(query_id)
    assert convert(head >> 96, address) == msg.sender, "not the proposer"
    self._end(query_id, head, CANCELLED, 0)


@external
def publish(query_id: bytes32, statement: Bytes[verifier.shape.MAX_STATEMENT_BYTES], proof: verifier.Proof):
    """
    @notice Publish an approved query with its proof; anyone may send it
    @param statement relation words, then the commitments bound when the query was proposed
    @param proof proof for subject query_id
    """
    assert len(msg.data) == 548 + len(statement) + len(proof.round1) + len(proof.evaluations) + len(proof.opening), "calldata length"
    head: uint256 = self.heads[query_id]
    assert head & 255 == APPROVED, "state"
    statement_hash: bytes32 = sha256(statement)
    assert statement_hash == self.bindings[query_id], "statement"
    datasets: DynArray[uint256, MAX_DATASETS] = []
    for i: uint256 in range((head >> 8) & 255, bound=MAX_DATASETS):
        datasets.append(self.entries[query_id][i])
    assert staticcall Directory(REGISTRY).requireCurrent(datasets)
    verifier._verify(query_id, statement_hash, statement, proof, (head >> 32) & verifier.shape.MASK_64)

    # label ‖ count ‖ statement hash ‖ [s] ‖ release word ‖ opened rows
    record: bytes32 = sha256(concat(
        LABEL_RECORD, convert(unsafe_div(len(proof.opening), 32) + 1, bytes32), statement_hash,
        slice(proof.round1, len(proof.round1) - 64, 64), slice(proof.opening, 0, len(proof.opening) - 64),
    ))
    self.bindings[query_id] = record
    self.heads[query_id] = head - APPROVED + PUBLISHED
    rows: DynArray[uint256, verifier.shape.MAX_SUMS] = []
    for i: uint256 in range(unsafe_sub(unsafe_div(len(proof.opening), 32), 3), bound=verifier.shape.MAX_SUMS):
        rows.append(extract32(proof.opening, 32 + 32 * i, output_type=uint256))
    log Published(
        query_id=query_id, record=record, s_x=extract32(proof.round1, len(proof.round1) - 64, output_type=uint256),
        s_y=extract32(proof.round1, len(proof.round1) - 32, output_type=uint256),
        release=extract32(proof.opening, 0, output_type=uint256), rows=rows,
    )


@external
@view
def state(query_id: bytes32) -> uint256:
    """
    @notice 0 unknown, 1 proposed, 2 approved, 3 published, 4 refused, 5 failed, 6 cancelled
    """
    return self.heads[query_id] & 255


@external
@view
def query(query_id: bytes32) -> Query:
    """
    @notice Everything stored about a query
    """
    head: uint256 = self.heads[query_id]
    datasets: DynArray[uint256, MAX_DATASETS] = []
    for i: uint256 in range((head >> 8) & 255, bound=MAX_DATASETS):
        datasets.append(self.entries[query_id][i])
    return Query(
        state=head & 255, proposer=convert(head >> 96, address), minimum_group=(head >> 32) & verifier.shape.MASK_64,
        binding=self.bindings[query_id], relation_hash=self.relations[query_id], datasets=datasets, approved=(head >> 16) & 255,
    )


@external
@view
def queryId(proposer: address, nonce: uint256, relation_hash: bytes32) -> bytes32:
    """
    @notice The id a query of this proposer, nonce and relation has
    """
    return self._query_id(proposer, nonce, relation_hash)


@internal
@view
def _query_id(proposer: address, nonce: uint256, relation_hash: bytes32) -> bytes32:
    return sha256(abi_encode(
        LABEL_QUERY, convert(5, uint256), verifier.CHAIN_ID, self, proposer, nonce, relation_hash
    ))


@internal
@view
def _open(query_id: bytes32) -> uint256:
    head: uint256 = self.heads[query_id]
    assert head & 255 == PROPOSED or head & 255 == APPROVED, "state"
    return head


@internal
@view
def _place(query_id: bytes32, dataset: uint256, count: uint256) -> uint256:
    for i: uint256 in range(count, bound=MAX_DATASETS):
        if self.entries[query_id][i] >> 64 == dataset:
            return i
    raise "not a dataset of this query"


@internal
def _end(query_id: bytes32, head: uint256, state: uint256, code: uint256):
    assert code <= MAX_CODE, "code"
    self.heads[query_id] = head - (head & 255) + state
    log Ended(query_id=query_id, state=state, code=code, by=msg.sender)
