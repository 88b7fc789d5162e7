# SPDX-License-Identifier: Apache-2.0
"""The HTTP endpoint: keeps what arrives, checks the Standard Webhooks signature, answers as told."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import struct
import threading
import time

MAX_SKEW = 300  # seconds, as the reference libraries of Standard Webhooks


def signature_is_good(secret, headers, body):
    """Standard Webhooks 1.0.0: any of the `v1` signatures may match."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > MAX_SKEW:
        return False
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(item, "v1," + wanted) for item in given)


class Request:
    """One request as it arrived."""

    def __init__(self, path, headers, body, secret):
        self.path = path
        self.headers = headers
        self.body = body
        self.arrived = time.monotonic()
        self.signature_good = signature_is_good(secret, headers, body)

    @property
    def webhook_id(self):
        return self.headers["webhook-id"]

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.event["data"]

    @property
    def raw_message(self):
        return base64.b64decode(self.data["raw"])


class Endpoint:
    """An HTTP server in this process. `script` holds what to do with the next requests: a status,
    (status, headers), "hang", "cut" (close without an answer), "garbage" (bytes that are no HTTP),
    "slow" (200, byte by byte); when it is empty: `default`."""

    def __init__(self, secret):
        self.secret = secret
        self.requests = []
        self.script = []
        self.default = 200
        self.in_flight = 0
        self.most_in_flight = 0
        self.changed = threading.Condition()
        self.released = threading.Event()
        self.server = None
        self.port = 0

    def start(self):
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                headers = {key.lower(): value for key, value in self.headers.items()}
                body = self.rfile.read(length)
                if len(body) < length:  # its sender died: no endpoint sees half a request
                    self.close_connection = True
                    return
                endpoint._serve(self, headers, body)

            def log_message(self, *_args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_args):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        """Refuse connections from now on; start() takes the same port again."""
        self.released.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def _serve(self, handler, headers, body):
        with self.changed:
            self.requests.append(Request(handler.path, headers, body, self.secret))
            step = self.script.pop(0) if self.script else self.default
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.changed.notify_all()
        try:
            self._answer(handler, step)
        finally:
            with self.changed:
                self.in_flight -= 1

    def _answer(self, handler, step):
        if step == "hang":
            self.released.wait(120)
            step = "cut"
        if step == "cut":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        if step == "garbage":
            handler.close_connection = True
            handler.wfile.write(os.urandom(300))
            return
        if step == "slow":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                handler.wfile.write(bytes([byte]))
                time.sleep(0.01)
            return
        status, extra = step if isinstance(step, tuple) else (step, {})
        handler.send_response(status)
        for name, value in extra.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def wait_for(self, count=1, timeout=30.0, where=None):
        """The first `count` requests (of those `where` accepts), once they have arrived."""
        def chosen():
            return [r for r in self.requests if where is None or where(r)]
        with self.changed:
            if not self.changed.wait_for(lambda: len(chosen()) >= count, timeout):
                raise TimeoutError(f"{len(chosen())} of {count} requests after {timeout:.0f} s")
            return chosen()[:count]
