"""What every handler needs: the house, the person, forms with their token, templates with their filters."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Header, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup, escape

from engine.kernel.errors import NotAllowed, QorgauError, SecondFactorNeeded
from engine.kernel.timestamps import iso
from engine.permissions import READ, READS, first_page, may, reading_of, require, require_path, stage_roles_of
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.commands.people.personal_tokens import PREFIX
from infra.read.metrics import say as say_length
from infra.read.people.looking import looking, sight
from infra.read.people.recording import must_record
from infra.web.language import asked, in_language
from infra.web.looking import OK, about, record
from reports import messages, phrases
from reports.said import answers, reasons

COOKIE = "qorgau_session"
BROWSER = "qorgau_browser"
"""Tells a browser in which somebody signed in before from those of strangers."""
HOST_ONLY = "__Host-"
"""A browser takes a cookie of this name only over TLS, for this host and every path (RFC 6265bis, section 4.1.3)."""
CHALLENGE = "qorgau_challenge"
"""Leads to the challenge that a passkey answers."""
FLASH = "qorgau_flash"
SECOND_FACTOR = "second_factor"
"""The field of a form, and in other letters the header of a request, that shows a second factor."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class SignInNeeded(Exception):
    """Nobody is signed in."""


class LeadElsewhere(Exception):
    """The person's work begins on another page."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def house_of(request: Request) -> Container:
    """Return the house behind the application."""
    container: Container = request.app.state.container
    return container


TheContainer = Annotated[Container, Depends(house_of)]


def cookie_name(request: Request, name: str) -> str:
    """Return what a cookie is called here."""
    return HOST_ONLY + name if house_of(request).settings.cookies_are_secure else name


def session_token(request: Request) -> str | None:
    """Return the token of the session that the browser shows, None for none."""
    renewed: str | None = getattr(request.state, "renewed", None)
    return renewed or request.cookies.get(cookie_name(request, COOKIE))


class Shown(NamedTuple):
    """What came with a request as a second factor, and the token of its form."""

    code: str = ""
    csrf: str = ""


async def shown_of(request: Request) -> Shown:
    """Read the second factor of an act: of a form its field, of the API its header."""
    if code := request.headers.get("x-second-factor", ""):
        return Shown(code, request.headers.get("x-csrf-token", ""))
    kind = request.headers.get("content-type", "")
    if request.method != "POST" or not kind.startswith(FORMS) or session_token(request) is None:
        return Shown()
    form = await request.form(max_files=1, max_fields=500)
    return Shown(str(form.get(SECOND_FACTOR, "")), str(form.get("csrf", "")))


def session_of(request: Request, container: TheContainer, shown: Annotated[Shown, Depends(shown_of)]) -> Session:
    """Return the session of the person, who may read what the route shows.

    Raise SignInNeeded, SecondFactorWrong, or NotAllowed before anything of the request is looked at. A second factor
    that is shown with an act renews the token of the session.
    """
    # The position is taken before the page asks anything, so the page can be told of every later change.
    request.state.head = container.decisions.head()
    if PREFIX in request.headers.get("authorization", ""):
        return _looked(request, _of_program(request, container))
    by_itself = "hx-request" in request.headers or request.url.path == "/stream"
    session = container.accounts.session(session_token(request), acting=not by_itself)
    if session is None:
        raise SignInNeeded
    if shown.code and session.person.unproven and same(shown.csrf, session.csrf):
        session = _proven(request, container, shown.code)
    if language := asked(request.scope):
        container.accounts.choose_language(session.person.id, language)
    return _looked(request, session)


def _looked(request: Request, session: Session) -> Session:
    """Return the session after its person was admitted to the route, and named as the one who looks."""
    route = getattr(request.scope.get("route"), "path", "")
    now = looking()
    if now is not None:
        now.by(session.person)
        about(request, now, bulk=reading_of(route).bulk)
    _admit(request, session, route)
    return session


def _of_program(request: Request, container: Container) -> Session:
    """Return for whom a program acts, over the API alone; raises SignInNeeded, NotAllowed for what it is not for."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    session = container.accounts.by_token(shown.strip()) if scheme.lower() == "bearer" else None
    if session is None or not request.url.path.startswith("/api/v1/"):
        raise SignInNeeded
    if request.method in ("GET", "HEAD") and READ not in (session.person.scope or ()):
        raise NotAllowed("this token is not for that act", code="token.scope")
    return session


