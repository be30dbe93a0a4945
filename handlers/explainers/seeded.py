"""Random numbers that are the same for every explanation, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch

SEED: Final = 20240


@contextmanager
def seeded(seed: int = SEED) -> Iterator[None]:
    """Inside, torch (CPU) and NumPy draw from a seed; afterwards they go on as if nothing was.

    Captum draws from the global generators and takes no others. One explanation at a time in a
    process: two threads in here at once would draw each other's numbers.
    """
    numpy_state = np.random.get_state()
    with torch.random.fork_rng(devices=()):
        # Not torch.manual_seed, which would seed GPUs too, and they are not restored.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
