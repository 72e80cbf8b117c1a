"""A gateway for notices to clients, small and real: an HTTP server with the contract of docs/gateway.md.

It takes batches, answers for each client, and reports later, in an order of its own, what became of each. Which clients
it refuses or fails to reach is decided by their identifiers, so a run can be repeated.

``python -m infra.lab.testbed.gateway --port 8099 --statuses http://127.0.0.1:8080 --token TOKEN``
"""

from __future__ import annotations

import argparse
import random
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson

from engine.kernel.ports import TimeSource
from infra.app.time_source import SystemClock
from infra.lab.reference.signature import is_signed

STATUSES_TOGETHER = 500
MOST_BODY = 8 * 1024 * 1024


class ReferenceGateway:
    """What the gateway knows: batches by key, messages by id and attempt, and what it has not reported yet."""

    def __init__(
        self, *, refused: Sequence[str] = (), failing: Sequence[str] = (), secrets: Sequence[str] = (), seed: int = 7,
        clock: TimeSource | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock or SystemClock()
        self.refused, self.failing = tuple(refused), tuple(failing)
        """Endings of the identifiers of clients whom it does not take, or does not reach."""
        self.secrets = secrets
        self.texts: dict[str, dict[str, Any]] = {}
        self.messages: dict[tuple[str, int], dict[str, Any]] = {}
        self.calls = 0
        self._answers: dict[str, bytes] = {}
        self._unreported: list[dict[str, Any]] = []
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._guard = threading.Lock()

    def take(self, key: str, body: bytes) -> bytes:
        """Take a batch and answer for each message; the same key gets the same answer and nothing is taken twice."""
        with self._guard:
            self.calls += 1
            if key not in self._answers:
                self._answers[key] = self._take(orjson.loads(body))
            return self._answers[key]

    def _take(self, batch: dict[str, Any]) -> bytes:
        self.texts[batch["text"]["id"]] = batch["text"]
        now, results = self.clock.now().isoformat(), []
        for message in batch["messages"]:
            name, attempt = message["id"], message["attempt"]
            if message["client"].endswith(self.refused) and attempt == 1:
                results.append({"id": name, "outcome": "refused", "detail": "no telephone number"})
                continue
            results.append({"id": name, "outcome": "accepted", "reference": f"gw-{name[:8]}"})
            if (name, attempt) in self.messages:
                continue
            self.messages[name, attempt] = message
            failed = message["client"].endswith(self.failing) and attempt == 1
            fate = {"status": "failed", "detail": "absent subscriber"} if failed else {"status": "delivered"}
            self._unreported.append({"id": name, "attempt": attempt, "at": now, "channel": "sms", **fate})
        return orjson.dumps({"reference": f"batch-{batch['batch'][:12]}", "results": results})

    def statuses(self, most: int = STATUSES_TOGETHER) -> list[dict[str, Any]]:
        """Return at most so many reports that were not made yet, in no order."""
        with self._guard:
            self._random.shuffle(self._unreported)
            part, self._unreported = self._unreported[:most], self._unreported[most:]
            return part

    def tell_again(self, reports: Sequence[dict[str, Any]]) -> None:
        """Take back reports that could not be made."""
        with self._guard:
            self._unreported = [*reports, *self._unreported]

    def verify(self, headers: dict[str, str], body: bytes) -> bool:
        """Say whether a batch is signed with one of the secrets; without secrets every one is taken."""
        return is_signed(headers, body, self.secrets, self.clock.now())


class GatewayServer:
    """The gateway behind a port of this machine, in a thread of its own."""

    def __init__(self, gateway: ReferenceGateway, port: int = 0) -> None:
        self.gateway = gateway
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(gateway))
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """The address that takes batches."""
        return f"http://127.0.0.1:{self._server.server_port}/messages"

    def start(self) -> GatewayServer:
        """Begin to serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def report(self, engine: str, token: str, most: int = STATUSES_TOGETHER) -> int:
        """Report what became of some notices to the engine at an address; return how many. Raise HTTPStatusError."""
        part = self.gateway.statuses(most)
        if part:
            answer = httpx.post(
                f"{engine}/api/v1/client-gateway/statuses", json={"statuses": part}, timeout=60, trust_env=False,
                headers={"Authorization": f"Bearer {token}"},
            )  # fmt: skip
            answer.raise_for_status()
        return len(part)


def _handler(gateway: ReferenceGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(min(length, MOST_BODY))
            if not gateway.verify({name.lower(): value for name, value in self.headers.items()}, body):
                self._answer(401, b'{"error": "not signed"}')
                return
            try:
                self._answer(202, gateway.take(self.headers.get("Idempotency-Key", ""), body))
            except (orjson.JSONDecodeError, KeyError, TypeError):
                self._answer(400, b'{"error": "not a batch"}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    return Handler


def main() -> None:
    """Serve until interrupted; report every second to the engine that is named."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--port", type=int, default=8099)
    asked.add_argument("--statuses", default="", help="address of the engine that is told what became of notices")
    asked.add_argument("--token", default="", help="token of the source that reports (qorgau sources add)")
    asked.add_argument("--secret", action="append", default=[], help="secret of the engine's signatures")
    asked.add_argument(
        "--refuse", action="append", default=[], help="ending of clients who are refused at the first try"
    )
    asked.add_argument("--fail", action="append", default=[], help="ending of clients not reached at the first try")
    given = asked.parse_args()
    gateway = ReferenceGateway(refused=given.refuse, failing=given.fail, secrets=given.secret)
    server = GatewayServer(gateway, given.port).start()
    print(server.url, flush=True)
    pause = threading.Event()
    try:
        while True:
            if not given.statuses or not server.report(given.statuses, given.token):
                pause.wait(1.0)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
