"""Who may come in, before any page is asked: hosts that are ours, people and programs that are known, heads in time."""

from __future__ import annotations

import asyncio
import hmac
import socket
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.app.container import Container
from infra.settings.settings import Settings
from infra.web.context import session_token

HEAD_S = 10.0
"""How long the head of a request may take to come; a connection that is slower is closed."""
MOST_CONNECTIONS = 800
"""Connections at once; who comes beyond them is answered 503."""
MACHINES = ("/api/v1/events", "/api/v1/client-gateway/statuses", "/health", "/metrics")
"""What programs ask by whatever name they reach us: nothing there is made from the name."""
EVERYWHERE = ("127.0.0.1", "::1", "localhost")


def hosts_of(settings: Settings) -> frozenset[str]:
    """Return the names the console answers to; the address of each connection comes to them."""
    own = f"{settings.organisation}.localhost" if settings.organisation else "localhost"
    console = urlsplit(settings.console_url or "").hostname or own
    names = (settings.host, own, console, socket.gethostname(), *EVERYWHERE, *settings.hosts, *settings.allowed_hosts)
    return frozenset(name.lower().strip("[]") for name in names)


class KnownHosts:
    """Refuses a request with a ``Host`` that is not ours: a page must never be made from a stranger's name."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = hosts_of(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in MACHINES and not self._ours(scope):
            message = "this is not an address of this house; QORGAU_ALLOWED_HOSTS names further ones"
            refused = JSONResponse({"error": {"code": "host.unknown", "message": message}}, status_code=400)
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _ours(self, scope: Scope) -> bool:
        named = [value for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1:
            return False
        host = host_in(named[0].decode("latin-1"))
        server = scope.get("server") or ("",)
        return host in self.hosts or host == str(server[0]).lower() or "*" in self.hosts


def host_in(header: str) -> str:
    """Return the host of a ``Host`` header, without its port and the brackets of an IPv6 address."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def is_known(request: Request, container: Container, *, sources: bool = False, sessions: bool = True) -> bool:
    """Say whether whoever asks is signed in, has a token of those who run it, or, with ``sources``, of a source.

    Without ``sessions`` and ``sources`` the store is not asked. With TRUST_LOOPBACK whoever asks from this
    machine is known too.
    """
    settings = container.settings
    if settings.trust_loopback and request.client is not None and request.client.host in ("127.0.0.1", "::1"):
        return True
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    if given and any(
        token and hmac.compare_digest(given.encode(), token.encode())
        for token in (settings.health_token, settings.metrics_token)
    ):
        return True
    if (
        given
        and sources
        and container.accounts.source(given, request.client.host if request.client else "") is not None
    ):
        return True
    return sessions and container.accounts.session(session_token(request), acting=False) is not None


class InTime(H11Protocol):
    """uvicorn's protocol, with a limit on how long the head of a request may take: uvicorn itself waits for ever."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on; stop waiting when the head is there."""
        super().data_received(data)
        if self._waits:
            self._wait()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._forget()
        super().connection_lost(exc)

    @property
    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEAD_S, self._late)

    def _forget(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _late(self) -> None:
        self._due = None
        if self._waits:
            self.transport.close()
