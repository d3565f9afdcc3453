"""A public random order of many places: what is checked against what, decided by a coin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.kernels import kernel
from mpc.kernels.intrinsics import high_word
from mpc.kernels.memory import Words


@kernel("void(uint64[::1], int64[::1])")
def exchange_places(drawn: Words, order: NDArray[np.int64]) -> None:
    """Fisher and Yates: place k changes with place floor(drawn[k]·(k + 1) / 2^64), for k from the last to 1."""
    for k in range(order.size - 1, 0, -1):
        j = np.int64(high_word(drawn[k], np.uint64(k + 1)))
        order[k], order[j] = order[j], order[k]
