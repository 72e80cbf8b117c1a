"""Server-sent events: the console learns that something changed, by the position in the log of decisions.

``Last-Event-ID`` is that position, so a reconnecting page misses nothing. A page then asks for its own parts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from infra.web.context import TheContainer, TheSession

router = APIRouter()
EVERY_S = 0.5
HEARTBEAT = 30


@router.get("/stream", include_in_schema=False)
async def stream(request: Request, container: TheContainer, session: TheSession, after: str = "") -> StreamingResponse:
    """Tell a signed-in page whenever the log has grown beyond what the page was made from."""
    start = request.headers.get("last-event-id", after)

    async def changes() -> AsyncIterator[bytes]:
        seen = int(start) if start.isdigit() else await asyncio.to_thread(container.decisions.head)
        quiet = 0
        yield b": hello\nretry: 2000\n\n"
        while not request.app.state.stopping and not await request.is_disconnected():
            head = await asyncio.to_thread(container.decisions.head)
            if head > seen:
                seen, quiet = head, 0
                yield f"id: {head}\nevent: change\ndata: {head}\n\n".encode()
            else:
                quiet += 1
                if quiet % HEARTBEAT == 0:
                    yield b": still here\n\n"
            await asyncio.sleep(EVERY_S)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(changes(), media_type="text/event-stream", headers=headers)
