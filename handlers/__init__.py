"""Everything that goes into the archive and runs inside TorchServe.

Imports nothing of this repository but itself: the archive carries this package alone.
"""
