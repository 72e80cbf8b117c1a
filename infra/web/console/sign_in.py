"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from infra.web.context import COOKIE, CheckedForm, TheContainer, TheForm, page, safe_path
from infra.web.language import keep, kept
from reports.messages import say

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def show(request: Request, to: str = "/") -> Response:
    """Show the form."""
    return page(request, "sign_in.html", None, to=safe_path(to), failed=False, title=say("Sign in"))


@router.post("/sign-in")
def enter(request: Request, container: TheContainer, form: TheForm) -> Response:
    """Check the password and begin a session."""
    to = safe_path(form.get("to"))
    token = container.accounts.sign_in(form.get("user", "")[:60], form.get("password", "")[:1000])
    if token is None:
        return page(request, "sign_in.html", None, status=401, to=to, failed=True, title=say("Sign in"))
    response = RedirectResponse(to, status_code=303)
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", secure=container.settings.secure_cookies, path="/"
    )
    user = form.get("user", "")[:60]
    if language := container.accounts.language(user):
        keep(response, language)
    elif language := kept(request.headers):
        container.accounts.choose_language(user, language)
    return response


@router.post("/sign-out")
def leave(request: Request, container: TheContainer, form: CheckedForm) -> Response:
    """End the session."""
    container.accounts.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response
