"""The application: routes, headers, and errors that never repeat what was sent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from engine.kernel.checked import wrong
from engine.kernel.errors import (
    Conflict,
    DecisionRefused,
    InputError,
    NotAllowed,
    NotFound,
    QorgauError,
    SecondFactorNeeded,
    n_,
)
from engine.search.question import TooMuchAsked
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.observe.stage_health import all_standing, unrecorded
from infra.read.notices.documents import log_head
from infra.read.rows import clocks, incidents, notices
from infra.search.port import SearchUnavailable
from infra.settings.settings import Settings
from infra.store.sql.database import StoreUnavailable
from infra.web import own_account as pages_own_account
from infra.web.api import acts, api, commands, gateway, health, ingest, prometheus, proofs
from infra.web.console import client_lists as pages_client_lists
from infra.web.console import clocks as pages_clocks
from infra.web.console import evidence as pages_evidence
from infra.web.console import governance as pages_governance
from infra.web.console import incident_lists as pages_incident_lists
from infra.web.console import incidents as pages_incidents
from infra.web.console import live, sign_in
from infra.web.console import notices as pages_notices
from infra.web.console import permissions as pages_permissions
from infra.web.console import protections as pages_protections
from infra.web.console import rest as pages_rest
from infra.web.console import retention as pages_retention
from infra.web.console import rules as pages_rules
from infra.web.context import (
    COOKIE,
    LeadElsewhere,
    SignInNeeded,
    environment,
    page,
    safe_path,
    session_token,
    set_cookie,
)
from infra.web.doors import KnownHosts
from infra.web.language import Languages, language_of
from infra.web.limits import BodyLimit
from infra.web.looking import Lookers
from infra.web.people import own_factors, own_tokens, passkeys, second_step
from infra.web.people import reads as pages_reads
from infra.web.people.step_up import asked_again
from reports.messages import refusal, say, speak

log = logging.getLogger("qorgau.web")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HSTS = "max-age=31536000; includeSubDomains"
"""A year (RFC 6797), where cookies are only sent over TLS."""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app(container: Container, *, demo: dict[str, str] | None = None) -> FastAPI:
    """Build the application over a house. ``demo`` holds the accounts to show on the sign-in page."""
    app = FastAPI(title="Qorgau", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.container = container
    container.database.serve_people()
    app.state.demo = demo
    app.state.stopping = False
    app.state.templates = environment(container)
    app.state.counts = lambda session: _counts(container, session)
    app.add_middleware(BodyLimit)
    app.mount("/static", StaticFiles(directory=str(resources.files("infra") / "web" / "static")), name="static")
    for module in (
        health,
        prometheus,
        ingest,
        gateway,
        api,
        acts,
        commands,
        proofs,
        live,
        sign_in,
        pages_own_account,
        second_step,
        own_factors,
        own_tokens,
        passkeys,
        pages_reads,
        pages_clocks,
        pages_evidence,
        pages_governance,
        pages_incidents,
        pages_client_lists,
        pages_incident_lists,
        pages_notices,
        pages_permissions,
        pages_protections,
        pages_retention,
        pages_rules,
        pages_rest,
    ):
        app.include_router(module.router)
    _add_headers(app)
    _add_errors(app)
    app.add_middleware(Lookers, container=container)
    app.add_middleware(KnownHosts, settings=container.settings)
    app.add_middleware(Languages, otherwise=container.settings.language)
    return app


def _counts(container: Container, session: Session) -> dict[str, Any]:
    """The numbers beside the entries of the menu."""
    return {
        "faults": [
            *all_standing(container.database, container.disk.look(), container.clock),
            *unrecorded(container.store.access),
        ],
        "disk": container.disk.look(),
        "gaps": container.store.guard.heads.gaps,
        "lacking": container.settings.lacking(),
        "queue": incidents.opened(container.database),
        "clocks": clocks.running(container.database),
        "notices": notices.waiting(container.database),
        "root": log_head(container.decisions, container.clock.now()),
        "breached": clocks.overdue(container.database),
    }


def _add_headers(app: FastAPI) -> None:
    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return guarded(request, await call_next(request))


_HTTP = {404: n_("There is no such page."), 405: n_("This page cannot be asked for that way.")}
"""What people are told instead of the words of the protocol."""


NCALAYER = "wss://127.0.0.1:13579"
"""NCALayer on the person's own workstation, which signs."""


