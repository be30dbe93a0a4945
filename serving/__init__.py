"""Serve the archive, on this machine or in a pod, with TorchServe or KServe's model server.

Knows the service by its files and its REST contract only.
"""
