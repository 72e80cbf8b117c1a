"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from infra.faults import standing
from infra.stages.search import behind as lag_of
from infra.web.context import TheHouse

router = APIRouter(tags=["health"])
FOLLOWERS = ("detect", "acts")


@router.get("/health", summary="Alive, what fails, and how far each follower is behind")
def health(house: TheHouse) -> JSONResponse:
    """Give the heads of both logs and the lag of every follower in events; 503 while a stage fails."""
    head, decisions = house.ledger.head(), house.decisions.head()
    behind = {name: head - house.decisions.tracked(name) for name in FOLLOWERS}
    behind |= {
        name: decisions - house.decisions.tracked(name)
        for name in ("incidents", "clocks", "playbooks", "notices", "orders", "alerts")
    }
    behind |= {f"search-{name}": lag for name, lag in lag_of(house.search, house.ledger, house.decisions).items()}
    faults = standing(house.database)
    status = "failing" if faults else "ok"
    body = {"status": status, "faults": faults, "ledger": head, "decisions": decisions, "behind": behind}
    return JSONResponse(body, status_code=503 if faults else 200)
