"""BN254 precompiles 0x06-0x08 executed by revm, with the gas that London charges.

py-evm's own versions run in pure Python (about half a second per pairing). revm is used as a calculator only: a fresh
machine per call, nothing committed, no state shared with the chain. py-evm charges the gas before the call (EIP-1108).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyrevm
from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth_typing import Address

Precompile = Callable[[ComputationAPI], ComputationAPI]

_SPEC_ID: Final = "London"  # case-sensitive: any other spelling silently selects the newest fork
_CALLER: Final = "0x00000000000000000000000000000000000000ff"
_CALCULATOR_GAS: Final = 1_000_000_000  # never the limit: py-evm has charged at most one block's gas already
_PAIR_BYTES: Final = 192

GAS_ECADD: Final = 150
GAS_ECMUL: Final = 6_000
GAS_ECPAIRING_BASE: Final = 45_000
GAS_ECPAIRING_PER_PAIR: Final = 34_000


def compute_precompile(number: int, data: bytes) -> bytes:
    """Evaluate one precompile in a fresh revm.

    Args:
        number: address of the precompile, 6, 7 or 8; public.
        data: its input; public.

    Returns:
        64 bytes (6, 7) or 32 bytes (8).

    Raises:
        VMError: the input is malformed (a point off the curve or outside the group, a coordinate not below the
            field modulus, a length that is no multiple of 192 for 8).

    Timing: variable, on the input.
    """
    machine = pyrevm.EVM(spec_id=_SPEC_ID)
    try:
        output = machine.message_call(
            caller=_CALLER, to=f"0x{number:040x}", calldata=data, gas=_CALCULATOR_GAS, is_static=True
        )
    except RuntimeError as error:
        raise VMError(f"invalid input of precompile 0x{number:02x}") from error
    return bytes(output)


def _precompile(number: int, gas_of: Callable[[int], int]) -> Precompile:
    def execute(computation: ComputationAPI) -> ComputationAPI:
        data = computation.msg.data_as_bytes
        computation.consume_gas(gas_of(len(data)), reason=f"precompile 0x{number:02x}")
        computation.output = compute_precompile(number, data)
        return computation

    return execute


BN254_PRECOMPILES: Final[dict[Address, Precompile]] = {
    Address(bytes(19) + bytes([number])): _precompile(number, gas_of)
    for number, gas_of in (
        (6, lambda length: GAS_ECADD),
        (7, lambda length: GAS_ECMUL),
        (8, lambda length: GAS_ECPAIRING_BASE + GAS_ECPAIRING_PER_PAIR * (length // _PAIR_BYTES)),
    )
}
