"""Orders to other systems over HTTP: POST with an idempotency key, no redirects, a bounded answer.

Contract: ``POST <address>`` with a JSON body and ``Idempotency-Key``; a 2xx answer acknowledges, its JSON may carry
``reference`` and ``done_at``. Asking again with the same key must do nothing and give the same answer.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import httpx
import orjson

from engine.kernel.messages import CommandMessage, OrderMessage
from engine.kernel.ports import Delivery, Intent, TimeSource
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339

MAX_ANSWER = 64 * 1024
LONGEST_S = 60.0
"""Seconds an answer may take from its first byte to its last."""
_PASSING = (408, 425, 429)


class Answer(NamedTuple):
    """What a system answered: its status and what came of the body; ``error`` names what kept it from answering."""

    status: int
    body: bytes
    error: str = ""


@cache
def _authorities() -> ssl.SSLContext:
    """The authorities that certificates are checked against, read once: that takes longer than a call."""
    return httpx.create_ssl_context(trust_env=False)


class HttpPost:
    """Posts one JSON document under an idempotency key: no redirects, no proxy, a bounded answer."""

    def __init__(self, clock: TimeSource, timeout_s: float = 10.0) -> None:
        self.clock = clock
        self.timeout_s = timeout_s

    def ask(
        self, address: str, key: str, body: bytes, more: Mapping[str, str] | None = None, most: int = MAX_ANSWER
    ) -> Answer:
        """Post, with more headers where there are any, and return the answer, of which at most so many bytes."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json", **(more or {})}
        try:
            with (
                httpx.Client(
                    timeout=self.timeout_s, follow_redirects=False, trust_env=False, verify=_authorities()
                ) as client,
                client.stream("POST", address, content=body, headers=headers) as answer,
            ):
                return Answer(answer.status_code, _bounded(answer, most))
        except (httpx.HTTPError, OSError) as error:
            return Answer(0, b"", type(error).__name__)

    def post(self, address: str, key: str, body: bytes, system: str, more: Mapping[str, str] | None = None) -> Delivery:
        """Post, with more headers where there are any, and say what became of it."""
        answer = self.ask(address, key, body, more)
        if answer.error:
            return Delivery(outcome="retry", detail=f"{answer.error} from {system}")
        if 200 <= answer.status < 300:
            reference, done_at = self._read(answer.body)
            return Delivery(outcome="done", reference=reference or f"HTTP {answer.status}", done_at=done_at)
        passing = answer.status >= 500 or answer.status in _PASSING
        return Delivery(outcome="retry" if passing else "refused", detail=f"HTTP {answer.status} from {system}")

    def _read(self, body: bytes) -> tuple[str, datetime | None]:
        try:
            document: Any = orjson.loads(body)
            reference = str(document.get("reference", ""))[:200]
            done_at = parse_rfc3339(document["done_at"]) if "done_at" in document else None
        except (orjson.JSONDecodeError, AttributeError, NotAnInstant):
            return "", None
        return reference, min(done_at, self.clock.now()) if done_at else None


class HttpOrders:
    """Performs the intents ``order`` and ``command``; an order without an address may go out as a letter."""

    repeatable = True

    def __init__(
        self,
        address: Callable[[str], str | None],
        http: HttpPost,
        letter: Callable[[Intent, str], Delivery] | None = None,
        letter_address: Callable[[str], str | None] = lambda system: None,
    ) -> None:
        self.address = address
        self.http = http
        self.letter = letter
        self.letter_address = letter_address

    def perform(self, intent: Intent) -> Delivery:
        """Send the order once and say what became of it."""
        message = intent.message
        assert isinstance(message, OrderMessage | CommandMessage)
        system = message.system
        address = self.address(system)
        if address is not None:
            return self.http.post(address, intent.key, orjson.dumps(message.body), system)
        mail = self.letter_address(system)
        if mail is not None and self.letter is not None and intent.kind == "order":
            return self.letter(intent, mail)
        return Delivery(outcome="retry", detail=f"no address is configured for the system '{system}'")


def _bounded(answer: httpx.Response, most: int) -> bytes:
    body, ends = b"", time.monotonic() + LONGEST_S
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > most:
            break
        if time.monotonic() > ends:  # the timeout of the client is for each piece
            raise httpx.ReadTimeout("the answer did not end")
    return body[:most]
