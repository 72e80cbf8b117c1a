"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from infra.observe.stage_health import standing
from infra.processes.lag import behind
from infra.settings.settings import PREFIX
from infra.web.context import TheContainer

router = APIRouter(tags=["health"])


@router.get("/health", summary="Alive, what fails, and how far each follower is behind")
def health(container: TheContainer) -> JSONResponse:
    """Return the heads of both logs and the lag of every follower in records; 503 while a stage fails.

    ``degraded`` (200): everything runs, but notices have no way out, because of the settings in ``missing``.
    """
    faults, missing = standing(container.database), container.settings.lacking()
    body = {
        "status": "failing" if faults else "degraded" if missing else "ok", "faults": faults,
        "missing": [{"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message} for it in missing],
        "ledger": container.ledger.head(), "decisions": container.decisions.head(),
        "behind": behind(container.ledger, container.decisions, container.search),
    }  # fmt: skip
    return JSONResponse(body, status_code=503 if faults else 200)
