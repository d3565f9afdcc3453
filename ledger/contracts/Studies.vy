# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title Life of a query: proposed, approved by every owner concerned, published with a proof
@notice One record per query, never keyed by proof bytes. The numbers themselves stay sealed in [s] unless their rows are opened.
@dev    The commitments of a statement come from the registry when the query is proposed and are bound by the statement hash;
        publication takes them as calldata and compares the hash. Policy version and status are read again when publishing, so a
        policy changed or a dataset withdrawn after approval stops the publication.
"""

import RelationShape as shape
import Verification as verification

initializes: verification
exports: (verification.verifierAddress, verification.domain, verification.chainId, verification.srsId, verification.tauG2, verification.selfTest)

MAX_COLUMNS: constant(uint256) = shape.MAX_REGISTERED
MAX_DATASETS: constant(uint256) = 8
MAX_BATCH: constant(uint256) = 8
MAX_CALL_BYTES: constant(uint256) = 6148  # a larger publication is one of its own
MAX_CODE: constant(uint256) = 255

AGENCY: constant(uint256) = 2  # as in the registry

PROPOSED: constant(uint256) = 1
APPROVED: constant(uint256) = 2
PUBLISHED: constant(uint256) = 3
REFUSED: constant(uint256) = 4
FAILED: constant(uint256) = 5
CANCELLED: constant(uint256) = 6

LABEL_QUERY: constant(bytes32) = 0x74616c6c79737469636b2e71756572792e763100000000000000000000000000
LABEL_BATCH: constant(bytes32) = 0x74616c6c79737469636b2e62617463682e763100000000000000000000000000


struct Resolution:
    commitments: DynArray[uint256[2], MAX_COLUMNS]
    datasets: DynArray[uint256, MAX_DATASETS]
    terms: uint256
    owner: address


interface Directory:
    def hasRole(member: address, role: uint256) -> bool: view
    def table(log_rows: uint256, bits: uint256) -> uint256[2]: view
    def resolve(log_rows: uint256, columns: DynArray[uint256, MAX_COLUMNS]) -> Resolution: view
    def requireCurrent(datasets: DynArray[uint256, MAX_DATASETS]) -> bool: view
    def requireApprover(approver: address, entry: uint256) -> bool: view
    def ownerOf(dataset: uint256) -> address: view
    def chainId() -> uint256: view
    def srsId() -> bytes32: view
    def tauG2() -> uint256[4]: view


struct Query:
    state: uint256
    proposer: address
    minimum_group: uint256
    binding: bytes32  # upper 31 bytes of the binding of statement and terms; of the record once published
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
    terms: uint256
    datasets: DynArray[uint256, MAX_DATASETS]
    relation: Bytes[shape.MAX_RELATION_BYTES]

event DatasetApproved:
    query_id: indexed(bytes32)
    dataset: indexed(uint256)
    policy_version: uint256

event Approved:
    query_id: indexed(bytes32)

event Published:
    query_id: indexed(bytes32)  # [s] and the opened rows stand in the transaction

event Ended:
    query_id: indexed(bytes32)
    state: uint256  # REFUSED, FAILED or CANCELLED
    code: uint256
    by: indexed(address)


REGISTRY: public(immutable(address))

# state (bits 0..7); above it the binding or, once published, the record: all that publication reads and writes
slots: HashMap[bytes32, uint256]
# proposer (bits 96..255), minimum group (32..95), approved bitmap (16..23), number of datasets (8..15)
heads: HashMap[bytes32, uint256]
relations: HashMap[bytes32, bytes32]
entries: HashMap[bytes32, uint256[MAX_DATASETS]]


@deploy
def __init__(registry: address, at: address):
    """
    @param registry the directory; it must stand on the same chain id and use the same string
    @param at the universal verifier
    """
    verification.__init__(at)
    REGISTRY = registry
    assert staticcall Directory(registry).chainId() == verification.CHAIN_ID, "registry's chain id"
    assert staticcall Directory(registry).srsId() == verification.SRS_ID, "registry's SRS"
    tau: uint256[4] = staticcall Directory(registry).tauG2()
    for i: uint256 in range(4):
        assert tau[i] == verification.TAU[i], "registry's SRS"


@external
def propose(nonce: uint256, relation: Bytes[shape.MAX_RELATION_BYTES], sql_hash: bytes32, purpose_hash: bytes32) -> bytes32:
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
    assert len(relation) == shape._relation_bytes(head), "relation length"
    shape._check_codes(relation, head)
    relation_hash: bytes32 = sha256(relation)
    query_id: bytes32 = self._query_id(msg.sender, nonce, relation_hash)
    assert self.slots[query_id] == 0, "query exists"

    columns: DynArray[uint256, MAX_COLUMNS] = []
    at: uint256 = shape._columns_at(head)
    for i: uint256 in range((head >> 32) & shape.MASK_16, bound=MAX_COLUMNS):
        columns.append(extract32(relation, at + 32 * i, output_type=uint256))
    found: Resolution = staticcall Directory(REGISTRY).resolve((head >> 16) & shape.MASK_16, columns)
    assert len(found.commitments) == len(columns), "directory"
    # plain sums leave before anything is checked: among several owners, one could feed weights and read another's column (M1)
    assert not shape._is_plain(head) or found.owner != empty(address), "plain sums of several owners"
    statement_hash: bytes32 = sha256(concat(relation, slice(abi_encode(found.commitments), 64, 64 * len(columns))))

    self.slots[query_id] = self._slot(verification._binding(statement_hash, found.terms, self._table(head)), PROPOSED)
    self.relations[query_id] = relation_hash
    self.heads[query_id] = (convert(msg.sender, uint256) << 96) | ((found.terms & shape.MASK_64) << 32) | (len(found.datasets) << 8)
    for i: uint256 in range(len(found.datasets), bound=MAX_DATASETS):
        self.entries[query_id][i] = found.datasets[i]
    log Proposed(
        query_id=query_id, proposer=msg.sender, nonce=nonce, relation_hash=relation_hash, statement_hash=statement_hash,
        sql_hash=sql_hash, purpose_hash=purpose_hash, terms=found.terms, datasets=found.datasets, relation=relation,
    )
    return query_id


@external
def approve(query_id: bytes32, relation_hash: bytes32, dataset: uint256, policy_version: uint256):
    """
    @notice Approve a query over one's own dataset
    @param relation_hash hash of the relation the owner compiled itself
    @param policy_version version of the policy the owner checked it against
    """
    slot: uint256 = self.slots[query_id]
    assert slot & 255 == PROPOSED, "state"
    head: uint256 = self.heads[query_id]
    assert self.relations[query_id] == relation_hash, "relation"
    count: uint256 = (head >> 8) & 255
    place: uint256 = self._place(query_id, dataset, count)
    entry: uint256 = self.entries[query_id][place]
    assert entry & shape.MASK_32 == policy_version, "policy version"
    assert (head >> (16 + place)) & 1 == 0, "approved before"
    assert staticcall Directory(REGISTRY).requireApprover(msg.sender, entry)
    head = head | (1 << (16 + place))
    log DatasetApproved(query_id=query_id, dataset=dataset, policy_version=policy_version)
    if (head >> 16) & 255 == (1 << count) - 1:
        self.slots[query_id] = slot - PROPOSED + APPROVED
        log Approved(query_id=query_id)
    self.heads[query_id] = head


@external
def refuse(query_id: bytes32, dataset: uint256, code: uint256):
    """
    @notice Refuse a query as owner of one of its datasets, also after approval
    @param code small public number; what the data decides carries one code for all reasons
    """
    slot: uint256 = self._open(query_id)
    place: uint256 = self._place(query_id, dataset, (self.heads[query_id] >> 8) & 255)
    assert staticcall Directory(REGISTRY).ownerOf(dataset) == msg.sender, "not the dataset's owner"
    self._end(query_id, slot, REFUSED, code)


@external
def fail(query_id: bytes32, code: uint256):
    """
    @notice Give a query up because it could not be carried out
    """
    slot: uint256 = self._open(query_id)
    assert convert(self.heads[query_id] >> 96, address) == msg.sender, "not the proposer"
    self._end(query_id, slot, FAILED, code)


@external
def cancel(query_id: bytes32):
    """
    @notice Take a query back
    """
    slot: uint256 = self._open(query_id)
    assert convert(self.heads[query_id] >> 96, address) == msg.sender, "not the proposer"
    self._end(query_id, slot, CANCELLED, 0)


@external
def __default__():
    """
    @notice publish(bytes32,uint256,uint256[2],uint256,bytes,bytes): publish an approved query with its proof; anyone may send it, by
            a transaction of its own
    @dev    Arguments are those of the verifier's `publish`, with the query id as subject and the terms announced when the query
            was proposed; `statement` is the one bound then. The calldata goes to the verifier as it came, which checks its length;
            here only subject, terms and [V] are read. Declared this way, no argument is copied twice.
    """
    assert convert(slice(msg.data, 0, 4), uint256) == verification.PUBLISH, "unknown function"
    # the transaction is where everybody finds the proof
    assert msg.sender == tx.origin, "not a transaction"
    head: Bytes[128] = slice(msg.data, 4, 128)
    query_id: bytes32 = extract32(head, 0)
    terms: uint256 = extract32(head, 32, output_type=uint256)
    slot: uint256 = self._approved(query_id, terms)
    found: Bytes[verification.ANSWER_BYTES] = raw_call(
        verification.VERIFIER, msg.data, max_outsize=verification.ANSWER_BYTES, is_static_call=True,
        gas=verification.VERIFIER_GAS,
    )
    assert slot == self._slot(extract32(found, 0), APPROVED), "statement"
    verification._check_pairing(
        [extract32(found, 64, output_type=uint256), extract32(found, 96, output_type=uint256)],
        [extract32(head, 64, output_type=uint256), extract32(head, 96, output_type=uint256)],
    )
    self.slots[query_id] = self._slot(extract32(found, 32), PUBLISHED)
    log Published(query_id=query_id)


@external
def publishBatch(calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_BATCH]):
    """
    @notice Publish several approved queries in one transaction and one pairing: all of them or, if one fails, none
    @dev    The pairings are joined with powers of a challenge that hashes everything that goes into every one of them (M15).
    @param calls calldata of `publish`, one for each query
    """
    assert msg.sender == tx.origin, "not a transaction"
    size: uint256 = 68
    weight: bytes32 = empty(bytes32)
    points: DynArray[uint256[4], MAX_BATCH] = []
    for i: uint256 in range(len(calls), bound=MAX_BATCH):
        size += 32 + 32 + (len(calls[i]) + 31) // 32 * 32
        assert convert(slice(calls[i], 0, 4), uint256) == verification.PUBLISH, "unknown function"
        query_id: bytes32 = extract32(calls[i], 4)
        terms: uint256 = extract32(calls[i], 36, output_type=uint256)
        slot: uint256 = self._approved(query_id, terms)
        found: Bytes[verification.ANSWER_BYTES] = raw_call(
            verification.VERIFIER, calls[i], max_outsize=verification.ANSWER_BYTES, is_static_call=True,
            gas=verification.VERIFIER_GAS,
        )
        assert slot == self._slot(extract32(found, 0), APPROVED), "statement"
        pair: uint256[4] = [
            extract32(found, 64, output_type=uint256), extract32(found, 96, output_type=uint256),
            extract32(calls[i], 68, output_type=uint256), extract32(calls[i], 100, output_type=uint256),
        ]
        weight = sha256(abi_encode(LABEL_BATCH, weight, extract32(found, 32), pair))
        points.append(pair)
        # a query that stands in the batch twice fails here
        self.slots[query_id] = self._slot(extract32(found, 32), PUBLISHED)
        log Published(query_id=query_id)
    assert len(msg.data) == size and len(calls) != 0, "calldata length"
    factor: uint256 = convert(weight, uint256) % verification.precompiles.FR
    left: uint256[2] = empty(uint256[2])
    right: uint256[2] = empty(uint256[2])
    for i: uint256 in range(len(points), bound=MAX_BATCH):
        left = ecadd(ecmul(left, factor), [points[i][0], points[i][1]])
        right = ecadd(ecmul(right, factor), [points[i][2], points[i][3]])
    verification._check_pairing(left, right)


@external
@view
def state(query_id: bytes32) -> uint256:
    """
    @notice 0 unknown, 1 proposed, 2 approved, 3 published, 4 refused, 5 failed, 6 cancelled
    """
    return self.slots[query_id] & 255


@external
@view
def query(query_id: bytes32) -> Query:
    """
    @notice Everything stored about a query
    """
    slot: uint256 = self.slots[query_id]
    head: uint256 = self.heads[query_id]
    datasets: DynArray[uint256, MAX_DATASETS] = []
    for i: uint256 in range((head >> 8) & 255, bound=MAX_DATASETS):
        datasets.append(self.entries[query_id][i])
    return Query(
        state=slot & 255, proposer=convert(head >> 96, address), minimum_group=(head >> 32) & shape.MASK_64,
        binding=convert((slot >> 8) << 8, bytes32), relation_hash=self.relations[query_id], datasets=datasets, approved=(head >> 16) & 255,
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
        LABEL_QUERY, convert(5, uint256), verification.CHAIN_ID, self, proposer, nonce, relation_hash
    ))


@internal
@view
def _table(head: uint256) -> uint256[2]:
    """
    @dev The registered [T] of a relation's header, (0, 0) without lookups
    """
    if (head >> 208) & shape.MASK_16 == 0:
        return [0, 0]
    table: uint256[2] = staticcall Directory(REGISTRY).table((head >> 16) & shape.MASK_16, (head >> 176) & shape.MASK_16)
    assert table[1] != 0, "no range table"
    return table


@internal
@pure
def _slot(hashed: bytes32, state: uint256) -> uint256:
    return ((convert(hashed, uint256) >> 8) << 8) | state


@internal
@view
def _approved(query_id: bytes32, terms: uint256) -> uint256:
    slot: uint256 = self.slots[query_id]
    assert slot & 255 == APPROVED, "state"
    # the verifier looks at the page that terms name; where datasets stand in several pages the directory is asked
    if terms >> 64 == 0:
        self._require_current(query_id)
    return slot


@internal
@view
def _require_current(query_id: bytes32):
    datasets: DynArray[uint256, MAX_DATASETS] = []
    for i: uint256 in range((self.heads[query_id] >> 8) & 255, bound=MAX_DATASETS):
        datasets.append(self.entries[query_id][i])
    assert staticcall Directory(REGISTRY).requireCurrent(datasets)


@internal
@view
def _open(query_id: bytes32) -> uint256:
    slot: uint256 = self.slots[query_id]
    assert slot & 255 == PROPOSED or slot & 255 == APPROVED, "state"
    return slot


@internal
@view
def _place(query_id: bytes32, dataset: uint256, count: uint256) -> uint256:
    for i: uint256 in range(count, bound=MAX_DATASETS):
        if self.entries[query_id][i] >> 64 == dataset:
            return i
    raise "not a dataset of this query"


@internal
def _end(query_id: bytes32, slot: uint256, state: uint256, code: uint256):
    assert code <= MAX_CODE, "code"
    self.slots[query_id] = slot - (slot & 255) + state
    log Ended(query_id=query_id, state=state, code=code, by=msg.sender)
