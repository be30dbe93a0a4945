"""``make attack``: what must not stop the service, tried on a real server and a real page.

Bounded, on loopback, against servers that it starts itself and that it ends.
"""
