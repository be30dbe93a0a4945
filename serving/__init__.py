"""Run TorchServe on this machine: start it, wait until it is ready, send requests, stop it.

Knows the service by its files and its REST contract only.
"""