def _proven(request: Request, container: Container, code: str) -> Session:
    """Show a second factor; the answer carries the new token."""
    browser = request.cookies.get(cookie_name(request, BROWSER), "")
    renewed = container.accounts.prove(
        session_token(request) or "", code, address=address_of(request), browser=browser,
        challenge=request.cookies.get(cookie_name(request, CHALLENGE), ""),
    )  # fmt: skip
    request.state.renewed = renewed
    session = container.accounts.session(renewed)
    if session is None:
        raise SignInNeeded
    return session


def same(given: str, wanted: str) -> bool:
    """Compare two secrets in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode(), wanted.encode())


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


def set_cookie(request: Request, response: Response, name: str, value: str, max_age: int | None = None) -> None:
    """Set a cookie that only we read, and only with requests of our own pages."""
    response.set_cookie(
        cookie_name(request, name), value, max_age=max_age, httponly=True, samesite="strict",
        secure=house_of(request).settings.cookies_are_secure, path="/",
    )  # fmt: skip


def _admit(request: Request, session: Session, route: str) -> None:
    """Ask the table of reading whether the person may have this page; what is posted is asked for by its command."""
    if request.method not in ("GET", "HEAD"):
        return
    if route == "/" and (first := first_page(session.person)) != "/":
        raise LeadElsewhere(first)
    require_path(route, session.person)


TheSession = Annotated[Session, Depends(session_of)]


async def form_of(request: Request) -> dict[str, str]:
    """Read a form of plain fields."""
    form = await request.form(max_files=1, max_fields=500)
    return {key: value for key, value in form.items() if isinstance(value, str)}


TheForm = Annotated[dict[str, str], Depends(form_of)]


def checked_form(form: TheForm, session: TheSession) -> dict[str, str]:
    """Return the form of a signed-in person; raises NotAllowed without the session's own token (CSRF)."""
    if not same(form.get("csrf", ""), session.csrf):
        raise NotAllowed("this form does not belong to your session; load the page again", code="web.csrf")
    return form


CheckedForm = Annotated[dict[str, str], Depends(checked_form)]


def token(session: TheSession, x_csrf_token: str = Header(default="")) -> None:
    """Demand the session's own token on every act; a program shows a token of its own that no browser sends."""
    if session.by_token:
        return
    if not same(x_csrf_token, session.csrf):
        raise NotAllowed("send the session's token as X-CSRF-Token; GET /api/v1/me shows it", code="web.csrf")


def admitted(command: str) -> Callable[..., None]:
    """Return the question for the role of a command, for a route: it is asked before the fields of the body are."""

    def ask(session: TheSession) -> None:
        require(command, session.person)

    return ask


def environment(container: Container) -> Environment:
    """Build the template environment of the console."""
    folder = str(resources.files("infra") / "web" / "templates")
    env = Environment(
        loader=FileSystemLoader(folder), autoescape=select_autoescape(["html"], default=True), undefined=StrictUndefined
    )
    spoken: dict[str, Callable[..., str]] = {
        "local": lambda at: local(container, at),
        "short": lambda at: local(container, at, seconds=False),
        "day": messages.day,
        "number": messages.number,
        "word": messages.word,
        "span": lambda seconds: say_length(seconds, messages.say),
        "said": messages.say,
        "why": phrases.why,
        "policy": phrases.policy,
        "skipped": phrases.skipped,
        "clause": phrases.clause,
        "answer": answers.answer,
        "channel": reasons.channel,
        "system": answers.system,
        "subject": answers.subject,
        "titled": lambda title: phrases.titled(title, container.rules.titles),
        "listed_words": lambda text: messages.listed(text.split(", ")),
    }
    env.filters |= {name: at_each_reading(make) for name, make in spoken.items()}
    env.globals["_"] = marked
    env.globals["ngettext"] = counted
    env.globals["spoken"] = messages.spoken
    env.globals["own_names"] = messages.OWN_NAMES
    env.filters["iso"] = iso
    env.tests["ahead"] = lambda at: datetime.fromisoformat(str(at)) > container.clock.now()
    env.globals["allowed"] = may
    env.globals["stage_roles_of"] = stage_roles_of
    env.globals["may_read"] = lambda name, person: person.may(*READS[name].roles)
    env.globals["may_open"] = lambda path, person: person.may(*reading_of(path).roles)
    env.globals["first_page"] = first_page
    env.globals["sight"] = sight
    env.filters["listed"] = lambda text: json.loads(text) if isinstance(text, str) else text
    return env


