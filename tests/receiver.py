"""A real HTTP server that takes webhooks: it remembers what came and answers as the test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Receiver:
    """What came, and the answers that are still to be given; then it is 204."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.taken]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]


Take = Callable[[dict[str, str], bytes], int]
"""What is done with the headers (in lower case) and body of a POST; return the status to answer."""


@contextmanager
def serving(take: Take) -> Iterator[str]:
    """An HTTP server on this machine; return its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(take({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    def take(headers: dict[str, str], body: bytes) -> int:
        receiver.taken.append((headers, body))
        return receiver.answers.pop(0) if receiver.answers else 204

    with serving(take) as address:
        receiver.url = f"{address}/hook"
        yield receiver


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """The signature as a receiver works it out, by the text of the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
