"""The front: bounds everything that a client sends before anything else parses it.

One ASGI application for `make serve`, the pod and every runtime behind it. It knows HTTP and the
routes; what answers a request is a :class:`serving.front.backend.Backend`.
"""
