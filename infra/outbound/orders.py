"""Orders to other systems over HTTP: POST with an idempotency key, no redirects, a bounded answer.

Contract (docs/orders.md): ``POST <address>`` with a JSON body and ``Idempotency-Key``. An order is done when a 2xx
answer has a ``reference`` and an explicit outcome ``done`` for every subject; 202 is handed over and asked
again. Asking again with the same key does nothing more and says how it stands.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple

import httpx
import orjson

from engine.kernel.answers import NOBODY, Asked, Subject, judge, reference_of, subjects_of
from engine.kernel.messages import CommandMessage, ContainmentMessage, OrderMessage
from engine.kernel.ports import Delivery, Intent, TimeSource
from engine.kernel.timestamps import instant_or_day
from infra.outbound.signing import signed

MAX_ANSWER = 64 * 1024
LONGEST_S = 60.0
"""Seconds an answer may take from its first byte to its last."""
_PASSING = (408, 425, 429)
CONTRACT = 2
Contract = Literal[1, 2]
"""1: a bare 2xx means that the order was taken, and no more."""


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

    def order(
        self, address: str, key: str, body: bytes, system: str, subjects: Sequence[Subject], *,
        asked: Asked = NOBODY, secrets: Sequence[str] = (), contract: Contract = 2,
    ) -> Delivery:  # fmt: skip
        """Post an order and judge the answer: of each subject, whether it says that it is done."""
        more = signed(f"msg_{key.replace('-', '')[:32]}", self.clock.now(), secrets, body) if secrets else None
        answer = self.ask(address, key, body, more)
        if answer.error:
            return Delivery(outcome="retry", detail=f"{answer.error} from {system}")
        if not 200 <= answer.status < 300:
            passing = answer.status >= 500 or answer.status in _PASSING
            return Delivery(outcome="retry" if passing else "refused", detail=f"HTTP {answer.status} from {system}")
        return self.judged(answer, system, subjects, contract, asked)

    def judged(
        self, answer: Answer, system: str, subjects: Sequence[Subject], contract: Contract = 2, asked: Asked = NOBODY
    ) -> Delivery:
        """Say what a 2xx answer makes of an order."""
        document, fault = json_of(answer.body)
        asked = asked.model_copy(update={"now": self.clock.now()})
        judged = judge(answer.status, document, subjects, asked, fault=fault)
        _, done_at = self._read(answer.body)
        detail = f"{judged.detail[:240]} ({system})"
        if judged.verdict == "done":
            return Delivery(outcome="done", reference=judged.reference, done_at=done_at, judged=judged)
        if judged.verdict == "refused":
            return Delivery(outcome="refused", reference=judged.reference, detail=detail, judged=judged)
        bare = not answer.body.strip() or isinstance(document, dict)
        if contract == 1 and bare and judged.verdict in ("unclear", "pending"):
            reference = judged.reference or f"HTTP {answer.status}"
            return Delivery(outcome="handed-over", reference=reference, detail="by the first contract", judged=None)
        return Delivery(outcome="retry", reference=judged.reference, detail=detail, done_at=done_at, judged=judged)

    def _read(self, body: bytes) -> tuple[str, datetime | None]:
        try:
            document: Any = orjson.loads(body)
            reference = reference_of(document.get("reference"))
            done_at = instant_or_day(document.get("done_at"))
        except (orjson.JSONDecodeError, AttributeError):
            return "", None
        return reference, min(done_at, self.clock.now()) if done_at else None


class HttpOrders:
    """Performs ``order``, ``command`` and ``containment``; an order without an address may go out as a letter."""

    repeatable = True

    def __init__(
        self,
        address: Callable[[str], str | None],
        http: HttpPost,
        letter: Callable[[Intent, str], Delivery] | None = None,
        letter_address: Callable[[str], str | None] = lambda system: None,
        *,
        secrets: Sequence[str] = (),
        contract: Callable[[str, datetime], Contract] = lambda system, now: 2,
    ) -> None:
        self.address = address
        self.http = http
        self.letter = letter
        self.letter_address = letter_address
        self.secrets = secrets
        self.contract = contract

    def perform(self, intent: Intent) -> Delivery:
        """Send the order once and say what became of it."""
        message = intent.message
        assert isinstance(message, OrderMessage | CommandMessage | ContainmentMessage)
        system = message.system
        address = self.address(system)
        if address is not None:
            body = {"contract": CONTRACT, **message.body}
            key = message.order_id if isinstance(message, OrderMessage) else intent.key  # asked again, it is the same
            return self.http.order(
                address, key, orjson.dumps(body), system, subjects_in(message.body),
                asked=asked_in(message.body), secrets=self.secrets,
                contract=self.contract(system, self.http.clock.now()),
            )  # fmt: skip
        mail = self.letter_address(system)
        if mail is not None and self.letter is not None and intent.kind == "order":
            return self.letter(intent, mail)
        return Delivery(outcome="retry", detail=f"no address is configured for the system '{system}'")


def subjects_in(body: Mapping[str, Any]) -> tuple[Subject, ...]:
    """Return the subjects an order names; one of before subjects were named is about its loans, or its client."""
    named = body.get("subjects")
    if isinstance(named, list):
        return tuple(Subject.model_validate(it) for it in named)
    loans = subjects_of("loan", [str(it) for it in body.get("loans", ())])
    if body.get("order") in ("client-flag", "client-unflag") or not loans:
        return subjects_of("client", [str(body["client"])] if body.get("client") else [])
    return loans


def asked_in(body: Mapping[str, Any]) -> Asked:
    """Return what an order asked, for its answer to be held against."""
    return Asked(
        order_id=str(body.get("order_id") or ""), order=str(body.get("order") or ""),
        client=str(body.get("client") or ""), target=str(body.get("target") or ""),
    )  # fmt: skip


def json_of(body: bytes) -> tuple[Any, str]:
    """Return what a body holds as JSON, None for one that holds none; and why it cannot be taken at its word."""
    try:
        document = orjson.loads(body)
        json.loads(body, object_pairs_hook=_once)
    except _Twice as error:
        return None, f"the key {str(error)[:80]} stands twice in the answer"
    except (ValueError, RecursionError):
        return None, ""
    return document, ""


class _Twice(Exception):
    """A key stands twice in one object: two readers may read two answers."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _bounded(answer: httpx.Response, most: int) -> bytes:
    body, ends = b"", time.monotonic() + LONGEST_S
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > most:
            break
        if time.monotonic() > ends:  # the timeout of the client is for each piece
            raise httpx.ReadTimeout("the answer did not end")
    return body[:most]
