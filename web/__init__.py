"""The upload page: a photograph in, prediction and explanation out; a client of the REST service.

Knows the service by its REST contract only. Neither a photograph nor its file name is stored or
logged, and nothing is sent to anyone but the service.
"""
