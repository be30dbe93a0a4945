"""The key that the load tests send, where ``LESIONLENS_KEY_FILE`` names one."""

from __future__ import annotations

import os
from functools import cache

from serving.front.client_key import authorization


@cache
def key_headers() -> dict[str, str]:
    """Headers of every request; read once, so that it costs no request anything.

    Raises:
        ValueError: the file holds no key.
    """
    return authorization(os.environ)
