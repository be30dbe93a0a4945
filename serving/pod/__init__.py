"""Entry point of the serving image: checks, starts, monitors and drains either runtime.

Runs in the container without the rest of this repository: the standard library, Pillow and what the
image has installed. It knows the service by its files and its REST contract only.
"""
