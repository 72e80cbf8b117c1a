"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from infra.observe.stage_health import standing
from infra.processes.lag import behind
from infra.web.context import TheHouse

router = APIRouter(tags=["health"])


@router.get("/health", summary="Alive, what fails, and how far each follower is behind")
def health(house: TheHouse) -> JSONResponse:
    """Give the heads of both logs and the lag of every follower in records; 503 while a stage fails."""
    faults = standing(house.database)
    body = {
        "status": "failing" if faults else "ok", "faults": faults,
        "ledger": house.ledger.head(), "decisions": house.decisions.head(),
        "behind": behind(house.ledger, house.decisions, house.search),
    }  # fmt: skip
    return JSONResponse(body, status_code=503 if faults else 200)
