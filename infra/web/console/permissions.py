"""The page that says who may do and read what."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.permissions.printed import rows
from infra.web.context import TheSession, page
from reports.messages import say

router = APIRouter(include_in_schema=False)


@router.get("/permissions")
def show_permissions(request: Request, session: TheSession) -> Response:
    """The table of permissions, as dispatch asks it."""
    table = rows()
    return page(
        request,
        "permissions.html",
        session,
        title=say("Permissions"),
        commands=table["commands"],
        reading=table["reading"],
    )
