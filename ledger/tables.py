"""Range tables on the ledger: registering one, and reading it back with its proof. Public data only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hexbytes import HexBytes

from ledger.client import Event, Receipt
from ledger.client_errors import translated_errors
from ledger.contract import BoundContract
from ledger.errors import RecordInvalidError
from zk.errors import ProofRejectedError
from zk.range_table import TableProof, table_gap
from zk.relation import Relation
from zk.statement import Point
from zk.transcript import FR_MODULUS


def table_arguments(proof: TableProof) -> tuple[Any, ...]:
    """Arguments of ``registerTable``: the proof, and the inverse of its one denominator.

    Raises:
        ProofRejectedError: ``"denominator"``: the challenge lies in the domain; there is no such registration.
    """
    gap = table_gap(proof)
    if gap == 0:
        raise ProofRejectedError("denominator")
    inverse = pow(gap, -1, FR_MODULUS)
    return proof.log_rows, proof.bits, proof.commitment, proof.value, proof.quotients, inverse


def decode_table(arguments: Sequence[Any]) -> TableProof:
    """Read a table's proof back out of arguments as `table_arguments` gives them; nothing is checked."""
    log_rows, bits, commitment, value, quotients, _ = arguments
    first, second, third, fourth = ((int(x), int(y)) for x, y in quotients)
    return TableProof(log_rows, bits, (commitment[0], commitment[1]), value, (first, second, third, fourth))


class RangeTables(BoundContract):
    """The range tables of the registry at an address.

    Args:
        client: ledger client; its account signs what this object sends.
        address: of the registry (`ledger.deploy.Deployment.registry`).
    """

    artifact = "Registry"

    def register(self, proof: TableProof) -> Receipt:
        """Register a table; anybody may, once for each size.

        Raises:
            TransactionRevertedError: the contract refused: false, or registered before.
            ProofRejectedError: the proof's challenge lies in the domain.
        """
        return self._send("registerTable", *table_arguments(proof))

    def commitment(self, log_rows: int, bits: int) -> Point | None:
        """[T] as the contract keeps it, None where nobody registered it."""
        x, y = self._call("table", log_rows, bits)
        return (x, y) if x or y else None

    def of_relation(self, relation: Relation) -> Point | None:
        """[T] of the table a relation looks up, None without lookups.

        Raises:
            RecordInvalidError: nobody registered it.
        """
        if not relation.lookups:
            return None
        found = self.commitment(relation.log_rows, relation.table_bits)
        if found is None:
            raise RecordInvalidError(
                f"the ledger has no range table of {relation.table_bits} bits over 2^{relation.log_rows} rows"
            )
        return found

    def proof(self, log_rows: int, bits: int) -> TableProof | None:
        """A table with its proof, from the registering transaction; None where nobody registered it.

        The caller checks it with `zk.range_table.verify_table`: then no node need be trusted.

        Raises:
            RecordInvalidError: transaction and storage disagree.
        """
        where = {"log_rows": log_rows, "bits": bits}
        events = self.client.logs(self.contract.events.TableRegistered, where=where)
        return self._read(events[-1]) if events else None

    def proofs(self) -> list[TableProof]:
        """Every registered table with its proof, in order of registration; raises as `proof`."""
        last = {}  # a later one has taken the place of an earlier one of its size
        for event in self.client.logs(self.contract.events.TableRegistered):
            last[event.args["log_rows"], event.args["bits"]] = event
        return [self._read(event) for event in last.values()]

    def _read(self, event: Event) -> TableProof:
        size = (event.args["log_rows"], event.args["bits"])
        fault = f"the transaction that registered the range table of {size[1]} bits over 2^{size[0]} rows holds another"
        with translated_errors(self.client.url):
            data = self.contract.w3.eth.get_transaction(HexBytes(event.tx_hash))["input"]
        try:
            function, arguments = self.contract.decode_function_input(data)
            found = decode_table(tuple(arguments.values()))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordInvalidError(fault) from error
        kept = self.commitment(*size)
        if (function.fn_name, found.log_rows, found.bits, found.commitment) != ("registerTable", *size, kept):
            raise RecordInvalidError(fault)
        return found
