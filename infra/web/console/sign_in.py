"""Signing in and out."""

from __future__ import annotations

import ipaddress
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from infra.web.context import (
    BROWSER,
    COOKIE,
    CheckedForm,
    TheContainer,
    TheForm,
    cookie_name,
    page,
    safe_path,
    session_token,
)
from infra.web.language import keep, kept
from reports.messages import say

router = APIRouter(include_in_schema=False)
BROWSER_KEPT_S = 90 * 86_400


def address_of(request: Request) -> str:
    """Return where a request comes from: of IPv6 the network of one household or office (RFC 6177)."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _set(request: Request, response: Response, name: str, value: str, max_age: int | None = None) -> None:
    response.set_cookie(
        cookie_name(request, name), value, max_age=max_age, httponly=True, samesite="strict",
        secure=request.app.state.container.settings.cookies_are_secure, path="/",
    )  # fmt: skip


def _form(
    request: Request, to: str, *, status: int = 200, failed: bool = False, waits: datetime | None = None
) -> Response:
    return page(
        request, "sign_in.html", None, status=status, to=to, failed=failed, waits=waits, title=say("Sign in")
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
    if entered.token is None:
        if entered.waits_until is None:
            return _form(request, to, status=401, failed=True)
        left = (entered.waits_until - container.clock.now()).total_seconds()
        response = _form(request, to, status=429, failed=True, waits=entered.waits_until)
        response.headers["Retry-After"] = str(max(1, int(left) + 1))
        return response
    response = RedirectResponse(to, status_code=303)
    _set(request, response, COOKIE, entered.token)
    if entered.browser:
        _set(request, response, BROWSER, entered.browser, BROWSER_KEPT_S)
    if language := container.accounts.language(user):
        keep(response, language)
    elif language := kept(request.headers):
        container.accounts.choose_language(user, language)
    return response


@router.post("/sign-out")
def leave(request: Request, container: TheContainer, form: CheckedForm) -> Response:
    """End the session."""
    container.accounts.sign_out(session_token(request) or "")
    response = RedirectResponse("/sign-in", status_code=303)
    name = cookie_name(request, COOKIE)
    response.delete_cookie(name, path="/", secure=name != COOKIE, httponly=True, samesite="strict")
    return response
