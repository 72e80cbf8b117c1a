"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from infra.observe.stage_health import all_standing
from infra.processes.lag import behind
from infra.settings.settings import PREFIX
from infra.web.context import SignInNeeded, TheContainer
from infra.web.doors import is_known

router = APIRouter(tags=["health"])


@router.get("/health", summary="Alive, and, for those who run it, what fails and what is behind")
def health(request: Request, container: TheContainer) -> JSONResponse:
    """Return ``status``: ok, degraded (200: everything runs, but notices have no way out or the disk is nearly full) or
    failing (503).

    With a session, HEALTH_TOKEN, METRICS_TOKEN or the token of a source also the faults, the heads of both logs, the
    lag of every follower in records, and the settings that are ``missing``.
    """
    disk, missing = container.disk.look(), container.settings.lacking()
    faults = all_standing(container.database, disk, container.clock)
    status = "failing" if faults else "degraded" if missing or disk.low else "ok"
    code = 503 if faults else 200
    if not is_known(request, container, sources=True):
        return JSONResponse({"status": status}, status_code=code)
    body: dict[str, Any] = {
        "status": status, "faults": faults, "disk_free_percent": disk.free,
        "missing": [{"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message} for it in missing],
    }  # fmt: skip
    with suppress(Exception):  # a store that cannot be read is one of the faults
        body |= {
            "ledger": container.ledger.head(), "decisions": container.decisions.head(),
            "behind": behind(container.ledger, container.decisions, container.search),
        }  # fmt: skip
    return JSONResponse(body, status_code=code)


@router.get("/api/v1/openapi.json", include_in_schema=False)
def description(request: Request, container: TheContainer) -> JSONResponse:
    """Return the description of the API, to people who are signed in and to programs with a token."""
    if not is_known(request, container, sources=True):
        raise SignInNeeded
    return JSONResponse(request.app.openapi())
