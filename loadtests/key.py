"""API key that the load tests send, from the file that ``LESIONLENS_KEY_FILE`` names."""

from __future__ import annotations

import os
from functools import cache

from serving.front.client_key import authorization


@cache
def key_headers() -> dict[str, str]:
    """Return the headers of every request; read once, so that it costs no time per request.

    Raises:
        ValueError: the file holds no key.
    """
    return authorization(os.environ)
