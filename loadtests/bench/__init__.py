"""``make bench``: this project beside other servers of the same model, in one run.

Each server has a process and a virtual environment of its own (``servers/`` holds what runs in
them), and stands still while another is measured.
"""

from typing import Final

OURS: Final = "lesionlens"
"""This project's name among the servers; here, so that a table needs no PyTorch."""
