"""Whether the engine lives and keeps up, for supervisors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from engine.kernel.timestamps import iso
from infra.app.container import Container
from infra.observe.stage_health import all_standing, unrecorded
from infra.observe.steps import last_step
from infra.processes.lag import behind
from infra.settings.settings import PREFIX
from infra.web.context import SignInNeeded, TheContainer
from infra.web.doors import is_known

router = APIRouter(tags=["health"])
T = TypeVar("T")
ANSWER_S = 1.5
"""How long the store may take to tell its faults: a load balancer waits two seconds."""
ASKERS = 8
_ASKERS = ThreadPoolExecutor(ASKERS, thread_name_prefix="health")
_ASKING = BoundedSemaphore(ASKERS)


@router.get("/health", summary="Alive, and, for those who run it, what fails and what is behind")
def health(request: Request, container: TheContainer) -> JSONResponse:
    """Return ``status``: ok, degraded (200: everything runs, but notices have no way out or the disk is nearly full; or
    the store is an older copy, and is ``held`` read-only with intake on until two persons accept that) or failing (503)

    With a session, HEALTH_TOKEN, METRICS_TOKEN or the token of a source also the faults, the heads of both logs, the
    lag of every follower in records, when a worker last worked (``last_step``), and the settings that are ``missing``.
    With the store away it answers all the same, and knows the bearers of HEALTH_TOKEN and METRICS_TOKEN only.
    """
    disk, missing = container.disk.look(), container.settings.lacking()
    told = answered_in(ANSWER_S, lambda: all_standing(container.database, disk, container.clock))
    faults = [*(told if told is not None else [_silent(container)]), *unrecorded(container.store.access)]
    held = [f"{gap.log}: {gap.text}" for gap in container.store.guard.heads.gaps]
    status = "failing" if faults else "degraded" if missing or disk.low or held else "ok"
    code = 503 if faults else 200
    away = any(fault["stage"] == "store" for fault in faults)
    if not is_known(request, container, sources=not away, sessions=not away):
        return JSONResponse({"status": status}, status_code=code)
    body: dict[str, Any] = {
        "status": status, "faults": faults, "disk_free_percent": disk.free, "held": held,
        "missing": [{"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message} for it in missing],
    }  # fmt: skip
    if not away:
        with suppress(Exception):  # a store that is lost in this moment is one of the faults the next time
            last = last_step(container.database)
            body |= {
                "ledger": container.ledger.head(), "decisions": container.decisions.head(),
                "behind": behind(container.ledger, container.decisions, container.search),
                "last_step": iso(last) if last is not None else None,
            }  # fmt: skip
    return JSONResponse(body, status_code=code)


def answered_in(seconds: float, ask: Callable[[], T]) -> T | None:
    """Return the answer, None where there is none in time. While one asker waits, others are told so at once."""
    if not _ASKING.acquire(blocking=False):
        return None
    try:
        asked = _ASKERS.submit(ask)
    except BaseException:
        _ASKING.release()
        raise
    asked.add_done_callback(lambda _: _ASKING.release())
    try:
        return asked.result(seconds)
    except TimeoutError:
        return None


def _silent(container: Container) -> dict[str, Any]:
    return {"stage": "store", "since": iso(container.clock.now()), "error": "does not answer in time"}


@router.get("/api/v1/openapi.json", include_in_schema=False)
def description(request: Request, container: TheContainer) -> JSONResponse:
    """Return the description of the API, to people who are signed in and to programs with a token."""
    if not is_known(request, container, sources=True):
        raise SignInNeeded
    return JSONResponse(request.app.openapi())
