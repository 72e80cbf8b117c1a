"""One's own tokens for programs: made for named acts and a term, shown once, revoked at once."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.kernel.errors import InputError, QorgauError
from infra.commands.people.personal_tokens import scopes_of
from infra.web.context import CheckedForm, TheContainer, TheSession, do, page
from infra.web.people.own_factors import demand
from reports.messages import refusal, say

router = APIRouter(include_in_schema=False)


@router.get("/account/tokens")
def show(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The tokens that are not over, and the form for a new one."""
    return _page(request, container, session)


def _page(request: Request, container: TheContainer, session: TheSession, made: str = "", wrong: str = "") -> Response:
    return page(
        request, "own_tokens.html", session, status=422 if wrong else 200, made=made, wrong=wrong,
        tokens=container.accounts.tokens.of(session.person.id), scopes=scopes_of(session.person),
        title=say("Tokens for programs"),
    )  # fmt: skip


@router.post("/account/tokens")
def make(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Make a token; it is shown this once."""
    demand(session)
    scope = [name.removeprefix("scope.") for name in form if name.startswith("scope.")]
    try:
        token = container.accounts.tokens.make(session.person, form.get("name", ""), scope, _days(form.get("days", "")))
    except QorgauError as error:
        return _page(request, container, session, wrong=refusal(error))
    return _page(request, container, session, made=token)


def _days(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 5):
        raise InputError("say for how many days the token stands", field="days")
    return int(given)


@router.post("/account/tokens/{token_id}/revoke")
def revoke(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, token_id: str
) -> Response:  # fmt: skip
    """Make one of the own tokens void."""
    user_id = session.person.id

    def act() -> str:
        container.accounts.tokens.revoke(user_id, token_id, actor=user_id)
        return say("The token is void.")

    return do(request, act, "/account/tokens")
