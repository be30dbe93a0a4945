"""TorchServe on this machine: start it, wait for it, talk to it, leave nothing behind.

Knows the service by its files and its REST contract only.
"""
