"""``/started``, ``/ready`` and ``/alive``: what the kubelet asks."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from k8s.pod.watch import Watch


def serve(watch: Watch, port: int) -> ThreadingHTTPServer:
    """Answer from a thread of its own until the process ends.

    200 for yes, 503 for no with the reason as text. Starting, ready and alive are three things:
    a pod that is not ready gets no requests, one that is not alive is killed.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/started": (watch.started, watch.why),
                "/ready": (watch.ready, watch.why),
                "/alive": (watch.alive, "TorchServe has not answered for a minute"),
            }
            yes, why = answers.get(self.path, (False, ""))
            status = 404 if self.path not in answers else 200 if yes else 503
            body = ("yes" if yes else why or "no such path").encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a line every few seconds hides the lines that matter."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
