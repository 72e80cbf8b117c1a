"""One's own account, and who signed in when."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.accounts.commands import ResetSecondFactor
from infra.commands.people.tokens import digest_of
from infra.read.sign_ins import FEWEST, sign_ins
from infra.web.console import fields as f
from infra.web.console.forms import Form, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, address_of, do, page, session_token
from reports.messages import say

router = APIRouter(include_in_schema=False)


@router.get("/account")
def show_account(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Who one is, where one is signed in, and a new password."""
    accounts, user_id = container.accounts, session.person.id
    return page(
        request, "own_account.html", session, title=say("Your account"), sessions=accounts.open_sessions(user_id),
        own=digest_of(session_token(request) or ""), has_codes=accounts.second.has_codes(user_id),
        codes_left=accounts.second.codes_left(user_id), passkeys=accounts.passkeys.of(user_id),
        has_passkeys=container.settings.console_url is not None,
    )  # fmt: skip


@router.post("/account/password")
def change_password(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Change one's own password; every other session ends."""

    def act() -> str:
        container.accounts.change_password(
            session.person.id, form.get("old", "")[:1000], form.get("new", "")[:1000], address=address_of(request),
            keep=session_token(request) or "",
        )  # fmt: skip
        return say("The password is changed, and every other session has ended.")

    return do(request, act, "/account")


@router.post("/account/end-sessions")
def end_sessions(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """End every other session of one's own."""

    def act() -> str:
        user_id = session.person.id
        container.accounts.end_sessions(user_id, actor=user_id, keep=session_token(request) or "")
        return say("Every other session has ended.")

    return do(request, act, "/account")


@router.get("/sign-ins")
def show_sign_ins(request: Request, container: TheContainer, session: TheSession, below: int = 0) -> Response:
    """Who signed in, who failed, which accounts and passwords changed; the latest first."""
    rows = sign_ins(container.decisions, below)
    second = container.accounts.second
    accounts = [(it, True, second.held(it.id)) for it in container.accounts.people()]
    accounts += [(it, False, second.held(it.id)) for it in container.accounts.disabled()]
    return page(
        request, "sign_ins.html", session, title=say("Sign-ins"), rows=rows, accounts=accounts,
        next=rows[-1].position if len(rows) == FEWEST else 0,
    )  # fmt: skip


RESET = Form(ResetSecondFactor, {"user_id": f.text("user"), "reason": f.text("reason")})


@router.post("/sign-ins/reset-second-factor")
def reset_second_factor(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Take the second factor of somebody away who lost it."""
    return answered(request, container, session, RESET, "/sign-ins", form)
