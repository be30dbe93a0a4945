"""``make bench``: this project beside other servers of the same model, in one run.

Each server has a process and a virtual environment of its own (``servers/`` holds what runs in
them), and stands still while another is measured.
"""
