"""Execution without a transaction: what ``eth_call`` and ``eth_estimateGas`` ask of the embedded chain.

The state of the block is read from the store and thrown away with its changes; nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from eth.abc import ComputationAPI, StateAPI
from eth.exceptions import Revert
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from ledger.consortium_vm import BLOCK_GAS_LIMIT, ConsortiumVM
from ledger.errors import ExecutionFailedError
from ledger.revert import describe_revert

_ESTIMATE_TOLERANCE: Final = 0.015  # relative width at which the search stops, as geth's
_CALL_STIPEND: Final = 2_300


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A message to execute.

    Attributes:
        sender: 20 bytes; the account that calls, any account will do.
        to: 20 bytes, or empty to run ``data`` as a contract's creation code.
        data: call data, public.
        value: wei to move; the sender needs the balance.
        gas: gas limit, at most the block's.
    """

    sender: bytes = bytes(20)
    to: bytes = b""
    data: bytes = b""
    value: int = 0
    gas: int = BLOCK_GAS_LIMIT


def simulate_call(state: StateAPI, request: CallRequest) -> bytes:
    """Execute a message on a state that is thrown away.

    Returns:
        The returned bytes (the deployed code for a creation).

    Raises:
        ExecutionFailedError: the execution reverted, ran out of gas or was refused before it began.
    """
    computation = _execute(state, request, request.gas)
    if computation.is_error:
        raise _failure_of(computation)
    return bytes(computation.output)


def estimate_gas(fresh_state: Callable[[], StateAPI], request: CallRequest) -> int:
    """Find a gas limit with which the message succeeds, at most 1.5 % above the least one.

    Args:
        fresh_state: gives the state before the message, anew for each attempt.
        request: the message; its gas is the upper bound of the search.

    Raises:
        ExecutionFailedError: the message fails even with all of ``request.gas``.
    """
    computation = _execute(fresh_state(), request, request.gas)
    if computation.is_error:
        raise _failure_of(computation)
    consumed = request.gas - int(computation.get_gas_remaining())

    def succeeds(gas: int) -> bool:
        try:
            return not _execute(fresh_state(), request, gas).is_error
        except ExecutionFailedError:
            return False

    too_low, enough = consumed - 1, request.gas
    optimistic = (consumed + _CALL_STIPEND) * 64 // 63  # what one nested call may hold back
    for guess in (consumed, optimistic):
        if too_low < guess < enough:
            if succeeds(guess):
                enough = guess
                break
            too_low = guess
    while enough - too_low > max(1, int(enough * _ESTIMATE_TOLERANCE)):
        middle = (too_low + enough) // 2
        if succeeds(middle):
            enough = middle
        else:
            too_low = middle
    return enough


def _execute(state: StateAPI, request: CallRequest, gas: int) -> ComputationAPI:
    unsigned = ConsortiumVM.create_unsigned_transaction(
        nonce=state.get_nonce(Address(request.sender)),
        gas_price=0,
        gas=gas,
        to=Address(request.to),
        value=request.value,
        data=request.data,
    )
    if gas < unsigned.intrinsic_gas:
        raise ExecutionFailedError(
            f"intrinsic gas too low: have {gas}, want {unsigned.intrinsic_gas}", output=b"", is_revert=False
        )
    if request.value > state.get_balance(Address(request.sender)):
        raise ExecutionFailedError("insufficient funds for transfer", output=b"", is_revert=False)
    message = SpoofTransaction(unsigned, from_=Address(request.sender))
    try:
        return state.apply_transaction(message)  # type: ignore[arg-type]  # a spoof has every attribute of the signed
    except ValidationError as error:
        raise ExecutionFailedError(f"message refused: {error}", output=b"", is_revert=False) from error


def _failure_of(computation: ComputationAPI) -> ExecutionFailedError:
    output = bytes(computation.output)
    if isinstance(computation.error, Revert):
        reason = describe_revert(output)
        text = "execution reverted" if not output else f"execution reverted: {reason}"
        return ExecutionFailedError(text, output=output, is_revert=True)
    text = str(computation.error) or type(computation.error).__name__
    return ExecutionFailedError(
        f"execution failed: {type(computation.error).__name__}: {text}", output=b"", is_revert=False
    )
