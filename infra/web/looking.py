"""Every request has somebody who looks: who it is, is said when the session is known.

What it showed of whom is on disk in the access log before the answer leaves. Where that cannot be, what gives much of
many is refused, and a single page is shown with an alarm (``context.page`` writes it, as the page is still at hand).
"""

from __future__ import annotations

import asyncio

import orjson
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.app.container import Container
from infra.read.people.looking import Looking, look
from infra.read.people.recording import access_of, must_record
from infra.store.reads.access_log import NotRecorded
from reports.messages import say

OK = 400
"""Statuses from here on show nothing of anybody."""


class Lookers:
    """Gives each request a look of its own, which the threads that answer it share, and records what was shown."""

    def __init__(self, app: ASGIApp, container: Container) -> None:
        self.app = app
        self.container = container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        it = Looking()
        it.way = "api" if scope["path"].startswith("/api/") else "console"
        it.address = str((scope.get("client") or ("",))[0])
        it.by_itself = any(name == b"hx-request" for name, _ in scope["headers"])
        refused = False

        async def recorded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] < OK:
                if must_record(it):
                    await asyncio.to_thread(record, self.container, it)
                refused = it.recorded is False and it.bulk
                if refused:
                    await _refuse(send)
            if not refused:
                await send(message)

        with look(it):
            await self.app(scope, receive, recorded)


def record(container: Container, it: Looking) -> None:
    """Record a look; ``recorded`` says whether that was possible."""
    try:
        container.store.access.write(access_of(container.store.access, it, container.clock.now()))
        it.recorded = True
    except NotRecorded:
        it.recorded = False


def about(request: Request, it: Looking, *, bulk: bool) -> None:
    """Say which route it is that somebody looks at."""
    it.route = f"{request.method} {getattr(request.scope.get('route'), 'path', request.url.path)}"
    it.bulk = bulk
    if bulk or it.way == "api":
        it.by_itself = False  # no page asks for these by itself, whatever the request says of itself


async def _refuse(send: Send) -> None:
    message = say("this cannot be given out now: its reading cannot be recorded")
    body = orjson.dumps({"error": {"code": NotRecorded.code, "message": message}})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
