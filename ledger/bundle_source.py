"""Reads what an audit bundle takes from a ledger: dataset versions, and the proofs they were registered by."""

from __future__ import annotations

from hexbytes import HexBytes

from ledger.bundle import BundleDataset, BundleRegistration
from ledger.client import Event
from ledger.client_errors import translated_errors
from ledger.errors import RecordInvalidError
from ledger.proof_codec import PROOF_ARGUMENTS, decode_contract_proof, decode_statement
from ledger.registry import Registry
from ledger.studies import QueryDataset
from zk.errors import ZkError
from zk.proof import encode_proof


def read_bundle_dataset(registry: Registry, used: QueryDataset) -> tuple[BundleDataset, BundleRegistration]:
    """Return a dataset version that a query used, with its registration, as the directory's event holds them.

    Later versions and policies do not matter; whoever verifies the bundle compares all of it with the query.

    Raises:
        RecordInvalidError: the directory has no such version, or not from a direct transaction to the registry.
        LedgerError: the ledger does not answer.
    """
    registered = registry.contract.events.DatasetRegistered
    events = registry.client.logs(registered, where={"dataset": used.dataset})
    found = [event for event in events if event.args["version"] == used.version]
    if len(found) != 1:
        raise RecordInvalidError(f"the directory has no dataset {used.dataset:032x} of version {used.version}")
    args = found[0].args
    statement = bytes(args["statement"])
    try:
        relation, _ = decode_statement(statement)
    except ZkError as error:
        raise RecordInvalidError(f"dataset {used.dataset:032x} was registered under unreadable words") from error
    dataset = BundleDataset(
        used.dataset, used.version, used.policy_version, str(args["owner"]), bytes(args["name_hash"]),
        args["log_rows"], args["rows"], len(relation.registered), args["kinds"], bytes(args["schema_hash"]),
        bytes(args["relation_hash"]),
    )  # fmt: skip
    return dataset, BundleRegistration(statement, _registration_proof(registry, found[0], statement))


def _registration_proof(registry: Registry, event: Event, statement: bytes) -> bytes:
    """Canonical bytes of the proof in the transaction behind an event."""
    fault = f"the transaction that registered dataset {event.args['dataset']:032x} holds no proof of it"
    with translated_errors(registry.client.url):
        data = registry.contract.w3.eth.get_transaction(HexBytes(event.tx_hash))["input"]
    try:
        function, arguments = registry.contract.decode_function_input(data)
        relation, _ = decode_statement(statement)
        if function.fn_name != "register" or bytes(arguments["statement"]) != statement:
            raise RecordInvalidError(fault)
        return encode_proof(decode_contract_proof(relation, [arguments[name] for name in PROOF_ARGUMENTS]))
    except (ValueError, KeyError, ZkError) as error:
        raise RecordInvalidError(fault) from error
