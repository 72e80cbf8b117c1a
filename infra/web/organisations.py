"""Several organisations in one installation: each has its own house, and the name in the address chooses it.

Nothing is shared but the process: data directory, keys, accounts, calendar, wording and settings are each one's own, so
no page, search or report of one can show anything of another.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class ByHost:
    """Leads a request to the application of the organisation whose host name it was sent to."""

    def __init__(self, apps: Mapping[str, FastAPI]) -> None:
        self.apps = {host.lower(): app for host, app in apps.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a host that is no organisation's gets nothing but that."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        headers = dict(scope.get("headers", ()))
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0] or headers.get(b"host", b"").decode(
            "latin-1"
        )
        app: ASGIApp = self.apps.get(host.lower()) or JSONResponse(
            {"error": {"code": "organisation.unknown", "message": "no organisation has this address"}}, status_code=404
        )
        await app(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
