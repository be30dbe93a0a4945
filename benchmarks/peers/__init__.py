"""``make bench``: compare this project with other servers of the same model, in one run.

Each server has a separate process and virtual environment (``servers/`` has the code that runs in
them), and is paused while another is measured.
"""
