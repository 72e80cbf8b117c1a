"""The API for the lender's gateway to clients: what became of the notices that it was given (docs/gateway.md)."""

from __future__ import annotations

import asyncio
from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from engine.kernel.errors import InputError
from engine.notices.gateway import SET_ASIDE
from infra.inbound.gateway_statuses import gateway_person, read_statuses
from infra.web.api.ingest import problem
from infra.web.context import TheContainer
from infra.web.limits import TooLarge, Unreadable, read_body

router = APIRouter(prefix="/api/v1", tags=["notices"])


@router.post("/client-gateway/statuses", summary="Report what became of notices to clients")
async def post_statuses(request: Request, container: TheContainer) -> JSONResponse:
    """Take reports (``{"statuses": [{"id", "status", "at", ...}]}``) of the gateway, which shows its source token.

    200: how many were recorded, known already, older than what is known; ``refused`` names those that cannot be, with
    the reason (they are kept). The same report twice does nothing. 401: no such token. 403: it is not the gateway's.
    429: it has sent its quota of a minute; send it again after the time given.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    shown, address = (
        token.strip() if scheme.lower() == "bearer" else None,
        request.client.host if request.client else "",
    )
    source = await asyncio.to_thread(container.accounts.source, shown, address)
    if source is None:
        return problem(401, "token.unknown", "a source token is needed: Authorization: Bearer <token>")
    if source.name != container.settings.client_gateway_source:
        return problem(403, "token.not-the-gateway", "only the gateway for clients reports what became of notices")
    if waits := container.quotas.wait(source.name):
        return problem(429, "quota.used", "this source has sent more than its quota of a minute", after_s=waits)
    try:
        command = await asyncio.to_thread(read_statuses, await read_body(request))
    except TooLarge:
        return problem(413, "body.too-large", "a body may have 8 MiB, packed or not")
    except Unreadable as error:
        return problem(400, "body.unreadable", str(error))
    except InputError as error:
        return problem(400, error.code, error.message)
    container.quotas.lines(source.name, len(command.statuses) + len(command.unreadable))
    container.quotas.bad(source.name, len(command.unreadable))
    fates = (await asyncio.to_thread(container.dispatch, command, by=gateway_person(source.name))).fates
    counts = Counter(fates)
    return JSONResponse(
        {
            **{name: counts[name] for name in ("recorded", "known", "older")},
            "refused": [
                *({"id": it.id, "reason": fate} for it, fate in zip(command.statuses, fates, strict=True)
                  if fate in SET_ASIDE),
                *({"id": None, "reason": text.partition(": {")[0]} for text in command.unreadable),
            ],
        }
    )  # fmt: skip
