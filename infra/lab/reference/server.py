"""The reference systems behind one port: orders, the Anti-Fraud Centre, the gateway for clients, and their controls.

``POST /collections|/loans|/bureau|/access|/afc|/gateway`` are the contracts of docs/api/orders.openapi.yaml. Only for
those who try them: ``GET /control/orders``, ``PUT /control/answers`` (how to answer), ``POST /control/finish`` (finish
what is under way and report it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson

from engine.kernel.timestamps import iso
from infra.lab.reference.answers import Reply
from infra.lab.reference.systems import CENTRE, SYSTEMS, ReferenceSystems
from infra.lab.testbed.gateway import STATUSES_TOGETHER, ReferenceGateway

GATEWAY = "gateway"
MOST_BODY = 8 * 1024 * 1024
HANG_S = 120.0
_WHOLE: dict[str, Reply] = {
    "busy": Reply(503, ""),
    "forbidden": Reply(403, {"error": "forbidden"}),
    "hang": Reply(504, ""),
    "html": Reply(200, "<html><body>Sign in</body></html>"),
    "empty": Reply(200, ""),
    "error": Reply(200, {"error": "no credit"}),
}
"""Ways to answer of the gateway that concern a batch as a whole."""

Post = Callable[[str, bytes, dict[str, str]], int]


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post; return the status, 0 where nothing answered."""
    try:
        return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


class Reporting:
    """Tells an engine what became of things: events of systems with one token, statuses of the gateway with another."""

    def __init__(
        self, systems: ReferenceSystems, gateway: ReferenceGateway, engine: str, token: str = "",
        gateway_token: str = "", send: Post = post,
    ) -> None:  # fmt: skip
        self.systems, self.gateway = systems, gateway
        self.engine = engine.rstrip("/")
        self.token, self.gateway_token, self.send = token, gateway_token, send

    def report(self) -> int:
        """Tell what is untold; return how many reports were taken. What is not taken is told the next time."""
        return self._events() + self._statuses()

    def _events(self) -> int:
        events = self.systems.untold() if self.token else []
        if not events:
            return 0
        body = b"\n".join(orjson.dumps(it) for it in events)
        if self.send(f"{self.engine}/api/v1/events", body, _bearer(self.token, "application/x-ndjson")) == 200:
            return len(events)
        self.systems.tell_again(events)
        return 0

    def _statuses(self) -> int:
        part = self.gateway.statuses(STATUSES_TOGETHER) if self.gateway_token else []
        if not part:
            return 0
        body = orjson.dumps({"statuses": part})
        url = f"{self.engine}/api/v1/client-gateway/statuses"
        if self.send(url, body, _bearer(self.gateway_token, "application/json")) == 200:
            return len(part)
        self.gateway.tell_again(part)
        return 0


class ReferenceServer:
    """One port of this machine, in a thread of its own; every request and its answer may be recorded as NDJSON."""

    def __init__(
        self, systems: ReferenceSystems, gateway: ReferenceGateway | None = None, host: str = "127.0.0.1",
        port: int = 0, record: Path | None = None,
    ) -> None:  # fmt: skip
        self.systems = systems
        self.gateway = gateway or ReferenceGateway(secrets=systems.secrets, clock=systems.clock)
        self.reporting: Reporting | None = None
        self.record = record
        if record is not None:
            record.touch(mode=0o600)
        self.ended = threading.Event()
        self._writing = threading.Lock()
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="reference-systems", daemon=True)

    @property
    def url(self) -> str:
        """The address of all of them; each has its path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings that send everything here."""
        orders = {f"{name}_url": f"{self.url}/{name}" for name in (*SYSTEMS, CENTRE)}
        return {**orders, "client_gateway_url": f"{self.url}/{GATEWAY}"}

    def start(self) -> ReferenceServer:
        """Begin to serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and let go who hangs."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        name = path.partition("?")[0].strip("/")
        if method == "POST" and name in (*SYSTEMS, CENTRE):
            reply = self.systems.take(name, headers, body)
            if reply.status == 504:
                self.ended.wait(HANG_S)
            self._write(name, headers, body, reply)
            return reply
        if method == "POST" and name == GATEWAY:
            reply = self._gateway(headers, body)
            self._write(name, headers, body, reply)
            return reply
        return self._control(method, name, body)

    def _gateway(self, headers: dict[str, str], body: bytes) -> Reply:
        how = self.systems.way(GATEWAY)
        if how == "hang":
            self.ended.wait(HANG_S)
        if how in _WHOLE:
            return _WHOLE[how]
        if not self.gateway.verify(headers, body):
            return Reply(401, {"error": "not signed"})
        try:
            if how in ("refused", "unknown"):
                said = [{"id": it["id"], "outcome": "refused", "detail": how} for it in orjson.loads(body)["messages"]]
                return Reply(200, {"reference": "none", "results": said})
            return Reply(202, orjson.loads(self.gateway.take(headers.get("idempotency-key", ""), body)))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Reply(400, {"error": "not a batch"})

    def _control(self, method: str, name: str, body: bytes) -> Reply:
        if (method, name) == ("GET", "control/orders"):
            return Reply(200, {"orders": self.systems.orders()})
        if (method, name) == ("PUT", "control/answers"):
            try:
                self.systems.decide({str(key): str(value) for key, value in orjson.loads(body).items()})
            except (orjson.JSONDecodeError, AttributeError, ValueError) as error:
                return Reply(400, {"error": str(error)})
            return Reply(200, {"answers": self.systems.how})
        if (method, name) == ("POST", "control/finish"):
            count = self.systems.finish()
            return Reply(200, {"finished": count, "told": self.reporting.report() if self.reporting else 0})
        return Reply(404, {"error": "no such path", "paths": [f"/{it}" for it in (*SYSTEMS, CENTRE, GATEWAY)]})

    def _write(self, name: str, headers: dict[str, str], body: bytes, reply: Reply) -> None:
        if self.record is None:
            return
        line: dict[str, Any] = {
            "at": iso(self.systems.clock.now()), "system": name, "key": headers.get("idempotency-key", ""),
            "signed": "webhook-signature" in headers, "body": body.decode(errors="replace"), "status": reply.status,
            "answer": reply.body,
        }  # fmt: skip
        with self._writing, self.record.open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")


def _bearer(token: str, kind: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": kind}


def _handler(server: ReferenceServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "qorgau-reference-systems"
        sys_version = ""

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PUT(self) -> None:
            self._serve("PUT")

        def do_GET(self) -> None:
            self._serve("GET")

        def _serve(self, method: str) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdigit() or int(length) > MOST_BODY:
                self.close_connection = True
                self._answer(Reply(413, {"error": f"a body has at most {MOST_BODY} bytes"}))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(server.answer(method, self.path, headers, self.rfile.read(int(length))))

        def _answer(self, reply: Reply) -> None:
            text = isinstance(reply.body, str)
            data = reply.body.encode() if isinstance(reply.body, str) else orjson.dumps(reply.body)
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "text/html" if text else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except ConnectionError:
                self.close_connection = True  # who asked did not wait for the answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    return Handler
