"""One's own second factors: to enrol an authenticator, to renew recovery codes, to take the factor away."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from engine.kernel.errors import DecisionRefused, SecondFactorNeeded, SecondFactorWrong
from infra.commands.accounts import Session
from infra.web.context import CheckedForm, TheContainer, TheSession, address_of, do, page, session_token
from infra.web.people.drawing import drawn
from reports.messages import refusal, say

router = APIRouter(include_in_schema=False)


@router.get("/account/second-factor")
def show(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The secret that waits for its first code."""
    return _begun(request, container, session)


def _begun(request: Request, container: TheContainer, session: Session, wrong: str = "") -> Response:
    found = container.accounts.second.begun(session.person.id)
    if found is None:
        return RedirectResponse("/account", status_code=303)
    return page(
        request, "second_factor.html", session, status=401 if wrong else 200, secret=found.secret,
        drawing=drawn(found.address), wrong=wrong, title=say("Your second factor"),
    )  # fmt: skip


@router.post("/account/second-factor")
def begin(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Make a secret; it counts once a code of it was shown. Who has a passkey shows it first, everybody the password:
    whoever finds an open session must not make it his own."""
    _demand_held(container, session)

    def act() -> str:
        container.accounts.demand_password(session.person.id, form.get("password", "")[:1000], address_of(request))
        container.accounts.second.begin(session.person.id)
        return say("Scan the picture and type the code that the authenticator shows.")

    return do(request, act, "/account/second-factor")


@router.post("/account/second-factor/confirm")
def confirm(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Take the first code; the recovery codes are shown this once."""
    try:
        codes = container.accounts.second.confirm(session.person.id, form.get("code", "")[:100])
    except SecondFactorWrong as error:
        return _begun(request, container, session, refusal(error))
    except DecisionRefused:
        return RedirectResponse("/account", status_code=303)
    request.state.renewed = container.accounts.enrolled(session_token(request) or "", session.person.id)
    return page(request, "recovery_codes.html", session, codes=codes, to="/account", title=say("Recovery codes"))


@router.post("/account/second-factor/codes")
def renew(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Show new recovery codes, this once; it needs the second factor."""
    demand(session)
    codes = container.accounts.second.renew_codes(session.person.id)
    return page(request, "recovery_codes.html", session, codes=codes, to="/account", title=say("Recovery codes"))


@router.post("/account/second-factor/remove")
def remove(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Take the own second factor away; it needs the second factor, and every other session ends."""
    demand(session)

    def act() -> str:
        user_id = session.person.id
        container.accounts.second.remove(user_id, actor=user_id)
        container.accounts.end_sessions(user_id, actor=user_id, keep=session_token(request) or "")
        return say("The second factor is removed, and every other session has ended.")

    return do(request, act, "/account")


def _demand_held(container: TheContainer, session: Session) -> None:
    """Ask for the second factor of who has one; who must have one and has none enrols it."""
    if container.accounts.second.held(session.person.id):
        demand(session)


def demand(session: Session) -> None:
    """Ask for the second factor of who has one and did not show it lately. Raise SecondFactorNeeded."""
    if session.person.unproven:
        raise SecondFactorNeeded("this act needs your second factor")
