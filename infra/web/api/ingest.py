"""The API for sources: NDJSON in, counts out. An answer of 200 means that everything counted is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from engine.events.envelope import Limits, Rejected, TooManyLines, split_batch
from infra.inbound.intake import ForeignSource, QueueFull
from infra.inbound.parser_pool import Batch
from infra.observe.tracing import HEADER
from infra.store.sql.database import StoreUnavailable
from infra.web.context import TheContainer
from infra.web.limits import TooLarge, Unreadable, read_body

router = APIRouter(prefix="/api/v1", tags=["events"])
SHOWN_REJECTS = 100


def problem(status: int, code: str, message: str, *, after_s: int = 1, **more: object) -> JSONResponse:
    """Return an error of the API, never a piece of the body; ``after_s``: when to send again what was not taken."""
    headers = {"Retry-After": str(after_s)} if status in (429, 503) else {}
    return JSONResponse({"error": {"code": code, "message": message, **more}}, status_code=status, headers=headers)


def _together(rejects: Sequence[Rejected]) -> list[Rejected]:
    """Return the one that stands for all others, where there is one."""
    return [it for it in rejects if it.lines > 1]


@router.post("/events", summary="Hand in security events")
async def post_events(request: Request, container: TheContainer) -> JSONResponse:
    """Take NDJSON (or one JSON array) from a source that shows its token as ``Authorization: Bearer``.

    200: counts of accepted, duplicate, rejected and flagged lines, and the reason of each rejected line (its bytes
    are kept as a dead letter; after a hundred all others as one, whose reason counts them). 400: nothing was accepted.
    401: no such token. 413: too large, or too many lines. 429 or 503: send it again after the time given.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    shown, address = (
        token.strip() if scheme.lower() == "bearer" else None,
        request.client.host if request.client else "",
    )
    source = await asyncio.to_thread(container.accounts.source, shown, address)
    if source is None:
        return problem(401, "token.unknown", "a source token is needed: Authorization: Bearer <token>")
    settings, quotas = container.settings, container.quotas
    if waits := quotas.wait(source.name):
        return problem(429, "quota.used", "this source has sent more than its quota of a minute", after_s=waits)
    try:
        body = await read_body(request)
    except TooLarge:
        return problem(413, "body.too-large", "a body may have 8 MiB, packed or not")
    except Unreadable as error:
        return problem(400, "body.unreadable", str(error))
    try:  # not on the loop: a body may have 8 MiB
        parts = await asyncio.to_thread(lambda: tuple(split_batch(body, settings.body_lines)))
    except TooManyLines:
        return problem(413, "body.too-many-lines", f"a body may have {settings.body_lines} lines")
    if not parts:
        return problem(400, "body.empty", "the body holds no event")
    if len(parts) == 1 and len(parts[0][1]) > Limits().event_bytes:
        return problem(413, "event.too-large", f"an event may have {Limits().event_bytes} bytes")
    quotas.lines(source.name, len(parts))
    try:
        parents = [request.headers.get(HEADER, "")] if HEADER in request.headers else []
        with container.tracing.span("POST /api/v1/events", "server", parents, source=source.name) as span:
            future = container.intake.accept(
                Batch(source.name, source.claims, container.clock.now(), body, span.trace, parts)
            )
            receipt = await asyncio.wrap_future(future)
            span.say(**receipt.taken.model_dump())
        quotas.bad(source.name, receipt.taken.rejected)
    except QueueFull as full:
        return problem(429, full.code, full.message)
    except StoreUnavailable as gone:
        return problem(503, gone.code, "the store cannot take more now; nothing of the body was taken")
    except ForeignSource as refused:
        quotas.bad(source.name, len(parts))
        return problem(400, refused.code, refused.message, line=refused.line)
    known = container.catalogue.fields
    return JSONResponse(
        {
            **receipt.taken.model_dump(),
            "rejects": [
                {
                    "line": reject.line,
                    "code": reject.code,
                    "field": reject.field
                    if reject.field in known or (reject.field or "").startswith("event.")
                    else None,
                    "reason": reject.reason,
                }
                for reject in (*receipt.rejects[:SHOWN_REJECTS], *_together(receipt.rejects[SHOWN_REJECTS:]))
            ],
        }
    )
