"""Random numbers that are the same for every explanation, without a change of global state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch

SEED: Final = 20240


@contextmanager
def seeded(seed: int = SEED) -> Iterator[None]:
    """Seed torch (CPU) and NumPy within the context, and restore their state afterwards.

    Captum draws from the global generators and accepts no others. Only one explanation may run at
    a time in a process: two threads in here at once would draw each other's numbers.
    """
    numpy_state = np.random.get_state()
    with torch.random.fork_rng(devices=()):
        # Not torch.manual_seed, which would also seed GPUs, which are not restored.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
