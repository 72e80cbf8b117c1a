"""Passkeys in the console: to sign in with one, to register one, to show one before an act.

The browser is asked in JSON by ``static/passkey.js``; its answer comes back in a form.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from engine.kernel.errors import QorgauError, SecondFactorWrong
from infra.web.context import (
    CHALLENGE,
    CheckedForm,
    TheContainer,
    TheForm,
    TheSession,
    address_of,
    cookie_name,
    do,
    flash,
    safe_path,
    session_token,
    set_cookie,
    token,
)
from infra.web.people.own_factors import demand
from infra.web.people.second_step import signed_in
from reports.messages import refusal, say

router = APIRouter(include_in_schema=False)
KEPT_S = 600


def _challenge(request: Request) -> str:
    return request.cookies.get(cookie_name(request, CHALLENGE), "")


def _asked(request: Request, step: str, options: str) -> Response:
    response = Response(options, media_type="application/json")
    set_cookie(request, response, CHALLENGE, step, KEPT_S)
    return response


@router.post("/sign-in/passkey/options")
def ask_anybody(request: Request, container: TheContainer) -> Response:
    """A challenge for who signs in; it tells nothing of accounts."""
    return _asked(request, *container.accounts.passkeys.options())


@router.post("/sign-in/passkey")
def enter(request: Request, container: TheContainer, form: TheForm) -> Response:
    """Sign in with a passkey."""
    to = safe_path(form.get("to"))
    try:
        user, entered = container.accounts.enter_by_passkey(
            _challenge(request), form.get("answer", ""), address=address_of(request),
            agent=request.headers.get("user-agent", ""),
        )  # fmt: skip
    except SecondFactorWrong as error:
        response = RedirectResponse("/sign-in", status_code=303)
        flash(response, refusal(error))
        return response
    response = RedirectResponse(to, status_code=303)
    signed_in(request, response, user, entered)
    return response


@router.post("/account/passkeys/challenge", dependencies=[Depends(token)])
def ask_me(request: Request, container: TheContainer, session: TheSession) -> Response:
    """A challenge for who is signed in, before an act that asks for a second factor."""
    return _asked(request, *container.accounts.passkeys.options(session.person.id))


@router.post("/account/passkeys/options")
def ask_new(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """What a device is asked for a new passkey; it needs the password, and the second factor of who has one."""
    accounts, person = container.accounts, session.person
    if accounts.second.held(person.id):
        demand(session)
    try:
        accounts.demand_password(person.id, form.get("password", "")[:1000], address_of(request))
        return _asked(request, *accounts.passkeys.new_options(person.id, person.name))
    except QorgauError as error:
        return Response(refusal(error), status_code=409, media_type="text/plain")


@router.post("/account/passkeys")
def register(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Keep a new passkey; every other session ends, and the token of this one is renewed."""
    user_id = session.person.id

    def act() -> str:
        container.accounts.passkeys.register(
            user_id, _challenge(request), form.get("answer", ""), form.get("name", "")
        )  # fmt: skip
        request.state.renewed = container.accounts.enrolled(session_token(request) or "", user_id)
        return say("The passkey is registered, and every other session has ended.")

    return _shown(request, act)


def _shown(request: Request, act: object) -> Response:
    try:
        return do(request, act, "/account")  # type: ignore[arg-type]
    except SecondFactorWrong as error:
        response = RedirectResponse("/account", status_code=303)
        flash(response, refusal(error))
        return response


@router.post("/account/passkeys/{key}/remove")
def remove(request: Request, container: TheContainer, session: TheSession, form: CheckedForm, key: str) -> Response:
    """Take one of the own passkeys away; it needs a second factor."""
    demand(session)

    def act() -> str:
        container.accounts.passkeys.remove(session.person.id, key)
        return say("The passkey is removed.")

    return do(request, act, "/account")
