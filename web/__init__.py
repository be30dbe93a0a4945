"""The upload page: a photograph in, the answer and why out; a client of the service like any other.

Knows the service by its REST contract only. Nothing of a photograph, nor its name, is kept or
logged, and nobody but the service is asked.
"""