def at_each_reading(make: Callable[..., str]) -> Callable[..., str]:
    """Return a filter that is asked at each reading: over a constant, Jinja would ask it once, when it compiles the
    template, and show everybody the language of the first reader."""

    @pass_context
    def filtered(context: Context, value: Any, *arguments: Any) -> str:
        return make(value, *arguments)

    return filtered


def marked(msgid: str, /, **values: Any) -> Markup:
    """Return a message that is written in a template: the catalogue's text is ours, the values are escaped.

    A text that comes from elsewhere (a step of a playbook, a title) goes through the filter ``said``, which escapes it.
    """
    return Markup(messages.say(msgid)).format(**values) if values else Markup(messages.say(msgid))  # noqa: S704


def counted(one: str, many: str, n: int, /, **values: str) -> Markup:
    """Return the form of a message, written in a template, that goes with a number; the number as it is written, and
    other values as text."""
    escaped = {name: escape(value) for name, value in values.items()}
    return Markup(messages.ngettext(one, many, n, n=messages.number(n), **escaped))  # noqa: S704


def local(container: Container, at: str | datetime | None, *, seconds: bool = True) -> str:
    """Show an instant in the organisation's zone."""
    if at is None:
        return "—"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return messages.moment(moment, container.calendar.zone, seconds=seconds)


def page(request: Request, name: str, session: Session | None, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page of the console."""
    container = house_of(request)
    told = read_flash(request)
    counts = request.app.state.counts(session) if session else {}
    html = request.app.state.templates.get_template(name).render(
        person=session.person if session else None,
        csrf=session.csrf if session else "",
        path=request.url.path,
        flash=told,
        counts=counts,
        head=getattr(request.state, "head", 0),
        now=container.clock.now().astimezone(UTC).isoformat(),
        demo=request.app.state.demo,
        here_in=lambda short: in_language(request, short),
        **values,
    )
    response = HTMLResponse(_recorded(container, html) if status < OK else html, status_code=status)
    if told:
        response.delete_cookie(FLASH)
    return response


def _recorded(container: Container, html: str) -> str:
    """Record what a page shows before it leaves; where that cannot be, the page says so."""
    now = looking()
    if now is None or not must_record(now):
        return html
    record(container, now)
    if now.recorded or now.bulk:
        return html
    alarm = messages.say("That you read this page could not be recorded; call whoever runs this engine.")
    return html.replace("<main ", f'<p class="flash bad" role="alert" id="unrecorded">{escape(alarm)}</p>\n<main ', 1)


def do(request: Request, act: Callable[[], str | None], back: str) -> Response:
    """Perform an act of a form, then lead back; a refusal is shown on the page, in words."""
    try:
        said, good = act() or messages.say("Done."), True
    except SecondFactorNeeded:
        raise  # asked for in place, and nothing that was typed is lost
    except QorgauError as error:
        said, good = messages.refusal(error), False
    response = RedirectResponse(back, status_code=303)
    flash(response, said, good=good)
    return response


def flash(response: Response, said: str, *, good: bool = False) -> None:
    """Say something on the next page."""
    response.set_cookie(
        FLASH, quote(f"{'+' if good else '-'}{said[:500]}"), max_age=60, httponly=True, samesite="strict"
    )


def read_flash(request: Request) -> dict[str, Any] | None:
    """Return what the last act said."""
    text = unquote(request.cookies.get(FLASH, ""))
    return {"good": text[0] == "+", "text": text[1:600]} if text else None


def safe_path(target: str | None) -> str:
    """Return a path of our own to lead to, never another site."""
    try:
        parts = urlsplit(target or "/")
    except ValueError:  # brackets that hold no address
        return "/"
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith("//"):
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")
