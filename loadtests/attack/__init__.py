"""``make attack``: attacks that must not stop the service, on a real server and page.

Bounded, on loopback, against servers that it starts and stops itself.
"""
