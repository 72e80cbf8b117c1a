"""Signing in and out."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from infra.web.context import (
    BROWSER,
    COOKIE,
    CheckedForm,
    TheContainer,
    TheForm,
    address_of,
    cookie_name,
    page,
    safe_path,
    session_token,
)
from infra.web.people.second_step import signed_in, to_next_step
from reports.messages import say

router = APIRouter(include_in_schema=False)


def _form(
    request: Request, to: str, *, status: int = 200, failed: bool = False, waits: datetime | None = None
) -> Response:
    return page(
        request, "sign_in.html", None, status=status, to=to, failed=failed, waits=waits, title=say("Sign in"),
        has_passkeys=request.app.state.container.settings.console_url is not None,
    )  # fmt: skip


@router.get("/sign-in")
def show(request: Request, to: str = "/") -> Response:
    """Show the form."""
    return _form(request, safe_path(to))


@router.post("/sign-in")
def enter(request: Request, container: TheContainer, form: TheForm) -> Response:
    """Check the password and begin a session. 401: not right; 429: not looked at, after too many wrong ones."""
    to, user = safe_path(form.get("to")), form.get("user", "")[:60]
    entered = container.accounts.enter(
        user, form.get("password", "")[:1000], address=address_of(request),
        browser=request.cookies.get(cookie_name(request, BROWSER), ""), agent=request.headers.get("user-agent", ""),
    )  # fmt: skip
    if entered.step:
        return to_next_step(request, entered, to)
    if entered.token is None:
        if entered.waits_until is None:
            return _form(request, to, status=401, failed=True)
        left = (entered.waits_until - container.clock.now()).total_seconds()
        response = _form(request, to, status=429, failed=True, waits=entered.waits_until)
        response.headers["Retry-After"] = str(max(1, int(left) + 1))
        return response
    response = RedirectResponse(to, status_code=303)
    signed_in(request, response, user, entered)
    return response


@router.post("/sign-out")
def leave(request: Request, container: TheContainer, form: CheckedForm) -> Response:
    """End the session."""
    container.accounts.sign_out(session_token(request) or "")
    response = RedirectResponse("/sign-in", status_code=303)
    name = cookie_name(request, COOKIE)
    response.delete_cookie(name, path="/", secure=name != COOKIE, httponly=True, samesite="strict")
    return response
