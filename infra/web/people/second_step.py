"""The second step of signing in: to show a second factor, or to enrol the one that a role demands.

Between the steps the browser has a token that leads on and is no session.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from engine.kernel.errors import SecondFactorWrong
from infra.commands.accounts import Entered
from infra.web.context import (
    BROWSER,
    COOKIE,
    TheContainer,
    TheForm,
    address_of,
    cookie_name,
    flash,
    house_of,
    page,
    safe_path,
    set_cookie,
)
from infra.web.language import keep, kept
from infra.web.people.drawing import drawn
from reports.messages import refusal, say

router = APIRouter(include_in_schema=False)
STEP = "qorgau_step"
"""The cookie of a sign-in whose password was right."""
STEP_KEPT_S = 600
BROWSER_KEPT_S = 90 * 86_400
PATHS = {"second": "/sign-in/second", "enrol": "/sign-in/enrol"}


def signed_in(request: Request, response: Response, user: str, entered: Entered) -> None:
    """Give the browser the session, what tells it from strangers, and the person's language."""
    accounts = house_of(request).accounts
    assert entered.token is not None
    set_cookie(request, response, COOKIE, entered.token)
    if entered.browser:
        set_cookie(request, response, BROWSER, entered.browser, BROWSER_KEPT_S)
    if actor := accounts.told(user):
        flash(
            response, say("{actor} took your second factor away. If you did not ask for it, say so now.", actor=actor)
        )
    if language := accounts.language(user):
        keep(response, language)
    elif language := kept(request.headers):
        accounts.choose_language(user, language)


def to_next_step(request: Request, entered: Entered, to: str) -> Response:
    """Lead to the next step of signing in."""
    assert entered.wanted is not None
    response = RedirectResponse(f"{PATHS[entered.wanted]}?to={quote(to)}", status_code=303)
    set_cookie(request, response, STEP, entered.step, STEP_KEPT_S)
    return response


def step_of(request: Request) -> str:
    """Return the token of the step that the browser shows, empty for none."""
    return request.cookies.get(cookie_name(request, STEP), "")


def _ended(request: Request, response: Response) -> None:
    name = cookie_name(request, STEP)
    response.delete_cookie(name, path="/", secure=name != STEP, httponly=True, samesite="strict")


@router.get("/sign-in/second")
def ask(request: Request, container: TheContainer, to: str = "/") -> Response:
    """Ask for the second factor of who gave the right password."""
    found = container.accounts.waiting_step(step_of(request), "second")
    if found is None:
        return RedirectResponse("/sign-in", status_code=303)
    return _asked(request, found.user_id, safe_path(to))


def _asked(request: Request, user_id: str, to: str, wrong: str = "") -> Response:
    second = house_of(request).accounts.second
    return page(
        request, "second_step.html", None, status=401 if wrong else 200, to=to, wrong=wrong,
        has_codes=second.has_codes(user_id), has_passkey=second.has_passkey(user_id), title=say("Sign in"),
    )  # fmt: skip


@router.post("/sign-in/second")
def show(request: Request, container: TheContainer, form: TheForm) -> Response:
    """Take the second factor and begin the session. 401: not right."""
    accounts, to = container.accounts, safe_path(form.get("to"))
    found = accounts.waiting_step(step_of(request), "second")
    if found is None:
        return RedirectResponse("/sign-in", status_code=303)
    try:
        entered = accounts.finish(
            step_of(request), form.get("second_factor", "")[:5000], address=address_of(request),
            browser=request.cookies.get(cookie_name(request, BROWSER), ""),
            agent=request.headers.get("user-agent", ""),
        )  # fmt: skip
    except SecondFactorWrong as error:
        return _asked(request, found.user_id, to, refusal(error))
    response = RedirectResponse(to, status_code=303)
    signed_in(request, response, found.user_id, entered)
    _ended(request, response)
    return response


@router.get("/sign-in/enrol")
def begin(request: Request, container: TheContainer, to: str = "/") -> Response:
    """Show the secret that goes into the authenticator, for who may not go without one."""
    found = container.accounts.waiting_step(step_of(request), "enrol")
    if found is None:
        return RedirectResponse("/sign-in", status_code=303)
    return _begun(request, found.user_id, safe_path(to))


def _begun(request: Request, user_id: str, to: str, wrong: str = "") -> Response:
    second = house_of(request).accounts.second
    it = second.begin(user_id)  # a new one each time: whoever has the password may have seen the one before
    return page(
        request, "enrol_step.html", None, status=401 if wrong else 200, to=to, wrong=wrong, secret=it.secret,
        drawing=drawn(it.address), title=say("Your second factor"),
    )  # fmt: skip


@router.post("/sign-in/enrol")
def confirm(request: Request, container: TheContainer, form: TheForm) -> Response:
    """Take the first code of the authenticator, begin the session and show the recovery codes."""
    accounts, to = container.accounts, safe_path(form.get("to"))
    found = accounts.waiting_step(step_of(request), "enrol")
    if found is None:
        return RedirectResponse("/sign-in", status_code=303)
    try:
        entered, codes = accounts.enrol(
            step_of(request), form.get("second_factor", "")[:100], address=address_of(request),
            agent=request.headers.get("user-agent", ""),
        )  # fmt: skip
    except SecondFactorWrong as error:
        return _begun(request, found.user_id, to, refusal(error))
    response = page(request, "recovery_codes.html", None, codes=codes, to=to, title=say("Recovery codes"))
    signed_in(request, response, found.user_id, entered)
    _ended(request, response)
    return response
