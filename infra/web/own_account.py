"""One's own account, and who signed in when."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from infra.commands.people.tokens import digest_of
from infra.read.sign_ins import FEWEST, sign_ins
from infra.web.console.sign_in import address_of
from infra.web.context import CheckedForm, TheContainer, TheSession, do, page, session_token
from reports.messages import say

router = APIRouter(include_in_schema=False)


@router.get("/account")
def show_account(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Who one is, where one is signed in, and a new password."""
    return page(
        request, "own_account.html", session, title=say("Your account"),
        sessions=container.accounts.open_sessions(session.person.id), own=digest_of(session_token(request) or ""),
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
    accounts = [(it, True) for it in container.accounts.people()]
    accounts += [(it, False) for it in container.accounts.disabled()]
    return page(
        request, "sign_ins.html", session, title=say("Sign-ins"), rows=rows, accounts=accounts,
        next=rows[-1].position if len(rows) == FEWEST else 0,
    )  # fmt: skip