def guarded(request: Request, response: Response) -> Response:
    """Put the headers on an answer that keep browsers from framing, sniffing and keeping it.

    Where notices are signed digitally, their pages may also speak to NCALayer on the same workstation.
    """
    settings: Settings = request.app.state.container.settings
    if settings.notice_signature == "required" and request.url.path.startswith("/notices/"):
        response.headers.setdefault(
            "Content-Security-Policy", CSP.replace("connect-src 'self'", f"connect-src 'self' {NCALAYER}")
        )
    renewed = getattr(request.state, "renewed", None)
    if renewed is not None:
        set_cookie(request, response, COOKIE, renewed)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings.cookies_are_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if not request.url.path.startswith("/static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _status(error: QorgauError) -> int:
    match error:
        case NotFound():
            return 404
        case NotAllowed():
            return 403
        case Conflict() | DecisionRefused():
            return 409
        case TooMuchAsked():
            return 400
        case InputError():
            return 422
        case SearchUnavailable() | StoreUnavailable():
            return 503
    return 400


def _ask_people(app: FastAPI) -> None:
    """Lead a person to where he proves who he is, or to the first page that he may read."""

    @app.exception_handler(SignInNeeded)
    async def sign_in_needed(request: Request, error: SignInNeeded) -> Response:
        if request.url.path.startswith("/api/") or request.url.path == "/stream":
            return JSONResponse({"error": {"code": "session.none", "message": say("sign in first")}}, status_code=401)
        target = safe_path(str(request.url.path)) if request.method == "GET" else "/"
        return RedirectResponse(f"/sign-in?to={target}", status_code=303)

    @app.exception_handler(SecondFactorNeeded)
    async def second_factor(request: Request, error: SecondFactorNeeded) -> Response:
        return await asked_again(request, error)

    @app.exception_handler(LeadElsewhere)
    async def elsewhere(request: Request, error: LeadElsewhere) -> Response:
        return RedirectResponse(error.path, status_code=303)


def _add_errors(app: FastAPI) -> None:
    _ask_people(app)

    @app.exception_handler(QorgauError)
    async def refused(request: Request, error: QorgauError) -> Response:
        return answer(request, _status(error), error.code, refusal(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        fields = [".".join(str(part) for part in entry["loc"]) for entry in error.errors()][:20]
        return answer(request, 422, "input.invalid", say("these fields are wrong: {fields}", fields=fields)[:500])

    @app.exception_handler(OverflowError)
    async def too_large(request: Request, error: OverflowError) -> Response:
        return answer(request, 422, "input.invalid", say("a number in the address is too large"))

    @app.exception_handler(ValidationError)
    async def unfit(request: Request, error: ValidationError) -> Response:
        unfitting = wrong(error)
        return answer(request, 422, unfitting.code, refusal(unfitting))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        return answer(
            request,
            error.status_code,
            f"http.{error.status_code}",
            say(_HTTP.get(error.status_code, str(error.detail)[:200])),
        )

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request failed: %s %s", request.method, request.url.path, exc_info=error)
        language = language_of(request.scope, request.app.state.container.settings.language)
        with speak(language):  # this handler stands outside of everything that an answer passes otherwise
            response = answer(request, 500, "internal", say("something went wrong; the fault is in the log"))
        response.headers["Content-Language"] = language
        return guarded(request, response)


def answer(request: Request, status: int, code: str, message: str) -> Response:
    """Return an error as JSON for the API, as a page for people."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
    container: Container = request.app.state.container
    # After a fault the store is asked nothing: it may be what fails, and the page would wait for it again.
    session = None if status >= 500 else container.accounts.session(session_token(request))
    return page(request, "error.html", session, status=status, message=message, title=say("Not done"))
