"""Other systems as a small real HTTP server: it answers each order as the test says, and remembers what it got."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Said = tuple[int, Any]
"""Status and body: a dict goes out as JSON, text as it is."""


def done(order: Body) -> Said:
    """What the contract asks for: a reference, and an outcome of each subject."""
    return 200, {"reference": f"ref-{order['order_id'][:8]}", "outcomes": said(order, "done")}


def said(order: Body, outcome: str) -> list[Body]:
    """The same outcome for every subject of an order."""
    return [{**subject, "outcome": outcome} for subject in order["subjects"]]


class OtherSystems:
    """Collections, loans, bureau and access in one server, each at its own path."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Body, dict[str, str]]] = []
        self.raw: list[bytes] = []
        self.answer: Callable[[str, Body], Said] = lambda system, order: done(order)
        self.gates: dict[str, threading.Event] = {}
        """System → it answers only when this is set."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                outer.raw.append(data)
                order = json.loads(data)
                system = self.path.strip("/")
                outer.seen.append((system, order, dict(self.headers)))
                if system in outer.gates:
                    outer.gates[system].wait(20)
                status, body = outer.answer(system, order)
                raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        """The settings that send every order here."""
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {f"{name}_url": f"{base}/{name}" for name in ("collections", "loans", "bureau", "access")}

    def orders(self, *kinds: str) -> list[Body]:
        """The orders of some kinds that came, the first of each key."""
        found: dict[str, Body] = {}
        for _, order, _ in list(self.seen):
            if order["order"] in kinds:
                found.setdefault(order["order_id"], order)
        return list(found.values())

    def close(self) -> None:
        """End it."""
        for gate in self.gates.values():
            gate.set()
        self.server.shutdown()
        self.server.server_close()
