"""London without fees or rewards: the rules of the embedded consortium chain.

Base fee, block reward and difficulty are constants, so an account with no balance can send a type-0 transaction with
gasPrice 0 at any time; every other rule, and every gas cost, is London's. The equivalent anvil command line is
``--hardfork london --gas-price 0 --block-base-fee-per-gas 0``.
"""

from __future__ import annotations

from typing import Any, Final

from eth.abc import BlockHeaderAPI
from eth.chains.base import MiningChain
from eth.consensus.noproof import NoProofConsensus
from eth.validation import validate_gas_limit
from eth.vm.forks.london import LondonVM
from eth.vm.forks.london.computation import LondonComputation
from eth.vm.forks.london.headers import configure_london_header, create_london_header_from_parent
from eth.vm.forks.london.state import LondonState
from eth_typing import Address, BlockNumber
from eth_utils.exceptions import ValidationError

from ledger.precompiles import BN254_PRECOMPILES

BLOCK_GAS_LIMIT: Final = 30_000_000
BASE_FEE_WEI: Final = 0
_DIFFICULTY: Final = 1
_PRECOMPILES: Final[dict[Address, Any]] = {**LondonComputation._precompiles, **BN254_PRECOMPILES}


def _constant_difficulty(parent_header: BlockHeaderAPI, timestamp: int) -> int:
    return _DIFFICULTY


def _create_header(parent_header: BlockHeaderAPI | None, **header_params: Any) -> BlockHeaderAPI:
    header_params.pop("base_fee_per_gas", None)
    fields = {"difficulty": _DIFFICULTY, "gas_limit": BLOCK_GAS_LIMIT, **header_params}
    header: BlockHeaderAPI = create_london_header_from_parent(_constant_difficulty, parent_header, **fields)
    return header.copy(base_fee_per_gas=BASE_FEE_WEI)


class ConsortiumComputation(LondonComputation):
    """London's instruction set, with the BN254 precompiles executed by revm."""

    _precompiles = _PRECOMPILES


class ConsortiumState(LondonState):
    """London's state transition over :class:`ConsortiumComputation`."""

    computation_class = ConsortiumComputation


class ConsortiumVM(LondonVM):
    """London rules for one block, with base fee, block reward and difficulty constant."""

    _state_class = ConsortiumState
    consensus_class = NoProofConsensus
    create_header_from_parent = staticmethod(_create_header)
    compute_difficulty = staticmethod(_constant_difficulty)
    configure_header = configure_london_header(difficulty_fn=_constant_difficulty)

    @staticmethod
    def get_block_reward() -> int:
        """Return 0: nobody mines for a reward."""
        return 0

    @classmethod
    def validate_gas(cls, header: BlockHeaderAPI, parent_header: BlockHeaderAPI) -> None:
        """Check the gas limit and that the base fee is the constant one.

        Raises:
            ValidationError: the header breaks one of the two rules.
        """
        validate_gas_limit(header.gas_limit, parent_header.gas_limit)
        if header.base_fee_per_gas != BASE_FEE_WEI:
            raise ValidationError(f"base fee is {header.base_fee_per_gas}, expected {BASE_FEE_WEI}")


def chain_class(chain_id: int) -> type[MiningChain]:
    """Return the chain class of one chain id: :class:`ConsortiumVM` from the genesis block on."""
    return type(
        "ConsortiumChain",
        (MiningChain,),
        {"chain_id": chain_id, "vm_configuration": ((BlockNumber(0), ConsortiumVM),)},
    )
