"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from infra.web.context import TheHouse

router = APIRouter(tags=["health"])
FOLLOWERS = ("detect", "acts", "search")


@router.get("/health", summary="Alive, and how far each follower is behind")
def health(house: TheHouse) -> JSONResponse:
    """Give the heads of both logs and the lag of every follower in events."""
    head, decisions = house.ledger.head(), house.decisions.head()
    behind = {name: head - house.decisions.tracked(name) for name in FOLLOWERS}
    behind |= {
        name: decisions - house.decisions.tracked(name)
        for name in ("incidents", "clocks", "playbooks", "notices", "orders", "alerts")
    }
    return JSONResponse({"status": "ok", "ledger": head, "decisions": decisions, "behind": behind})
