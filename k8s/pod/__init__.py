"""The entry point of the serving image: checks, starts, watches and drains one TorchServe.

Runs in the container with nothing of this repository beside it: the standard library, Pillow and
what the image has installed. It knows the service by its files and its REST contract only.
"""
